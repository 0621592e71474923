#include <openssl/rand.h>
#include <stdlib.h>

#include "transport/http_request.h"
#include "transport/http_text.h"
#include "transport/websocket_inside.h"

static_assert((int)BB_WEBSOCKET_OUT_BYTES >= (int)BB_UPGRADE_REQUEST_MAX, "the request goes through out[]");
static_assert((int)BB_WEBSOCKET_OUT_BYTES >= (int)BB_REQUEST_RESPONSE_MAX, "so does the response");
static_assert((int)BB_WEBSOCKET_IN_BYTES >= (int)BB_UPGRADE_RESPONSE_MAX, "the response comes through in[]");
static_assert((int)BB_WEBSOCKET_IN_BYTES >= (int)BB_REQUEST_MAX, "so does the request");

static bool begin_frames(bb_websocket *w)
{
    int made = w->rules ? wslay_event_context_server_init(&w->frames, &bb_websocket_callbacks, w)
                        : wslay_event_context_client_init(&w->frames, &bb_websocket_callbacks, w);
    if (made != 0)
        return false;
    wslay_event_config_set_no_buffering(w->frames, 1);
    wslay_event_config_set_max_recv_msg_length(w->frames, INT64_MAX); /* of a frame; it is handed on as it comes */
    return true;
}

/* What is behind the first `len` bytes of in[] are frames already. */
static bb_moved begin_open(bb_websocket *w, size_t len)
{
    w->in_start = len;
    w->stage = BB_WEBSOCKET_OPEN;
    if (w->in_start == w->in_end)
        bb_websocket_give(w, &w->in, BB_WEBSOCKET_IN_BYTES);
    return (bb_moved){.io = BB_IO_OK};
}

/* More bytes behind those that in[] has. */
static bb_moved read_more(bb_websocket *w, size_t max)
{
    if (!bb_websocket_need(w, &w->in, BB_WEBSOCKET_IN_BYTES))
        return bb_websocket_fail(w, "no memory for the handshake of WebSocket");
    bb_moved moved = bb_transport_recv(&w->lower, w->in + w->in_end, max - w->in_end);
    if (moved.io == BB_IO_OK)
        w->in_end += moved.bytes;
    return moved;
}

/* --- the client's side */

static bb_moved check_response(bb_websocket *w, size_t len)
{
    bb_text text = bb_text_on(w->error, sizeof w->error);
    if (bb_upgrade_check(bb_span_of(w->in, len), bb_span_text(w->key), &text))
        return begin_open(w, len);
    w->error_len = (uint32_t)text.len;
    return bb_websocket_fail(w, "");
}

static bb_moved read_response(bb_websocket *w)
{
    for (;;) {
        bb_span so_far = bb_span_of(w->in, w->in_end);
        size_t len = bb_upgrade_response_length(so_far);
        if (!bb_upgrade_is_http(so_far))
            return bb_websocket_fail(w, "the server does not speak HTTP/1.1 on this port");
        if (len)
            return check_response(w, len);
        if (w->in_end >= BB_UPGRADE_RESPONSE_MAX)
            return bb_websocket_fail(w, "the server's response to the WebSocket request is too long");
        bb_moved moved = read_more(w, BB_UPGRADE_RESPONSE_MAX);
        if (moved.io == BB_IO_END)
            return bb_websocket_fail(w, "the server closed the connection instead of answering the WebSocket request");
        if (moved.io != BB_IO_OK)
            return moved;
    }
}

/* --- the server's side */

/* Put the answer to a whole request into out[]. Frames may follow a request that is accepted; what follows another one
 * is of no interest. */
static bb_moved answer(bb_websocket *w, size_t len)
{
    if (!bb_websocket_need(w, &w->out, BB_WEBSOCKET_OUT_BYTES))
        return bb_websocket_fail(w, "no memory for the handshake of WebSocket");
    bb_text response = bb_text_on((char *)w->out, BB_REQUEST_RESPONSE_MAX);
    bb_text error = bb_text_on(w->error, sizeof w->error);
    w->reason = bb_request_answer(bb_span_of(w->in, len), w->rules, &response, &error);
    BB_CHECK(!response.cut);
    w->error_len = (uint32_t)error.len;
    w->out_end = response.len;
    w->in_start = len;
    w->stage = BB_WEBSOCKET_RESPONSE;
    return (bb_moved){.io = BB_IO_OK};
}

