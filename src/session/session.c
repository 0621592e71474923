#include "session/session.h"

bb_session *bb_session_new(bb_mem *mem, bb_span client_id, uint64_t hash)
{
    bb_session *session = bb_mem_alloc_zeroed(mem, sizeof *session + client_id.len);
    if (!session)
        return NULL;
    session->node.hash = hash;
    session->client_id_len = (uint16_t)client_id.len;
    if (client_id.len)
        memcpy(session->client_id, client_id.data, client_id.len);
    return session;
}

static void clear_queue(bb_queue *queue, bb_mem *mem)
{
    bb_delivery delivery;
    while (bb_queue_pop(queue, mem, &delivery))
        bb_delivery_drop(&delivery, mem);
}

void bb_session_free(bb_session *session, bb_mem *mem)
{
    BB_CHECK(!session->subscriptions);
    BB_CHECK(!bb_timer_is_set(&session->timer));
    clear_queue(&session->queue, mem);
    clear_queue(&session->queue_qos0, mem);
    bb_inflight_clear(&session->inflight, mem);
    bb_packet_ids_clear(&session->inbound, mem);
    bb_session_suspend(session, mem);
    bb_session_set_will(session, mem, NULL);
    bb_mem_free(mem, session, sizeof *session + session->client_id_len);
}

/* Both queues count against one limit: an operator thinks of "what waits for this client". */
static bb_status room_for(const bb_session *session, const bb_session_limits *limits, const bb_delivery *delivery)
{
    if (session->queue.count + session->queue_qos0.count >= limits->queue_messages_max)
        return BB_E_QUEUE_MESSAGES;
    if (session->queue.bytes + session->queue_qos0.bytes + bb_message_bytes(delivery->message) >
        limits->queue_bytes_max)
        return BB_E_QUEUE_BYTES;
    return BB_OK;
}

bb_status bb_session_enqueue(bb_session *session, bb_mem *mem, const bb_session_limits *limits, bb_time now,
                             const bb_delivery *delivery, uint32_t *expired)
{
    *expired = 0;
    bb_status status = room_for(session, limits, delivery);
    if (status != BB_OK) {
        *expired = bb_queue_expire(&session->queue, mem, now);
        status = room_for(session, limits, delivery);
    }
    if (status != BB_OK)
        return status;
    return bb_queue_push(&session->queue, mem, delivery) ? BB_OK : BB_E_NO_MEMORY;
}

bb_status bb_session_enqueue_qos0(bb_session *session, bb_mem *mem, const bb_session_limits *limits,
                                  const bb_delivery *delivery, uint32_t *dropped)
{
    bb_status status;
    bb_delivery oldest;
    *dropped = 0;
    while ((status = room_for(session, limits, delivery)) != BB_OK &&
           bb_queue_pop(&session->queue_qos0, mem, &oldest)) {
        bb_delivery_drop(&oldest, mem);
        ++*dropped;
    }
    if (status != BB_OK)
        return status;
    return bb_queue_push(&session->queue_qos0, mem, delivery) ? BB_OK : BB_E_NO_MEMORY;
}

bb_status bb_session_send(bb_session *session, bb_mem *mem, bb_delivery *delivery)
{
    if (session->inflight.count >= UINT16_MAX)
        return BB_E_RECEIVE_MAXIMUM;
    uint16_t id = session->packet_id_last;
    do
        id = id == UINT16_MAX ? 1 : (uint16_t)(id + 1);
    while (BB_UNLIKELY(bb_inflight_find(&session->inflight, id) != NULL));
    delivery->packet_id = id;
    delivery->sequence = session->sequence_next;
    delivery->state = BB_DELIVERY_SENT;
    delivery->resend = 0;
    if (!bb_inflight_add(&session->inflight, mem, delivery))
        return BB_E_NO_MEMORY;
    session->packet_id_last = id;
    session->sequence_next++;
    return BB_OK;
}

bool bb_session_resume(bb_session *session, bb_mem *mem)
{
    uint32_t count = session->inflight.count;
    bb_session_suspend(session, mem);
    if (!count)
        return true;
    session->resend = bb_mem_alloc(mem, count * sizeof *session->resend);
    if (!session->resend)
        return false;
    session->resend_count = count;
    session->resend_next = 0;
    bb_inflight_in_order(&session->inflight, session->resend);
    for (uint32_t i = 0; i < count; i++)
        bb_inflight_find(&session->inflight, session->resend[i])->resend = 1;
    return true;
}

bb_delivery *bb_session_resend_next(bb_session *session, bb_mem *mem)
{
    while (session->resend_next < session->resend_count) {
        bb_delivery *delivery = bb_inflight_find(&session->inflight, session->resend[session->resend_next++]);
        if (delivery && delivery->resend) { /* it may have been acknowledged meanwhile */
            delivery->resend = 0;
            return delivery;
        }
    }
    bb_session_suspend(session, mem);
    return NULL;
}

void bb_session_suspend(bb_session *session, bb_mem *mem)
{
    bb_mem_free(mem, session->resend, session->resend_count * sizeof *session->resend);
    session->resend = NULL;
    session->resend_count = session->resend_next = 0;
}

void bb_session_set_will(bb_session *session, bb_mem *mem, bb_session_will *will)
{
    if (session->will)
        bb_session_will_free(session->will, mem);
    session->will = will;
}

void bb_session_will_free(bb_session_will *will, bb_mem *mem)
{
    bb_message_unref(will->message, mem);
    bb_mem_free(mem, will->author, will->author_size);
    bb_mem_free(mem, will, sizeof *will);
}
