/* net.h - a ready connection for servers and Linux devices: bb_client (client.h) over TCP, TLS, WebSocket or a Unix
 * socket.
 *
 * What      bb_net opens the transport that the client asks for, moves its bytes, and keeps its time. It adds what the
 *           client leaves to others: buffers, and a store for messages of QoS 1 and 2 that grows as it is needed and
 *           takes large messages to a file. What happens comes as the events of client.h, BB_CLIENT_OPEN excepted:
 *           opening is done here. Publishing and subscribing go to the client itself, bb_net_client.
 * Styles    Poll: the connection goes into any loop.
 *
 *               struct pollfd wait = {bb_net_fd(net), bb_net_events(net), 0};
 *               poll(&wait, 1, bb_net_timeout_ms(net));
 *               while (bb_net_next(net, &event))
 *                   handle(&event);
 *
 *           Blocking: each call returns when it is done, or when its time is over.
 *
 *               bb_net_connect(net, 10000);
 *               bb_net_publish(net, &message, 10000);
 *               bb_net_disconnect(net, 10000);
 *
 * Memory    From malloc, and bounded by the options: payloads of any size stream through the buffers. Texts and files
 *           that the options name are copied or read by bb_net_new; what options.client points to is borrowed, and must
 *           stay until bb_net_free.
 * Threads   A bb_net belongs to one thread at a time. No function of the poll style blocks: the name of a host is
 *           looked up in a thread of its own, which lives for as long as that takes.
 * Signals   None is raised: a broken connection is an event, not a SIGPIPE.
 * Start at  bb_net_options_init, bb_net_new. docs/library.md is the manual, examples/ shows it. */
#ifndef BUSBAR_NET_H
#define BUSBAR_NET_H

#include <busbar/client.h>
#include <busbar/url.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How mqtts:// and wss:// are secured. Zero-terminated; NULL where nothing is given. Files are PEM. */
typedef struct bb_net_tls {
    const char *ca_file, *ca_folder; /* whom to trust; both NULL: the authorities of the system */
    const char *certificate_file;    /* ours, with its chain behind it, for servers that ask for one */
    const char *key_file;            /* its key; NULL: it is in certificate_file, too */
    const char *key_password;        /* of an encrypted key */
    const char *ciphers;             /* of TLS 1.2, in OpenSSL's notation */
    bool tls_1_3_only;               /* else 1.2 is accepted, too */
    bool any_name;                   /* accept trusted certificates that are for another host */
    bool any_certificate;            /* accept every certificate: encrypted, but anyone may be at the other end */
} bb_net_tls;

typedef struct bb_net_options {
    /* Where to: a URL (url.h), or several with spaces between that are tried in turn. Required. User name and password
     * of the URL count where options.client has none. */
    const char *url;
    bb_net_tls tls;

    /* All of it (client.h). bb_net_options_init sets what most want; where these are zero, bb_net gives them: in and
     * out, store, assigned_id, redirect, seed. */
    bb_client_options client;

    size_t buffer_bytes;         /* of the client's `in`, and of its `out`; larger messages come in pieces */
    size_t store_memory_max;     /* bytes of messages of QoS 1 and 2 that wait in memory; what is more goes to files */
    const char *store_folder;    /* keep these messages here, so that they survive the process; NULL: only a lost
                                  * connection. One connection at a time, always with the same client_id */
    size_t inbox_bytes_max;      /* blocking style: messages that came while a call waited for something else */
    uint32_t address_timeout_ms; /* how long one address of a host may take before the next is tried */
    bool follow_redirects;       /* go where the server says (0x9C, 0x9D). Off: credentials go only where you said */
} bb_net_options;

/* MQTT 5.0 with QoS 0 to 2, keep alive of a minute, buffers of 64 KB, 1 MB of store memory and as much inbox; connects
 * again after 1 s to 1 min, without end. */
BB_API void bb_net_options_init(bb_net_options *options);

typedef struct bb_net bb_net;

/* A connection that is not open yet. NULL: something is wrong with the options; `error` (may be NULL) says what,
 * zero-terminated. */
BB_API bb_net *bb_net_new(const bb_net_options *options, char *error, size_t size);

/* Close at once what is still open, and give everything back. NULL does nothing. To say goodbye, bb_net_disconnect
 * first, or bb_client_stop and bb_net_next until it says BB_CLIENT_DISCONNECTED. */
