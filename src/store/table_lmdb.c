#include "store/table.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MAP_BYTES_FIRST = 64 * 1024 * 1024 };

typedef struct lmdb_table {
    bb_table table;
    bb_mem *mem;
    MDB_env *env;
    MDB_dbi rows[BB_ROWS_COUNT];
    pthread_rwlock_t resize; /* transactions hold it to read: the map must not move under them */
} lmdb_table;

typedef struct lmdb_txn {
    bb_txn txn;
    MDB_txn *mdb;
    MDB_cursor *cursors[BB_ROWS_COUNT];
} lmdb_txn;

const char *bb_rows_name(bb_rows rows)
{
    static const char *const names[] = {
#define X(name, text, key, value) text,
        BB_ROWS_MAP(X)
#undef X
    };
    return names[rows];
}

static int errno_of(int error)
{
    switch (error) {
    case MDB_SUCCESS:
        return 0;
    case MDB_NOTFOUND:
        return ENOENT;
    case MDB_MAP_FULL:
    case MDB_MAP_RESIZED:
        return BB_TABLE_GROW;
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return EBADMSG;
    default:
        return error > 0 ? error : EIO;
    }
}

static lmdb_table *table_of(bb_txn *txn)
{
    return (lmdb_table *)txn->table;
}

static int lmdb_begin(bb_table *table, bool write, bb_txn **out)
{
    lmdb_table *own = (lmdb_table *)table;
    lmdb_txn *txn = calloc(1, sizeof *txn);
    if (!txn)
        return ENOMEM;
    txn->txn.table = table;
    pthread_rwlock_rdlock(&own->resize);
    int error = mdb_txn_begin(own->env, NULL, write ? 0 : MDB_RDONLY, &txn->mdb);
    if (error) {
        pthread_rwlock_unlock(&own->resize);
        free(txn);
        return errno_of(error);
    }
    *out = &txn->txn;
    return 0;
}

static void close_cursors(lmdb_txn *txn)
{
    for (int i = 0; i < BB_ROWS_COUNT; i++)
        if (txn->cursors[i])
            mdb_cursor_close(txn->cursors[i]);
}

static void end(lmdb_txn *txn)
{
    pthread_rwlock_unlock(&table_of(&txn->txn)->resize);
    free(txn);
}

static int lmdb_commit(bb_txn *txn)
{
    lmdb_txn *own = (lmdb_txn *)txn;
    close_cursors(own);
    int error = errno_of(mdb_txn_commit(own->mdb));
    end(own);
    return error;
}

static void lmdb_abort(bb_txn *txn)
{
    lmdb_txn *own = (lmdb_txn *)txn;
    close_cursors(own);
    mdb_txn_abort(own->mdb);
    end(own);
}

static MDB_val val_of(bb_span span)
{
    return (MDB_val){span.len, (void *)(uintptr_t)span.data};
}

static bb_span span_of(const MDB_val *val)
{
    return bb_span_of(val->mv_data, val->mv_size);
}

static int lmdb_get(bb_txn *txn, bb_rows rows, bb_span key, bb_span *value)
{
    MDB_val k = val_of(key), v;
    int error = mdb_get(((lmdb_txn *)txn)->mdb, table_of(txn)->rows[rows], &k, &v);
    if (!error)
        *value = span_of(&v);
    return errno_of(error);
}

static int lmdb_put(bb_txn *txn, bb_rows rows, bb_span key, bb_span value)
{
    BB_CHECK(key.len > 0 && key.len <= BB_TABLE_KEY_MAX);
    MDB_val k = val_of(key), v = val_of(value);
    return errno_of(mdb_put(((lmdb_txn *)txn)->mdb, table_of(txn)->rows[rows], &k, &v, 0));
}

static int lmdb_del(bb_txn *txn, bb_rows rows, bb_span key)
{
    MDB_val k = val_of(key);
    return errno_of(mdb_del(((lmdb_txn *)txn)->mdb, table_of(txn)->rows[rows], &k, NULL));
}