static bb_moved read_request(bb_websocket *w)
{
    for (;;) {
        bb_span so_far = bb_span_of(w->in, w->in_end);
        const char *foreign = bb_request_foreign(so_far);
        if (foreign)
            return bb_websocket_fail(w, foreign);
        size_t len = bb_http_head_length(so_far);
        if (len)
            return answer(w, len);
        if (w->in_end >= BB_REQUEST_MAX)
            return bb_websocket_fail(w, "the client's request is longer than 8 KB");
        bb_moved moved = read_more(w, BB_REQUEST_MAX);
        if (moved.io == BB_IO_END)
            return bb_websocket_fail(w,
                                     "the client closed the connection before its request for a WebSocket was whole");
        if (moved.io != BB_IO_OK)
            return moved;
    }
}

static bb_moved serve(bb_websocket *w)
{
    if (w->stage == BB_WEBSOCKET_REQUEST) {
        bb_moved moved = read_request(w);
        if (moved.io != BB_IO_OK)
            return moved;
    }
    bb_moved moved = bb_websocket_send_queued(w);
    if (moved.io != BB_IO_OK)
        return moved;
    if (w->reason != BB_OK)
        return bb_websocket_fail(w, "");
    if (!begin_frames(w))
        return bb_websocket_fail(w, "no memory for WebSocket frames");
    return begin_open(w, w->in_start);
}

bb_moved bb_websocket_open_on(bb_websocket *w)
{
    if (w->rules)
        return serve(w);
    bb_moved moved = bb_websocket_send_queued(w);
    if (moved.io != BB_IO_OK)
        return moved;
    w->stage = BB_WEBSOCKET_RESPONSE;
    return read_response(w);
}

/* --- putting it on */

static bool begin_request(bb_websocket *w, const bb_websocket_peer *peer)
{
    uint8_t random[BB_UPGRADE_KEY_BYTES];
    if (RAND_bytes(random, sizeof random) != 1 || !bb_websocket_need(w, &w->out, BB_WEBSOCKET_OUT_BYTES) ||
        !begin_frames(w))
        return false;
    bb_upgrade_key(random, w->key);
    bb_text request = bb_text_on((char *)w->out, BB_WEBSOCKET_OUT_BYTES);
    bb_upgrade_put_request(&request, peer, bb_span_text(w->key));
    w->out_end = request.len;
    BB_CHECK(!request.cut);
    return true;
}

static bb_websocket *websocket_new(bb_mem *mem, const bb_transport *lower)
{
    bb_websocket *w = bb_mem_alloc_zeroed(mem, sizeof *w);
    if (w) {
        w->mem = mem;
        w->lower = *lower;
    }
    return w;
}

bb_status bb_websocket_client(const bb_websocket_peer *peer, bb_mem *mem, const bb_transport *lower, bb_transport *out)
{
    bb_websocket *w = websocket_new(mem, lower);
    if (!w)
        return BB_E_NO_MEMORY;
    if (!begin_request(w, peer)) {
        bb_websocket_give(w, &w->out, BB_WEBSOCKET_OUT_BYTES);
        bb_mem_free(mem, w, sizeof *w);
        return BB_E_NO_MEMORY;
    }
    *out = (bb_transport){.ops = &bb_websocket_ops, .state = w, .fd = lower->fd};
    return BB_OK;
}

bb_status bb_websocket_server(bb_websocket_rules *rules, bb_mem *mem, const bb_transport *lower, bb_transport *out)
{
    bb_websocket *w = websocket_new(mem, lower);
    if (!w)
        return BB_E_NO_MEMORY;
    w->rules = bb_websocket_rules_ref(rules);
    *out = (bb_transport){.ops = &bb_websocket_ops, .state = w, .fd = lower->fd};
    return BB_OK;
}

/* --- rules */

bb_websocket_rules *bb_websocket_rules_new(const char *path, const char *origins)
{
    bb_websocket_rules *rules = calloc(1, sizeof *rules);
    if (!rules)
        return NULL;
    rules->references = 1;
    rules->path = path ? strdup(path) : NULL;
    rules->origins = origins ? strdup(origins) : NULL;
    if ((!path || rules->path) && (!origins || rules->origins))
        return rules;
    bb_websocket_rules_unref(rules);
    return NULL;
}

bb_websocket_rules *bb_websocket_rules_ref(bb_websocket_rules *rules)
{
    atomic_fetch_add_explicit(&rules->references, 1, memory_order_relaxed);
    return rules;
}

void bb_websocket_rules_unref(bb_websocket_rules *rules)
{
    if (!rules || atomic_fetch_sub_explicit(&rules->references, 1, memory_order_acq_rel) > 1)
        return;
    free(rules->path);
    free(rules->origins);
    free(rules);
}
