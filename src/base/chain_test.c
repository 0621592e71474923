#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/chain.h"

static bool memory_is_out;

static void *alloc(void *context, size_t size)
{
    return memory_is_out ? NULL : malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

typedef struct fixture {
    bb_mem mem;
    bb_chunk_pool pool;
    bb_chain chain;
} fixture;

static void set_up(fixture *f)
{
    *f = (fixture){.mem = {alloc, release, NULL, 0}};
    bb_chunk_pool_init(&f->pool, &f->mem);
}

static void tear_down(fixture *f)
{
    bb_chain_clear(&f->chain, &f->pool);
    bb_chunk_pool_deinit(&f->pool);
    assert_int_equal(f->mem.bytes_now, 0);
}

static void put(fixture *f, const char *text)
{
    size_t len = strlen(text);
    uint8_t *at = bb_chain_reserve(&f->chain, &f->pool, len + 7); /* more than is used in the end */
    assert_non_null(at);
    memcpy(at, text, len);
    bb_chain_commit(&f->chain, len);
}

static void small_things_share_a_chunk(void **state)
{
    fixture f;
    set_up(&f);
    put(&f, "one");
    put(&f, "two");
    bb_span span;
    assert_int_equal(bb_chain_peek(&f.chain, &span, 1), 1);
    assert_true(bb_span_equal(span, BB_SPAN_LITERAL("onetwo")));
    bb_chain_consume(&f.chain, &f.pool, 4);
    assert_int_equal(bb_chain_peek(&f.chain, &span, 1), 1);
    assert_true(bb_span_equal(span, BB_SPAN_LITERAL("wo")));
    bb_chain_consume(&f.chain, &f.pool, 2);
    assert_null(f.chain.head);
    assert_null(f.chain.tail);
    assert_int_equal(f.pool.free_now[0], 1);
    tear_down(&f);
}

static void chunks_grow_with_the_chain(void **state)
{
    fixture f;
    set_up(&f);
    for (size_t i = 0; i < 1000; i++) {
        assert_non_null(bb_chain_reserve(&f.chain, &f.pool, 100));
        bb_chain_commit(&f.chain, 100);
    }
    bb_span spans[100];
    size_t n = bb_chain_peek(&f.chain, spans, 100);
    assert_in_range(n, 2, 9); /* 100 KB in 1 + 4 + 16 + 16 ... */
    assert_int_equal(spans[0].len, 900);
    bb_chain_clear(&f.chain, &f.pool);
    assert_non_null(bb_chain_reserve(&f.chain, &f.pool, 300000)); /* made to measure, and not kept */
    int64_t before = f.mem.bytes_now;
    bb_chain_clear(&f.chain, &f.pool);
    assert_true(before - f.mem.bytes_now >= 300000);
    tear_down(&f);
}

static void the_pool_keeps_only_so_much(void **state)
{
    fixture f;
    set_up(&f);
    enum { CHAINS = BB_CHUNK_POOL_BYTES / BB_CHUNK_SMALL + 100 };
    static bb_chain chains[CHAINS];
    for (size_t i = 0; i < CHAINS; i++)
        assert_true(bb_chain_append(&chains[i], &f.pool, BB_SPAN_LITERAL("x")));
    for (size_t i = 0; i < CHAINS; i++)
        bb_chain_consume(&chains[i], &f.pool, 1);
    assert_int_equal(f.mem.bytes_now, BB_CHUNK_POOL_BYTES);
    tear_down(&f);
}

static void without_memory_the_chain_is_unchanged(void **state)
{
    fixture f;
    set_up(&f);
    put(&f, "kept");
    bb_blob *blob = bb_blob_new(&f.mem);
    assert_true(bb_blob_append(blob, &f.mem, BB_SPAN_LITERAL("blob")));
    memory_is_out = true;
    static uint8_t large[5000];
    assert_false(bb_chain_append(&f.chain, &f.pool, bb_span_of(large, sizeof large)));
    assert_false(bb_chain_append_blob(&f.chain, &f.pool, blob));
    assert_null(bb_chain_reserve(&f.chain, &f.pool, sizeof large));
    memory_is_out = false;
    bb_span spans[4];
    assert_int_equal(bb_chain_peek(&f.chain, spans, 4), 1);
    assert_true(bb_span_equal(spans[0], BB_SPAN_LITERAL("kept")));
    assert_int_equal(f.chain.bytes, 4);
    bb_blob_unref(blob, &f.mem);
    tear_down(&f);
}

static void a_blob_outlives_its_owner_in_the_chain(void **state)
{
    fixture f;
    set_up(&f);
    bb_blob *empty = bb_blob_new(&f.mem);
    assert_true(bb_chain_append_blob(&f.chain, &f.pool, empty));
    assert_null(f.chain.head);
    bb_blob_unref(empty, &f.mem);
    bb_blob *blob = bb_blob_new(&f.mem);
    assert_true(bb_blob_append(blob, &f.mem, BB_SPAN_LITERAL("payload")));
    assert_true(bb_chain_append_blob(&f.chain, &f.pool, blob));
    bb_blob_unref(blob, &f.mem);
    put(&f, "head");
    assert_ptr_equal(f.chain.head, f.chain.tail); /* the next head follows the blob in one chunk */
    bb_span spans[2];
    assert_int_equal(bb_chain_peek(&f.chain, spans, 2), 2);
    assert_true(bb_span_equal(spans[0], BB_SPAN_LITERAL("payload")));
    assert_true(bb_span_equal(spans[1], BB_SPAN_LITERAL("head")));
    tear_down(&f);
}

/* Bytes go in by any door and come out by partial writes of any size: byte i of the stream is i % 251. */
static void bytes_come_out_in_the_order_they_went_in(void **state)
{
    fixture f;
    set_up(&f);
    static uint8_t bytes[70000 + 251];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 251);
    size_t in = 0, out = 0;
    srand(7);
    for (size_t step = 0; step < 4000; step++) {
        size_t n = (size_t)rand() % (step % 16 ? 300 : 70000);
        bb_span piece = bb_span_of(bytes + in % 251, n);
        int door = rand() % 3;
        if (door == 0) {
            assert_true(bb_chain_append(&f.chain, &f.pool, piece));
        } else if (door == 1) {
            uint8_t *at = bb_chain_reserve(&f.chain, &f.pool, n);
            assert_non_null(at);
            memcpy(at, piece.data, n);
            bb_chain_commit(&f.chain, n);
        } else {
            bb_blob *blob = bb_blob_new(&f.mem);
            assert_true(bb_blob_append(blob, &f.mem, piece));
            assert_true(bb_chain_append_blob(&f.chain, &f.pool, blob));
            bb_blob_unref(blob, &f.mem);
        }
        in += n;
        assert_int_equal(f.chain.bytes, in - out);
        bb_span spans[8];
        size_t count = bb_chain_peek(&f.chain, spans, 1 + (size_t)rand() % 8), seen = 0;
        for (size_t i = 0; i < count; i++) {
            assert_memory_equal(spans[i].data, bytes + (out + seen) % 251, spans[i].len);
            seen += spans[i].len;
        }
        size_t taken = seen && rand() % 4 ? (size_t)rand() % (seen + 1) : seen;
        bb_chain_consume(&f.chain, &f.pool, taken);
        out += taken;
    }
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_things_share_a_chunk),
        cmocka_unit_test(chunks_grow_with_the_chain),
        cmocka_unit_test(the_pool_keeps_only_so_much),
        cmocka_unit_test(without_memory_the_chain_is_unchanged),
        cmocka_unit_test(a_blob_outlives_its_owner_in_the_chain),
        cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
