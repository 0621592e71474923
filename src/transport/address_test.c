#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "transport/address.h"

static bb_span printed(const bb_address *address)
{
    static char buffer[BB_ADDRESS_TEXT_MAX];
    bb_text text = bb_text_on(buffer, sizeof buffer);
    bb_address_put(address, &text);
    assert_false(text.cut);
    return bb_text_span(&text);
}

static void an_address_survives_its_text_and_the_system(void **state)
{
    static const char *const good[] = {"127.0.0.1:1883", "0.0.0.0:0", "255.255.255.255:65535",
                                       "[::1]:1883",     "[::]:0",    "[2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa]:65535"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bb_address address, back;
        assert_null(bb_address_parse(bb_span_text(good[i]), &address));
        assert_true(bb_span_equal(printed(&address), bb_span_text(good[i])));
        struct sockaddr_storage system;
        assert_true(bb_address_to_system(&address, &system) <= sizeof system);
        bb_address_from_system(&system, &back);
        assert_memory_equal(&address, &back, sizeof back);
    }
}

static void a_wrong_address_is_explained(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "must be"},
        {"1883", "must be"},
        {":1883", "must be"},
        {"127.0.0.1:", "port"},
        {"127.0.0.1:65536", "port"},
        {"127.0.0.1:999999", "port"},
        {"127.0.0.1:18x3", "port"},
        {"127.0.0.1:-1", "port"},
        {"::1:1883", "brackets"},
        {"[::1]", "port"},
        {"[127.0.0.1]:1883", "IPv6"},
        {"[]:1883", "IPv6"},
        {"[::1", "brackets"},
        {"localhost:1883", "digits"},
        {"127.0.0.1.1:1883", "digits"},
        {"[::1::2]:1883", "IPv6"},
        {"[1111111111111111111111111111111111111111111111111111]:1883", "IPv6"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bb_address address = {.port = 77};
        const char *wrong = bb_address_parse(bb_span_text(bad[i].text), &address);
        assert_non_null(wrong);
        if (!strstr(wrong, bad[i].says))
            fail_msg("'%s' gave: %s", bad[i].text, wrong);
        assert_int_equal(address.port, 77);
    }
    bb_address address;
    assert_non_null(bb_address_parse(bb_span_of("127.0.0.1\0:1883", 15), &address));
}

static void a_mapped_address_is_an_ipv4_one(void **state)
{
    bb_address address;
    struct sockaddr_storage system;
    assert_null(bb_address_parse(BB_SPAN_LITERAL("[::ffff:192.0.2.7]:99"), &address));
    bb_address_to_system(&address, &system);
    bb_address_from_system(&system, &address);
    assert_true(bb_span_equal(printed(&address), BB_SPAN_LITERAL("192.0.2.7:99")));
    system.ss_family = AF_UNIX;
    bb_address_from_system(&system, &address);
    assert_true(bb_span_equal(printed(&address), BB_SPAN_LITERAL("unknown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_survives_its_text_and_the_system),
        cmocka_unit_test(a_wrong_address_is_explained),
        cmocka_unit_test(a_mapped_address_is_an_ipv4_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
