#include "server/connection.h"

#include "server/inside.h"

enum {
    LINGER_MS = 2000,             /* for a peer to read our last bytes and close */
    SLOWLY_MS = 50,               /* while memory is short: between two reads of paused connections, */
    SLOWLY_COUNT = 4,             /* so many of them at a time */
    SEND_BYTES_MAX = 128 * 1024,  /* to one link in one turn: large payloads must not hold up the others */
    OPENING_US_MAX = 1000,        /* of one turn, for handshakes */
    REST_COPIED_MAX = 128 * 1024, /* a longer rest is read to in place, not copied in front of the next bytes */
};

/* ---- The rest: bytes of a packet that is not complete. */

static void drop_rest(bb_connection *c)
{
    bb_mem_free(&c->worker->mem, c->rest, c->rest_cap);
    c->rest = NULL;
    c->rest_len = c->rest_cap = 0;
}

static bool grow_rest(bb_connection *c, size_t need)
{
    size_t cap = c->rest_cap ? c->rest_cap : 64;
    while (cap < need)
        cap *= 2;
    if (cap > UINT32_MAX || (cap > REST_COPIED_MAX && c->worker->pressure == BB_PRESSURE_FULL))
        return false;
    uint8_t *rest = bb_mem_resize(&c->worker->mem, c->rest, c->rest_cap, cap);
    if (!rest)
        return false;
    c->rest = rest;
    c->rest_cap = (uint32_t)cap;
    return true;
}

/* Keep `bytes` as the new rest; they may lie in the old one. */
static bool keep_rest(bb_connection *c, bb_span bytes)
{
    if (!bytes.len) {
        drop_rest(c);
        return true;
    }
    if (bytes.len > c->rest_cap && !grow_rest(c, bytes.len))
        return false;
    memmove(c->rest, bytes.data, bytes.len);
    c->rest_len = (uint32_t)bytes.len;
    return true;
}

/* ---- Coming and going. */

static void unlist(bb_connection *c)
{
    bb_list_remove(&c->in);
    bb_list_remove(&c->waiting);
    bb_list_remove(&c->giant);
}

void bb_connection_close(bb_connection *c, bb_status why)
{
    bb_worker *worker = c->worker;
    if (!c->link_closed)
        bb_broker_link_closed(worker->broker, &c->link, why, bb_loop_now(&worker->loop));
    bb_loop_forget(&worker->loop, &c->watch);
    bb_transport_close(&c->transport);
    unlist(c);
    drop_rest(c);
    bb_listener_leave(c->listener);
    bb_mem_free(&worker->mem, c, sizeof *c);
}

static void ready(bb_watch *watch, unsigned events);
static void ready_filtered(bb_watch *watch, unsigned events);

/* What is plain does not pay for what is not. */
static bb_status watch(bb_connection *c)
{
    return bb_loop_add(&c->worker->loop, &c->watch, c->transport.fd, c->filtered ? ready_filtered : ready);
}

bb_status bb_connection_open(bb_worker *worker, bb_listener *listener, bb_transport *transport, const bb_address *peer)
{
    bb_connection *c = bb_mem_alloc_zeroed(&worker->mem, sizeof *c);
    if (!c)
        return BB_E_NO_MEMORY;
    bb_status status = bb_listener_enter(listener, &worker->mem, transport);
    if (status == BB_OK) {
        *c = (bb_connection){.worker = worker, .listener = listener, .transport = *transport, .peer = *peer};
        c->filtered = c->opening = !transport->ops->raw;
        status = watch(c);
        if (status != BB_OK)
            bb_listener_leave(listener);
    }
    if (status != BB_OK) {
        bb_mem_free(&worker->mem, c, sizeof *c);
        return status;
    }
    bb_list_append(&worker->connections, &c->in);
    bb_broker_link_open(worker->broker, &c->link, bb_loop_now(&worker->loop));
    return BB_OK;
}

/* Give the connection, with all bytes that were read and not handled, to the worker where its session is at home. */
static void move(bb_connection *c, unsigned home)
{
    bb_worker *worker = c->worker;
    bb_connection **post = bb_outbox_reserve(&worker->outbox, home, sizeof(bb_connection *));
    if (!post) {
        bb_connection_close(c, BB_E_NO_MEMORY);
        return;
    }
    bb_broker_link_detach(worker->broker, &c->link);
    bb_loop_remove(&worker->loop, &c->watch);
    unlist(c);
    *post = c;
    worker->posts_now = UINT32_MAX / 2; /* more than a few: its new worker must come and look at it */
    bb_outbox_commit(&worker->outbox, home, BB_ITEM_CONNECTION, sizeof c);
}