BB_API void bb_net_free(bb_net *net);

/* The client, for bb_client_publish, bb_client_subscribe and so on. Afterwards call bb_net_next, which sends. Of its
 * transport functions (bb_client_input ... bb_client_closed) none is for you. */
BB_API bb_client *bb_net_client(bb_net *net);

/* ---- Poll style. bb_client_start and bb_client_stop begin and end it. */

/* Do what can be done now without waiting, and give the next event; false: there is none for now. Its spans live until
 * the next call. */
BB_API bool bb_net_next(bb_net *net, bb_client_event *event);

/* For poll(2), to be asked anew before each time: a descriptor, which may be -1 for a while; its events; and in how
 * many milliseconds bb_net_next must be called even if nothing happens (-1: not at all). */
BB_API int bb_net_fd(const bb_net *net);
BB_API short bb_net_events(const bb_net *net);
BB_API int bb_net_timeout_ms(const bb_net *net);

/* Wait until bb_net_next has something to do, at most `timeout_ms` (-1: without end): the poll of the loop above. */
BB_API void bb_net_wait(bb_net *net, int timeout_ms);

/* ---- Blocking style. `timeout_ms` is for the whole call; -1: without end. Where options.client reconnects, a lost
 * connection is not an error: calls go on after it is back. Messages that come while a call waits for something else
 * are kept for bb_net_receive. */

typedef enum bb_net_result {
    BB_NET_OK = 0,
    BB_NET_TIMEOUT = 1, /* what was begun goes on: a message may still be delivered */
    BB_NET_REFUSED = 2, /* the server said no; bb_net_code has its reason code */
    BB_NET_LOST = 3,   /* there is no connection, and no new one will be tried; or it broke under a message of QoS 0, of
                        * which nobody knows whether it arrived */
    BB_NET_INBOX = 4,  /* more messages have come than the inbox holds: bb_net_receive them first. What was begun
                        * goes on */
    BB_NET_INVALID = 5 /* the client does not take it: bb_net_client_result says why */
} bb_net_result;

/* Connect, and wait for CONNACK. LOST: it did not succeed, and options.client does not try again. */
BB_API bb_net_result bb_net_connect(bb_net *net, int timeout_ms);

/* Publish, and wait: with QoS 0 until the bytes are the system's, with QoS 1 and 2 until the message is acknowledged.
 */
BB_API bb_net_result bb_net_publish(bb_net *net, const bb_client_message *message, int timeout_ms);

/* The same for a payload of `size` bytes (message->payload is not looked at) that `read` gives piece by piece: it
 * writes at most `room` bytes to `into` and returns how many, at least 1; 0 gives the message up (BB_NET_INVALID). */
typedef size_t (*bb_net_read)(void *context, uint8_t *into, size_t room);
BB_API bb_net_result bb_net_publish_stream(bb_net *net, const bb_client_message *message, uint32_t size,
                                           bb_net_read read, void *context, int timeout_ms);

/* Subscribe, or unsubscribe, and wait for the answer. For subscriptions that shall outlive a server that forgets, use
 * options.client.subscriptions. */
BB_API bb_net_result bb_net_subscribe(bb_net *net, const bb_client_subscription *subscription, int timeout_ms);
BB_API bb_net_result bb_net_unsubscribe(bb_net *net, bb_span filter, int timeout_ms);

/* Wait for the next message, or the next piece of one (offset and size say which). `event` lives until the next call.
 */
BB_API bb_net_result bb_net_receive(bb_net *net, bb_client_message_event *event, int timeout_ms);

/* Send DISCONNECT and wait until the connection is closed. */
BB_API bb_net_result bb_net_disconnect(bb_net *net, int timeout_ms);

/* ---- What went wrong. */

/* Why the last connection could not be opened, was refused or ended, or why the last blocking call failed, for people.
 * Lives until the next call. */
BB_API const char *bb_net_error(const bb_net *net);

/* The reason code of the last answer that refused something; 0: none was said. */
BB_API uint8_t bb_net_code(const bb_net *net);

/* What the client said to the last blocking call. */
BB_API bb_client_result bb_net_client_result(const bb_net *net);

/* A reason code of MQTT 5.0 in words: "not authorized". Static text. */
BB_API const char *bb_net_code_text(uint8_t code);

#ifdef __cplusplus
}
#endif

#endif
