/* rows.h - keys and values of the table, byte by byte (docs/store-format.md). Numbers stand with the highest byte
 * first, so that the order of keys is that of numbers. Private to store. */
#ifndef BB_STORE_ROWS_H
#define BB_STORE_ROWS_H

#include "journal/journal.h"
#include "store/table.h"

enum { BB_TABLE_VERSION = 1 };

/* Of META: their names. */
#define BB_META_VERSION "version"           /* BB_TABLE_VERSION */
#define BB_META_JOURNAL "journal"           /* BB_JOURNAL_VERSION of the records in the values */
#define BB_META_NEXT_SEGMENT "next_segment" /* first of the log that is not contained */
#define BB_META_NEXT_FRAME "next_frame"     /* likewise */
#define BB_META_NEXT_MESSAGE "next_message" /* number for the next row of MESSAGE */
#define BB_META_NEXT_SESSION "next_session" /* no session has this number or a greater one */
#define BB_META_NEXT_FILE "next_file"
#define BB_META_CLOCK "clock_ms" /* the last that is known */
#define BB_META_WALL "wall_ms"
#define BB_META_HASH "hash" /* seed of the hash in keys of long texts */

typedef struct bb_key {
    uint8_t bytes[BB_TABLE_KEY_MAX];
    size_t len;
} bb_key;

static inline bb_span bb_key_span(const bb_key *key)
{
    return bb_span_of(key->bytes, key->len);
}

static inline void bb_put_be(uint8_t *at, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

static inline uint64_t bb_get_be(const uint8_t *at, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

bb_key bb_key_number(uint64_t number);
bb_key bb_key_pair(uint64_t session, uint64_t sequence);
bb_key bb_key_inbound(uint64_t session, uint16_t packet_id);
/* A text as it is while it is short enough; else its beginning and a hash of all of it. */
bb_key bb_key_text(uint64_t session, bb_span text, uint64_t seed); /* session 0: a topic */

/* Numbers of META; `number` is untouched when there is none. */
int bb_meta_get(bb_txn *txn, const char *name, uint64_t *number);
int bb_meta_put(bb_txn *txn, const char *name, uint64_t number);

/* --- values */

enum { BB_QUEUE_HEAD = 17, BB_OWED_BYTES_MAX = 32 + 5 * BB_OWED_IDS_MAX };

typedef enum bb_phase { BB_PHASE_QUEUED, BB_PHASE_SENT, BB_PHASE_RELEASED } bb_phase;

typedef struct bb_queue_row {
    uint64_t message; /* 0: released, the message is not needed any more */
    uint64_t bytes;   /* that it counts for in the queue */
    bb_phase phase;
    bb_owed owed;
} bb_queue_row;

size_t bb_queue_row_put(uint8_t out[BB_QUEUE_HEAD + BB_OWED_BYTES_MAX], const bb_queue_row *row);
bool bb_queue_row_take(bb_span value, bb_queue_row *out);

typedef struct bb_tally {
    uint64_t count, bytes, next;
} bb_tally;

void bb_tally_put(uint8_t out[24], const bb_tally *tally);
bool bb_tally_take(bb_span value, bb_tally *out);

/* What stands before a SESSION record. */
enum { BB_SESSION_HEAD = 16 };

typedef struct bb_session_row {
    uint64_t left_ms; /* the store's clock when its client left; UINT64_MAX: it is connected */
    uint32_t expiry_left_s, will_left_s;
    bb_record record;
} bb_session_row;

bool bb_session_row_take(bb_span value, bb_session_row *out);

/* A value that is numbers and then a record; false when it is not. */
bool bb_row_record(bb_span value, size_t head, bb_record *out);

/* Bytes that a message counts for. */
uint64_t bb_record_bytes(const bb_record *record);

#endif