/* ---- Reading. */

static void note_giant(bb_connection *c)
{
    bool giant = c->link.more && bb_link_receives_large(&c->link);
    if (giant && !bb_list_linked(&c->giant))
        bb_list_append(&c->worker->giants, &c->giant);
    else if (!giant)
        bb_list_remove(&c->giant);
}

/* Hand bytes to the broker and keep what it did not use. False: the connection is not here any more, or is over. */
static bool hand_over(bb_connection *c, bb_span bytes)
{
    bb_worker *worker = c->worker;
    size_t used = 0;
    unsigned home = 0;
    bb_receive result = bb_broker_receive(worker->broker, &c->link, bytes, bb_loop_now(&worker->loop), &used, &home);
    if (result == BB_RECEIVE_ENDED) {
        if (c->link.reason == BB_E_NOT_MQTT)
            bb_server_foreign(worker->server, c, bytes);
        drop_rest(c);
        return false;
    }
    if (!keep_rest(c, bb_span_from(bytes, used))) {
        bb_connection_close(c, BB_E_NO_MEMORY);
        return false;
    }
    note_giant(c);
    if (result == BB_RECEIVE_MOVE) {
        move(c, home);
        return false;
    }
    c->rest_ready = result == BB_RECEIVE_AGAIN;
    return true;
}

/* While memory is short, publishers are read slowly; who owes us acknowledgements, and the oldest large payload, go on.
 */
static bool must_wait(const bb_connection *c)
{
    const bb_worker *worker = c->worker;
    if (BB_LIKELY(worker->pressure == BB_PRESSURE_NONE) || c->link.state != BB_LINK_CONNECTED || bb_link_owes(&c->link))
        return false;
    if (bb_list_linked(&c->giant))
        return worker->giants.next != &c->giant;
    return true;
}

static void fail(bb_connection *c, const bb_moved *moved);

static void went_wrong(bb_connection *c, const bb_moved *moved)
{
    if (moved->io == BB_IO_END)
        bb_connection_close(c, BB_E_LINK_LOST);
    else
        fail(c, moved);
}

/* What was moved is handled; read on in the next turn if there may be more. */
static void after_read(bb_connection *c, const bb_moved *moved)
{
    if (c->rest_ready || !moved->drained || c->hangup)
        bb_loop_again(&c->worker->loop, &c->watch);
}

static void read_direct(bb_connection *c, uint8_t *at, size_t room)
{
    bb_worker *worker = c->worker;
    bb_moved moved = bb_transport_recv(&c->transport, at, room);
    if (moved.io == BB_IO_OK) {
        bb_count_bytes_in(worker->broker, moved.bytes);
        bb_receive result =
            bb_broker_received_direct(worker->broker, &c->link, moved.bytes, bb_loop_now(&worker->loop));
        note_giant(c);
        if (result != BB_RECEIVE_ENDED)
            after_read(c, &moved);
    } else if (moved.io != BB_IO_WAIT) {
        went_wrong(c, &moved);
    }
}

/* Read behind a long rest, in place. */
static void read_long(bb_connection *c)
{
    if (c->rest_len == c->rest_cap && !grow_rest(c, (size_t)c->rest_cap + 1)) {
        bb_connection_close(c, BB_E_NO_MEMORY);
        return;
    }
    bb_moved moved = bb_transport_recv(&c->transport, c->rest + c->rest_len, c->rest_cap - c->rest_len);
    if (moved.io == BB_IO_OK) {
        bb_count_bytes_in(c->worker->broker, moved.bytes);
        c->rest_len += (uint32_t)moved.bytes;
        if (hand_over(c, bb_span_of(c->rest, c->rest_len)))
            after_read(c, &moved);
    } else if (moved.io != BB_IO_WAIT) {
        went_wrong(c, &moved);
    }
}

static void read_buffered(bb_connection *c)
{
    bb_worker *worker = c->worker;
    size_t before = c->rest_len;
    bb_moved moved = bb_transport_recv(&c->transport, worker->buffer + before, BB_READ_BYTES - before);
    if (BB_LIKELY(moved.io == BB_IO_OK)) {
        if (before)
            memcpy(worker->buffer, c->rest, before);
        bb_count_bytes_in(worker->broker, moved.bytes);
        if (hand_over(c, bb_span_of(worker->buffer, before + moved.bytes)))
            after_read(c, &moved);
    } else if (moved.io != BB_IO_WAIT) {
        went_wrong(c, &moved);
    }
}

