#include "transport/tls_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include "loop/sender.h"

enum { RECORD_BYTES = 16 * 1024 }; /* of a TLS record at most: RFC 8446, 5.1 */

/* What OpenSSL takes for one connection of a server, as it was measured: it allocates for itself, and a broker has to
 * know how much memory it uses. */
enum { OPENING_BYTES = 44 * 1024, OPEN_BYTES = 13 * 1024 };

static bb_tls *tls_of(const bb_transport *transport)
{
    return transport->state;
}

/* --- OpenSSL's side of the lower transport */

static int lower_write(BIO *bio, const char *data, size_t len, size_t *written)
{
    bb_tls *tls = BIO_get_data(bio);
    const bb_span span = bb_span_of(data, len);
    BIO_clear_retry_flags(bio);
    bb_moved moved = bb_transport_send(&tls->lower, &span, 1);
    *written = moved.io == BB_IO_OK ? moved.bytes : 0;
    if (moved.io == BB_IO_WAIT)
        BIO_set_retry_write(bio);
    else if (moved.io == BB_IO_ERROR)
        tls->lower_error = moved.error;
    return moved.io == BB_IO_OK;
}

static int lower_read(BIO *bio, char *into, size_t room, size_t *read)
{
    bb_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *read = 0;
    if (tls->lower_drained) {
        BIO_set_retry_read(bio);
        return 0;
    }
    bb_moved moved = bb_transport_recv(&tls->lower, (uint8_t *)into, room);
    tls->lower_drained = moved.drained;
    switch (moved.io) {
    case BB_IO_OK:
        *read = moved.bytes;
        return 1;
    case BB_IO_WAIT:
        BIO_set_retry_read(bio);
        return 0;
    case BB_IO_END:
        tls->lower_end = true;
        tls->lower_drained = false; /* whoever asks again is told again */
        return 0;
    default:
        tls->lower_error = moved.error;
        return 0;
    }
}

static long lower_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const bb_tls *tls = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH: /* nothing is held back */
        return 1;
    case BIO_CTRL_EOF:
        return tls->lower_end;
    default:
        return 0;
    }
}

static BIO_METHOD *lower_method;

static void make_lower_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bb_transport");
    if (method && BIO_meth_set_write_ex(method, lower_write) && BIO_meth_set_read_ex(method, lower_read) &&
        BIO_meth_set_ctrl(method, lower_ctrl))
        lower_method = method;
}

/* NULL when there is no memory. OpenSSL wants one method for all; it lives as long as the process. */
static BIO *lower_bio_new(bb_tls *tls)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_lower_method);
    BIO *bio = lower_method ? BIO_new(lower_method) : NULL;
    if (bio) {
        BIO_set_data(bio, tls);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* --- the transport */

static void count(bb_tls *tls, int64_t bytes)
{
    if (tls->server)
        bb_mem_count(tls->mem, bytes);
}

/* What a call of OpenSSL that moved nothing means. */
static bb_moved failed(bb_tls *tls, int result, bool reading)
{
    int error = SSL_get_error(tls->ssl, result);
    switch (error) {
    case SSL_ERROR_WANT_READ:
        return (bb_moved){.io = BB_IO_WAIT, .drained = true};
    case SSL_ERROR_WANT_WRITE:
        tls->wants_write = true;
        return (bb_moved){.io = BB_IO_WAIT, .drained = true};
    case SSL_ERROR_ZERO_RETURN:
        if (reading)
            return (bb_moved){.io = BB_IO_END, .drained = true};
        break;
    default:
        break;
    }
    bb_tls_set_error(tls, error);
    return (bb_moved){.io = BB_IO_ERROR, .drained = true, .error = tls->lower_error ? tls->lower_error : EPROTO};
}

static void begin(bb_tls *tls)
{
    ERR_clear_error(); /* SSL_get_error looks at the queue of this thread, where others may have left something */
    tls->lower_drained = false;
    tls->wants_write = false;
}

static bb_moved tls_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    bb_tls *tls = tls_of(transport);
    bb_moved all = {.io = BB_IO_WAIT, .drained = true};
    if (!tls->open)
        return tls->finished ? bb_transport_recv(&tls->lower, into, room) : all;
    begin(tls);
    size_t got = 0;
    while (got < room) {
        size_t n = 0;
        int result = SSL_read_ex(tls->ssl, into + got, room - got, &n);
        if (result != 1) {
            all = failed(tls, result, true);
            break;
        }
        got += n;
    }
    if (!got)
        return all;
    /* An end or an error behind these bytes is told by the next call, to which the caller is sent by `drained`. */
    return (bb_moved){.bytes = got, .io = BB_IO_OK, .drained = got < room && all.io == BB_IO_WAIT};
}

