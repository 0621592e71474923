#include "store/migrate.h"

#include <errno.h>
#include <inttypes.h>

/* A version that replaces BB_TABLE_VERSION (or whose values hold records of a new BB_JOURNAL_VERSION) adds its row
 * here: the step from the version before it. */
static const bb_migration migrations[] = {{0, NULL}};

static const bb_migration *find(const bb_migration *steps, uint64_t version)
{
    for (; steps->version; steps++)
        if (steps->version == version)
            return steps;
    return NULL;
}

static int set_version(bb_txn *txn, uint64_t present)
{
    int failed = bb_meta_put(txn, BB_META_VERSION, present);
    return failed ? failed : bb_meta_put(txn, BB_META_JOURNAL, BB_JOURNAL_VERSION);
}

static int climb(bb_txn *txn, const bb_migration *steps, uint64_t version, uint64_t present)
{
    for (; version < present; version++) {
        const bb_migration *step = find(steps, version);
        int failed = step ? step->step(txn) : EBADMSG;
        if (failed)
            return failed;
    }
    return set_version(txn, present);
}

static bb_store_status in_transaction(bb_txn *txn, const bb_migration *steps, uint64_t present, uint64_t random,
                                      uint32_t *from, bb_store_error *error)
{
    uint64_t version = 0, journal = BB_JOURNAL_VERSION;
    int failed = bb_meta_get(txn, BB_META_VERSION, &version);
    failed = failed ? failed : bb_meta_get(txn, BB_META_JOURNAL, &journal);
    if (!failed && (version > present || journal > BB_JOURNAL_VERSION))
        return bb_store_fail(error, BB_STORE_NEWER, "table/data.mdb", 0,
                             "the data folder has format %" PRIu64 ".%" PRIu64 ", and this busbar knows up to %" PRIu64
                             ".%u: start the newer one again",
                             version, journal, present, BB_JOURNAL_VERSION);
    if (!failed && version == 0) {
        failed = bb_meta_put(txn, BB_META_HASH, random);
        failed = failed ? failed : set_version(txn, present);
    } else if (!failed && version < present) {
        *from = (uint32_t)version;
        failed = climb(txn, steps, version, present);
    }
    return failed ? bb_store_fail_system(error, failed, "migrate", "the table") : BB_STORE_OK;
}

bb_store_status bb_store_migrate_by(bb_table *table, const bb_migration *steps, uint64_t present, uint64_t random,
                                    uint32_t *from, bb_store_error *error)
{
    bb_txn *txn;
    *from = 0;
    int failed = table->begin(table, true, &txn);
    if (failed)
        return bb_store_fail_system(error, failed, "read", "the table");
    bb_store_status status = in_transaction(txn, steps, present, random, from, error);
    if (status != BB_STORE_OK) {
        table->abort(txn);
        return status;
    }
    failed = table->commit(txn);
    return failed ? bb_store_fail_system(error, failed, "write to", "the table") : BB_STORE_OK;
}

bb_store_status bb_store_migrate(bb_table *table, uint64_t random, uint32_t *from, bb_store_error *error)
{
    return bb_store_migrate_by(table, migrations, BB_TABLE_VERSION, random, from, error);
}
