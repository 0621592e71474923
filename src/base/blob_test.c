#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/blob.h"

static size_t allocations_left = SIZE_MAX;

static void *alloc(void *context, size_t size)
{
    if (!allocations_left)
        return NULL;
    allocations_left--;
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

static void pieces_join_into_one_run_of_bytes(void **state)
{
    bb_mem mem = {alloc, release, NULL, 0};
    bb_blob *blob = bb_blob_new(&mem);
    assert_non_null(blob);
    static const size_t sizes[] = {1, 100, 5000, BB_BLOB_PIECE, 3 * BB_BLOB_PIECE + 17, 12345};
    static uint8_t bytes[3 * BB_BLOB_PIECE + 17];
    size_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            bytes[k] = (uint8_t)((total + k) % 251);
        assert_true(bb_blob_append(blob, &mem, bb_span_of(bytes, sizes[i])));
        total += sizes[i];
    }
    assert_int_equal(bb_blob_size(blob), total);
    for (size_t offset = 0; offset < total;) { /* two spans at a time, as a partial write would */
        bb_span spans[2];
        size_t n = bb_blob_peek(blob, offset, spans, 2);
        assert_in_range(n, 1, 2);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < spans[i].len; k++, offset++)
                if (spans[i].data[k] != offset % 251)
                    fail_msg("byte %zu differs", offset);
    }
    bb_span none;
    assert_int_equal(bb_blob_peek(blob, total, &none, 1), 0);
    assert_int_equal(bb_blob_peek(blob, 0, &none, 0), 0);
    bb_blob_unref(blob, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void reserve_gives_what_is_wanted_at_most(void **state)
{
    bb_mem mem = {alloc, release, NULL, 0};
    bb_blob *blob = bb_blob_new(&mem);
    uint8_t *at;
    size_t room;
    assert_true(bb_blob_reserve(blob, &mem, 10 * BB_BLOB_PIECE, &at, &room));
    assert_int_equal(room, BB_BLOB_PIECE);
    bb_blob_commit(blob, 100);
    assert_true(bb_blob_reserve(blob, &mem, 10, &at, &room));
    assert_int_equal(room, 10);
    bb_blob_unref(blob, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void without_memory_nothing_leaks(void **state)
{
    static uint8_t bytes[5 * BB_BLOB_PIECE];
    for (size_t allowed = 0;; allowed++) {
        bb_mem mem = {alloc, release, NULL, 0};
        allocations_left = allowed;
        bb_blob *blob = bb_blob_new(&mem);
        bool whole = blob && bb_blob_append(blob, &mem, bb_span_of(bytes, sizeof bytes));
        if (blob)
            bb_blob_unref(blob, &mem);
        assert_int_equal(mem.bytes_now, 0);
        if (whole)
            break;
    }
    allocations_left = SIZE_MAX;
}

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct holder {
    bb_blob *blob;
    bb_mem mem;
} holder;

static void *hold_and_let_go(void *context)
{
    holder *self = context;
    for (size_t i = 0; i < ROUNDS; i++) {
        bb_blob *mine = bb_blob_ref(self->blob);
        bb_span span;
        bb_blob_peek(mine, 0, &span, 1);
        bb_blob_unref(mine, &self->mem);
    }
    bb_blob_unref(self->blob, &self->mem);
    return NULL;
}

static void references_may_be_given_back_by_any_thread(void **state)
{
    bb_mem mem = {alloc, release, NULL, 0};
    bb_blob *blob = bb_blob_new(&mem);
    assert_true(bb_blob_append(blob, &mem, BB_SPAN_LITERAL("shared")));
    holder holders[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        holders[i] = (holder){bb_blob_ref(blob), {alloc, release, NULL, 0}};
        assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, &holders[i]), 0);
    }
    bb_blob_unref(blob, &mem);
    int64_t sum = mem.bytes_now;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += holders[i].mem.bytes_now;
    }
    assert_int_equal(sum, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_join_into_one_run_of_bytes),
        cmocka_unit_test(reserve_gives_what_is_wanted_at_most),
        cmocka_unit_test(without_memory_nothing_leaks),
        cmocka_unit_test(references_may_be_given_back_by_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