/* The first bytes of `spans`, up to a record: the first span itself where it is enough, else a copy in `record`. */
static bb_span gather(const bb_span *spans, size_t n, uint8_t *record)
{
    if (n == 1 || spans->len >= RECORD_BYTES)
        return bb_span_of(spans->data, spans->len < RECORD_BYTES ? spans->len : RECORD_BYTES);
    size_t len = 0;
    for (size_t i = 0; i < n && len < RECORD_BYTES; i++) {
        size_t part = spans[i].len < RECORD_BYTES - len ? spans[i].len : RECORD_BYTES - len;
        if (part)
            memcpy(record + len, spans[i].data, part);
        len += part;
    }
    return bb_span_of(record, len);
}

/* Take the first `n` bytes off the front of spans[*at..]. */
static void advance(bb_span *spans, size_t *at, size_t n)
{
    while (n >= spans[*at].len && n > 0)
        n -= spans[(*at)++].len;
    if (n)
        spans[*at] = bb_span_of(spans[*at].data + n, spans[*at].len - n);
}

static size_t length_of(const bb_span *spans, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += spans[i].len;
    return len;
}

static bb_moved tls_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    bb_tls *tls = tls_of(transport);
    if (!tls->open)
        return (bb_moved){.io = BB_IO_WAIT};
    begin(tls);
    bb_span left[BB_SEND_SPANS_MAX];
    uint8_t record[RECORD_BYTES];
    size_t at = 0, sent = 0;
    n = n < BB_SEND_SPANS_MAX ? n : BB_SEND_SPANS_MAX;
    memcpy(left, spans, n * sizeof *spans);
    size_t len = length_of(spans, n);
    while (sent < len) {
        bb_span bytes = gather(left + at, n - at, record);
        size_t written = 0;
        int result = SSL_write_ex(tls->ssl, bytes.data, bytes.len, &written);
        if (result != 1) {
            bb_moved moved = failed(tls, result, false);
            return sent ? (bb_moved){.bytes = sent, .io = BB_IO_OK} : moved; /* an error is told by the next call */
        }
        advance(left, &at, written);
        sent += written;
    }
    return (bb_moved){.bytes = sent, .io = BB_IO_OK};
}

static bb_moved tls_step(bb_transport *transport)
{
    bb_tls *tls = tls_of(transport);
    bb_moved moved = bb_transport_step(&tls->lower);
    if (moved.io != BB_IO_OK) {
        tls->lower_error = moved.error;
        return moved;
    }
    if (tls->open)
        return moved;
    begin(tls);
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1)
        return failed(tls, result, false);
    tls->open = true;
    count(tls, OPEN_BYTES - OPENING_BYTES);
    return (bb_moved){.io = BB_IO_OK};
}

static unsigned tls_wants(const bb_transport *transport)
{
    const bb_tls *tls = tls_of(transport);
    unsigned lower = bb_transport_wants(&tls->lower);
    if (lower || tls->open)
        return lower | (tls->wants_write ? BB_WRITABLE : 0U);
    return tls->wants_write ? BB_WRITABLE : BB_READABLE;
}

static void tls_explain(const bb_transport *transport, int error, bb_text *text)
{
    const bb_tls *tls = tls_of(transport);
    if (tls->error_len)
        bb_text_put(text, bb_span_of(tls->error, tls->error_len));
    else
        bb_transport_explain(&tls->lower, error, text);
}

