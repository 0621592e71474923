/* testing.h - what the tests of this folder share: a heap that can run out, and deliveries. */
#ifndef BB_SESSION_TESTING_H
#define BB_SESSION_TESTING_H

#include <stdlib.h>

#include "session/session.h"

/* How many further allocations succeed. */
static inline unsigned *testing_left(void)
{
    static unsigned left = UINT32_MAX;
    return &left;
}

static inline void *testing_alloc(void *context, size_t size)
{
    (void)context;
    if (!*testing_left())
        return NULL;
    *testing_left() -= *testing_left() != UINT32_MAX;
    return malloc(size);
}

static inline void testing_release(void *context, void *block, size_t size)
{
    (void)context;
    memset(block, 0xDB, size);
    free(block);
}

static inline bb_mem testing_mem(void)
{
    *testing_left() = UINT32_MAX;
    return (bb_mem){.alloc = testing_alloc, .release = testing_release};
}

/* A delivery with a message of its own, whose payload is `number`. */
static inline bb_delivery testing_delivery(bb_mem *mem, uint32_t number, uint8_t qos, bb_time expires)
{
    bb_content content = {
        .topic = BB_SPAN_LITERAL("t"), .payload = bb_span_of(&number, sizeof number), .expires = expires, .qos = qos};
    bb_delivery delivery = {.message = bb_message_new(mem, &content), .qos = qos & 3};
    BB_CHECK(delivery.message != NULL);
    return delivery;
}

static inline uint32_t testing_number(const bb_delivery *delivery)
{
    uint32_t number;
    memcpy(&number, bb_message_content(delivery->message).payload.data, sizeof number);
    return number;
}

static inline uint32_t testing_dice(uint64_t *state, uint32_t sides)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33) % sides;
}

#endif
