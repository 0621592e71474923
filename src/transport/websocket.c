#include "transport/websocket.h"

#include <errno.h>
#include <openssl/rand.h>
#include <wslay/wslay.h>

#include "loop/sender.h"
#include "transport/http_upgrade.h"

/* How bytes pass, once it is open:
 *
 *     send:  spans ─► message (copied, at most MESSAGE_BYTES) ─► wslay: frame, mask ─► out[] ─► the transport below
 *     recv:  the transport below ─► in[] ─► wslay: frames, fragments, pings ─► the caller's buffer
 *
 * A message is made only when out[] is empty, so it always fits; pongs and the closing frame have room beside it. */
enum {
    MESSAGE_BYTES = 16 * 1024,
    OUT_BYTES = MESSAGE_BYTES + 1024, /* and frames that answer what came in */
    IN_BYTES = 16 * 1024,
    PONGS_MAX = 16,    /* that wait to be sent; a server that asks for more does not read what it asks for */
    MASKS_BYTES = 256, /* random bytes that are fetched at once */
    ERROR_MAX = 256,
};

static_assert((int)OUT_BYTES >= (int)BB_UPGRADE_REQUEST_MAX, "the request goes through out[]");
static_assert((int)IN_BYTES >= (int)BB_UPGRADE_RESPONSE_MAX, "the response goes through in[]");

typedef enum stage { REQUEST, RESPONSE, OPEN, CLOSED } stage;

typedef struct bb_websocket {
    bb_mem *mem;
    bb_transport lower;
    wslay_event_context_ptr frames;
    stage stage;
    char key[BB_UPGRADE_KEY_TEXT + 1];

    uint8_t out[OUT_BYTES];
    size_t out_start, out_end;
    size_t offered; /* bytes of the caller that are in out[], but that he was not told to be sent */

    uint8_t in[IN_BYTES];
    size_t in_start, in_end;
    bool lower_drained;
    bb_moved lower_got; /* what the transport below said last */

    /* During one bb_websocket_recv: */
    uint8_t *into;
    size_t room, got;
    size_t feed;  /* bytes that wslay may have still: it hands on no more than it gets */
    bool control; /* the frame that is coming in is not data */
    bool text;    /* a text frame came */

    uint8_t masks[MASKS_BYTES];
    size_t masks_left;
    uint32_t error_len;
    char error[ERROR_MAX];
} bb_websocket;

static bb_websocket *websocket_of(const bb_transport *transport)
{
    return transport->state;
}

static bb_moved fail(bb_websocket *w, const char *why)
{
    if (!w->error_len) {
        bb_text text = bb_text_on(w->error, sizeof w->error);
        bb_text_puts(&text, why);
        w->error_len = (uint32_t)text.len;
    }
    return (bb_moved){.io = BB_IO_ERROR, .drained = true, .error = EPROTO};
}

/* --- the transport below */

/* Give it what is in out[]. BB_IO_OK: all is gone. */
static bb_moved flush(bb_websocket *w)
{
    while (w->out_start < w->out_end) {
        const bb_span span = bb_span_of(w->out + w->out_start, w->out_end - w->out_start);
        bb_moved moved = bb_transport_send(&w->lower, &span, 1);
        if (moved.io != BB_IO_OK)
            return moved;
        w->out_start += moved.bytes;
    }
    w->out_start = w->out_end = 0;
    return (bb_moved){.io = BB_IO_OK};
}

/* Fill in[], which is empty. */
static void fill(bb_websocket *w)
{
    w->in_start = w->in_end = 0;
    w->lower_got = bb_transport_recv(&w->lower, w->in, sizeof w->in);
    w->lower_drained = w->lower_got.drained;
    if (w->lower_got.io == BB_IO_OK)
        w->in_end = w->lower_got.bytes;
}

/* --- what wslay asks for */