/* Say that nothing more will come. Where there is no room for it the peer sees the end of TCP only. */
static void tls_finish(bb_transport *transport)
{
    bb_tls *tls = tls_of(transport);
    begin(tls);
    tls->finished = true;
    if (tls->open)
        (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
    bb_transport_finish(&tls->lower);
}

static void tls_free(bb_tls *tls)
{
    SSL_free(tls->ssl);
    bb_tls_context_free(tls->context);
    ERR_clear_error();
    bb_mem_free(tls->mem, tls, sizeof *tls);
}

static void tls_close(bb_transport *transport)
{
    bb_tls *tls = tls_of(transport);
    count(tls, tls->open ? -OPEN_BYTES : -OPENING_BYTES);
    bb_transport_close(&tls->lower);
    tls_free(tls);
    *transport = (bb_transport){.ops = transport->ops, .fd = -1};
}

static const bb_transport *tls_below(const bb_transport *transport)
{
    return &tls_of(transport)->lower;
}

static bb_status tls_reason(const bb_transport *transport)
{
    const bb_tls *tls = tls_of(transport);
    if (tls->open)
        return BB_E_LINK_ERROR;
    return tls->reason ? tls->reason : BB_E_TLS_HANDSHAKE;
}

static void tls_adopt(bb_transport *transport, bb_mem *mem)
{
    bb_tls *tls = tls_of(transport);
    tls->mem = mem;
    bb_transport_adopt(&tls->lower, mem);
}

static const bb_transport_ops tls_ops = {
    .name = BB_TLS_NAME,
    .recv = tls_recv,
    .send = tls_send,
    .finish = tls_finish,
    .close = tls_close,
    .step = tls_step,
    .wants = tls_wants,
    .explain = tls_explain,
    .below = tls_below,
    .reason = tls_reason,
    .adopt = tls_adopt,
};

/* --- putting it on */

static bool is_ip(const char *host)
{
    uint8_t ip[16];
    return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

static bool set_host(SSL *ssl, const char *host, bool check)
{
    if (is_ip(host)) /* RFC 6066, 3: no IP addresses in SNI */
        return !check || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && (!check || SSL_set1_host(ssl, host) == 1);
}

static bool set_alpn(SSL *ssl, const char *alpn)
{
    uint8_t list[256];
    size_t len = alpn ? strlen(alpn) : 0;
    if (!len)
        return true;
    BB_CHECK(len < sizeof list);
    list[0] = (uint8_t)len;
    memcpy(list + 1, alpn, len);
    return SSL_set_alpn_protos(ssl, list, (unsigned)len + 1) == 0; /* 0: done, against the custom */
}

/* NULL: no memory. */
static bb_tls *tls_new(bb_tls_context *context, bb_mem *mem, const bb_transport *lower)
{
    bb_tls *tls = bb_mem_alloc_zeroed(mem, sizeof *tls);
    if (!tls)
        return NULL;
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    tls->mem = mem;
    tls->lower = *lower;
    tls->context = context;
    tls->ssl = SSL_new(context->ssl);
    BIO *bio = tls->ssl ? lower_bio_new(tls) : NULL;
    if (bio)
        SSL_set_bio(tls->ssl, bio, bio);
    if (bio && SSL_set_app_data(tls->ssl, tls))
        return tls;
    tls_free(tls);
    return NULL;
}

static bool set_peer(bb_tls *tls, const bb_tls_peer *peer)
{
    bool check = !tls->context->any_name && !tls->context->any_certificate;
    bb_text host = bb_text_on(tls->host, sizeof tls->host - 1);
    bb_text_puts(&host, peer->host);
    return set_host(tls->ssl, peer->host, check) && set_alpn(tls->ssl, peer->alpn);
}

bb_status bb_tls_client(bb_tls_context *context, const bb_tls_peer *peer, bb_mem *mem, const bb_transport *lower,
                        bb_transport *out)
{
    bb_tls *tls = tls_new(context, mem, lower);
    if (tls && !set_peer(tls, peer)) {
        tls_free(tls);
        tls = NULL;
    }
    if (!tls)
        return BB_E_NO_MEMORY;
    SSL_set_connect_state(tls->ssl);
    *out = (bb_transport){.ops = &tls_ops, .state = tls, .fd = lower->fd};
    return BB_OK;
}

bb_status bb_tls_server(bb_tls_context *context, bb_mem *mem, const bb_transport *lower, bb_transport *out)
{
    bb_tls *tls = tls_new(context, mem, lower);
    if (!tls)
        return BB_E_NO_MEMORY;
    SSL_set_accept_state(tls->ssl);
    tls->server = true;
    count(tls, OPENING_BYTES);
    *out = (bb_transport){.ops = &tls_ops, .state = tls, .fd = lower->fd};
    return BB_OK;
}
