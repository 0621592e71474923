#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/store.h"

enum { MEMORY_MAX = 1000 };

static char folder[64];

/* Every test runs with both stores. */
typedef struct fixture {
    bb_memory_store *memory;
    bb_folder_store *files;
    bb_client_store door;
} fixture;

static void open_folder(fixture *f)
{
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    f->files = bb_folder_store_open(folder, &error);
    if (!f->files) {
        print_error("%.*s", (int)error.len, error.at);
        abort();
    }
    f->door = bb_folder_store_door(f->files);
}

static int remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void in_memory(void (*test)(fixture *f))
{
    fixture f = {.memory = bb_memory_store_new(MEMORY_MAX)};
    f.door = bb_memory_store_door(f.memory);
    test(&f);
    bb_memory_store_free(f.memory);
}

static void in_folder(void (*test)(fixture *f))
{
    fixture f = {.memory = NULL};
    snprintf(folder, sizeof folder, "/tmp/busbar-test-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    open_folder(&f);
    test(&f);
    bb_folder_store_close(f.files);
    assert_int_equal(remove_folder(), 0);
}

static void in_both(void (*test)(fixture *f))
{
    in_memory(test);
    in_folder(test);
}

static bool put(fixture *f, uint32_t key, uint32_t offset, const char *text)
{
    const bb_span parts[] = {bb_span_of(text, strlen(text) / 2),
                             bb_span_of(text + strlen(text) / 2, strlen(text) - strlen(text) / 2)};
    assert_non_null(f->door.put);
    return f->door.put(f->door.context, key, offset, parts, 2);
}

static void expect(fixture *f, uint32_t key, uint32_t offset, const char *text)
{
    char got[64];
    size_t n = f->door.get(f->door.context, key, offset, (uint8_t *)got, sizeof got - 1);
    got[n] = 0;
    assert_string_equal(got, text);
}

static uint32_t next(fixture *f, uint32_t key)
{
    return f->door.next(f->door.context, key);
}

static void records_come_and_go_test(fixture *f)
{
    assert_int_equal(next(f, 0), 0);
    expect(f, 7, 0, "");
    assert_true(put(f, 7, 0, "seven"));
    assert_true(put(f, 131071, 0, "the last one"));
    assert_true(put(f, 300, 0, ""));
    expect(f, 7, 0, "seven");
    expect(f, 7, 3, "en");
    expect(f, 7, 5, "");
    expect(f, 7, 99, "");
    expect(f, 131071, 0, "the last one");
    assert_int_equal(next(f, 0), 7);
    assert_int_equal(next(f, 7), 300);
    assert_int_equal(next(f, 300), 131071);
    assert_int_equal(next(f, 131071), 0);
    assert_true(put(f, 7, 0, "another")); /* in place of the old one */
    expect(f, 7, 0, "another");
    f->door.remove(f->door.context, 7);
    f->door.remove(f->door.context, 7);
    f->door.remove(f->door.context, 8);
    expect(f, 7, 0, "");
    assert_int_equal(next(f, 0), 300);
}

static void records_come_and_go(void **state)
{
    in_both(records_come_and_go_test);
}

static void a_record_grows_where_it_ends_test(fixture *f)
{
    assert_true(put(f, 1, 0, "one"));
    assert_true(put(f, 1, 3, " two"));
    assert_false(put(f, 1, 3, "hole"));
    assert_false(put(f, 1, 8, "hole"));
    assert_false(put(f, 2, 3, "of nothing"));
    expect(f, 1, 0, "one two");
    assert_int_equal(next(f, 1), 0);
}

static void a_record_grows_where_it_ends(void **state)
{
    in_both(a_record_grows_where_it_ends_test);
}

/* Many times the memory of the store, and every byte in its place. */
static void a_large_record_is_kept_test(fixture *f)
{
    enum { PIECE = BB_STORE_RECORD_MAX + 1, PIECES = 30 };
    static uint8_t piece[PIECE], got[PIECE];
    for (uint32_t i = 0; i < PIECES; i++) {
        memset(piece, (int)i, sizeof piece);
        const bb_span part = bb_span_of(piece, sizeof piece);
        assert_true(f->door.put(f->door.context, 9, i * PIECE, &part, 1));
    }
    for (uint32_t i = 0; i < PIECES; i++) {
        memset(piece, (int)i, sizeof piece);
        assert_int_equal(f->door.get(f->door.context, 9, i * PIECE, got, PIECE), PIECE);
        assert_memory_equal(piece, got, PIECE);
    }
}

static void a_large_record_is_kept(void **state)
{
    in_both(a_large_record_is_kept_test);
}

static void memory_is_bounded_and_large_records_leave_it(void **state)
{
    fixture f = {.memory = bb_memory_store_new(MEMORY_MAX)};
    f.door = bb_memory_store_door(f.memory);
    char text[MEMORY_MAX + 1];
    memset(text, 'x', MEMORY_MAX);
    text[MEMORY_MAX] = 0;
    assert_true(put(&f, 1, 0, text));
    assert_false(put(&f, 2, 0, "no room"));
    assert_false(put(&f, 1, MEMORY_MAX, "no room"));
    expect(&f, 2, 0, "");
    assert_int_equal(next(&f, 1), 0);
    f.door.remove(f.door.context, 1);
    assert_true(put(&f, 2, 0, "room again"));

    static uint8_t large[3 * BB_STORE_RECORD_MAX], got[sizeof large];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7 + i / 256);
    const bb_span parts[] = {bb_span_of(large, 100), bb_span_of(large + 100, sizeof large - 100)};
    assert_true(f.door.put(f.door.context, 3, 0, parts, 2));
    assert_int_equal(f.door.get(f.door.context, 3, 0, got, sizeof got), sizeof large);
    assert_memory_equal(got, large, sizeof large);
    assert_true(put(&f, 3, sizeof large, " more"));
    expect(&f, 3, sizeof large, " more");
    bb_memory_store_free(f.memory);
}

static void a_folder_survives(void **state)
{
    fixture f = {0};
    char buffer[256], path[96];
    snprintf(folder, sizeof folder, "/tmp/busbar-test-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    open_folder(&f);
    assert_true(put(&f, 5, 0, "five"));
    assert_true(put(&f, 70000, 0, "more"));

    bb_text error = bb_text_on(buffer, sizeof buffer - 1); /* not two at a time */
    assert_null(bb_folder_store_open(folder, &error));
    buffer[error.len] = 0;
    assert_non_null(strstr(buffer, "another process keeps its messages here"));

    bb_folder_store_close(f.files);
    snprintf(path, sizeof path, "%s/new", folder); /* what a loss of power may leave */
    FILE *half = fopen(path, "w");
    fputs("half", half);
    fclose(half);
    snprintf(path, sizeof path, "%s/007", folder); /* and what is not ours */
    fclose(fopen(path, "w"));
    open_folder(&f);
    assert_int_equal(next(&f, 0), 5);
    assert_int_equal(next(&f, 5), 70000);
    assert_int_equal(next(&f, 70000), 0);
    expect(&f, 5, 0, "five");
    bb_folder_store_close(f.files);
    assert_int_equal(remove_folder(), 0);

    error = bb_text_on(buffer, sizeof buffer - 1);
    assert_null(bb_folder_store_open("/nowhere/at/all", &error));
    buffer[error.len] = 0;
    assert_string_equal(buffer, "/nowhere/at/all: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_and_go),    cmocka_unit_test(a_record_grows_where_it_ends),
        cmocka_unit_test(a_large_record_is_kept), cmocka_unit_test(memory_is_bounded_and_large_records_leave_it),
        cmocka_unit_test(a_folder_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
