#include "transport/websocket.h"

#include <errno.h>
#include <openssl/rand.h>

#include "loop/sender.h"
#include "transport/websocket_inside.h"

enum { PONGS_MAX = 16 }; /* that wait to be sent; a peer that asks for more does not read what it asks for */

static bb_websocket *websocket_of(const bb_transport *transport)
{
    return transport->state;
}

bool bb_websocket_need(bb_websocket *w, uint8_t **buffer, size_t size)
{
    if (!*buffer)
        *buffer = bb_mem_alloc(w->mem, size);
    return *buffer != NULL;
}

void bb_websocket_give(bb_websocket *w, uint8_t **buffer, size_t size)
{
    bb_mem_free(w->mem, *buffer, size);
    *buffer = NULL;
}

bb_moved bb_websocket_fail(bb_websocket *w, const char *why)
{
    if (!w->error_len) {
        bb_text text = bb_text_on(w->error, sizeof w->error);
        bb_text_puts(&text, why);
        w->error_len = (uint32_t)text.len;
    }
    return (bb_moved){.io = BB_IO_ERROR, .drained = true, .error = EPROTO};
}

bb_moved bb_websocket_blame(bb_websocket *w, const char *what)
{
    char why[BB_WEBSOCKET_ERROR_MAX];
    bb_text text = bb_text_on(why, sizeof why - 1);
    bb_text_puts(&text, w->rules ? "the client" : "the server");
    bb_text_puts(&text, what);
    why[text.len] = 0;
    return bb_websocket_fail(w, why);
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
    if (!bb_websocket_need(w, &w->in, BB_WEBSOCKET_IN_BYTES)) {
        w->lower_got = bb_websocket_fail(w, "no memory for WebSocket frames");
        w->lower_drained = true;
        return;
    }
    w->lower_got = bb_transport_recv(&w->lower, w->in, BB_WEBSOCKET_IN_BYTES);
    w->lower_drained = w->lower_got.drained;
    if (w->lower_got.io == BB_IO_OK)
        w->in_end = w->lower_got.bytes;
}

/* --- what wslay asks for */

/* How many bytes the head of a frame has, as far as is known. */
static unsigned head_bytes(const bb_websocket *w)
{
    unsigned len = w->walk_head[1] & 0x7F;
    return w->walk_have < 2 ? 2 : 2 + (len < 126 ? 0 : len == 126 ? 2 : 8) + 4;
}

/* One byte of a head passes: wslay does not look whether a client masks [RFC 6455, 5.1], and would look into a text
 * frame before it tells of it. */
static void walk_byte(bb_websocket *w, uint8_t byte)
{
    unsigned at = w->walk_have++;
    if (at < 2)
        w->walk_head[at] = byte;
    if (at == 0)
        w->text |= (byte & 0x0F) == WSLAY_TEXT_FRAME;
    if (at == 1) {
        w->unmasked |= !(byte & 0x80);
        w->walk_left = (byte & 0x7F) < 126 ? byte & 0x7F : 0;
    }
    if (at >= 2 && at < head_bytes(w) - 4)
        w->walk_left = w->walk_left << 8 | byte;
}

static void walk(bb_websocket *w, const uint8_t *bytes, size_t n)
{
    while (n) {
        if (w->walk_have < head_bytes(w)) {
            walk_byte(w, *bytes++);
            n--;
            continue;
        }
        size_t part = w->walk_left < n ? (size_t)w->walk_left : n;
        w->walk_left -= part;
        bytes += part;
        n -= part;
        if (!w->walk_left)
            w->walk_have = 0;
    }
    if (w->walk_have && w->walk_have == head_bytes(w) && !w->walk_left) /* a frame with nothing in it */
        w->walk_have = 0;
}

