#include "server/listener.h"

#include <stdlib.h>
#include <sys/socket.h>

static bb_tcp_options tcp_options(const bb_tcp_settings *tcp)
{
    return (bb_tcp_options){.keepalive_idle_s = tcp->keep_idle_s,
                            .keepalive_interval_s = tcp->keep_interval_s,
                            .keepalive_probes = tcp->keep_count,
                            .user_timeout_ms = tcp->user_timeout_ms};
}

/* --- opening */

static bool listen_on_address(bb_listener *l, const bb_tcp_settings *tcp, bb_text *error)
{
    char text[BB_ENDPOINT_TEXT_MAX];
    bb_address address;
    const bb_tcp_options options = tcp_options(tcp);
    bb_listener_settings plain = l->settings;
    plain.protocol = BB_PROTOCOL_TCP; /* the text is then that of the address */
    const char *bad = bb_address_parse(bb_span_text(bb_listener_text(&plain, text)), &address);
    if (bad) {
        bb_text_puts(error, text);
        bb_text_puts(error, ": ");
        bb_text_puts(error, bad);
        return false;
    }
    if (!bb_tcp_listen(&address, &options, &l->tcp, error))
        return false;
    l->fd = l->tcp.fd;
    l->settings.port = l->tcp.address.port;
    return true;
}

static bool listen_on_path(bb_listener *l, bb_text *error)
{
    if (!bb_unix_listen(l->settings.path, l->settings.mode, &l->unix_socket, error))
        return false;
    l->fd = l->unix_socket.fd;
    return true;
}

static bool listen_there(bb_listener *l, const bb_tcp_settings *tcp, bb_text *error)
{
    bool listens = l->protocol == BB_PROTOCOL_UNIX ? listen_on_path(l, error) : listen_on_address(l, tcp, error);
    if (listens)
        bb_listener_text(&l->settings, l->text);
    return listens;
}

typedef struct filters {
    bb_tls_context *tls;
    bb_websocket_rules *web;
} filters;

static void free_filters(const filters *gone)
{
    bb_tls_context_free(gone->tls);
    bb_websocket_rules_unref(gone->web);
}

static bool make_filters(const bb_listener_settings *settings, filters *out, bb_text *error)
{
    bool secure = settings->protocol == BB_PROTOCOL_TLS || settings->protocol == BB_PROTOCOL_WSS;
    bool web = settings->protocol == BB_PROTOCOL_WS || settings->protocol == BB_PROTOCOL_WSS;
    filters made = {0};
    if (secure && !(made.tls = bb_listener_tls_context(settings, error)))
        return false;
    if (web && !(made.web = bb_websocket_rules_new(settings->path, settings->origins))) {
        free_filters(&made);
        bb_text_puts(error, "no memory for WebSocket");
        return false;
    }
    *out = made;
    return true;
}

/* Put new ones in the place of those that the listener has, which are given back. */
static filters exchange_filters(bb_listener *l, const filters *made)
{
    filters old = {l->tls, l->web};
    l->tls = made->tls;
    l->web = made->web;
    return old;
}

