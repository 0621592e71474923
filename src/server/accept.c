#include "server/accept.h"

#include <stdlib.h>

#include "server/inside.h"

enum {
    ACCEPT_MAX = 64,         /* connections of one turn */
    ACCEPT_AGAIN_MS = 100,   /* when no file descriptors were left */
    CONNECTIONS_SPARE = 256, /* above the limit we still read CONNECT, to answer with a reason */
};

/* A listening socket as one worker watches it. */
typedef struct bb_acceptor {
    bb_watch watch;
    bb_list in; /* the worker's acceptors */
    bb_worker *worker;
    bb_listener *listener;
} bb_acceptor;

/* --- one connection */

static void refuse(bb_acceptor *acceptor, bb_status why, const bb_address *peer)
{
    char buffer[BB_ADDRESS_TEXT_MAX];
    bb_text text = bb_text_on(buffer, sizeof buffer);
    bb_address_put(peer, &text);
    bb_log_limited(acceptor->worker->server->log, BB_LOG_WARNING, "client.refused",
                   BB_KV_SPAN("peer", bb_text_span(&text)), BB_KV_TEXT("listener", acceptor->listener->text),
                   BB_KV_REASON(why), BB_KV_TEXT("text", bb_status_text(why)), BB_KV_END);
}

static void take(bb_acceptor *acceptor, bb_transport *transport, const bb_address *peer)
{
    bb_worker *worker = acceptor->worker;
    bb_status status = BB_E_TOO_MANY_CONNECTIONS;
    if (atomic_load_explicit(&worker->server->links_all, memory_order_relaxed) <
        worker->limits.connections_max + CONNECTIONS_SPARE)
        status = bb_connection_open(worker, acceptor->listener, transport, peer);
    if (status == BB_OK)
        return;
    refuse(acceptor, status, peer);
    bb_transport_close(transport);
}

/* --- when no file descriptors are left */

static void stall(bb_worker *worker, const char *what)
{
    worker->accept_again = bb_loop_now(&worker->loop) + ACCEPT_AGAIN_MS;
    if (!atomic_exchange(&worker->server->no_files, true))
        bb_log_event(worker->server->log, BB_LOG_ERROR, "accept.stalled", BB_KV_REASON(BB_E_NO_FILES),
                     BB_KV_TEXT("what", what), BB_KV_END);
}

static void note_files(bb_server *server)
{
    if (atomic_load_explicit(&server->no_files, memory_order_relaxed) && atomic_exchange(&server->no_files, false))
        bb_log_event(server->log, BB_LOG_INFO, "accept.resumed", BB_KV_END);
}

void bb_acceptors_again(bb_worker *worker, bb_time now)
{
    if (now < worker->accept_again)
        return;
    worker->accept_again = BB_NEVER;
    for (bb_list *at = worker->acceptors.next; at != &worker->acceptors; at = at->next)
        bb_loop_again(&worker->loop, &BB_CONTAINER_OF(at, bb_acceptor, in)->watch);
}

/* --- a listener has somebody waiting */

static void accept_some(bb_acceptor *acceptor)
{
    bb_worker *worker = acceptor->worker;
    for (unsigned i = 0; i < ACCEPT_MAX; i++) {
        bb_transport transport;
        bb_address peer;
        switch (bb_listener_accept(acceptor->listener, &transport, &peer)) {
        case BB_ACCEPT_OK:
            note_files(worker->server);
            take(acceptor, &transport, &peer);
            break;
        case BB_ACCEPT_WAIT:
            return;
        case BB_ACCEPT_NO_FILES:
            stall(worker, "no file descriptors left: clients wait until some are closed");
            return;
        case BB_ACCEPT_NO_MEMORY:
            stall(worker, "the system has no memory for sockets: clients wait");
            return;
        case BB_ACCEPT_ERROR:
            break;
        }
    }
    bb_loop_again(&worker->loop, &acceptor->watch);
}

static void acceptor_ready(bb_watch *watch, unsigned events)
{
    (void)events;
    accept_some(BB_CONTAINER_OF(watch, bb_acceptor, watch));
}

/* --- coming and going */

static bool watches(const bb_worker *worker, const bb_listener *listener)
{
    for (const bb_list *at = worker->acceptors.next; at != &worker->acceptors; at = at->next)
        if (BB_CONTAINER_OF((bb_list *)(uintptr_t)at, bb_acceptor, in)->listener == listener)
            return true;
    return false;
}

static bool watch(bb_worker *worker, bb_listener *listener)
{
    bb_acceptor *acceptor = bb_mem_alloc_zeroed(&worker->mem, sizeof *acceptor);
    if (!acceptor)
        return false;
    acceptor->worker = worker;
    acceptor->listener = listener;
    if (bb_loop_add_shared(&worker->loop, &acceptor->watch, listener->fd, acceptor_ready) != BB_OK) {
        bb_mem_free(&worker->mem, acceptor, sizeof *acceptor);
        return false;
    }
    bb_listener_ref(listener);
    bb_list_append(&worker->acceptors, &acceptor->in);
    return true;
}

static void forget(bb_acceptor *acceptor)
{
    bb_worker *worker = acceptor->worker;
    bb_loop_remove(&worker->loop, &acceptor->watch);
    bb_list_remove(&acceptor->in);
    bb_listener_unref(acceptor->listener);
    bb_mem_free(&worker->mem, acceptor, sizeof *acceptor);
}

static void forget_closed(bb_worker *worker, bool all)
{
    for (bb_list *at = worker->acceptors.next, *next; at != &worker->acceptors; at = next) {
        bb_acceptor *acceptor = BB_CONTAINER_OF(at, bb_acceptor, in);
        next = at->next;
        if (all || atomic_load(&acceptor->listener->closed))
            forget(acceptor);
    }
}

bool bb_acceptors_update(bb_worker *worker)
{
    bb_server *server = worker->server;
    bool all = true;
    forget_closed(worker, false);
    pthread_mutex_lock(&server->settings_mutex);
    for (size_t i = 0; i < server->listeners_count; i++)
        if (!watches(worker, server->listeners[i]))
            all &= watch(worker, server->listeners[i]);
    pthread_mutex_unlock(&server->settings_mutex);
    return all;
}

void bb_acceptors_stop(bb_worker *worker)
{
    forget_closed(worker, true);
}