static ssize_t on_recv(wslay_event_context_ptr frames, uint8_t *into, size_t room, int flags, void *user)
{
    bb_websocket *w = user;
    if (w->in_start == w->in_end && !w->lower_drained)
        fill(w);
    size_t n = w->in_end - w->in_start;
    n = n < room ? n : room;
    n = n < w->feed ? n : w->feed;
    if (!n || w->text || wslay_event_get_queued_msg_count(frames) > PONGS_MAX) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(into, w->in + w->in_start, n);
    w->in_start += n;
    w->feed -= n;
    return (ssize_t)n;
}

static void on_frame(wslay_event_context_ptr frames, const struct wslay_event_on_frame_recv_start_arg *frame,
                     void *user)
{
    bb_websocket *w = user;
    w->control = wslay_is_ctrl_frame(frame->opcode);
    w->text |= frame->opcode == WSLAY_TEXT_FRAME;
}

static void on_chunk(wslay_event_context_ptr frames, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                     void *user)
{
    bb_websocket *w = user;
    if (w->control || w->text || !chunk->data_length)
        return;
    BB_CHECK(chunk->data_length <= w->room - w->got);
    memcpy(w->into + w->got, chunk->data, chunk->data_length);
    w->got += chunk->data_length;
}

static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *data, size_t len, int flags, void *user)
{
    bb_websocket *w = user;
    size_t room = sizeof w->out - w->out_end;
    size_t n = len < room ? len : room;
    if (!n) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(w->out + w->out_end, data, n);
    w->out_end += n;
    return (ssize_t)n;
}

static int on_mask(wslay_event_context_ptr frames, uint8_t *mask, size_t len, void *user)
{
    bb_websocket *w = user;
    if (w->masks_left < len) {
        if (RAND_bytes(w->masks, sizeof w->masks) != 1)
            return -1;
        w->masks_left = sizeof w->masks;
    }
    w->masks_left -= len;
    memcpy(mask, w->masks + w->masks_left, len);
    return 0;
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .genmask_callback = on_mask,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_chunk,
};

/* Put what wslay has to send into out[], and out[] on its way. BB_IO_OK: all is gone. */
static bb_moved send_queued(bb_websocket *w)
{
    for (;;) {
        bb_moved moved = flush(w);
        if (moved.io != BB_IO_OK || !wslay_event_want_write(w->frames))
            return moved;
        if (wslay_event_send(w->frames) < 0)
            return fail(w, "no memory for WebSocket frames");
        if (w->out_start == w->out_end)
            return moved;
    }
}

/* --- receiving */

static bb_moved closed_by_server(bb_websocket *w)
{
    unsigned code = wslay_event_get_status_code_received(w->frames);
    w->stage = CLOSED;
    if (code == WSLAY_CODE_NORMAL_CLOSURE || code == WSLAY_CODE_GOING_AWAY || code == WSLAY_CODE_NO_STATUS_RCVD)
        return (bb_moved){.io = BB_IO_END, .drained = true};
    char why[64];
    bb_text text = bb_text_on(why, sizeof why - 1);
    bb_text_puts(&text, "the server closed the WebSocket with code ");
    bb_text_put_u64(&text, code);
    why[text.len] = 0;
    return fail(w, why);
}

/* Why nothing came. */
static bb_moved nothing_came(bb_websocket *w)
{
    if (w->text)
        return fail(w, "the server sent a text frame; MQTT is in binary frames only");
    if (wslay_event_get_close_received(w->frames))
        return closed_by_server(w);
    if (!wslay_event_get_read_enabled(w->frames))
        return fail(w, "the server's WebSocket frames break the protocol");
    if (w->in_start == w->in_end && (w->lower_got.io == BB_IO_END || w->lower_got.io == BB_IO_ERROR))
        return w->lower_got;
    return (bb_moved){.io = BB_IO_WAIT, .drained = true};
}

static bool can_read(const bb_websocket *w)
{
    return !w->text && wslay_event_get_read_enabled(w->frames);
}

