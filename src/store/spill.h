/* spill.h - moves what is alive of one segment of the log into the table: a pass over its records, inside one
 * transaction. Private to store.
 *
 * Doing it again gives the same, as when the process ended between the transaction and the retiring of the segment: but
 * then the table says that it contains the segment, and it is not asked for. Threads   The checkpoint's. */
#ifndef BB_STORE_SPILL_H
#define BB_STORE_SPILL_H

#include "store/digest.h"
#include "store/rows.h"

typedef struct bb_spill {
    bb_mem *mem;
    bb_txn *txn;
    const bb_digest *digest;
    uint64_t segment;
    uint64_t clock_ms, wall_ms;
    uint64_t message_next, session_next, file_next, hash;
    uint64_t frame_last;
    bb_map tallies;
    uint64_t *files; /* payload files that nothing names any more: to be removed once the transaction is committed */
    size_t files_count, files_cap;
    uint8_t *value; /* room to encode a value */
    size_t value_cap;
} bb_spill;

/* Begin on `txn`; 0 or an errno. */
int bb_spill_init(bb_spill *spill, bb_mem *mem, bb_txn *txn, const bb_digest *digest, uint64_t segment);
void bb_spill_deinit(bb_spill *spill);

/* One record after the other. */
int bb_spill_record(bb_spill *spill, const bb_record *record);

/* All records were seen: what was counted, and how far the table is now. */
int bb_spill_finish(bb_spill *spill);

#endif
