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

static void cut(bb_client_ram_store *ram, uint8_t *from, uint8_t *to)
{
    memmove(from, to, (size_t)(ram->memory + ram->used - to));
    ram->used -= (size_t)(to - from);
}

static void ram_remove(void *context, uint32_t key)
{
    bb_client_ram_store *ram = context;
    uint8_t *at = find(ram, key);
    if (at < ram->memory + ram->used)
        cut(ram, at, at + HEAD + read_u32(at + 4));
}

static bool ram_put(void *context, uint32_t key, uint32_t offset, const bb_span *parts, size_t count)
{
    bb_client_ram_store *ram = context;
    uint8_t *at = find(ram, key);
    bool is_new = at == ram->memory + ram->used;
    size_t len = 0, old = is_new ? 0 : read_u32(at + 4);
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    BB_CHECK(offset == 0 || offset == old);

    size_t grows = (is_new ? HEAD : 0) + offset + len;
    if (grows > ram->size - ram->used + old)
        return false;
    uint8_t *bytes = at + HEAD, *behind = bytes + offset + len;
    if (is_new) {
        write_u32(at, key);
        ram->used += HEAD;
    }
    size_t rest = (size_t)(ram->memory + ram->used - (bytes + old));
    memmove(behind, bytes + old, rest);
    ram->used = (size_t)(behind + rest - ram->memory);
    write_u32(at + 4, (uint32_t)(offset + len));
    bytes += offset;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(bytes, parts[i].data, parts[i].len);
        bytes += parts[i].len;
    }
    return true;
}

static size_t ram_get(void *context, uint32_t key, uint32_t offset, uint8_t *out, size_t cap)
{
    bb_client_ram_store *ram = context;
    uint8_t *at = find(ram, key);
    if (at == ram->memory + ram->used || offset >= read_u32(at + 4))
        return 0;
    size_t len = read_u32(at + 4) - offset;
    if (len > cap)
        len = cap;
    memcpy(out, at + HEAD + offset, len);
    return len;
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
