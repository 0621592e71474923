/* checkpoint.h - one step after the other, closed segments of the log are taken into the table and retired. Private to
 * store. Threads   The checkpoint's. */
#ifndef BB_STORE_CHECKPOINT_H
#define BB_STORE_CHECKPOINT_H

#include "store/digest.h"
#include "store/disk.h"
#include "store/table.h"
#include "store/wal.h"

typedef struct bb_checkpoint {
    bb_mem *mem;
    bb_wal *wal;
    bb_table *table;
    bb_disk *payloads; /* NULL: there are no payload files */
    bb_digest digest;
    uint64_t contained; /* the last segment that the table contains */
} bb_checkpoint;

/* The table is at least as new as `late` segments: so far an acknowledgement may stand before its PUBLISH. */
void bb_checkpoint_init(bb_checkpoint *checkpoint, bb_mem *mem, bb_wal *wal, bb_table *table, bb_disk *payloads,
                        uint64_t late);
void bb_checkpoint_deinit(bb_checkpoint *checkpoint);

/* Do one step, if there is one: take the oldest closed segment into the table when the one behind it is closed too (or,
 * with `all`, in any case), and retire it. `moved` says whether something was done. */
BB_MUST_USE bb_store_status bb_checkpoint_step(bb_checkpoint *checkpoint, bool all, bool *moved, bb_store_error *error);

/* A table's name for a payload file. */
void bb_payload_name(char out[40], uint64_t number);

#endif
