/* table_memory.c - sorted arrays; a transaction that writes works on a copy, which takes their place when it commits.
 */
#include "store/table.h"

#include <errno.h>
#include <stdlib.h>

typedef struct row {
    uint8_t *bytes; /* key, then value */
    size_t key_len, value_len;
} row;

typedef struct state {
    row *rows[BB_ROWS_COUNT];
    size_t count[BB_ROWS_COUNT], cap[BB_ROWS_COUNT];
} state;

typedef struct memory_table {
    bb_table table;
    state now;
} memory_table;

typedef struct memory_txn {
    bb_txn txn;
    state state; /* a copy, or the table's own when it only reads */
    bool write;
    size_t at[BB_ROWS_COUNT]; /* what seek and next gave last */
} memory_txn;

static void insert(state *s, bb_rows rows, size_t at, bb_span key, bb_span value)
{
    if (s->count[rows] == s->cap[rows]) {
        s->cap[rows] = s->cap[rows] * 2 + 16;
        s->rows[rows] = realloc(s->rows[rows], s->cap[rows] * sizeof(row));
        BB_CHECK(s->rows[rows]);
    }
    row *to = s->rows[rows] + at;
    memmove(to + 1, to, (s->count[rows]++ - at) * sizeof *to);
    *to = (row){malloc(key.len + value.len + 1), key.len, value.len};
    BB_CHECK(to->bytes);
    memcpy(to->bytes, key.data, key.len);
    if (value.len)
        memcpy(to->bytes + key.len, value.data, value.len);
}

static void clear(state *s)
{
    for (int rows = 0; rows < BB_ROWS_COUNT; rows++) {
        for (size_t i = 0; i < s->count[rows]; i++)
            free(s->rows[rows][i].bytes);
        free(s->rows[rows]);
    }
    *s = (state){0};
}

static bb_span key_of(const row *r)
{
    return bb_span_of(r->bytes, r->key_len);
}

static bb_span value_of(const row *r)
{
    return bb_span_of(r->bytes + r->key_len, r->value_len);
}

static void copy_state(state *to, const state *from)
{
    *to = (state){0};
    for (int rows = 0; rows < BB_ROWS_COUNT; rows++)
        for (size_t i = 0; i < from->count[rows]; i++)
            insert(to, (bb_rows)rows, i, key_of(&from->rows[rows][i]), value_of(&from->rows[rows][i]));
}

static int compare(bb_span a, bb_span b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both ? memcmp(a.data, b.data, both) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The first row whose key is not less. */
static size_t find(const state *s, bb_rows rows, bb_span key)
{
    size_t low = 0, high = s->count[rows];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(key_of(&s->rows[rows][middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const state *s, bb_rows rows, size_t at, bb_span key)
{
    return at < s->count[rows] && bb_span_equal(key_of(&s->rows[rows][at]), key);
}

static int memory_begin(bb_table *table, bool write, bb_txn **out)
{
    memory_txn *txn = calloc(1, sizeof *txn);
    if (!txn)
        return ENOMEM;
    txn->txn.table = table;
    txn->write = write;
    if (write)
        copy_state(&txn->state, &((memory_table *)table)->now);
    else
        txn->state = ((memory_table *)table)->now;
    *out = &txn->txn;
    return 0;
}

static void memory_abort(bb_txn *txn)
{
    memory_txn *own = (memory_txn *)txn;
    if (own->write)
        clear(&own->state);
    free(own);
}

static int memory_commit(bb_txn *txn)
{
    memory_txn *own = (memory_txn *)txn;
    memory_table *table = (memory_table *)txn->table;
    BB_CHECK(own->write);
    clear(&table->now);
    table->now = own->state;
    free(own);
    return 0;
}

static int memory_get(bb_txn *txn, bb_rows rows, bb_span key, bb_span *value)
{
    state *s = &((memory_txn *)txn)->state;
    size_t at = find(s, rows, key);
    if (!is_at(s, rows, at, key))
        return ENOENT;
    *value = value_of(&s->rows[rows][at]);
    return 0;
}

static void take_out(state *s, bb_rows rows, size_t at)
{
    row *gone = s->rows[rows] + at;
    free(gone->bytes);
    memmove(gone, gone + 1, (--s->count[rows] - at) * sizeof *gone);
}

static int memory_put(bb_txn *txn, bb_rows rows, bb_span key, bb_span value)
{
    BB_CHECK(key.len > 0 && key.len <= BB_TABLE_KEY_MAX);
    state *s = &((memory_txn *)txn)->state;
    size_t at = find(s, rows, key);
    bool there = is_at(s, rows, at, key);
    insert(s, rows, at, key, value); /* before the old one goes: `value` may point into it */
    if (there)
        take_out(s, rows, at + 1);
    return 0;
}

static int memory_del(bb_txn *txn, bb_rows rows, bb_span key)
{
    state *s = &((memory_txn *)txn)->state;
    size_t at = find(s, rows, key);
    if (!is_at(s, rows, at, key))
        return ENOENT;
    take_out(s, rows, at);
    return 0;
}

static int give_row(memory_txn *txn, bb_rows rows, size_t at, bb_span *key, bb_span *value)
{
    if (at >= txn->state.count[rows])
        return ENOENT;
    txn->at[rows] = at;
    *key = key_of(&txn->state.rows[rows][at]);
    *value = value_of(&txn->state.rows[rows][at]);
    return 0;
}

static int memory_seek(bb_txn *txn, bb_rows rows, bb_span from, bb_span *key, bb_span *value)
{
    memory_txn *own = (memory_txn *)txn;
    return give_row(own, rows, find(&own->state, rows, from), key, value);
}

static int memory_next(bb_txn *txn, bb_rows rows, bb_span *key, bb_span *value)
{
    memory_txn *own = (memory_txn *)txn;
    return give_row(own, rows, own->at[rows] + 1, key, value);
}

static int memory_grow(bb_table *table)
{
    return 0;
}

static int memory_copy(bb_table *table, const char *folder)
{
    return ENOTSUP;
}

static uint64_t memory_bytes(bb_table *table)
{
    return 0;
}

static void memory_free(bb_table *table)
{
    clear(&((memory_table *)table)->now);
    free(table);
}

bb_table *bb_table_new_in_memory(void)
{
    memory_table *own = calloc(1, sizeof *own);
    if (!own)
        return NULL;
    own->table = (bb_table){memory_begin, memory_commit, memory_abort, memory_get,  memory_put,   memory_del,
                            memory_seek,  memory_next,   memory_grow,  memory_copy, memory_bytes, memory_free};
    return &own->table;
}