static bool can_go_on(const bb_websocket *w)
{
    bool more = w->in_start < w->in_end || !w->lower_drained;
    return w->got < w->room && more && can_read(w);
}

static bb_moved websocket_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    bb_websocket *w = websocket_of(transport);
    if (w->stage != OPEN)
        return (bb_moved){.io = w->stage == CLOSED ? BB_IO_END : BB_IO_WAIT, .drained = true};
    w->into = into;
    w->room = room;
    w->got = 0;
    w->lower_drained = false;
    do {
        w->feed = room - w->got;
        if (wslay_event_recv(w->frames) == WSLAY_ERR_NOMEM) /* after other errors it does not want to read any more */
            return fail(w, "no memory for WebSocket frames");
        bb_moved sent = send_queued(w); /* pongs, and the answer to a closing frame */
        if (sent.io == BB_IO_ERROR)
            return sent;
        if (wslay_event_get_queued_msg_count(w->frames) > PONGS_MAX)
            return fail(w, "the server asks for more pongs than it reads");
    } while (can_go_on(w));
    if (!w->got)
        return nothing_came(w);
    bool drained = w->in_start == w->in_end && w->lower_drained && w->lower_got.io <= BB_IO_WAIT && can_read(w);
    /* Where an end or an error is behind these bytes, the next call tells it. */
    return (bb_moved){.bytes = w->got, .io = BB_IO_OK, .drained = drained};
}

/* --- sending */

static size_t gather(const bb_span *spans, size_t n, uint8_t *message)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < MESSAGE_BYTES; i++) {
        size_t part = spans[i].len < MESSAGE_BYTES - len ? spans[i].len : MESSAGE_BYTES - len;
        if (part)
            memcpy(message + len, spans[i].data, part);
        len += part;
    }
    return len;
}

static bb_moved websocket_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    bb_websocket *w = websocket_of(transport);
    if (w->stage != OPEN)
        return (bb_moved){.io = BB_IO_WAIT};
    bb_moved moved = send_queued(w);
    if (moved.io != BB_IO_OK)
        return moved;
    if (!w->offered) {
        uint8_t message[MESSAGE_BYTES];
        w->offered = gather(spans, n < BB_SEND_SPANS_MAX ? n : BB_SEND_SPANS_MAX, message);
        const struct wslay_event_msg frame = {WSLAY_BINARY_FRAME, message, w->offered};
        if (wslay_event_queue_msg(w->frames, &frame) != 0)
            return fail(w, "the WebSocket is closing, or there is no memory for its frames");
        moved = send_queued(w);
        if (moved.io != BB_IO_OK)
            return moved;
    }
    size_t sent = w->offered;
    w->offered = 0;
    return (bb_moved){.bytes = sent, .io = BB_IO_OK};
}

/* --- opening */

static bool begin_frames(bb_websocket *w)
{
    if (wslay_event_context_client_init(&w->frames, &callbacks, w) != 0)
        return false;
    wslay_event_config_set_no_buffering(w->frames, 1);
    wslay_event_config_set_max_recv_msg_length(w->frames, INT64_MAX); /* of a frame; it is handed on as it comes */
    return true;
}

static bb_moved read_response(bb_websocket *w)
{
    for (;;) {
        bb_span so_far = bb_span_of(w->in, w->in_end);
        size_t len = bb_upgrade_response_length(so_far);
        if (!bb_upgrade_is_http(so_far))
            return fail(w, "the server does not speak HTTP/1.1 on this port");
        if (len) {
            bb_text text = bb_text_on(w->error, sizeof w->error);
            if (!bb_upgrade_check(bb_span_of(w->in, len), bb_span_text(w->key), &text)) {
                w->error_len = (uint32_t)text.len;
                return fail(w, "");
            }
            w->in_start = len; /* what is behind it are frames already */
            w->stage = OPEN;
            return (bb_moved){.io = BB_IO_OK};
        }
        if (w->in_end >= BB_UPGRADE_RESPONSE_MAX)
            return fail(w, "the server's response to the WebSocket request is too long");
        bb_moved moved = bb_transport_recv(&w->lower, w->in + w->in_end, BB_UPGRADE_RESPONSE_MAX - w->in_end);
        if (moved.io == BB_IO_END)
            return fail(w, "the server closed the connection instead of answering the WebSocket request");
        if (moved.io != BB_IO_OK)
            return moved;
        w->in_end += moved.bytes;
    }
}

