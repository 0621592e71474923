/* migrate.h - the version of the table, and the way from older ones. Private to store. */
#ifndef BB_STORE_MIGRATE_H
#define BB_STORE_MIGRATE_H

#include "store/error.h"
#include "store/rows.h"

/* Bring a table to the present version, in one transaction; an empty one gets it. `from` is the version that it had, 0
 * when that was the present one or none. NEWER: a newer busbar wrote it, and nothing was changed. */
bb_store_status bb_store_migrate(bb_table *table, uint64_t random, uint32_t *from, bb_store_error *error);

/* One step: from `version` to the one after it. The list of them ends with version 0. */
typedef struct bb_migration {
    uint64_t version;
    int (*step)(bb_txn *txn);
} bb_migration;

/* The same with other steps and another present version, for tests. */
bb_store_status bb_store_migrate_by(bb_table *table, const bb_migration *steps, uint64_t present, uint64_t random,
                                    uint32_t *from, bb_store_error *error);

#endif
