/* payload.c - files for large payloads, and the removal of those that nothing names. */
#include <errno.h>
#include <stdlib.h>

#include "store/store_inside.h"

static int write_blob(bb_file *file, const bb_blob *payload)
{
    size_t offset = 0;
    bb_span span;
    int failed = 0;
    while (!failed && bb_blob_peek(payload, offset, &span, 1) == 1 && span.len > 0) {
        failed = file->disk->write(file, offset, span, false);
        offset += span.len;
    }
    return failed ? failed : file->disk->sync(file);
}

/* The file, its bytes and its name are on the disk when this returns 0. */
static int write_file(bb_store *store, uint64_t number, const bb_blob *payload)
{
    bb_disk *disk = store->payload_disk;
    bb_file *file;
    char name[40];
    bb_payload_name(name, number);
    int failed = disk->open(disk, name, true, &file);
    if (failed)
        return failed;
    failed = write_blob(file, payload);
    disk->close(file);
    if (!failed)
        failed = disk->sync_folder(disk);
    if (failed)
        disk->remove(disk, name);
    return failed;
}

void bb_store_write_payload(bb_store *store, bb_request *request)
{
    uint64_t number = atomic_fetch_add_explicit(&store->file_next, 1, memory_order_relaxed);
    int failed = store->wal ? write_file(store, number, request->payload) : ENOTSUP;
    bb_blob_unref(request->payload, &store->read_mem);
    request->payload_done(request->payload_context, failed ? 0 : number);
}

int bb_store_read_payload(bb_store *store, uint64_t number, uint64_t size, uint8_t *out)
{
    bb_disk *disk = store->payload_disk;
    bb_file *file;
    char name[40];
    size_t got = 0;
    bb_payload_name(name, number);
    int failed = disk->open(disk, name, false, &file);
    if (failed)
        return failed;
    failed = disk->read(file, 0, out, size, &got);
    disk->close(file);
    return failed ? failed : got == size ? 0 : EBADMSG;
}

/* --- orphans */

typedef struct orphans {
    bb_store *store;
    bb_txn *txn;
    uint64_t count, last;
    int failed;
} orphans;

static void look_at(void *context, const char *name, uint64_t size)
{
    orphans *o = context;
    bb_span value;
    if (strncmp(name, "payload-", 8) != 0 || o->failed)
        return;
    uint64_t number = strtoull(name + 8, NULL, 10);
    bb_key key = bb_key_number(number);
    if (number > o->last)
        o->last = number;
    int failed = o->txn->table->get(o->txn, BB_ROWS_FILE, bb_key_span(&key), &value);
    if (failed == ENOENT) {
        failed = o->store->payload_disk->remove(o->store->payload_disk, name);
        o->count++;
    }
    o->failed = failed;
}

bb_store_status bb_store_remove_orphans(bb_store *store, uint64_t *count, bb_store_error *error)
{
    orphans o = {.store = store};
    int failed = store->table->begin(store->table, false, &o.txn);
    if (!failed) {
        failed = store->payload_disk->list(store->payload_disk, look_at, &o);
        store->table->abort(o.txn);
    }
    if (failed || o.failed)
        return bb_store_fail_system(error, failed ? failed : o.failed, "clean up", "the payload files");
    *count = o.count;
    if (o.last >= store->file_next)
        store->file_next = o.last + 1;
    return BB_STORE_OK;
}
