#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "store/migrate.h"

/* --- versions */

static int begin(void **state)
{
    *state = bb_table_new_in_memory();
    return 0;
}

static int end(void **state)
{
    ((bb_table *)*state)->free(*state);
    return 0;
}

static uint64_t meta_of(bb_table *table, const char *name)
{
    bb_txn *txn;
    uint64_t number = 0;
    assert_int_equal(table->begin(table, false, &txn), 0);
    assert_int_equal(bb_meta_get(txn, name, &number), 0);
    table->abort(txn);
    return number;
}

static int one_to_two(bb_txn *txn)
{
    return bb_meta_put(txn, "old", 2);
}

static int two_to_three(bb_txn *txn)
{
    uint64_t old = 0;
    int failed = bb_meta_get(txn, "old", &old);
    return failed ? failed : bb_meta_put(txn, "old", old * 10);
}

static int fails(bb_txn *txn)
{
    int failed = bb_meta_put(txn, "old", 999);
    return failed ? failed : 5; /* EIO */
}

static void older_table_climbs_to_the_present_version(void **state)
{
    static const bb_migration steps[] = {{2, two_to_three}, {1, one_to_two}, {0, NULL}};
    bb_table *table = *state;
    bb_store_error error;
    uint32_t from;
    assert_int_equal(bb_store_migrate_by(table, steps, 1, 42, &from, &error), BB_STORE_OK);
    assert_int_equal(from, 0); /* it was new */
    assert_int_equal(meta_of(table, BB_META_HASH), 42);
    assert_int_equal(bb_store_migrate_by(table, steps, 3, 43, &from, &error), BB_STORE_OK);
    assert_int_equal(from, 1);
    assert_int_equal(meta_of(table, "old"), 20);
    assert_int_equal(meta_of(table, BB_META_VERSION), 3);
    assert_int_equal(meta_of(table, BB_META_HASH), 42);
    assert_int_equal(bb_store_migrate_by(table, steps, 3, 43, &from, &error), BB_STORE_OK);
    assert_int_equal(from, 0);
}

static void failed_step_changes_nothing(void **state)
{
    static const bb_migration steps[] = {{1, fails}, {0, NULL}};
    bb_table *table = *state;
    bb_store_error error;
    uint32_t from;
    assert_int_equal(bb_store_migrate_by(table, steps, 1, 42, &from, &error), BB_STORE_OK);
    assert_int_equal(bb_store_migrate_by(table, steps, 2, 42, &from, &error), BB_STORE_FAILED);
    assert_int_equal(meta_of(table, BB_META_VERSION), 1);
    assert_int_equal(meta_of(table, "old"), 0);
}

static void newer_table_is_refused(void **state)
{
    static const bb_migration steps[] = {{0, NULL}};
    bb_table *table = *state;
    bb_store_error error;
    uint32_t from;
    assert_int_equal(bb_store_migrate_by(table, steps, BB_TABLE_VERSION + 1, 42, &from, &error), BB_STORE_OK);
    assert_int_equal(bb_store_migrate(table, 42, &from, &error), BB_STORE_NEWER);
    assert_non_null(strstr(error.text, "has format 2.1, and this busbar knows up to 1.1"));
}

/* --- keys */

static void keys_are_in_the_order_of_their_numbers(void **state)
{
    bb_key a = bb_key_pair(1, UINT64_MAX), b = bb_key_pair(2, 0), c = bb_key_pair(256, 3);
    assert_true(memcmp(a.bytes, b.bytes, 16) < 0 && memcmp(b.bytes, c.bytes, 16) < 0);
}

static void long_texts_have_keys_of_their_own(void **state)
{
    static uint8_t text[60000];
    memset(text, 'a', sizeof text);
    bb_key one = bb_key_text(0, bb_span_of(text, sizeof text), 1), two = bb_key_text(0, bb_span_of(text, 59999), 1);
    assert_true(one.len <= BB_TABLE_KEY_MAX && one.len == two.len);
    assert_true(memcmp(one.bytes, two.bytes, one.len) != 0);
    bb_key other_seed = bb_key_text(0, bb_span_of(text, sizeof text), 2);
    assert_true(memcmp(one.bytes, other_seed.bytes, one.len) != 0);
    bb_key of_session = bb_key_text(5, bb_span_of(text, sizeof text), 1);
    assert_true(of_session.len <= BB_TABLE_KEY_MAX && bb_get_be(of_session.bytes, 8) == 5);
    bb_key brief = bb_key_text(0, bb_span_of(text, 480), 1);
    assert_int_equal(brief.len, 480);
}

static void rows_survive_their_bytes(void **state)
{
    uint8_t out[BB_QUEUE_HEAD + BB_OWED_BYTES_MAX];
    bb_queue_row row = {.message = 7,
                        .bytes = 300,
                        .phase = BB_PHASE_SENT,
                        .owed =
                            {.session = UINT64_MAX, .sequence = UINT64_MAX, .packet_id = 9, .qos = 2, .retain = true}},
                 again;
    row.owed.ids_count = BB_OWED_IDS_MAX;
    for (int i = 0; i < BB_OWED_IDS_MAX; i++)
        row.owed.ids[i] = 268435455;
    size_t len = bb_queue_row_put(out, &row);
    assert_true(len <= sizeof out && bb_queue_row_take(bb_span_of(out, len), &again));
    assert_memory_equal(&again.owed.ids, &row.owed.ids, sizeof row.owed.ids);
    assert_true(again.message == 7 && again.bytes == 300 && again.phase == BB_PHASE_SENT && again.owed.packet_id == 9);
    for (size_t cut = 0; cut < len; cut++)
        assert_false(bb_queue_row_take(bb_span_of(out, cut), &again));
    out[16] = 3;
    assert_false(bb_queue_row_take(bb_span_of(out, len), &again));
}

/* --- */

static void the_documentation_shows_the_table(void **state)
{
    static char text[1 << 16];
    FILE *file = fopen("docs/store-format.md", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    char row[256];
#define X(kind, name, key, value)                                        \
    snprintf(row, sizeof row, "| `%s` | %s | %s |\n", name, key, value); \
    if (!strstr(text, row))                                              \
        fail_msg("docs/store-format.md lacks this row:\n%s", row);
    BB_ROWS_MAP(X)
#undef X
    snprintf(row, sizeof row, "version %d of the table", BB_TABLE_VERSION);
    assert_non_null(strstr(text, row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(older_table_climbs_to_the_present_version, begin, end),
        cmocka_unit_test_setup_teardown(failed_step_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(newer_table_is_refused, begin, end),
        cmocka_unit_test(keys_are_in_the_order_of_their_numbers),
        cmocka_unit_test(long_texts_have_keys_of_their_own),
        cmocka_unit_test(rows_survive_their_bytes),
        cmocka_unit_test(the_documentation_shows_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
