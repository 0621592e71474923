/* store.c - opening and closing, the clock, and what is asked of the store as a whole. */
#include "store/store.h"

#include <errno.h>
#include <time.h>

#include "store/commit.h"
#include "store/lane.h"
#include "store/reader.h"

enum { LANES_MAX = 256 };

static bb_time real_clock_ms(void *context)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (bb_time)now.tv_sec * 1000 + (bb_time)now.tv_nsec / 1000000;
}

static uint64_t real_wall_ms(void *context)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bb_mem mem_of(const bb_store_options *options)
{
    return (bb_mem){.alloc = options->alloc, .release = options->release, .context = options->memory_context};
}

static bool init_lanes(bb_store *store)
{
    unsigned count = store->options.lanes;
    store->lanes = bb_mem_alloc_zeroed(&store->open_mem, count * sizeof *store->lanes);
    for (unsigned i = 0; store->lanes && i < count; i++) {
        store->lanes[i].store = store;
        store->lanes[i].number = i;
        store->lanes[i].mem = mem_of(&store->options);
    }
    return store->lanes != NULL;
}

static bb_store *new_store(const bb_store_options *options)
{
    bb_mem mem = mem_of(options);
    bb_store *store = bb_mem_alloc_zeroed(&mem, sizeof *store);
    if (!store)
        return NULL;
    store->options = *options;
    if (!store->options.clock_ms)
        store->options.clock_ms = real_clock_ms;
    if (!store->options.wall_ms)
        store->options.wall_ms = real_wall_ms;
    store->open_mem = store->wal_mem = store->checkpoint_mem = store->read_mem = store->locked_mem = mem_of(options);
    store->lock_file = -1;
    sem_init(&store->commit_wake, 0, 0);
    sem_init(&store->checkpoint_wake, 0, 0);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->request_came, NULL);
    store->clock_start = store->options.clock_ms(options->context);
    store->session_next = store->file_next = 1;
    return store;
}

static void free_store(bb_store *store)
{
    bb_reader_clear(store);
    for (unsigned i = 0; store->lanes && i < store->options.lanes; i++)
        bb_lane_clear(&store->lanes[i]);
    for (bb_mark *mark; (mark = store->marks) != NULL;) {
        store->marks = mark->next;
        bb_mem_free(&store->locked_mem, mark, sizeof *mark + store->options.lanes * sizeof(uint64_t));
    }
    if (store->wal) {
        bb_checkpoint_deinit(&store->checkpoint);
        bb_wal_close(store->wal);
    }
    bb_store_close_folder(store);
    bb_mem_free(&store->open_mem, store->lanes, store->options.lanes * sizeof *store->lanes);
    sem_destroy(&store->commit_wake);
    sem_destroy(&store->checkpoint_wake);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->request_came);
    bb_mem mem = mem_of(&store->options);
    bb_mem_free(&mem, store, sizeof *store);
}

/* The clock goes on where it was noted last, by what the wall clock says has passed since. */
static void set_clock(bb_store *store, uint64_t noted_ms, uint64_t wall_ms)
{
    uint64_t now = store->options.wall_ms(store->options.context);
    store->clock_base_ms = noted_ms + (wall_ms && now > wall_ms ? now - wall_ms : 0);
    store->clock_start = store->options.clock_ms(store->options.context);
}

bb_store_status bb_store_read_meta(bb_store *store, bb_store_error *error)
{
    bb_txn *txn;
    uint64_t clock_ms = 0, wall_ms = 0, session = 1, file = 1;
    int failed = store->table->begin(store->table, false, &txn);
    if (!failed) {
        failed = bb_meta_get(txn, BB_META_CLOCK, &clock_ms);
        failed = failed ? failed : bb_meta_get(txn, BB_META_WALL, &wall_ms);
        failed = failed ? failed : bb_meta_get(txn, BB_META_NEXT_SESSION, &session);
        failed = failed ? failed : bb_meta_get(txn, BB_META_NEXT_FILE, &file);
        store->table->abort(txn);
    }
    if (failed)
        return bb_store_fail_system(error, failed, "read", "the table");
    set_clock(store, clock_ms, wall_ms);
    store->session_next = session;
    store->file_next = file;
    return BB_STORE_OK;
}

/* What passed while the broker was down has passed, also when it goes down again before it notes anything. */
static bb_store_status note_clock(bb_store *store, bb_store_error *error)
{
    bb_txn *txn;
    int failed = store->table->begin(store->table, true, &txn);
    if (!failed) {
        failed = bb_meta_put(txn, BB_META_CLOCK, bb_store_clock_ms(store));
        failed = failed ? failed : bb_meta_put(txn, BB_META_WALL, store->options.wall_ms(store->options.context));
        if (failed)
            store->table->abort(txn);
        else
            failed = store->table->commit(txn);
    }
    return failed && failed != BB_TABLE_GROW ? bb_store_fail_system(error, failed, "write to", "the table")
                                             : BB_STORE_OK;
}

