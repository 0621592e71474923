#include "session/queue.h"

struct bb_queue_chunk {
    bb_queue_chunk *next;
    uint16_t first, end; /* deliveries [first, end) are in use */
    bb_delivery deliveries[BB_QUEUE_CHUNK];
};

bool bb_queue_push(bb_queue *queue, bb_mem *mem, const bb_delivery *delivery)
{
    if (!queue->tail || queue->tail->end == BB_QUEUE_CHUNK) {
        bb_queue_chunk *chunk = bb_mem_alloc(mem, sizeof *chunk);
        if (!chunk)
            return false;
        chunk->next = NULL;
        chunk->first = chunk->end = 0;
        if (queue->tail)
            queue->tail->next = chunk;
        else
            queue->head = chunk;
        queue->tail = chunk;
    }
    queue->tail->deliveries[queue->tail->end++] = *delivery;
    queue->count++;
    queue->bytes += bb_message_bytes(delivery->message);
    if (delivery->message->expires != BB_NEVER) {
        if (!queue->may_expire || delivery->message->expires < queue->next_expiry)
            queue->next_expiry = delivery->message->expires;
        queue->may_expire = true;
    }
    return true;
}

bb_delivery *bb_queue_peek(const bb_queue *queue)
{
    return queue->head ? &queue->head->deliveries[queue->head->first] : NULL;
}

bool bb_queue_pop(bb_queue *queue, bb_mem *mem, bb_delivery *out)
{
    bb_queue_chunk *head = queue->head;
    if (!head)
        return false;
    *out = head->deliveries[head->first++];
    queue->count--;
    queue->bytes -= bb_message_bytes(out->message);
    if (head->first == head->end) {
        queue->head = head->next;
        if (!queue->head)
            queue->tail = NULL;
        bb_mem_free(mem, head, sizeof *head);
    }
    return true;
}

/* The expired ones at the front: with one expiry interval for all they come first, and nothing else is looked at. */
static uint32_t expire_oldest(bb_queue *queue, bb_mem *mem, bb_time now)
{
    uint32_t dropped = 0;
    bb_delivery delivery;
    for (const bb_delivery *oldest; (oldest = bb_queue_peek(queue)) && oldest->message->expires <= now; dropped++) {
        (void)bb_queue_pop(queue, mem, &delivery);
        bb_delivery_drop(&delivery, mem);
    }
    return dropped;
}

uint32_t bb_queue_expire(bb_queue *queue, bb_mem *mem, bb_time now)
{
    enum { LOOKED_AT = 256 }; /* deliveries for each call, in the long run: a full queue calls for each message */
    if (!queue->may_expire || now < queue->next_expiry)
        return 0;
    uint32_t dropped = expire_oldest(queue, mem, now);
    if (queue->calls_left) {
        queue->calls_left--;
        return dropped;
    }
    bb_delivery delivery;
    queue->may_expire = false; /* pushing sets it again, from what remains */
    /* Once around: what is still good goes to the end again, so the order stays. */
    for (uint32_t left = queue->count; left; left--) {
        (void)bb_queue_pop(queue, mem, &delivery);
        bool expired = delivery.message->expires <= now;
        if (expired || !bb_queue_push(queue, mem, &delivery)) {
            bb_delivery_drop(&delivery, mem);
            dropped += expired;
        }
    }
    uint32_t calls = queue->count / LOOKED_AT;
    queue->calls_left = (uint16_t)(calls < UINT16_MAX ? calls : UINT16_MAX);
    return dropped;
}