static bb_moved websocket_step(bb_transport *transport)
{
    bb_websocket *w = websocket_of(transport);
    bb_moved moved = bb_transport_step(&w->lower);
    if (moved.io != BB_IO_OK)
        return moved;
    moved = send_queued(w);
    if (moved.io != BB_IO_OK || w->stage >= OPEN)
        return moved;
    w->stage = RESPONSE;
    return read_response(w);
}

static unsigned websocket_wants(const bb_transport *transport)
{
    const bb_websocket *w = websocket_of(transport);
    unsigned lower = bb_transport_wants(&w->lower);
    if (lower)
        return lower;
    if (w->out_start < w->out_end)
        return BB_WRITABLE;
    return w->stage < OPEN ? BB_READABLE : 0;
}

/* --- the rest of the transport */

static void websocket_explain(const bb_transport *transport, int error, bb_text *text)
{
    const bb_websocket *w = websocket_of(transport);
    if (w->error_len)
        bb_text_put(text, bb_span_of(w->error, w->error_len));
    else
        bb_transport_explain(&w->lower, error, text);
}

/* Begin the closing handshake. TCP is the server's to close: RFC 6455, 7.1.1. */
static void websocket_finish(bb_transport *transport)
{
    bb_websocket *w = websocket_of(transport);
    if (w->stage == OPEN && wslay_event_queue_close(w->frames, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == 0)
        (void)send_queued(w); /* what has no room now goes with the next step */
    else if (w->stage != OPEN)
        bb_transport_finish(&w->lower);
}

static void websocket_close(bb_transport *transport)
{
    bb_websocket *w = websocket_of(transport);
    wslay_event_context_free(w->frames);
    bb_transport_close(&w->lower);
    bb_mem_free(w->mem, w, sizeof *w);
    *transport = (bb_transport){.ops = transport->ops, .fd = -1};
}

static const bb_transport *websocket_below(const bb_transport *transport)
{
    return &websocket_of(transport)->lower;
}

static const bb_transport_ops websocket_ops = {
    .name = "websocket",
    .recv = websocket_recv,
    .send = websocket_send,
    .finish = websocket_finish,
    .close = websocket_close,
    .step = websocket_step,
    .wants = websocket_wants,
    .explain = websocket_explain,
    .below = websocket_below,
};

static bool begin(bb_websocket *w, const bb_websocket_peer *peer)
{
    uint8_t random[BB_UPGRADE_KEY_BYTES];
    if (RAND_bytes(random, sizeof random) != 1 || !begin_frames(w))
        return false;
    bb_upgrade_key(random, w->key);
    bb_text request = bb_text_on((char *)w->out, sizeof w->out);
    bb_upgrade_put_request(&request, peer, bb_span_text(w->key));
    w->out_end = request.len;
    BB_CHECK(!request.cut);
    return true;
}

bb_status bb_websocket_client(const bb_websocket_peer *peer, bb_mem *mem, const bb_transport *lower, bb_transport *out)
{
    bb_websocket *w = bb_mem_alloc_zeroed(mem, sizeof *w);
    if (!w)
        return BB_E_NO_MEMORY;
    w->mem = mem;
    w->lower = *lower;
    if (!begin(w, peer)) {
        bb_mem_free(mem, w, sizeof *w);
        return BB_E_NO_MEMORY;
    }
    *out = (bb_transport){.ops = &websocket_ops, .state = w, .fd = lower->fd};
    return BB_OK;
}