static void read_now(bb_connection *c)
{
    bb_worker *worker = c->worker;
    uint8_t *at;
    size_t room;
    if (c->rest_ready) {
        if (hand_over(c, bb_span_of(c->rest, c->rest_len)))
            bb_loop_again(&worker->loop, &c->watch); /* the socket may have more: its event was told already */
        return;
    }
    if (!c->rest_len && bb_broker_receive_direct(worker->broker, &c->link, &at, &room))
        read_direct(c, at, room);
    else if (c->rest_len > REST_COPIED_MAX)
        read_long(c);
    else
        read_buffered(c);
}

/* Who asks and does not read our answers is not read either. What comes before a hang-up is bounded by the kernel. */
static void read_unless_stuffed(bb_connection *c)
{
    c->unread = !c->hangup && bb_link_is_stuffed(c->worker->broker, &c->link);
    if (!c->unread)
        read_now(c);
}

static void read_or_wait(bb_connection *c)
{
    if (!must_wait(c)) {
        read_unless_stuffed(c);
    } else if (!bb_list_linked(&c->waiting)) {
        bb_list_append(&c->worker->paused, &c->waiting);
        c->link.held = true;
    }
}

/* The longest paused connection, which is read now. */
static bb_connection *take_paused(bb_worker *worker)
{
    bb_connection *c = BB_CONTAINER_OF(worker->paused.next, bb_connection, waiting);
    bb_list_remove(&c->waiting);
    c->link.held = false;
    return c;
}

/* ---- Ending: the peer shall read why. */

static void drain(bb_connection *c)
{
    bb_worker *worker = c->worker;
    bb_moved moved = bb_transport_drain(&c->transport, worker->buffer, BB_READ_BYTES);
    if (moved.io == BB_IO_END || moved.io == BB_IO_ERROR)
        bb_connection_close(c, BB_E_LINK_LOST);
    else if (moved.io == BB_IO_OK)
        bb_loop_again(&worker->loop, &c->watch);
}

static void start_lingering(bb_connection *c)
{
    bb_worker *worker = c->worker;
    unlist(c);
    bb_list_append(&worker->lingering, &c->in);
    c->linger_until = bb_loop_now(&worker->loop) + LINGER_MS;
    drop_rest(c);
}

/* All that the link had to say is sent. */
static void finish(bb_connection *c)
{
    bool by_client = c->link.reason == BB_E_BY_CLIENT || c->link.reason == BB_E_BY_CLIENT_WITH_WILL;
    if (by_client && !c->filtered) { /* nothing of ours is on its way that the client still reads */
        bb_connection_close(c, c->link.reason);
        return;
    }
    c->finished = true;
    bb_transport_finish(&c->transport);
    drain(c);
}

/* The transport is broken. A filter may have told the peer why, by an alert or a closing frame, which is to arrive. */
static void fail(bb_connection *c, const bb_moved *moved)
{
    bb_worker *worker = c->worker;
    if (!c->filtered || c->linger_until) {
        bb_connection_close(c, BB_E_LINK_ERROR);
        return;
    }
    c->trouble = moved->error;
    bb_broker_link_closed(worker->broker, &c->link, bb_transport_reason(&c->transport), bb_loop_now(&worker->loop));
    c->link_closed = true;
    start_lingering(c);
    finish(c);
}

static void ready(bb_watch *watch, unsigned events)
{
    bb_connection *c = BB_CONTAINER_OF(watch, bb_connection, watch);
    if (events & BB_HANGUP)
        c->hangup = true;
    if (c->link.state == BB_LINK_ENDED) {
        if (c->finished)
            drain(c);
        else if (events & (BB_WRITABLE | BB_HANGUP))
            bb_broker_link_again(c->worker->broker, &c->link);
        return;
    }
    if (events & BB_WRITABLE && c->link.out.bytes)
        bb_broker_link_again(c->worker->broker, &c->link);
    if (events & (BB_READABLE | BB_HANGUP))
        read_or_wait(c);
}

/* ---- Filters. */

/* A step of the handshake. In a storm of them the clients that are connected get their share of every turn: those that
 * shake hands wait for the next one, in the order in which they came. */