static int move(bb_txn *txn, bb_rows rows, MDB_cursor_op op, MDB_val *k, bb_span *key, bb_span *value)
{
    lmdb_txn *own = (lmdb_txn *)txn;
    MDB_val v;
    int error = 0;
    if (!own->cursors[rows])
        error = mdb_cursor_open(own->mdb, table_of(txn)->rows[rows], &own->cursors[rows]);
    if (!error)
        error = mdb_cursor_get(own->cursors[rows], k, &v, op);
    if (error)
        return errno_of(error);
    *key = span_of(k);
    *value = span_of(&v);
    return 0;
}

static int lmdb_seek(bb_txn *txn, bb_rows rows, bb_span from, bb_span *key, bb_span *value)
{
    MDB_val k = val_of(from);
    return move(txn, rows, from.len ? MDB_SET_RANGE : MDB_FIRST, &k, key, value);
}

static int lmdb_next(bb_txn *txn, bb_rows rows, bb_span *key, bb_span *value)
{
    MDB_val k;
    return move(txn, rows, MDB_NEXT, &k, key, value);
}

static int lmdb_grow(bb_table *table)
{
    lmdb_table *own = (lmdb_table *)table;
    MDB_envinfo info;
    pthread_rwlock_wrlock(&own->resize);
    mdb_env_info(own->env, &info);
    int error = mdb_env_set_mapsize(own->env, info.me_mapsize * 2);
    pthread_rwlock_unlock(&own->resize);
    return errno_of(error);
}

static int lmdb_copy(bb_table *table, const char *folder)
{
    if (mkdir(folder, 0700) != 0)
        return errno;
    return errno_of(mdb_env_copy2(((lmdb_table *)table)->env, folder, MDB_CP_COMPACT));
}

static uint64_t lmdb_bytes(bb_table *table)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(((lmdb_table *)table)->env, &info);
    mdb_env_stat(((lmdb_table *)table)->env, &stat);
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

static void lmdb_free(bb_table *table)
{
    lmdb_table *own = (lmdb_table *)table;
    mdb_env_close(own->env);
    pthread_rwlock_destroy(&own->resize);
    bb_mem_free(own->mem, own, sizeof *own);
}

static int open_rows(lmdb_table *own, bool read_only)
{
    MDB_txn *txn;
    int error = mdb_txn_begin(own->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    for (int i = 0; i < BB_ROWS_COUNT && !error; i++) {
        error = mdb_dbi_open(txn, bb_rows_name((bb_rows)i), read_only ? 0 : MDB_CREATE, &own->rows[i]);
        if (error)
            mdb_txn_abort(txn);
    }
    return error ? error : mdb_txn_commit(txn);
}

/* The map starts at twice what the file has, so that it rarely grows while others wait for it. */
static size_t first_map_bytes(const char *folder)
{
    char path[4096];
    struct stat status;
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    size_t bytes = MAP_BYTES_FIRST;
    while (stat(path, &status) == 0 && bytes < (size_t)status.st_size * 2)
        bytes *= 2;
    return bytes;
}

static int open_env(lmdb_table *own, const char *folder, bool read_only)
{
    int error = mdb_env_create(&own->env);
    if (error)
        return error;
    mdb_env_set_maxdbs(own->env, BB_ROWS_COUNT);
    mdb_env_set_mapsize(own->env, first_map_bytes(folder));
    error = mdb_env_open(own->env, folder, MDB_NOTLS | (read_only ? MDB_RDONLY : 0), 0600);
    return error ? error : open_rows(own, read_only);
}

int bb_table_open_lmdb(bb_mem *mem, const char *folder, bool read_only, bb_table **out)
{
    if (!read_only && mkdir(folder, 0700) != 0 && errno != EEXIST)
        return errno;
    lmdb_table *own = bb_mem_alloc_zeroed(mem, sizeof *own);
    if (!own)
        return ENOMEM;
    own->table = (bb_table){lmdb_begin, lmdb_commit, lmdb_abort, lmdb_get,  lmdb_put,   lmdb_del,
                            lmdb_seek,  lmdb_next,   lmdb_grow,  lmdb_copy, lmdb_bytes, lmdb_free};
    own->mem = mem;
    pthread_rwlock_init(&own->resize, NULL);
    int error = open_env(own, folder, read_only);
    if (error) {
        lmdb_free(&own->table);
        return errno_of(error);
    }
    *out = &own->table;
    return 0;
}
