/* worker.c - one worker: its turns, and what its broker asks of it.
 *
 *     wait ─► dispatch: accept, read ──packets──► broker ──► links' output, posts in the outbox
 *      ▲      inbox: posts, connections that move here ──►    │
 *      │      deadlines, retained walks ──────────────────►   │
 *      └───── flush: push the outbox, send to every link that has something, once ◄──┘ */
#include "server/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#include "server/accept.h"
#include "server/inside.h"

enum {
    SWEEP_MS = 1000,
    PRESSURE_MS = 50,  /* while memory is short: between two looks at it, whatever else happens */
    HIGH_PERCENT = 85, /* of the memory limit: where we begin to slow publishers down */
};

/* ---- The broker's port. */

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* xoshiro256**, seeded by the system: for ids and tables, not for secrets. */
static uint64_t port_random(void *shell)
{
    uint64_t *s = ((bb_worker *)shell)->random, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void port_fact(void *shell, const bb_fact *fact)
{
    bb_server_fact(((bb_worker *)shell)->server, fact);
}

static void port_peer(void *shell, const bb_link *link, bb_identity *out)
{
    (void)shell;
    const bb_connection *connection = bb_connection_of(link);
    bb_address_ip(&connection->peer, out->ip);
    out->listener = bb_span_text(connection->listener->text);
}

static void *port_post_reserve(void *shell, unsigned to, size_t size)
{
    bb_worker *worker = shell;
    return size < UINT32_MAX / 2 ? bb_outbox_reserve(&worker->outbox, to, (uint32_t)size) : NULL;
}

static void port_post_commit(void *shell, unsigned to, size_t size)
{
    bb_worker *worker = shell;
    bb_outbox_commit(&worker->outbox, to, BB_ITEM_POST, (uint32_t)size);
    worker->posts_now++;
}

/* Take what lies in the inbox now, behind what was taken before. */
static void take_inbox(bb_worker *worker)
{
    bb_batch *taken = bb_inbox_take(&worker->inbox);
    if (!taken)
        return;
    if (!worker->pending) {
        worker->pending = taken;
        worker->pending_item = bb_batch_first(taken);
    } else {
        worker->pending_last->next = taken;
    }
    while (taken->next)
        taken = taken->next;
    worker->pending_last = taken;
}

/* With the shard's lock held: push what was posted so far, take what others posted; then let go. */
static void exchange_and_unlock(bb_worker *worker, bb_retained_shard *shard)
{
    if (worker->server->workers_count > 1) {
        bb_outbox_flush_all(&worker->outbox);
        take_inbox(worker);
    }
    bb_retained_unlock(shard);
}

static bb_status port_retain_store(void *shell, const bb_content *content, void **ticket)
{
    bb_worker *worker = shell;
    bb_server *server = worker->server;
    bb_retained_shard *shard = bb_retained_lock(&server->retained, content->topic_hash);
    *ticket = shard;
    return bb_retained_store(&server->retained, shard, &worker->mem, &worker->limits, content);
}

static void port_retain_unlock(void *shell, void *ticket)
{
    exchange_and_unlock(shell, ticket);
}

static void port_retain_read(void *shell, bb_span topic, uint64_t hash, bb_time now, bb_port_visit *visit,
                             void *context)
{
    bb_worker *worker = shell;
    bb_content content;
    bb_retained_shard *shard = bb_retained_lock(&worker->server->retained, hash);
    if (bb_retain_get(&shard->store, topic, now, &content))
        (void)visit(context, &content);
    exchange_and_unlock(worker, shard);
}

struct bb_port_walk {
    unsigned shard;
    bb_retain_cursor cursor;
};

static bb_port_walk *port_walk_open(void *shell)
{
    bb_worker *worker = shell;
    return bb_mem_alloc_zeroed(&worker->mem, sizeof(bb_port_walk));
}

static bool port_walk_step(void *shell, bb_port_walk *walk, bb_span filter, bb_time now, bb_port_visit *visit,
                           void *context, bb_status *status)
{
    enum { STEPS = 512 };
    bb_worker *worker = shell;
    bb_retained *retained = &worker->server->retained;
    bb_retained_shard *shard = bb_retained_lock_number(retained, walk->shard);
    bb_retain_walked walked =
        bb_retain_walk(&shard->store, &worker->mem, filter, &walk->cursor, now, STEPS, visit, context);
    exchange_and_unlock(worker, shard);
    if (walked == BB_RETAIN_NO_MEMORY)
        *status = BB_E_NO_MEMORY;
    if (walked != BB_RETAIN_DONE)
        return walked == BB_RETAIN_NO_MEMORY;
    bb_retain_cursor_deinit(&walk->cursor, &worker->mem);
    return ++walk->shard == retained->shards_count;
}

static void port_walk_close(void *shell, bb_port_walk *walk)
{
    bb_worker *worker = shell;
    bb_retain_cursor_deinit(&walk->cursor, &worker->mem);
    bb_mem_free(&worker->mem, walk, sizeof *walk);
}

/* ---- The inbox. */

/* Take the next pending item; the batch goes back when its last item has been taken by the next call. */
static bb_item *next_pending(bb_worker *worker)
{
    while (worker->pending && !worker->pending_item) {
        bb_batch *done = worker->pending;
        worker->pending = done->next;
        worker->pending_item = worker->pending ? bb_batch_first(worker->pending) : NULL;
        bb_batch_done(done);
    }
    bb_item *item = worker->pending_item;
    if (item)
        worker->pending_item = bb_batch_after(worker->pending, item);
    return item;
}

/* What comes behind the item that is handed on now. */
static void expect_posts(const bb_worker *worker)
{
    bb_item *next = worker->pending_item, *after = next ? bb_batch_after(worker->pending, next) : NULL;
    if (after && after->kind == BB_ITEM_POST)
        bb_broker_expect_post(worker->broker, after->bytes, false);
    if (next && next->kind == BB_ITEM_POST)
        bb_broker_expect_post(worker->broker, next->bytes, true);
}

/* Hand all posts that were taken to the broker. It calls this itself in the middle of retained messages; connections
 * that arrive wait for the turn's own call, so that nothing nests deeper than that. */
static void hand_posts(bb_worker *worker, bb_time now)
{
    for (bb_item *item; (item = next_pending(worker)) != NULL;) {
        expect_posts(worker);
        if (item->kind == BB_ITEM_POST) {
            bb_broker_take_post(worker->broker, item->bytes, item->size, now);
        } else {
            bb_connection *connection = *(bb_connection **)(void *)item->bytes;
            bb_list_append(&worker->arrivals, &connection->waiting);
        }
    }
}

static void port_drain(void *shell)
{
    bb_worker *worker = shell;
    hand_posts(worker, bb_loop_now(&worker->loop));
}

static void port_catch_up(void *shell)
{
    bb_worker *worker = shell;
    bb_retained *retained = &worker->server->retained;
    for (unsigned i = 0; i < retained->shards_count; i++) /* who holds one may be posting for what interest was */
        bb_retained_unlock(bb_retained_lock_number(retained, i));
    take_inbox(worker);
}

static void look_into_inbox(bb_worker *worker)
{
    take_inbox(worker);
    port_drain(worker);
    while (!bb_list_empty(&worker->arrivals)) {
        bb_connection *connection = BB_CONTAINER_OF(worker->arrivals.next, bb_connection, waiting);
        bb_list_remove(&connection->waiting);
        bb_connection_arrive(worker, connection);
    }
}

/* ---- Workers that sleep.
 *
 * To wake a thread for one message costs more than the message does. So who finds a worker asleep and has only a
 * message or two for it takes its turn for a moment: delivers, sends, and leaves it asleep. Anything more, or out of
 * the ordinary, is left for the worker itself, which is then woken. */

enum { FEW_POSTS = 2, FEW_LINKS = 4 };

/* A push found worker `to` asleep. Much to do: it shall start at once. Little: at the end of our turn, since this push
 * may have come under a lock. */
static void found_asleep(void *context, uint32_t to)
{
    bb_worker *worker = context;
    if (worker->posts_now > FEW_POSTS)
        bb_loop_wake(&worker->server->workers[to]->loop);
    else
        worker->asleep |= 1ull << to;
}

static void wake_those_asleep(bb_worker *worker)
{
    for (; worker->asleep; worker->asleep &= worker->asleep - 1)
        bb_loop_wake(&worker->server->workers[__builtin_ctzll(worker->asleep)]->loop);
}

/* With its turn held. False: something is left that its own thread must do. */
static bool work_for(bb_worker *sleeper, bb_time now)
{
    take_inbox(sleeper);
    hand_posts(sleeper, now);
    bool done = bb_list_empty(&sleeper->arrivals) && bb_connections_flush_few(sleeper, FEW_LINKS, now);
    bb_outbox_flush_all(&sleeper->outbox);
    wake_those_asleep(sleeper);
    sleeper->posts_now = 0;
    return done && !bb_broker_has_work(sleeper->broker) && bb_inbox_sleep(&sleeper->inbox);
}

static void serve_those_asleep(bb_worker *worker)
{
    bool few = worker->posts_now <= FEW_POSTS && !worker->stopping;
    worker->posts_now = 0;
    for (; worker->asleep; worker->asleep &= worker->asleep - 1) {
        bb_worker *sleeper = worker->server->workers[__builtin_ctzll(worker->asleep)];
        bool asleep = false;
        if (few && pthread_mutex_trylock(&sleeper->turn) == 0) {
            asleep = work_for(sleeper, bb_loop_now(&worker->loop));
            pthread_mutex_unlock(&sleeper->turn);
        }
        if (!asleep)
            bb_loop_wake(&sleeper->loop);
    }
}

/* ---- Memory. */

static void watch_memory(bb_worker *worker)
{
    bb_server *server = worker->server;
    uint64_t max = atomic_load_explicit(&server->memory_bytes_max, memory_order_relaxed);
    int64_t sum = bb_memory_now(server);
    uint64_t used = sum > 0 ? (uint64_t)sum : 0;
    bb_pressure pressure = used >= max                        ? BB_PRESSURE_FULL
                           : used >= max / 100 * HIGH_PERCENT ? BB_PRESSURE_HIGH
                                                              : BB_PRESSURE_NONE;
    if (BB_LIKELY(pressure == worker->pressure))
        return;
    if (pressure > worker->pressure)
        bb_log_limited(server->log, BB_LOG_WARNING, pressure == BB_PRESSURE_FULL ? "memory.full" : "memory.high",
                       BB_KV_U64("bytes", used), BB_KV_U64("limit", max), BB_KV_END);
    worker->pressure = pressure;
    bb_broker_set_pressure(worker->broker, pressure, bb_loop_now(&worker->loop));
    if (pressure == BB_PRESSURE_NONE)
        bb_connections_resume(worker);
}

/* ---- A turn. */

static void update_listeners(bb_worker *worker)
{
    if (!worker->stopping && !bb_acceptors_update(worker))
        bb_log_event(worker->server->log, BB_LOG_ERROR, "listener.not_watched", BB_KV_REASON(BB_E_NO_MEMORY),
                     BB_KV_U64("worker", worker->number), BB_KV_END);
}

static void take_settings(bb_worker *worker)
{
    bb_server *server = worker->server;
    uint32_t number = atomic_load_explicit(&server->settings_number, memory_order_acquire);
    if (BB_LIKELY(number == worker->settings_seen))
        return;
    pthread_mutex_lock(&server->settings_mutex);
    worker->limits = server->settings.limits;
    worker->sys_interval_s = server->settings.sys_interval_s;
    bb_rules *before = worker->rules;
    worker->rules = bb_rules_ref(server->settings.rules);
    const bb_auth auth = {.anonymous = server->settings.anonymous, .rules = worker->rules};
    pthread_mutex_unlock(&server->settings_mutex);
    worker->settings_seen = number;
    if (worker->broker) {
        bb_broker_set_limits(worker->broker, &worker->limits);
        bb_broker_set_auth(worker->broker, &auth, bb_loop_now(&worker->loop));
        update_listeners(worker);
    }
    bb_rules_unref(before);
}

static bb_time earlier(bb_time a, bb_time b)
{
    return a < b ? a : b;
}

/* $SYS and the sweep of expired retained messages: worker 0's. */
static bb_time chores(bb_worker *worker, bb_time now)
{
    if (worker->number != 0)
        return BB_NEVER;
    if (worker->sys_interval_s && now >= worker->sys_next) {
        bb_sys_publish(worker, now);
        worker->sys_next = now + worker->sys_interval_s * 1000ull;
    }
    if (now >= worker->sweep_next) {
        bb_retained_sweep(&worker->server->retained, &worker->mem, &worker->sweep_shard, &worker->sweep_cursor, now);
        worker->sweep_next = now + SWEEP_MS;
    }
    return earlier(worker->sys_interval_s ? worker->sys_next : BB_NEVER, worker->sweep_next);
}

static void begin_stopping(bb_worker *worker, bb_time now)
{
    worker->stopping = true;
    worker->stop_at = now + worker->server->settings.shutdown_timeout_s * 1000ull;
    bb_acceptors_stop(worker);
    for (bb_list *at = worker->connections.next, *next; at != &worker->connections; at = next) {
        next = at->next;
        bb_broker_link_end(worker->broker, &BB_CONTAINER_OF(at, bb_connection, in)->link, BB_E_SHUTTING_DOWN, now);
    }
}

/* Everything that is not an event: returns when to come back, 0 for at once. */
static bb_time after_events(bb_worker *worker)
{
    bb_time now = bb_loop_now(&worker->loop), until;
    worker->opening_us = 0;
    look_into_inbox(worker);
    if (bb_broker_next_deadline(worker->broker) <= now)
        bb_broker_tick(worker->broker, now);
    bool more = bb_broker_work(worker->broker, now);
    if (BB_UNLIKELY(atomic_load_explicit(&worker->server->stopping, memory_order_acquire) && !worker->stopping))
        begin_stopping(worker, now);
    until = earlier(chores(worker, now), bb_connections_tick(worker, now));
    bb_outbox_flush_all(&worker->outbox);
    serve_those_asleep(worker);
    bb_connections_flush(worker);
    bb_outbox_flush_all(&worker->outbox); /* wills of links that broke while they were sent to */
    wake_those_asleep(worker);
    watch_memory(worker);
    until = earlier(until, bb_large_trim(&worker->server->large, now, worker->pressure != BB_PRESSURE_NONE));
    bb_acceptors_again(worker, now);
    if (more || worker->pending || bb_broker_last_dirty(worker->broker))
        return 0;
    until = earlier(until, earlier(bb_broker_next_deadline(worker->broker), worker->accept_again));
    if (worker->pressure != BB_PRESSURE_NONE) /* another worker may free the memory that clients of this one wait for */
        until = earlier(until, now + PRESSURE_MS);
    return worker->stopping ? earlier(until, worker->stop_at) : until;
}

static bool is_done(const bb_worker *worker)
{
    if (!worker->stopping)
        return false;
    return bb_loop_now(&worker->loop) >= worker->stop_at ||
           (bb_list_empty(&worker->connections) && bb_list_empty(&worker->lingering));
}

static void *worker_main(void *context)
{
    bb_worker *worker = context;
    bb_time until = 0;
    pthread_mutex_lock(&worker->turn);
    do {
        bool asleep = until != 0 && bb_inbox_sleep(&worker->inbox);
        pthread_mutex_unlock(&worker->turn);
        bb_loop_wait(&worker->loop, asleep ? until : 0);
        pthread_mutex_lock(&worker->turn);
        bb_inbox_awake(&worker->inbox);
        take_settings(worker);
        bb_loop_dispatch(&worker->loop);
        until = after_events(worker);
    } while (!is_done(worker));
    pthread_mutex_unlock(&worker->turn);
    return NULL;
}

/* ---- Life. */

void bb_worker_wake(bb_worker *worker)
{
    bb_loop_wake(&worker->loop);
}

bool bb_worker_init(bb_worker *worker, bb_server *server, unsigned number)
{
    memset(worker, 0, offsetof(bb_worker, buffer));
    worker->server = server;
    worker->number = number;
    worker->mem = bb_memory_make(&server->large);
    pthread_mutex_init(&worker->turn, NULL);
    worker->accept_again = BB_NEVER;
    worker->sys_next = worker->sweep_next = 0;
    bb_list_init(&worker->connections);
    bb_list_init(&worker->lingering);
    bb_list_init(&worker->paused);
    bb_list_init(&worker->giants);
    bb_list_init(&worker->arrivals);
    bb_list_init(&worker->acceptors);
    worker->settings_seen = UINT32_MAX;
    take_settings(worker);
    if (getrandom(worker->random, sizeof worker->random, 0) != sizeof worker->random)
        return false;
    if (bb_loop_init(&worker->loop, &worker->mem) != BB_OK)
        return false;
    bb_inbox_init(&worker->inbox, &worker->loop);
    bb_batch_pool_init(&worker->batches, &worker->mem);
    bb_sender_init(&worker->sender, &worker->mem, server->settings.io_uring);
    return true;
}

bool bb_worker_connect(bb_worker *worker)
{
    bb_server *server = worker->server;
    bb_inbox *inboxes[BB_WORKERS_MAX];
    for (unsigned i = 0; i < server->workers_count; i++)
        inboxes[i] = i == worker->number ? NULL : &server->workers[i]->inbox;
    if (!bb_outbox_init(&worker->outbox, &worker->batches, worker->number, inboxes, server->workers_count))
        return false;
    worker->outbox.asleep = found_asleep;
    worker->outbox.asleep_context = worker;
    const bb_port port = {
        .shell = worker,
        .random = port_random,
        .fact = port_fact,
        .peer = port_peer,
        .post_reserve = port_post_reserve,
        .post_commit = port_post_commit,
        .retain_store = port_retain_store,
        .retain_unlock = port_retain_unlock,
        .retain_read = port_retain_read,
        .walk_open = port_walk_open,
        .walk_step = port_walk_step,
        .walk_close = port_walk_close,
        .drain = port_drain,
        .catch_up = port_catch_up,
    };
    const bb_auth auth = {.anonymous = server->settings.anonymous, .rules = worker->rules};
    const bb_broker_options options = {
        .mem = &worker->mem,
        .limits = &worker->limits,
        .auth = &auth,
        .seed = &server->seed,
        .port = &port,
        .interest = server->interest,
        .sessions_all = &server->sessions_all,
        .links_all = &server->links_all,
        .worker = worker->number,
        .workers = server->workers_count,
    };
    worker->broker = bb_broker_new(&options, bb_clock_us() / 1000);
    return worker->broker && bb_acceptors_update(worker);
}

bool bb_worker_start(bb_worker *worker)
{
    return pthread_create(&worker->thread, NULL, worker_main, worker) == 0;
}

static void close_all(bb_list *list)
{
    while (!bb_list_empty(list))
        bb_connection_close(BB_CONTAINER_OF(list->next, bb_connection, in), BB_E_SHUTTING_DOWN);
}

/* Posts that nobody reads any more, and connections that were on their way. */
static void drop_pending(bb_worker *worker)
{
    take_inbox(worker);
    for (bb_item *item; (item = next_pending(worker)) != NULL;) {
        if (item->kind == BB_ITEM_POST)
            bb_broker_drop_post(worker->broker, item->bytes, item->size);
        else
            bb_list_append(&worker->arrivals, &(*(bb_connection **)(void *)item->bytes)->waiting);
    }
    while (!bb_list_empty(&worker->arrivals)) {
        bb_connection *c = BB_CONTAINER_OF(worker->arrivals.next, bb_connection, waiting);
        bb_list_remove(&c->waiting);
        bb_connection_arrive(worker, c);
    }
}

void bb_worker_settle(bb_worker *worker)
{
    if (!worker->broker)
        return;
    bb_outbox_flush_all(&worker->outbox);
    drop_pending(worker);
    bb_acceptors_stop(worker);
    close_all(&worker->connections);
    close_all(&worker->lingering);
    bb_outbox_flush_all(&worker->outbox);
}

void bb_worker_deinit(bb_worker *worker)
{
    drop_pending(worker);
    bb_broker_free(worker->broker);
    bb_rules_unref(worker->rules);
    bb_retain_cursor_deinit(&worker->sweep_cursor, &worker->mem);
    bb_inbox_deinit(&worker->inbox);
    bb_outbox_deinit(&worker->outbox);
    bb_sender_deinit(&worker->sender);
    bb_loop_deinit(&worker->loop);
    pthread_mutex_destroy(&worker->turn);
}