static void open_on(bb_connection *c)
{
    bb_worker *worker = c->worker;
    if (worker->opening_us >= OPENING_US_MAX) {
        bb_loop_again(&worker->loop, &c->watch);
        return;
    }
    uint64_t start = bb_clock_us();
    bb_moved moved = bb_transport_step(&c->transport);
    worker->opening_us += bb_clock_us() - start;
    if (moved.io == BB_IO_OK) {
        c->opening = false;
        read_or_wait(c); /* what came with the handshake lies in the filter, and has no event */
    } else if (moved.io == BB_IO_ERROR) {
        fail(c, &moved);
    } else if (c->hangup) {
        bb_loop_again(&worker->loop, &c->watch);
    }
}

static void ready_filtered(bb_watch *watch, unsigned events)
{
    bb_connection *c = BB_CONTAINER_OF(watch, bb_connection, watch);
    c->hangup |= (events & BB_HANGUP) != 0;
    if (c->opening && c->link.state != BB_LINK_ENDED) {
        open_on(c);
        return;
    }
    if (bb_transport_wants(&c->transport) & events) {
        bb_moved moved = bb_transport_step(&c->transport);
        if (moved.io == BB_IO_ERROR) {
            fail(c, &moved);
            return;
        }
        events |= BB_READABLE; /* TLS may have waited for room to read on */
    }
    if (c->link.out.bytes) /* and for bytes to write on */
        bb_broker_link_again(c->worker->broker, &c->link);
    ready(watch, events);
}

void bb_connection_arrive(bb_worker *worker, bb_connection *c)
{
    c->worker = worker;
    bb_transport_adopt(&c->transport, &worker->mem);
    if (watch(c) != BB_OK) {
        bb_broker_link_attach(worker->broker, &c->link, bb_loop_now(&worker->loop));
        bb_connection_close(c, BB_E_NO_MEMORY);
        return;
    }
    bb_list_append(&worker->connections, &c->in);
    bb_broker_link_attach(worker->broker, &c->link, bb_loop_now(&worker->loop));
    if (worker->stopping) /* it was on its way when the others here were told */
        bb_broker_link_end(worker->broker, &c->link, BB_E_SHUTTING_DOWN, bb_loop_now(&worker->loop));
    else if (hand_over(c, bb_span_of(c->rest, c->rest_len)) && (c->rest_ready || c->filtered))
        bb_loop_again(&worker->loop, &c->watch); /* a filter may hold bytes that no event will tell of */
}

/* ---- Writing. */

/* Spans for one send, no more bytes than one turn allows. */
static size_t gather(const bb_link *link, bb_span *spans, size_t max)
{
    size_t n = bb_chain_peek(&link->out, spans, max < BB_SEND_SPANS_MAX ? max : BB_SEND_SPANS_MAX), bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (bytes + spans[i].len >= SEND_BYTES_MAX) {
            spans[i].len = SEND_BYTES_MAX - bytes;
            return i + 1;
        }
        bytes += spans[i].len;
    }
    return n;
}

static size_t span_bytes(const bb_send *send)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < send->spans_now; i++)
        bytes += send->spans[i].len;
    return bytes;
}

/* `more`: what is left has no event that would tell when it can be sent. */
static void took(bb_connection *c, size_t bytes, bool more)
{
    bb_worker *worker = c->worker;
    bb_chain_consume(&c->link.out, bb_broker_chunks(worker->broker), bytes);
    bb_count_bytes_out(worker->broker, bytes);
    if (more && c->link.out.bytes)
        bb_broker_link_again(worker->broker, &c->link);
    if (c->unread && !bb_link_is_stuffed(worker->broker, &c->link))
        bb_loop_again(&worker->loop, &c->watch);
    if (c->link.state != BB_LINK_ENDED)
        bb_broker_link_sent(worker->broker, &c->link, bb_loop_now(&worker->loop));
    else if (!c->link.out.bytes)
        finish(c);
}

static void sent(const bb_send *send)
{
    bb_connection *c = send->owner;
    size_t offered = span_bytes(send);
    bb_moved moved = bb_transport_sent(send->result);
    if (moved.io == BB_IO_ERROR)
        bb_connection_close(c, BB_E_LINK_ERROR);
    else if (moved.io == BB_IO_OK) /* else an event says when there is room */
        took(c, moved.bytes, moved.bytes == offered);
}

