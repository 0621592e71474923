#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "message/message.h"

static void *alloc(void *context, size_t size)
{
    return context ? NULL : malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    memset(block, 0xDB, size);
    free(block);
}

static bb_mem heap(void)
{
    return (bb_mem){.alloc = alloc, .release = release};
}

static bb_content sample(void)
{
    return (bb_content){
        .topic = BB_SPAN_LITERAL("a/b"),
        .properties = BB_SPAN_LITERAL("\x02\0\0\0\x3C"),
        .payload = BB_SPAN_LITERAL("payload"),
        .expires = 60000,
        .expiry_at = 1,
        .qos = 2,
        .retain = true,
        .topic_hash = 11,
        .publisher = 22,
    };
}

static void a_message_is_a_copy_that_says_the_same(void **state)
{
    bb_mem mem = heap();
    bb_content in = sample();
    bb_message *message = bb_message_new(&mem, &in);
    assert_non_null(message);
    bb_content out = bb_message_content(message);
    assert_true(bb_span_equal(in.topic, out.topic) && in.topic.data != out.topic.data);
    assert_true(bb_span_equal(in.properties, out.properties) && bb_span_equal(in.payload, out.payload));
    assert_true(in.expires == out.expires && in.expiry_at == out.expiry_at);
    assert_true(in.qos == out.qos && in.retain == out.retain);
    assert_true(in.topic_hash == out.topic_hash && in.publisher == out.publisher);
    assert_int_equal(bb_message_bytes(message), mem.bytes_now);
    bb_message_unref(bb_message_ref(message), &mem);
    bb_message_unref(message, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void a_large_payload_is_shared_and_counted(void **state)
{
    bb_mem mem = heap();
    bb_content in = sample();
    in.payload = BB_SPAN_NONE;
    in.blob = bb_blob_new(&mem);
    assert_true(in.blob && bb_blob_append(in.blob, &mem, BB_SPAN_LITERAL("a large payload")));
    bb_message *message = bb_message_new(&mem, &in);
    assert_non_null(message);
    bb_blob_unref(in.blob, &mem);
    bb_content out = bb_message_content(message);
    assert_ptr_equal(out.blob, in.blob);
    assert_int_equal(bb_content_payload_len(&out), 15);
    assert_true(bb_message_bytes(message) >= sizeof *message + 3 + 5 + 15);
    bb_message_unref(message, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void without_memory_there_is_none(void **state)
{
    bb_mem mem = heap();
    bb_content in = sample();
    mem.context = &mem;
    assert_null(bb_message_new(&mem, &in));
}

static void an_expiry_is_rounded_up_and_ends_at_its_time(void **state)
{
    bb_content content = sample();
    assert_int_equal(bb_content_expiry_left_s(&content, 0), 60);
    assert_int_equal(bb_content_expiry_left_s(&content, 1), 60);
    assert_int_equal(bb_content_expiry_left_s(&content, 1000), 59);
    assert_int_equal(bb_content_expiry_left_s(&content, 59999), 1);
    assert_int_equal(bb_content_expiry_left_s(&content, 70000), 0);
    assert_false(bb_content_expired(&content, 59999));
    assert_true(bb_content_expired(&content, 60000));
    content.expires = BB_NEVER;
    assert_false(bb_content_expired(&content, BB_NEVER));
}

/* Lists with what must go at the front, in the middle and at the end. */
static void check_forwarded(const char *list, size_t len, uint32_t where, const char *wanted, size_t wanted_len)
{
    uint8_t in[64], out[64];
    bb_properties p;
    size_t used;
    uint32_t expiry_at;
    in[0] = (uint8_t)len;
    memcpy(in + 1, list, len);
    assert_int_equal(bb_properties_decode(bb_span_of(in, len + 1), where, &p, &used, NULL), BB_OK);
    size_t n = where == BB_IN_WILL ? bb_will_properties_forwardable(&p, out, &expiry_at)
                                   : bb_properties_forwardable(&p, out, &expiry_at);
    assert_int_equal(n, wanted_len);
    assert_memory_equal(out, wanted, n);
    if (p.present & BB_HAS(message_expiry_s))
        assert_true(expiry_at > 0 && out[expiry_at - 1] == 0x02 && out[expiry_at + 3] == 0x3C);
    else
        assert_int_equal(expiry_at, 0);
}

#define FORWARDED(list, where, wanted) check_forwarded(list, sizeof(list) - 1, where, wanted, sizeof(wanted) - 1)

static void aliases_and_delays_are_left_out(void **state)
{
    FORWARDED("\x23\0\x07", BB_IN_PUBLISH, "");
    FORWARDED("\x23\0\x07\x02\0\0\0\x3C", BB_IN_PUBLISH, "\x02\0\0\0\x3C");
    FORWARDED("\x02\0\0\0\x3C\x23\0\x07", BB_IN_PUBLISH, "\x02\0\0\0\x3C");
    FORWARDED("\x01\x01\x23\0\x07\x02\0\0\0\x3C\x03\0\x01t", BB_IN_PUBLISH, "\x01\x01\x02\0\0\0\x3C\x03\0\x01t");
    FORWARDED("\x01\x01", BB_IN_PUBLISH, "\x01\x01");
    FORWARDED("\x18\0\0\0\x07", BB_IN_WILL, "");
    FORWARDED("\x18\0\0\0\x07\x02\0\0\0\x3C", BB_IN_WILL, "\x02\0\0\0\x3C");
    FORWARDED("\x02\0\0\0\x3C\x18\0\0\0\x07\x01\x01", BB_IN_WILL, "\x02\0\0\0\x3C\x01\x01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_a_copy_that_says_the_same),
        cmocka_unit_test(a_large_payload_is_shared_and_counted),
        cmocka_unit_test(without_memory_there_is_none),
        cmocka_unit_test(an_expiry_is_rounded_up_and_ends_at_its_time),
        cmocka_unit_test(aliases_and_delays_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
