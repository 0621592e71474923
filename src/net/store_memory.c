#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/store.h"
#include "net/store_file.h"

enum { PAGE_KEYS = 256, PAGES = BB_STORE_KEYS / PAGE_KEYS };

/* A record lies in `bytes`, or, once it is large, in the file `fd`. */
typedef struct record {
    size_t len, cap;
    uint8_t *bytes; /* NULL: it is in the file, or there is no record */
    int fd;         /* -1: it is in memory, or there is no record */
    bool there;
} record;

typedef struct page {
    size_t records_now;
    record records[PAGE_KEYS];
} page;

struct bb_memory_store {
    size_t bytes_now, bytes_max;
    page *pages[PAGES]; /* NULL: no record */
};

bb_memory_store *bb_memory_store_new(size_t bytes_max)
{
    bb_memory_store *store = calloc(1, sizeof *store);
    if (store)
        store->bytes_max = bytes_max;
    return store;
}

static record *find(const bb_memory_store *store, uint32_t key)
{
    const page *at = key < BB_STORE_KEYS ? store->pages[key / PAGE_KEYS] : NULL;
    const record *found = at ? &at->records[key % PAGE_KEYS] : NULL;
    return found && found->there ? (record *)(uintptr_t)found : NULL;
}

/* --- getting rid */

static void clear(bb_memory_store *store, record *gone)
{
    store->bytes_now -= gone->cap;
    free(gone->bytes);
    if (gone->fd >= 0)
        close(gone->fd);
    *gone = (record){.fd = -1};
}

static void memory_remove(void *context, uint32_t key)
{
    bb_memory_store *store = context;
    record *gone = find(store, key);
    if (!gone)
        return;
    clear(store, gone);
    page **at = &store->pages[key / PAGE_KEYS];
    if (--(*at)->records_now == 0) {
        free(*at);
        *at = NULL;
    }
}

void bb_memory_store_free(bb_memory_store *store)
{
    if (!store)
        return;
    for (uint32_t key = 1; key < BB_STORE_KEYS; key++) {
        if (store->pages[key / PAGE_KEYS])
            memory_remove(store, key);
        else
            key |= PAGE_KEYS - 1;
    }
    free(store);
}

/* --- writing */

static int open_nameless_file(void)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/var/tmp"; /* where large things go: /tmp may lie in memory */
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[] = "/tmp/busbar-XXXXXX"; /* the folder is not there, or its file system cannot do that */
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* Move the record to a file. */
static bool spill(bb_memory_store *store, record *large)
{
    int fd = open_nameless_file();
    const bb_span all = bb_span_of(large->bytes, large->len);
    if (fd < 0 || !bb_store_file_write(fd, 0, &all, 1)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    store->bytes_now -= large->cap;
    free(large->bytes);
    *large = (record){.len = large->len, .fd = fd, .there = true};
    return true;
}

static bool make_room(bb_memory_store *store, record *growing, size_t size)
{
    if (size <= growing->cap)
        return true;
    size_t cap = growing->cap * 2 > size ? growing->cap * 2 : size;
    if (store->bytes_now - growing->cap + cap > store->bytes_max)
        cap = size;
    if (store->bytes_now - growing->cap + cap > store->bytes_max)
        return false;
    uint8_t *bytes = realloc(growing->bytes, cap);
    if (!bytes)
        return false;
    store->bytes_now += cap - growing->cap;
    growing->bytes = bytes;
    growing->cap = cap;
    return true;
}

/* Write behind what is there. False: nothing has changed. */
static bool append(bb_memory_store *store, record *growing, const bb_span *parts, size_t count)
{
    size_t size = growing->len + bb_store_parts_size(parts, count);
    if (size > BB_STORE_RECORD_MAX && growing->fd < 0 && !spill(store, growing))
        return false;
    if (growing->fd >= 0) {
        if (!bb_store_file_write(growing->fd, growing->len, parts, count))
            return false;
        growing->len = size;
        return true;
    }
    if (!make_room(store, growing, size))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!parts[i].len)
            continue;
        BB_CHECK(growing->bytes);
        memcpy(growing->bytes + growing->len, parts[i].data, parts[i].len);
        growing->len += parts[i].len;
    }
    return true;
}

static bool put_new(bb_memory_store *store, uint32_t key, const bb_span *parts, size_t count)
{
    record made = {.fd = -1, .there = true};
    page **at = &store->pages[key / PAGE_KEYS];
    if (!*at)
        *at = calloc(1, sizeof **at);
    if (!*at || !append(store, &made, parts, count)) {
        clear(store, &made);
        if (*at && !(*at)->records_now) {
            free(*at);
            *at = NULL;
        }
        return false;
    }
    record *place = &(*at)->records[key % PAGE_KEYS];
    if (place->there)
        clear(store, place);
    else
        (*at)->records_now++;
    *place = made;
    return true;
}

static bool memory_put(void *context, uint32_t key, uint32_t offset, const bb_span *parts, size_t count)
{
    bb_memory_store *store = context;
    BB_CHECK(key > 0 && key < BB_STORE_KEYS);
    if (!offset)
        return put_new(store, key, parts, count);
    record *growing = find(store, key);
    return growing && growing->len == offset && append(store, growing, parts, count);
}

/* --- reading */

static size_t memory_get(void *context, uint32_t key, uint32_t offset, uint8_t *out, size_t cap)
{
    const record *found = find(context, key);
    if (!found || offset >= found->len)
        return 0;
    if (found->fd >= 0)
        return bb_store_file_read(found->fd, offset, out, cap);
    size_t n = found->len - offset < cap ? found->len - offset : cap;
    memcpy(out, found->bytes + offset, n);
    return n;
}

static uint32_t memory_next(void *context, uint32_t key)
{
    const bb_memory_store *store = context;
    for (key++; key < BB_STORE_KEYS; key++) {
        const page *at = store->pages[key / PAGE_KEYS];
        if (!at)
            key |= PAGE_KEYS - 1; /* the rest of it is empty, too */
        else if (at->records[key % PAGE_KEYS].there)
            return key;
    }
    return 0;
}

bb_client_store bb_memory_store_door(bb_memory_store *store)
{
    return (bb_client_store){store, memory_put, memory_get, memory_remove, memory_next};
}