static ssize_t on_recv(wslay_event_context_ptr frames, uint8_t *into, size_t room, int flags, void *user)
{
    bb_websocket *w = user;
    if (w->in_start == w->in_end && !w->lower_drained)
        fill(w);
    size_t n = w->in_end - w->in_start;
    n = n < room ? n : room;
    n = n < w->feed ? n : w->feed;
    bool full = wslay_event_get_queued_msg_count(frames) > PONGS_MAX;
    if (n && !w->text && !full && w->rules)
        walk(w, w->in + w->in_start, n);
    if (!n || w->text || w->unmasked || full) {
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
    if (!bb_websocket_need(w, &w->out, BB_WEBSOCKET_OUT_BYTES)) {
        wslay_event_set_error(frames, WSLAY_ERR_NOMEM);
        return -1;
    }
    size_t room = BB_WEBSOCKET_OUT_BYTES - w->out_end;
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

const struct wslay_event_callbacks bb_websocket_callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .genmask_callback = on_mask,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_chunk,
};

/* Put what wslay has to send into out[], and out[] on its way. BB_IO_OK: all is gone. */
bb_moved bb_websocket_send_queued(bb_websocket *w)
{
    for (;;) {
        bb_moved moved = flush(w);
        if (moved.io != BB_IO_OK)
            return moved;
        if (!w->frames || !wslay_event_want_write(w->frames)) {
            bb_websocket_give(w, &w->out, BB_WEBSOCKET_OUT_BYTES);
            return moved;
        }
        if (wslay_event_send(w->frames) < 0)
            return bb_websocket_fail(w, "no memory for WebSocket frames");
        if (w->out_start == w->out_end)
            return moved;
    }
}

/* --- receiving */

static bb_moved closed_by_peer(bb_websocket *w)
{
    unsigned code = wslay_event_get_status_code_received(w->frames);
    w->stage = BB_WEBSOCKET_CLOSED;
    if (w->rules || code == WSLAY_CODE_NORMAL_CLOSURE || code == WSLAY_CODE_GOING_AWAY ||
        code == WSLAY_CODE_NO_STATUS_RCVD)
        return (bb_moved){.io = BB_IO_END, .drained = true};
    char what[64];
    bb_text text = bb_text_on(what, sizeof what - 1);
    bb_text_puts(&text, " closed the WebSocket with code ");
    bb_text_put_u64(&text, code);
    what[text.len] = 0;
    return bb_websocket_blame(w, what);
}

/* Tell the peer why, as far as it still listens, and blame it. */
static bb_moved close_for(bb_websocket *w, unsigned code, const char *what)
{
    if (wslay_event_queue_close(w->frames, (uint16_t)code, NULL, 0) == 0)
        (void)bb_websocket_send_queued(w);
    return bb_websocket_blame(w, what);
}

/* Why nothing came. */
static bb_moved nothing_came(bb_websocket *w)
{
    if (w->text) /* [MQTT-6.0.0-1] */
        return close_for(w, WSLAY_CODE_UNSUPPORTED_DATA, " sent a text frame; MQTT is in binary frames only");
    if (w->unmasked)
        return close_for(w, WSLAY_CODE_PROTOCOL_ERROR, " sent a frame without a mask");
    if (wslay_event_get_close_received(w->frames))
        return closed_by_peer(w);
    if (!wslay_event_get_read_enabled(w->frames))
        return bb_websocket_blame(w, "'s WebSocket frames break the protocol");
    if (w->in_start == w->in_end && (w->lower_got.io == BB_IO_END || w->lower_got.io == BB_IO_ERROR))
        return w->lower_got;
    return (bb_moved){.io = BB_IO_WAIT, .drained = true};
}

static bool can_read(const bb_websocket *w)
{
    return !w->text && !w->unmasked && wslay_event_get_read_enabled(w->frames);
}

static bool can_go_on(const bb_websocket *w)
{
    bool more = w->in_start < w->in_end || !w->lower_drained;
    return w->got < w->room && more && can_read(w);
}

static bb_moved recv_frames(bb_websocket *w)
{
    do {
        w->feed = w->room - w->got;
        if (wslay_event_recv(w->frames) == WSLAY_ERR_NOMEM) /* after other errors it does not want to read any more */
            return bb_websocket_fail(w, "no memory for WebSocket frames");
        bb_moved sent = bb_websocket_send_queued(w); /* pongs, and the answer to a closing frame */
        if (sent.io == BB_IO_ERROR)
            return sent;
        if (wslay_event_get_queued_msg_count(w->frames) > PONGS_MAX)
            return bb_websocket_blame(w, " asks for more pongs than it reads");
    } while (can_go_on(w));
    if (!w->got)
        return nothing_came(w);
    bool drained = w->in_start == w->in_end && w->lower_drained && w->lower_got.io <= BB_IO_WAIT && can_read(w);
    /* Where an end or an error is behind these bytes, the next call tells it. */
    return (bb_moved){.bytes = w->got, .io = BB_IO_OK, .drained = drained};
}

static bb_moved websocket_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    bb_websocket *w = websocket_of(transport);
    if (w->stage < BB_WEBSOCKET_OPEN && w->finished)
        return bb_transport_recv(&w->lower, into, room);
    if (w->stage != BB_WEBSOCKET_OPEN)
        return (bb_moved){.io = w->stage == BB_WEBSOCKET_CLOSED ? BB_IO_END : BB_IO_WAIT, .drained = true};
    w->into = into;
    w->room = room;
    w->got = 0;
    w->lower_drained = false;
    bb_moved moved = recv_frames(w);
    if (w->in_start == w->in_end)
        bb_websocket_give(w, &w->in, BB_WEBSOCKET_IN_BYTES);
    return moved;
}

/* --- sending */

