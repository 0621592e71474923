#include <stdio.h>
#include <stdlib.h>

#include "server/option.h"

static const struct {
    const char *name;
    uint16_t port;
} protocols[BB_PROTOCOLS] = {
    [BB_PROTOCOL_TCP] = {"tcp", 1883}, [BB_PROTOCOL_TLS] = {"tls", 8883}, [BB_PROTOCOL_WS] = {"ws", 80},
    [BB_PROTOCOL_WSS] = {"wss", 443},  [BB_PROTOCOL_UNIX] = {"unix", 0},
};

const char *bb_protocol_name(bb_protocol protocol)
{
    return protocols[protocol].name;
}

uint16_t bb_protocol_port(bb_protocol protocol)
{
    return protocols[protocol].port;
}

void bb_listener_init(bb_listener_settings *listener, bb_protocol protocol)
{
    *listener = (bb_listener_settings){
        .protocol = protocol, .port = protocols[protocol].port, .mode = 0660, .resumption = true};
}

static char **text_at(bb_listener_settings *listener, const bb_option *row)
{
    return (char **)(void *)((char *)listener + row->offset);
}

void bb_listener_deinit(bb_listener_settings *listener)
{
    for (size_t i = 0; i < bb_listener_option_count; i++)
        if (bb_option_is_text(&bb_listener_options[i])) {
            free(*text_at(listener, &bb_listener_options[i]));
            *text_at(listener, &bb_listener_options[i]) = NULL;
        }
}

bool bb_listener_copy(const bb_listener_settings *listener, bb_listener_settings *out)
{
    bb_listener_settings copy = *listener;
    bool copied = true;
    for (size_t i = 0; i < bb_listener_option_count; i++)
        if (bb_option_is_text(&bb_listener_options[i])) {
            char **text = text_at(&copy, &bb_listener_options[i]);
            char *theirs = *text;
            *text = theirs ? strdup(theirs) : NULL;
            copied &= !theirs || *text;
        }
    if (copied)
        *out = copy;
    else
        bb_listener_deinit(&copy);
    return copied;
}

char *bb_listener_text(const bb_listener_settings *listener, char text[BB_ENDPOINT_TEXT_MAX])
{
    bool v6 = strchr(listener->address, ':') != NULL, plain = listener->protocol == BB_PROTOCOL_TCP;
    const char *name = bb_protocol_name(listener->protocol);
    if (listener->protocol == BB_PROTOCOL_UNIX)
        snprintf(text, BB_ENDPOINT_TEXT_MAX, "%s://%s", name, listener->path);
    else
        snprintf(text, BB_ENDPOINT_TEXT_MAX, "%s%s%s%s%s:%u", plain ? "" : name, plain ? "" : "://", v6 ? "[" : "",
                 listener->address, v6 ? "]" : "", (unsigned)listener->port);
    return text;
}

bool bb_listener_same_place(const bb_listener_settings *a, const bb_listener_settings *b)
{
    bool a_unix = a->protocol == BB_PROTOCOL_UNIX, b_unix = b->protocol == BB_PROTOCOL_UNIX;
    if (a_unix || b_unix)
        return a_unix && b_unix && strcmp(a->path, b->path) == 0;
    return a->port == b->port && strcmp(a->address, b->address) == 0;
}

bool bb_take_line(bb_span *lines, bb_span *line)
{
    if (!lines->len)
        return false;
    const uint8_t *end = memchr(lines->data, '\n', lines->len);
    *line = bb_span_of(lines->data, end ? (size_t)(end - lines->data) : lines->len);
    *lines = bb_span_from(*lines, end ? line->len + 1 : line->len);
    return true;
}
