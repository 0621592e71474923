/* table.h - rows by key, in order, changed by transactions: where state lives that is older than the log.
 *
 * What      An interface with two implementations: LMDB, and one in memory for tests and the simulator, which forgets
 *           what was not committed. docs/store-format.md says what the rows are.
 * Errors    Every call returns 0 or an errno: ENOENT when there is no such row, BB_TABLE_GROW when the transaction has
 * to be aborted, the table grown (`grow`), and the transaction begun again. Threads   One transaction that writes at a
 * time; any number that read, each used by one thread. Private to store, but for the simulator. */
#ifndef BB_STORE_TABLE_H
#define BB_STORE_TABLE_H

#include "base/check.h"
#include "base/mem.h"
#include "base/span.h"

typedef struct bb_table bb_table;
typedef struct bb_txn bb_txn;

#define BB_ROWS_MAP(X) /* name, key, value */                                                             \
    X(META, "meta", "name", "number")                                                                     \
    X(SESSION, "session", "session", "time of leaving, expiry and will delay left, SESSION record")       \
    X(SUBSCRIPTION, "subscription", "session, filter", "SUBSCRIBED record")                               \
    X(INBOUND, "inbound", "session, packet identifier", "nothing")                                        \
    X(QUEUE, "queue", "session, sequence", "message, bytes, phase, packet identifier, how it is sent")    \
    X(MESSAGE, "message", "message", "time of expiry, PUBLISH record without deliveries")                 \
    X(REFERENCES, "references", "message", "how many rows of `queue` name it, where it is more than one") \
    X(TALLY, "tally", "session", "rows and bytes in `queue`, next sequence")                              \
    X(RETAINED, "retained", "topic", "version, time of expiry, PUBLISH record without deliveries")        \
    X(GONE, "gone", "topic", "version that deleted it, segment")                                          \
    X(FILE, "file", "payload file", "how many rows of `message` and `retained` name it")

typedef enum bb_rows {
#define X(name, text, key, value) BB_ROWS_##name,
    BB_ROWS_MAP(X)
#undef X
        BB_ROWS_COUNT
} bb_rows;

enum { BB_TABLE_GROW = -1, BB_TABLE_KEY_MAX = 511 };

struct bb_table {
    int (*begin)(bb_table *table, bool write, bb_txn **out);
    int (*commit)(bb_txn *txn); /* on the disk when it returns */
    void (*abort)(bb_txn *txn);
    int (*get)(bb_txn *txn, bb_rows rows, bb_span key, bb_span *value);
    int (*put)(bb_txn *txn, bb_rows rows, bb_span key, bb_span value);
    int (*del)(bb_txn *txn, bb_rows rows, bb_span key);
    /* The first row with this key or a greater one, and the one after that which seek or next gave last (while no row
     * of these was changed since). What they give is good until the next change. */
    int (*seek)(bb_txn *txn, bb_rows rows, bb_span from, bb_span *key, bb_span *value);
    int (*next)(bb_txn *txn, bb_rows rows, bb_span *key, bb_span *value);
    int (*grow)(bb_table *table);
    int (*copy)(bb_table *table, const char *folder); /* a compact copy, also while others write */
    uint64_t (*bytes)(bb_table *table);
    void (*free)(bb_table *table);
};

struct bb_txn {
    bb_table *table;
};

/* LMDB in `folder`, which is made where it does not exist. */
int bb_table_open_lmdb(bb_mem *mem, const char *folder, bool read_only, bb_table **out);

/* In memory, for tests: what is committed stays until it is freed. */
bb_table *bb_table_new_in_memory(void);

/* The name of a kind of rows. */
const char *bb_rows_name(bb_rows rows);

#endif