/* Copy what fits into a message, from the byte `skip` of the spans on. */
static size_t gather(const bb_span *spans, size_t n, size_t skip, uint8_t *message)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < BB_WEBSOCKET_MESSAGE_BYTES; i++) {
        size_t passed = skip < spans[i].len ? skip : spans[i].len, room = BB_WEBSOCKET_MESSAGE_BYTES - len;
        size_t part = spans[i].len - passed < room ? spans[i].len - passed : room;
        skip -= passed;
        if (part)
            memcpy(message + len, spans[i].data + passed, part);
        len += part;
    }
    return len;
}

/* Send one message of what is behind the byte `skip`, or the rest of the one that is on its way. */
static bb_moved send_message(bb_websocket *w, const bb_span *spans, size_t n, size_t skip)
{
    bb_moved moved = bb_websocket_send_queued(w);
    if (moved.io != BB_IO_OK)
        return moved;
    if (!w->offered) {
        uint8_t message[BB_WEBSOCKET_MESSAGE_BYTES];
        size_t len = gather(spans, n, skip, message);
        const struct wslay_event_msg frame = {WSLAY_BINARY_FRAME, message, len};
        if (!len)
            return moved;
        if (wslay_event_queue_msg(w->frames, &frame) != 0)
            return bb_websocket_fail(w, "the WebSocket is closing, or there is no memory for its frames");
        w->offered = len;
        moved = bb_websocket_send_queued(w);
        if (moved.io != BB_IO_OK)
            return moved;
    }
    moved.bytes = w->offered;
    w->offered = 0;
    return moved;
}

static bb_moved websocket_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    bb_websocket *w = websocket_of(transport);
    size_t sent = 0;
    if (w->stage != BB_WEBSOCKET_OPEN)
        return (bb_moved){.io = BB_IO_WAIT};
    n = n < BB_SEND_SPANS_MAX ? n : BB_SEND_SPANS_MAX;
    for (;;) {
        bb_moved moved = send_message(w, spans, n, sent);
        if (moved.io != BB_IO_OK)
            return sent ? (bb_moved){.bytes = sent, .io = BB_IO_OK} : moved; /* an error is told by the next call */
        if (!moved.bytes)
            return (bb_moved){.bytes = sent, .io = BB_IO_OK};
        sent += moved.bytes;
    }
}

/* --- the rest of the transport */

static bb_moved websocket_step(bb_transport *transport)
{
    bb_websocket *w = websocket_of(transport);
    bb_moved moved = bb_transport_step(&w->lower);
    if (moved.io != BB_IO_OK)
        return moved;
    return w->stage < BB_WEBSOCKET_OPEN ? bb_websocket_open_on(w) : bb_websocket_send_queued(w);
}

static unsigned websocket_wants(const bb_transport *transport)
{
    const bb_websocket *w = websocket_of(transport);
    unsigned lower = bb_transport_wants(&w->lower);
    if (lower)
        return lower;
    if (w->out_start < w->out_end)
        return BB_WRITABLE;
    return w->stage < BB_WEBSOCKET_OPEN ? BB_READABLE : 0;
}

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
    w->finished = true;
    if (w->stage != BB_WEBSOCKET_OPEN)
        bb_transport_finish(&w->lower);
    else if (wslay_event_queue_close(w->frames, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == 0)
        (void)bb_websocket_send_queued(w); /* what has no room now goes with the next step */
}

static bb_status websocket_reason(const bb_transport *transport)
{
    const bb_websocket *w = websocket_of(transport);
    if (w->reason != BB_OK)
        return w->reason;
    if (!w->error_len)
        return bb_transport_reason(&w->lower);
    return w->stage < BB_WEBSOCKET_OPEN ? BB_E_NOT_WEBSOCKET : BB_E_WEBSOCKET_FRAME;
}

static void websocket_adopt(bb_transport *transport, bb_mem *mem)
{
    bb_websocket *w = websocket_of(transport);
    w->mem = mem;
    bb_transport_adopt(&w->lower, mem);
}

static void websocket_close(bb_transport *transport)
{
    bb_websocket *w = websocket_of(transport);
    if (w->frames)
        wslay_event_context_free(w->frames);
    bb_websocket_give(w, &w->in, BB_WEBSOCKET_IN_BYTES);
    bb_websocket_give(w, &w->out, BB_WEBSOCKET_OUT_BYTES);
    bb_websocket_rules_unref(w->rules);
    bb_transport_close(&w->lower);
    bb_mem_free(w->mem, w, sizeof *w);
    *transport = (bb_transport){.ops = transport->ops, .fd = -1};
}

static const bb_transport *websocket_below(const bb_transport *transport)
{
    return &websocket_of(transport)->lower;
}

const bb_transport_ops bb_websocket_ops = {
    .name = "websocket",
    .recv = websocket_recv,
    .send = websocket_send,
    .finish = websocket_finish,
    .close = websocket_close,
    .step = websocket_step,
    .wants = websocket_wants,
    .explain = websocket_explain,
    .below = websocket_below,
    .reason = websocket_reason,
    .adopt = websocket_adopt,
};