static void send_filtered(bb_connection *c)
{
    bb_span spans[BB_SEND_SPANS_MAX];
    bb_moved moved = bb_transport_send(&c->transport, spans, gather(&c->link, spans, BB_SEND_SPANS_MAX));
    if (moved.io == BB_IO_ERROR)
        fail(c, &moved);
    else if (moved.io == BB_IO_OK)
        took(c, moved.bytes, true);
}

static void run(bb_worker *worker, size_t count)
{
    bb_sender_run(&worker->sender, worker->sends, count);
    for (size_t i = 0; i < count; i++)
        sent(&worker->sends[i]);
}

void bb_connections_flush(bb_worker *worker)
{
    size_t sends = 0, spans = 0;
    bb_link *last = bb_broker_last_dirty(worker->broker); /* what becomes dirty meanwhile is for the next turn */
    for (bb_link *link = NULL; link != last && (link = bb_broker_take_dirty(worker->broker)) != NULL;) {
        bb_connection *c = bb_connection_of(link);
        if (link->state == BB_LINK_ENDED && !c->linger_until)
            start_lingering(c);
        if (!link->out.bytes) {
            if (link->state == BB_LINK_ENDED && !c->finished)
                finish(c);
            continue;
        }
        if (BB_UNLIKELY(c->filtered)) {
            send_filtered(c);
            continue;
        }
        size_t n = gather(link, worker->spans + spans, BB_SPANS_MAX - spans);
        worker->sends[sends++] =
            (bb_send){.spans = worker->spans + spans, .spans_now = (uint32_t)n, .fd = c->transport.fd, .owner = c};
        spans += n;
        if (sends == BB_SENDS_MAX || spans + BB_SEND_SPANS_MAX > BB_SPANS_MAX) {
            run(worker, sends);
            sends = spans = 0;
        }
    }
    if (sends)
        run(worker, sends);
}

/* True: all of the link's output is the kernel's, or an event will tell its worker when there is room. */
static bool send_for_owner(bb_worker *worker, bb_link *link, bb_time now)
{
    bb_span spans[BB_SEND_SPANS_MAX];
    bb_connection *c = bb_connection_of(link);
    if (link->state != BB_LINK_CONNECTED || c->unread || !c->transport.ops->raw)
        return false;
    if (!link->out.bytes)
        return true;
    bb_send send = {
        .spans = spans, .spans_now = (uint32_t)gather(link, spans, BB_SEND_SPANS_MAX), .fd = c->transport.fd};
    bb_send_one(&send);
    bb_moved moved = bb_transport_sent(send.result);
    if (moved.io != BB_IO_OK)
        return moved.io == BB_IO_WAIT;
    bool all = moved.bytes == link->out.bytes;
    bb_chain_consume(&link->out, bb_broker_chunks(worker->broker), moved.bytes);
    bb_count_bytes_out(worker->broker, moved.bytes);
    bb_broker_link_sent(worker->broker, link, now);
    return all || moved.bytes < span_bytes(&send);
}

bool bb_connections_flush_few(bb_worker *worker, unsigned max, bb_time now)
{
    bool all = true;
    for (unsigned i = 0; i < max && all; i++) {
        bb_link *link = bb_broker_take_dirty(worker->broker);
        if (!link)
            return true;
        all = send_for_owner(worker, link, now);
        if (!all)
            bb_broker_link_again(worker->broker, link);
    }
    return all && !bb_broker_last_dirty(worker->broker);
}

/* ---- Time. */

bb_time bb_connections_tick(bb_worker *worker, bb_time now)
{
    bb_time next = BB_NEVER;
    while (!bb_list_empty(&worker->lingering)) {
        bb_connection *c = BB_CONTAINER_OF(worker->lingering.next, bb_connection, in);
        if (c->linger_until > now) {
            next = c->linger_until;
            break;
        }
        bb_connection_close(c, BB_E_LINK_LOST);
    }
    if (bb_list_empty(&worker->paused))
        return next;
    if (now >= worker->resume_at) {
        worker->resume_at = now + SLOWLY_MS;
        for (unsigned i = 0; i < SLOWLY_COUNT && !bb_list_empty(&worker->paused); i++)
            read_unless_stuffed(take_paused(worker));
    }
    return worker->resume_at < next ? worker->resume_at : next;
}

void bb_connections_resume(bb_worker *worker)
{
    while (!bb_list_empty(&worker->paused))
        bb_loop_again(&worker->loop, &take_paused(worker)->watch);
}
