#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/store.h"
#include "net/store_file.h"

/* A record is the file whose name is its key in decimal. A new one is written under another name and then renamed, so
 * there is the old record or the new one, whenever the power goes. */
#define NEW_NAME "new"
#define LOCK_NAME "lock"

enum { NAME_MAX_BYTES = 16, WORD_BITS = 64 };

struct bb_folder_store {
    int folder_fd, lock_fd;
    int fd; /* of the record that was used last; -1: none */
    uint32_t fd_key;
    uint64_t there[BB_STORE_KEYS / WORD_BITS]; /* one bit for each key */
};

static bool is_there(const bb_folder_store *store, uint32_t key)
{
    return key < BB_STORE_KEYS && (store->there[key / WORD_BITS] >> key % WORD_BITS & 1);
}

static void mark(bb_folder_store *store, uint32_t key, bool there)
{
    uint64_t bit = UINT64_C(1) << key % WORD_BITS;
    if (there)
        store->there[key / WORD_BITS] |= bit;
    else
        store->there[key / WORD_BITS] &= ~bit;
}

static void name_of(uint32_t key, char name[NAME_MAX_BYTES])
{
    snprintf(name, NAME_MAX_BYTES, "%u", key);
}

/* --- opening */

/* The key that a file name means; 0: it is none of ours. */
static uint32_t key_of(const char *name)
{
    char *end;
    unsigned long key = strtoul(name, &end, 10);
    char again[NAME_MAX_BYTES];
    if (*end || key == 0 || key >= BB_STORE_KEYS)
        return 0;
    name_of((uint32_t)key, again);
    return strcmp(again, name) == 0 ? (uint32_t)key : 0;
}

static bool read_folder(bb_folder_store *store)
{
    int fd = dup(store->folder_fd); /* closedir closes it */
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        uint32_t key = key_of(entry->d_name);
        if (key)
            mark(store, key, true);
    }
    closedir(folder);
    unlinkat(store->folder_fd, NEW_NAME, 0); /* was not finished */
    return true;
}

/* Returns what is wrong, or NULL. */
static const char *open_all(bb_folder_store *store, const char *folder)
{
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return strerror(errno);
    store->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->folder_fd < 0)
        return strerror(errno);
    store->lock_fd = openat(store->folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return strerror(errno);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? "another process keeps its messages here" : strerror(errno);
    return read_folder(store) ? NULL : strerror(errno);
}

bb_folder_store *bb_folder_store_open(const char *folder, bb_text *error)
{
    bb_folder_store *store = calloc(1, sizeof *store);
    const char *wrong = "no memory";
    if (store) {
        store->folder_fd = store->lock_fd = store->fd = -1;
        wrong = open_all(store, folder);
        if (!wrong)
            return store;
    }
    bb_text_puts(error, folder);
    bb_text_puts(error, ": ");
    bb_text_puts(error, wrong);
    bb_folder_store_close(store);
    return NULL;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void bb_folder_store_close(bb_folder_store *store)
{
    if (!store)
        return;
    close_fd(store->fd);
    close_fd(store->lock_fd);
    close_fd(store->folder_fd);
    free(store);
}

/* --- the record that is being used */

static void keep_open(bb_folder_store *store, uint32_t key, int fd)
{
    if (store->fd != fd)
        close_fd(store->fd);
    store->fd = fd;
    store->fd_key = key;
}

/* The file of record `key`; -1 where it cannot be opened. */
static int open_record(bb_folder_store *store, uint32_t key)
{
    if (store->fd >= 0 && store->fd_key == key)
        return store->fd;
    char name[NAME_MAX_BYTES];
    name_of(key, name);
    int fd = openat(store->folder_fd, name, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        keep_open(store, key, fd);
    return fd;
}

/* --- what the client asks for */

static bool put_new(bb_folder_store *store, uint32_t key, const bb_span *parts, size_t count)
{
    char name[NAME_MAX_BYTES];
    name_of(key, name);
    int fd = openat(store->folder_fd, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    if (!bb_store_file_write(fd, 0, parts, count) || fdatasync(fd) < 0 ||
        renameat(store->folder_fd, NEW_NAME, store->folder_fd, name) < 0) {
        close(fd);
        unlinkat(store->folder_fd, NEW_NAME, 0);
        return false;
    }
    fsync(store->folder_fd);
    keep_open(store, key, fd);
    mark(store, key, true);
    return true;
}

static size_t folder_get(void *context, uint32_t key, uint32_t offset, uint8_t *out, size_t cap)
{
    bb_folder_store *store = context;
    int fd = is_there(store, key) ? open_record(store, key) : -1;
    return fd >= 0 ? bb_store_file_read(fd, offset, out, cap) : 0;
}

static void folder_remove(void *context, uint32_t key)
{
    bb_folder_store *store = context;
    if (!is_there(store, key))
        return;
    if (store->fd >= 0 && store->fd_key == key)
        keep_open(store, 0, -1);
    char name[NAME_MAX_BYTES];
    name_of(key, name);
    unlinkat(store->folder_fd, name, 0); /* one that comes back after a loss of power is sent once more */
    mark(store, key, false);
}

static bool folder_put(void *context, uint32_t key, uint32_t offset, const bb_span *parts, size_t count)
{
    bb_folder_store *store = context;
    BB_CHECK(key > 0 && key < BB_STORE_KEYS);
    if (!offset)
        return put_new(store, key, parts, count);
    int fd = is_there(store, key) ? open_record(store, key) : -1;
    struct stat now;
    if (fd < 0 || fstat(fd, &now) < 0 || now.st_size != (off_t)offset)
        return false;
    bool whole = bb_store_file_write(fd, offset, parts, count);
    if (!whole && ftruncate(fd, (off_t)offset) < 0) /* what was written of it must go */
        folder_remove(store, key);
    return whole;
}

static uint32_t folder_next(void *context, uint32_t key)
{
    const bb_folder_store *store = context;
    for (key++; key < BB_STORE_KEYS; key++) {
        if (!(store->there[key / WORD_BITS] >> key % WORD_BITS))
            key |= WORD_BITS - 1; /* nothing more in this word */
        else if (is_there(store, key))
            return key;
    }
    return 0;
}

bb_client_store bb_folder_store_door(bb_folder_store *store)
{
    return (bb_client_store){store, folder_put, folder_get, folder_remove, folder_next};
}
