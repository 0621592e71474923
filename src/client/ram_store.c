/* ram_store.c - the store in memory of the caller: records one behind the other, each with its key and its length in
 * front, in the order in which they were begun.
 *
 *     | key | len | bytes ... | key | len | bytes ... | free ... |
 *
 * Records are short-lived and few, so that finding one by walking, and closing the gap of one that goes, is cheap. */
#include "client/inside.h"

enum { HEAD = 8 };

static uint32_t read_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static void write_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* The record of `key`, or the end. */
static uint8_t *find(const bb_client_ram_store *ram, uint32_t key)
{
    uint8_t *at = ram->memory, *end = at + ram->used;
    while (at < end && read_u32(at) != key)
        at += HEAD + read_u32(at + 4);
    return at;
}

/* Make the `old` bytes at `at` `wanted` bytes: what comes behind them moves. */
static void resize(bb_client_ram_store *ram, uint8_t *at, size_t old, size_t wanted)
{
    memmove(at + wanted, at + old, (size_t)(ram->memory + ram->used - (at + old)));
    ram->used += wanted - old;
}

/* The bytes that a record takes; none at the end. */
static size_t size_of(const bb_client_ram_store *ram, const uint8_t *at)
{
    return at < ram->memory + ram->used ? HEAD + read_u32(at + 4) : 0;
}

static void ram_remove(void *context, uint32_t key)
{
    bb_client_ram_store *ram = context;
    uint8_t *at = find(ram, key);
    resize(ram, at, size_of(ram, at), 0);
}

static bool ram_put(void *context, uint32_t key, uint32_t offset, const bb_span *parts, size_t count)
{
    bb_client_ram_store *ram = context;
    uint8_t *at = find(ram, key);
    size_t old = size_of(ram, at), len = offset;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    if (HEAD + len > ram->size - ram->used + old)
        return false;
    resize(ram, at, old, HEAD + len);
    write_u32(at, key);
    write_u32(at + 4, (uint32_t)len);
    at += HEAD + offset;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    return true;
}

static size_t ram_get(void *context, uint32_t key, uint32_t offset, uint8_t *out, size_t cap)
{
    bb_client_ram_store *ram = context;
    uint8_t *at = find(ram, key);
    size_t size = size_of(ram, at), from = HEAD + (size_t)offset;
    if (from >= size)
        return 0;
    if (cap > size - from)
        cap = size - from;
    memcpy(out, at + from, cap);
    return cap;
}

static uint32_t ram_next(void *context, uint32_t key)
{
    const bb_client_ram_store *ram = context;
    const uint8_t *at = ram->memory, *end = at + ram->used;
    uint32_t smallest = 0;
    for (; at < end; at += HEAD + read_u32(at + 4)) {
        uint32_t found = read_u32(at);
        if (found > key && found - 1 < smallest - 1)
            smallest = found;
    }
    return smallest;
}

bool bb_client_ram_find(const bb_client_ram_store *ram, uint32_t key, bb_span *out)
{
    const uint8_t *at = find(ram, key);
    if (at == ram->memory + ram->used)
        return false;
    *out = bb_span_of(at + HEAD, read_u32(at + 4));
    return true;
}

void bb_client_ram_store_init(bb_client_ram_store *ram, void *memory, size_t size)
{
    ram->store = (bb_client_store){ram, ram_put, ram_get, ram_remove, ram_next};
    ram->memory = memory;
    ram->used = 0;
    ram->size = size;
}
