#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "session/testing.h"

typedef struct fixture {
    bb_mem mem;
    bb_session *session;
} fixture;

static fixture begin(void)
{
    fixture f = {.mem = testing_mem()};
    f.session = bb_session_new(&f.mem, BB_SPAN_LITERAL("client"), 99);
    assert_non_null(f.session);
    return f;
}

static void finish(fixture *f)
{
    bb_session_free(f->session, &f->mem);
    assert_int_equal(f->mem.bytes_now, 0);
}

static uint16_t sends(fixture *f, uint32_t number)
{
    bb_delivery d = testing_delivery(&f->mem, number, 1, BB_NEVER);
    assert_int_equal(bb_session_send(f->session, &f->mem, &d), BB_OK);
    return d.packet_id;
}

static void acknowledges(fixture *f, uint16_t id)
{
    bb_delivery d = bb_inflight_take(&f->session->inflight, bb_inflight_find(&f->session->inflight, id));
    bb_delivery_drop(&d, &f->mem);
}

static void identifiers_count_up_and_skip_those_in_flight_2_2_1_4(void **state)
{
    fixture f = begin();
    assert_int_equal(sends(&f, 1), 1);
    assert_int_equal(sends(&f, 2), 2);
    acknowledges(&f, 1);
    assert_int_equal(sends(&f, 3), 3); /* not at once again */
    f.session->packet_id_last = UINT16_MAX;
    assert_int_equal(sends(&f, 4), 1);
    assert_int_equal(sends(&f, 5), 4);
    finish(&f);
}

static void more_than_all_identifiers_is_refused(void **state)
{
    fixture f = begin();
    bb_delivery d = testing_delivery(&f.mem, 0, 1, BB_NEVER);
    for (unsigned i = 0; i < UINT16_MAX; i++) {
        (void)bb_message_ref(d.message);
        assert_int_equal(bb_session_send(f.session, &f.mem, &d), BB_OK);
    }
    assert_int_equal(bb_session_send(f.session, &f.mem, &d), BB_E_RECEIVE_MAXIMUM);
    bb_message_unref(d.message, &f.mem);
    finish(&f);
}

static void both_queues_share_their_limits(void **state)
{
    fixture f = begin();
    bb_session_limits limits = {.queue_messages_max = 3, .queue_bytes_max = UINT64_MAX};
    uint32_t gone;
    for (uint32_t i = 0; i < 3; i++) {
        bb_delivery zero = testing_delivery(&f.mem, i, 0, BB_NEVER);
        assert_int_equal(bb_session_enqueue_qos0(f.session, &f.mem, &limits, &zero, &gone), BB_OK);
        assert_int_equal(gone, 0);
    }
    bb_delivery one = testing_delivery(&f.mem, 9, 1, BB_NEVER), zero = testing_delivery(&f.mem, 3, 0, BB_NEVER);
    assert_int_equal(bb_session_enqueue(f.session, &f.mem, &limits, 0, &one, &gone), BB_E_QUEUE_MESSAGES);
    assert_int_equal(bb_session_enqueue_qos0(f.session, &f.mem, &limits, &zero, &gone), BB_OK);
    assert_int_equal(gone, 1); /* the oldest made room */
    assert_int_equal(testing_number(bb_queue_peek(&f.session->queue_qos0)), 1);
    limits.queue_messages_max = 9;
    limits.queue_bytes_max = f.session->queue_qos0.bytes;
    assert_int_equal(bb_session_enqueue(f.session, &f.mem, &limits, 0, &one, &gone), BB_E_QUEUE_BYTES);
    limits.queue_bytes_max = bb_message_bytes(one.message) - 1;
    assert_int_equal(bb_session_enqueue_qos0(f.session, &f.mem, &limits, &one, &gone), BB_E_QUEUE_BYTES);
    assert_int_equal(f.session->queue_qos0.count, 0);
    bb_delivery_drop(&one, &f.mem);
    finish(&f);
}

static void a_full_queue_lets_expired_messages_go_first(void **state)
{
    fixture f = begin();
    bb_session_limits limits = {.queue_messages_max = 2, .queue_bytes_max = UINT64_MAX};
    uint32_t gone;
    for (uint32_t i = 0; i < 3; i++) {
        bb_delivery d = testing_delivery(&f.mem, i, 1, i ? BB_NEVER : 10);
        assert_int_equal(bb_session_enqueue(f.session, &f.mem, &limits, 10, &d, &gone), BB_OK);
        assert_int_equal(gone, i == 2);
    }
    assert_int_equal(testing_number(bb_queue_peek(&f.session->queue)), 1);
    finish(&f);
}

static void what_is_in_flight_is_sent_again_once_in_order_4_6_0_1(void **state)
{
    fixture f = begin();
    uint16_t ids[5];
    for (uint32_t i = 0; i < 5; i++)
        ids[i] = sends(&f, i);
    assert_true(bb_session_resume(f.session, &f.mem));
    assert_int_equal(bb_session_resend_next(f.session, &f.mem)->packet_id, ids[0]);
    acknowledges(&f, ids[1]); /* before its turn came */
    assert_int_equal(bb_session_resend_next(f.session, &f.mem)->packet_id, ids[2]);
    bb_session_suspend(f.session, &f.mem);
    assert_true(bb_session_resume(f.session, &f.mem)); /* another link, from the beginning */
    assert_int_equal(bb_session_resend_next(f.session, &f.mem)->packet_id, ids[0]);
    assert_int_equal(bb_session_resend_next(f.session, &f.mem)->packet_id, ids[2]);
    assert_int_equal(bb_session_resend_next(f.session, &f.mem)->packet_id, ids[3]);
    assert_int_equal(bb_session_resend_next(f.session, &f.mem)->packet_id, ids[4]);
    assert_null(bb_session_resend_next(f.session, &f.mem));
    assert_null(f.session->resend);
    *testing_left() = 0;
    assert_false(bb_session_resume(f.session, &f.mem));
    finish(&f);
}

static void a_will_is_replaced_and_given_back(void **state)
{
    fixture f = begin();
    for (unsigned i = 0; i < 2; i++) {
        bb_delivery d = testing_delivery(&f.mem, i, 0, BB_NEVER);
        bb_session_will *will = bb_mem_alloc_zeroed(&f.mem, sizeof *will);
        assert_non_null(will);
        will->message = d.message;
        bb_session_set_will(f.session, &f.mem, will);
    }
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_count_up_and_skip_those_in_flight_2_2_1_4),
        cmocka_unit_test(more_than_all_identifiers_is_refused),
        cmocka_unit_test(both_queues_share_their_limits),
        cmocka_unit_test(a_full_queue_lets_expired_messages_go_first),
        cmocka_unit_test(what_is_in_flight_is_sent_again_once_in_order_4_6_0_1),
        cmocka_unit_test(a_will_is_replaced_and_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