static void destroy(bb_listener *l)
{
    if (l->protocol == BB_PROTOCOL_UNIX)
        bb_unix_listener_close(&l->unix_socket, l->settings.path);
    else
        bb_tcp_listener_close(&l->tcp);
    bb_listener_deinit(&l->settings);
    filters old = exchange_filters(l, &(filters){0});
    free_filters(&old);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

bb_listener *bb_listener_open(const bb_listener_settings *settings, const bb_tcp_settings *tcp, bb_text *error)
{
    bb_listener *l = calloc(1, sizeof *l);
    if (!l || !bb_listener_copy(settings, &l->settings)) {
        bb_text_puts(error, "no memory for this listener");
        free(l);
        return NULL;
    }
    l->protocol = settings->protocol;
    l->fd = l->tcp.fd = l->unix_socket.fd = -1;
    l->references = 1;
    pthread_mutex_init(&l->lock, NULL);
    filters made;
    if (make_filters(&l->settings, &made, error)) {
        exchange_filters(l, &made);
        if (listen_there(l, tcp, error))
            return l;
    }
    destroy(l);
    return NULL;
}

/* --- a reload */

/* What the socket itself has of the settings. */
static bool renew_socket(bb_listener *l, const bb_listener_settings *settings, const bb_tcp_settings *tcp,
                         bb_text *error)
{
    const bb_tcp_options options = tcp_options(tcp);
    if (l->protocol == BB_PROTOCOL_UNIX)
        return bb_unix_listener_allow(&l->unix_socket, settings->path, settings->mode, error);
    bb_tcp_listener_set(&l->tcp, &options);
    return true;
}

bool bb_listener_renew(bb_listener *l, const bb_listener_settings *settings, const bb_tcp_settings *tcp, bb_text *error)
{
    bb_listener_settings copy;
    filters made = {0};
    if (!bb_listener_copy(settings, &copy)) {
        bb_text_puts(error, "no memory for its settings");
        return false;
    }
    if (!make_filters(&copy, &made, error) || !renew_socket(l, &copy, tcp, error)) {
        free_filters(&made);
        bb_listener_deinit(&copy);
        return false;
    }
    pthread_mutex_lock(&l->lock);
    bb_listener_settings old = l->settings;
    filters old_filters = exchange_filters(l, &made);
    l->settings = copy;
    l->settings.port = old.port; /* as bound */
    pthread_mutex_unlock(&l->lock);
    free_filters(&old_filters);
    bb_listener_deinit(&old);
    return true;
}

/* --- references */

bb_listener *bb_listener_ref(bb_listener *l)
{
    atomic_fetch_add_explicit(&l->references, 1, memory_order_relaxed);
    return l;
}

void bb_listener_unref(bb_listener *l)
{
    if (atomic_fetch_sub_explicit(&l->references, 1, memory_order_acq_rel) == 1)
        destroy(l);
}

void bb_listener_close(bb_listener *l)
{
    atomic_store(&l->closed, true);
    shutdown(l->fd, SHUT_RDWR); /* the address is free at once; workers that watch the fd let go of it later */
    if (l->protocol == BB_PROTOCOL_UNIX)
        bb_unix_listener_remove(&l->unix_socket, l->settings.path);
    bb_listener_unref(l);
}

/* --- connections */

bb_accept bb_listener_accept(bb_listener *l, bb_transport *out, bb_address *peer)
{
    if (atomic_load_explicit(&l->closed, memory_order_relaxed))
        return BB_ACCEPT_WAIT;
    return l->protocol == BB_PROTOCOL_UNIX ? bb_unix_accept(&l->unix_socket, out, peer)
                                           : bb_tcp_accept(&l->tcp, out, peer);
}

/* What was put on before a failure goes with the transport when it is closed. */
static bb_status put_filters_on(const bb_listener *l, bb_mem *mem, bb_transport *transport)
{
    bb_status status = l->tls ? bb_tls_server(l->tls, mem, transport, transport) : BB_OK;
    return status == BB_OK && l->web ? bb_websocket_server(l->web, mem, transport, transport) : status;
}

/* With the lock held, so that no more get in than may. */
static bb_status enter(bb_listener *l, bb_mem *mem, bb_transport *transport)
{
    uint32_t max = l->settings.connections_max, now = atomic_load_explicit(&l->connections_now, memory_order_relaxed);
    if (max && now >= max)
        return BB_E_LISTENER_FULL;
    bb_status status = put_filters_on(l, mem, transport);
    if (status == BB_OK)
        atomic_fetch_add_explicit(&l->connections_now, 1, memory_order_relaxed);
    return status;
}

bb_status bb_listener_enter(bb_listener *l, bb_mem *mem, bb_transport *transport)
{
    pthread_mutex_lock(&l->lock);
    bb_status status = enter(l, mem, transport);
    pthread_mutex_unlock(&l->lock);
    if (status == BB_OK)
        bb_listener_ref(l);
    return status;
}

void bb_listener_leave(bb_listener *l)
{
    atomic_fetch_sub_explicit(&l->connections_now, 1, memory_order_relaxed);
    bb_listener_unref(l);
}
