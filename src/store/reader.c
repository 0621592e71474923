#include "store/reader.h"

#include "store/store_inside.h"

static bool post(bb_store *store, const bb_request *request)
{
    pthread_mutex_lock(&store->lock);
    bb_request *copy = bb_mem_alloc(&store->locked_mem, sizeof *copy);
    if (copy) {
        *copy = *request;
        copy->next = NULL;
        bb_request **at = &store->requests;
        while (*at)
            at = &(*at)->next;
        *at = copy;
        pthread_cond_signal(&store->request_came);
    }
    pthread_mutex_unlock(&store->lock);
    return copy != NULL;
}

bool bb_store_put_payload(bb_store *store, bb_blob *payload, bb_store_payload_done *done, void *context)
{
    bb_request request = {.payload = bb_blob_ref(payload), .payload_done = done, .payload_context = context};
    if (post(store, &request))
        return true;
    bb_blob_unref(payload, &store->read_mem);
    return false;
}

void bb_store_drop_payload(bb_store *store, uint64_t file)
{
    bb_request request = {.drop_file = file};
    if (store->wal && file)
        (void)!post(store, &request); /* a file that stays is an orphan, and goes at the next start */
}

bool bb_store_read_queue(bb_store *store, const bb_queue_reading *reading)
{
    bb_request request = {.reading = *reading};
    return post(store, &request);
}

static bool take(bb_store *store, bb_request *out)
{
    bb_request *first = store->requests;
    if (!first)
        return false;
    *out = *first;
    store->requests = first->next;
    bb_mem_free(&store->locked_mem, first, sizeof *first);
    return true;
}

static void answer(bb_store *store, bb_request *request)
{
    if (request->payload) {
        bb_store_write_payload(store, request);
    } else if (request->drop_file) {
        char name[40];
        bb_payload_name(name, request->drop_file);
        store->payload_disk->remove(store->payload_disk, name);
    } else {
        bb_store_answer_queue(store, &request->reading);
    }
}

bool bb_store_step_read(bb_store *store)
{
    bb_request request;
    pthread_mutex_lock(&store->lock);
    bool taken = take(store, &request);
    pthread_mutex_unlock(&store->lock);
    if (taken)
        answer(store, &request);
    return taken;
}

void *bb_reader_thread(void *context)
{
    bb_store *store = context;
    while (!atomic_load(&store->stopping)) {
        if (bb_store_step_read(store))
            continue;
        pthread_mutex_lock(&store->lock);
        while (!store->requests && !atomic_load(&store->stopping))
            pthread_cond_wait(&store->request_came, &store->lock);
        pthread_mutex_unlock(&store->lock);
    }
    return NULL;
}

void bb_reader_clear(bb_store *store)
{
    bb_request request;
    while (take(store, &request)) {
        if (request.payload) {
            bb_blob_unref(request.payload, &store->read_mem);
            request.payload_done(request.payload_context, 0);
        } else if (!request.drop_file) {
            request.reading.done(request.reading.context, 0, BB_STORE_FAILED);
        }
    }
}
