#include "transport/dial.h"

#include "transport/unix.h"
#include "transport/websocket.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* Runs on what is left of the room for texts; what does not fit is cut. */
static bb_text error_text(bb_dial *dial)
{
    bb_text text = {dial->error, dial->error_len, sizeof dial->error, false};
    if (text.len)
        bb_text_puts(&text, "; ");
    return text;
}

static void keep_error(bb_dial *dial, const bb_text *text)
{
    dial->error_len = text->len;
}

/* Put "ADDRESS: why" behind the errors of earlier addresses and close what was begun. */
static void fail(bb_dial *dial, const char *why, int error)
{
    bb_text text = error_text(dial);
    if (dial->options.unix_path)
        bb_text_puts(&text, dial->options.unix_path);
    else
        bb_address_put(&dial->options.addresses[dial->next - 1], &text);
    bb_text_puts(&text, ": ");
    if (why)
        bb_text_puts(&text, why);
    else
        bb_transport_explain(&dial->transport, error, &text);
    keep_error(dial, &text);
    bb_dial_cancel(dial);
}

void bb_dial_begin(bb_dial *dial, const bb_dial_options *options, bb_mem *mem)
{
    *dial = (bb_dial){.transport = {.fd = -1}, .options = *options, .mem = mem};
}

/* Open a socket to the next address. */
static bool connect_next(bb_dial *dial)
{
    bb_text text = error_text(dial);
    const bb_dial_options *options = &dial->options;
    size_t number = dial->next++;
    bool begun = options->unix_path
                     ? bb_unix_connect(options->unix_path, &dial->transport, &text)
                     : bb_tcp_connect(&options->addresses[number], &options->tcp, &dial->transport, &text);
    if (!begun)
        keep_error(dial, &text);
    return begun;
}

static bb_status put_tls_on(bb_dial *dial)
{
    const bb_dial_options *options = &dial->options;
    const bb_tls_peer peer = {.host = options->host, .alpn = options->web_path ? "http/1.1" : "mqtt"};
    return bb_tls_client(options->tls, &peer, dial->mem, &dial->transport, &dial->transport);
}

static bb_status put_websocket_on(bb_dial *dial)
{
    const bb_dial_options *options = &dial->options;
    const bb_websocket_peer peer = {.host = options->host,
                                    .port = options->port,
                                    .standard_port = options->port == (options->tls ? HTTPS_PORT : HTTP_PORT),
                                    .path = options->web_path};
    return bb_websocket_client(&peer, dial->mem, &dial->transport, &dial->transport);
}

static bb_status put_filters_on(bb_dial *dial)
{
    bb_status status = dial->options.tls ? put_tls_on(dial) : BB_OK;
    return status == BB_OK && dial->options.web_path ? put_websocket_on(dial) : status;
}

static bb_io connect_step(bb_dial *dial)
{
    size_t count = dial->options.unix_path ? 1 : dial->options.addresses_count;
    while (dial->transport.fd >= 0 || dial->next < count) {
        if (dial->transport.fd < 0 && !connect_next(dial))
            continue;
        bb_moved moved = bb_transport_step(&dial->transport);
        if (moved.io != BB_IO_ERROR)
            return moved.io;
        fail(dial, NULL, moved.error);
    }
    return BB_IO_ERROR;
}

static bb_io shake_hands(bb_dial *dial)
{
    bb_moved moved = bb_transport_step(&dial->transport);
    if (moved.io != BB_IO_ERROR)
        return moved.io;
    fail(dial, NULL, moved.error);
    return BB_IO_ERROR;
}

bb_io bb_dial_step(bb_dial *dial)
{
    if (!dial->connected) {
        bb_io io = connect_step(dial);
        if (io != BB_IO_OK)
            return io;
        if (put_filters_on(dial) != BB_OK) {
            fail(dial, "no memory for this connection", 0);
            return BB_IO_ERROR;
        }
        dial->connected = true;
    }
    return shake_hands(dial);
}

unsigned bb_dial_wants(const bb_dial *dial)
{
    return dial->transport.fd >= 0 ? bb_transport_wants(&dial->transport) : 0;
}

void bb_dial_next(bb_dial *dial, const char *why)
{
    if (dial->transport.fd >= 0)
        fail(dial, why, 0);
}

void bb_dial_cancel(bb_dial *dial)
{
    bb_transport_close(&dial->transport);
    dial->connected = false;
}

bb_span bb_dial_error(const bb_dial *dial)
{
    return bb_span_of(dial->error, dial->error_len);
}
