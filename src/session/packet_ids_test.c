#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "session/testing.h"

static void it_agrees_with_an_array(void **state)
{
    bb_mem mem = testing_mem();
    bb_packet_ids set = {0};
    static bool known[65536];
    uint64_t random = 5;
    uint32_t count = 0;
    for (unsigned step = 0; step < 20000; step++) {
        uint16_t id = (uint16_t)(1 + testing_dice(&random, 100) + 256 * testing_dice(&random, 4));
        assert_int_equal(bb_packet_ids_has(&set, id), known[id]);
        if (testing_dice(&random, 2)) {
            assert_true(bb_packet_ids_add(&set, &mem, id)); /* again is no error */
            count += !known[id];
            known[id] = true;
        } else {
            assert_int_equal(bb_packet_ids_remove(&set, &mem, id), known[id]);
            count -= known[id];
            known[id] = false;
        }
        assert_int_equal(set.count, count);
    }
    bb_packet_ids_clear(&set, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void all_identifiers_fit_and_a_large_table_is_given_back(void **state)
{
    bb_mem mem = testing_mem();
    bb_packet_ids set = {0};
    for (uint32_t id = 1; id < 65536; id++)
        assert_true(bb_packet_ids_add(&set, &mem, (uint16_t)id));
    for (uint32_t id = 1; id < 65536; id++)
        assert_true(bb_packet_ids_remove(&set, &mem, (uint16_t)id));
    assert_int_equal(mem.bytes_now, 0);
    assert_false(bb_packet_ids_remove(&set, &mem, 1));
}

static void without_memory_nothing_changes(void **state)
{
    bb_mem mem = testing_mem();
    bb_packet_ids set = {0};
    *testing_left() = 0;
    assert_false(bb_packet_ids_add(&set, &mem, 1));
    assert_false(bb_packet_ids_has(&set, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_an_array),
        cmocka_unit_test(all_identifiers_fit_and_a_large_table_is_given_back),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
