#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/span.h"
#include "net/mailbox.h"

static bool put(bb_mailbox *mailbox, const char *topic, const char *payload)
{
    char scratch[64]; /* the mailbox must copy: this is overwritten */
    snprintf(scratch, sizeof scratch, "%s%s", topic, payload);
    size_t topic_len = strlen(topic);
    const bb_client_message_event event = {.type = BB_CLIENT_MESSAGE,
                                           .topic = bb_span_of(scratch, topic_len),
                                           .payload = bb_span_of(scratch + topic_len, strlen(payload)),
                                           .qos = 1,
                                           .size = (uint32_t)strlen(payload)};
    bool taken = bb_mailbox_put(mailbox, &event);
    memset(scratch, 'x', sizeof scratch);
    return taken;
}

static void expect(bb_mailbox *mailbox, const char *topic, const char *payload)
{
    bb_client_message_event event;
    assert_true(bb_mailbox_take(mailbox, &event));
    assert_true(bb_span_equal(event.topic, bb_span_text(topic)));
    assert_true(bb_span_equal(event.payload, bb_span_text(payload)));
    assert_int_equal(event.qos, 1);
    assert_int_equal(event.properties.len, 0);
}

static void messages_come_out_in_order(void **state)
{
    bb_mailbox mailbox = {.bytes_max = 10000};
    bb_client_message_event event;
    assert_false(bb_mailbox_take(&mailbox, &event));
    assert_true(put(&mailbox, "a", "one"));
    assert_true(put(&mailbox, "b", ""));
    expect(&mailbox, "a", "one");
    assert_true(put(&mailbox, "c", "three"));
    expect(&mailbox, "b", "");
    expect(&mailbox, "c", "three");
    assert_false(bb_mailbox_take(&mailbox, &event));
    assert_int_equal(mailbox.bytes_now, 0);
    bb_mailbox_clear(&mailbox);
}

static void it_has_a_bound(void **state)
{
    bb_mailbox mailbox = {.bytes_max = 1};
    assert_true(put(&mailbox, "a", "the first one always has room"));
    assert_false(put(&mailbox, "b", "the second has not"));
    expect(&mailbox, "a", "the first one always has room");
    assert_true(put(&mailbox, "b", "again"));
    bb_mailbox_clear(&mailbox);
    mailbox.bytes_max = 0;
    assert_false(put(&mailbox, "a", "nothing at all"));
    bb_mailbox_clear(&mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order),
        cmocka_unit_test(it_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
