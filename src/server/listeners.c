/* listeners.c - the listeners of the server as a whole: those that the settings name are open, no others. */
#include "server/inside.h"

enum { ERROR_MAX = 512 };

static void log_open(bb_server *server, const bb_listener *listener)
{
    bb_log_event(server->log, BB_LOG_INFO, "listener.open", BB_KV_TEXT("address", listener->text),
                 BB_KV_TEXT("protocol", bb_protocol_name(listener->protocol)), BB_KV_END);
}

static void log_failed(bb_server *server, bb_log_level level, const char *event, const bb_listener_settings *wanted,
                       const bb_text *error)
{
    char text[BB_ENDPOINT_TEXT_MAX];
    bb_log_event(server->log, level, event, BB_KV_TEXT("address", bb_listener_text(wanted, text)),
                 BB_KV_SPAN("error", bb_text_span(error)), BB_KV_END);
}

/* False: it could not be opened, and should. */
static bool open_one(bb_server *server, const bb_listener_settings *wanted)
{
    char buffer[ERROR_MAX];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    bb_listener *listener = bb_listener_open(wanted, &server->settings.tcp, &error);
    if (!listener) {
        log_failed(server, wanted->optional ? BB_LOG_WARNING : BB_LOG_ERROR, "listener.failed", wanted, &error);
        return wanted->optional;
    }
    pthread_mutex_lock(&server->settings_mutex);
    server->listeners[server->listeners_count++] = listener;
    pthread_mutex_unlock(&server->settings_mutex);
    log_open(server, listener);
    return true;
}

bool bb_listeners_open(bb_server *server)
{
    for (size_t i = 0; i < server->settings.listener_count; i++)
        if (!open_one(server, &server->settings.listeners[i]))
            return false;
    if (server->listeners_count)
        return true;
    bb_log_event(server->log, BB_LOG_ERROR, "server.failed", BB_KV_TEXT("error", "no listener could be opened"),
                 BB_KV_END);
    return false;
}

/* --- a reload */

/* One with port 0 is the same as long as all else is: the system has picked its port. */
static bool is_same(const bb_listener *listener, const bb_listener_settings *wanted)
{
    bb_listener_settings asked = *wanted;
    if (listener->protocol != wanted->protocol)
        return false;
    if (!asked.port)
        asked.port = listener->settings.port;
    return bb_listener_same_place(&listener->settings, &asked);
}

/* The settings of an open listener, not yet taken by another one; NULL: it is not wanted any more. */
static const bb_listener_settings *wanted_for(const bb_settings *settings, const bb_listener *listener,
                                              const bool *taken)
{
    for (size_t i = 0; i < settings->listener_count; i++)
        if (!taken[i] && is_same(listener, &settings->listeners[i]))
            return &settings->listeners[i];
    return NULL;
}

static void close_one(bb_server *server, size_t number)
{
    bb_listener *listener = server->listeners[number];
    bb_log_event(server->log, BB_LOG_INFO, "listener.closed", BB_KV_TEXT("address", listener->text),
                 BB_KV_TEXT("protocol", bb_protocol_name(listener->protocol)),
                 BB_KV_U64("connections", atomic_load(&listener->connections_now)), BB_KV_END);
    pthread_mutex_lock(&server->settings_mutex);
    server->listeners[number] = server->listeners[--server->listeners_count];
    pthread_mutex_unlock(&server->settings_mutex);
    bb_listener_close(listener);
}

static void renew(bb_server *server, bb_listener *listener, const bb_listener_settings *wanted)
{
    char buffer[ERROR_MAX];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    if (!bb_listener_renew(listener, wanted, &server->settings.tcp, &error))
        log_failed(server, BB_LOG_ERROR, "listener.kept", wanted, &error);
}

/* First those that go, so that an address is free for another protocol. */
void bb_listeners_update(bb_server *server)
{
    const bb_settings *settings = &server->settings;
    bool taken[BB_LISTENERS_MAX] = {false};
    for (size_t i = server->listeners_count; i-- > 0;) {
        const bb_listener_settings *wanted = wanted_for(settings, server->listeners[i], taken);
        if (wanted) {
            taken[wanted - settings->listeners] = true;
            renew(server, server->listeners[i], wanted);
        } else {
            close_one(server, i);
        }
    }
    for (size_t i = 0; i < settings->listener_count; i++)
        if (!taken[i])
            (void)open_one(server,
                           &settings->listeners[i]); /* what fails is in the log, and tried at the next reload */
}

void bb_listeners_close(bb_server *server)
{
    while (server->listeners_count)
        bb_listener_close(server->listeners[--server->listeners_count]);
}