static int start_threads(bb_store *store)
{
    void *(*const bodies[])(void *) = {bb_commit_thread, bb_checkpoint_thread, bb_reader_thread};
    for (int i = 0; i < 3; i++) {
        int failed = pthread_create(&store->threads[i], NULL, bodies[i], store);
        if (failed) /* the first ones run already: the process cannot go on with half a store, and says so */
            return failed;
    }
    store->threads_run = true;
    return 0;
}

static bb_store_status open_all(bb_store *store, bb_store_found *found, bb_store_error *error)
{
    bb_store_status status = bb_store_open_folder(store, found, error);
    if (status == BB_STORE_OK)
        status = bb_store_open_journal(store, found, error);
    if (status == BB_STORE_OK)
        status = bb_store_read_meta(store, error);
    if (status == BB_STORE_OK)
        status = note_clock(store, error);
    if (status == BB_STORE_OK)
        status = bb_store_remove_orphans(store, &found->orphans, error);
    if (status == BB_STORE_OK)
        status = bb_wal_prepare(store->wal, error);
    if (status == BB_STORE_FULL) /* to start with: there is what there is, and removals may make room */
        status = BB_STORE_OK;
    return status;
}

bb_store_status bb_store_open(const bb_store_options *options, bb_store **out, bb_store_found *found,
                              bb_store_error *error)
{
    BB_CHECK(options->lanes > 0 && options->lanes <= LANES_MAX);
    *found = (bb_store_found){0};
    bb_store *store = new_store(options);
    if (!store || !init_lanes(store)) {
        if (store)
            free_store(store);
        return bb_store_fail_system(error, ENOMEM, "open", NULL);
    }
    bb_store_status status = BB_STORE_OK;
    if (options->durability != BB_DURABILITY_NONE)
        status = open_all(store, found, error);
    if (status != BB_STORE_OK) {
        free_store(store);
        return status;
    }
    int failed = options->stepped || options->durability == BB_DURABILITY_NONE ? 0 : start_threads(store);
    if (failed)
        return bb_store_fail_system(error, failed, "start", "the threads of the store");
    *out = store;
    return BB_STORE_OK;
}

static void stop_threads(bb_store *store)
{
    atomic_store(&store->stopping, true);
    sem_post(&store->commit_wake);
    sem_post(&store->checkpoint_wake);
    pthread_mutex_lock(&store->lock);
    pthread_cond_broadcast(&store->request_came);
    pthread_mutex_unlock(&store->lock);
    for (int i = 0; i < 3; i++)
        pthread_join(store->threads[i], NULL);
}

void bb_store_close(bb_store *store)
{
    for (unsigned i = 0; i < store->options.lanes; i++)
        bb_lane_flush(&store->lanes[i]);
    if (store->threads_run)
        stop_threads(store);
    while (bb_store_step_commit(store))
        ;
    while (store->taken) { /* a failed store, or a full disk: what is left was never acknowledged */
        bb_block *block = store->taken;
        store->taken = block->next;
        bb_block_return(block);
    }
    for (bb_block *block = store->wal ? bb_blocks_take(store) : NULL, *next; block; block = next) {
        next = block->next;
        bb_block_return(block);
    }
    free_store(store);
}

void bb_store_set_failed(bb_store *store, const bb_store_error *error)
{
    pthread_mutex_lock(&store->lock);
    bool first = !atomic_exchange(&store->failed, true);
    if (first)
        store->error = *error;
    pthread_mutex_unlock(&store->lock);
    if (first && store->options.failed)
        store->options.failed(store->options.context, error);
}

bool bb_store_busy(const bb_store *store)
{
    int64_t pending = atomic_load_explicit(&store->pending_bytes, memory_order_relaxed);
    return pending > 0 && (uint64_t)pending > store->options.pending_bytes_max;
}

bool bb_store_has_room(const bb_store *store)
{
    return !store->wal || (bb_wal_room(store->wal) && !atomic_load_explicit(&store->full, memory_order_relaxed));
}

bool bb_store_has_failed(const bb_store *store)
{
    return atomic_load_explicit(&store->failed, memory_order_acquire);
}

uint64_t bb_store_new_session(bb_store *store)
{
    return atomic_fetch_add_explicit(&store->session_next, 1, memory_order_relaxed);
}

uint64_t bb_store_clock_ms(const bb_store *store)
{
    return store->clock_base_ms + (store->options.clock_ms(store->options.context) - store->clock_start);
}
