/* client.h - an MQTT client for 3.1.1 and 5.0 that never touches a socket, a clock or the heap.
 *
 * What      A state machine between your transport and your application. You give it the bytes that arrived and the
 *           time; it gives you events, bytes to send, and the time at which it wants to be called again:
 *
 *               transport ──bytes──► bb_client_input/received ──► ┌───────────┐ ──► bb_client_next: events
 *                                                                 │ bb_client │
 *               transport ◄──bytes── bb_client_output/sent    ◄── └───────────┘ ◄── bb_client_publish, _subscribe ...
 *
 *           It connects and reconnects, keeps the connection alive, subscribes again, sends again what was not
 *           acknowledged, and streams payloads of any size through small buffers.
 * Memory    All yours: the struct bb_client (less than 512 bytes on a 32-bit machine), two buffers, and a store for
 *           messages of QoS 1 and 2. Nothing is allocated, nothing is global.
 * Threads   A bb_client belongs to one thread at a time. No function blocks.
 * Parts     The linker takes what the options name: bb_client_mqtt_311 or bb_client_mqtt_5; bb_client_qos1 or
 *           bb_client_qos2, or neither; bb_client_aliases_init; bb_client_ram_store_init; bb_client_publish_begin.
 * Start at  The loop, which is the same on a microcontroller and on a server:
 *
 *               bb_client_init(&client, &options);
 *               bb_client_start(&client);
 *               for (;;) {
 *                   at = bb_client_input(&client, &room);
 *                   bb_client_received(&client, transport_read(at, room));
 *                   while (bb_client_next(&client, now(), &event))
 *                       handle(&event);                 // opens and closes the transport, takes messages
 *                   out = bb_client_output(&client);
 *                   bb_client_sent(&client, transport_write(out.data, out.len));
 *                   sleep_until(bb_client_deadline(&client)); // or until the transport has something
 *               }
 *
 * Spec: MQTT 5.0, MQTT 3.1.1. docs/library.md is the manual. */
#ifndef BUSBAR_CLIENT_H
#define BUSBAR_CLIENT_H

#include <busbar/property.h>
#include <busbar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call says. All but OK leave everything as it was. */
typedef enum bb_client_result {
    BB_CLIENT_OK = 0,
    BB_CLIENT_BUSY = 1,       /* no room now, or another message is being streamed: try again after bb_client_sent */
    BB_CLIENT_OFFLINE = 2,    /* this needs a connection, and there is none */
    BB_CLIENT_FULL = 3,       /* the store did not take it: try again after BB_CLIENT_PUBLISHED */
    BB_CLIENT_TOO_LARGE = 4,  /* larger than the server accepts, than MQTT allows, or than the buffer can ever hold */
    BB_CLIENT_INVALID = 5,    /* MQTT does not allow it: a topic with wildcards, text that is not UTF-8 ... */
    BB_CLIENT_UNSUPPORTED = 6 /* this client was built without it, or the server said that it does not offer it */
} bb_client_result;

/* ---- Messages and subscriptions. */

/* A message to publish, also as will or birth. Borrowed for the call; a will and a birth as long as the options. */
typedef struct bb_client_message {
    bb_span topic;
    bb_span payload;    /* at most 65535 bytes in a will */
    bb_span properties; /* 5.0: an encoded list (property.h); not sent with 3.1.1. Without a topic alias */
    uint8_t qos;
    bool retain;
} bb_client_message;

typedef struct bb_client_subscription {
    bb_span filter;
    uint8_t qos;
    /* 5.0 only: */
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling; /* retained messages: 0 send them; 1 only if the subscription is new; 2 do not */
    uint32_t id;             /* subscription identifier, 1 to 268435455; 0: none */
    bb_span properties;      /* encoded list of user properties */
} bb_client_subscription;

/* ---- Parts of the client that the linker leaves out when the options do not name them. Where a part has a field
 * `functions`, it is that which names it. */

typedef struct bb_client_protocol bb_client_protocol;
extern BB_API const bb_client_protocol bb_client_mqtt_311;
extern BB_API const bb_client_protocol bb_client_mqtt_5;

typedef struct bb_client_delivery bb_client_delivery;
extern BB_API const bb_client_delivery bb_client_qos1; /* QoS 0 and 1 */
extern BB_API const bb_client_delivery bb_client_qos2; /* QoS 0, 1 and 2 */

/* A message that is published at the start of every connection. Together with the will it is a pair: with a birth, the
 * will is published also when the client is stopped in order, so that what subscribers see is always true. */
typedef struct bb_client_birth {
    const struct bb_client_birth_functions *functions; /* &bb_client_birth_functions */
    bb_client_message message;
} bb_client_birth;

extern BB_API const struct bb_client_birth_functions bb_client_birth_functions;

/* Where the client keeps what must survive: each message of QoS 1 or 2 until it is acknowledged, and the identifiers of
 * QoS 2 messages that were received. It is a set of records with a number each. Keep them in flash or in a file, and
 * QoS 1 and 2 survive a reset; or use bb_client_ram_store, and they survive a lost connection.
 *
 * Keys are 1 to 131071. A record is read in pieces, and written once (put with offset 0), or piece by piece where a
 * message is streamed (bb_client_publish_begin). Only the newest message is ever written piece by piece. */
typedef struct bb_client_store {
    void *context;
    /* Write the `count` parts, one behind the other, at `offset` of record `key`. Offset 0 begins the record, in place
     * of one that was there; any other is where the record ends so far. False: there is no room, and nothing has
     * changed. A put with offset 0 that loses power must leave the old record or the new one. */
    bool (*put)(void *context, uint32_t key, uint32_t offset, const bb_span *parts, size_t count);
    /* Copy at most `cap` bytes of record `key` from `offset` to `out`. Returns how many: fewer than `cap` only where
     * the record ends; 0 where it has ended or where there is no such record. */
    size_t (*get)(void *context, uint32_t key, uint32_t offset, uint8_t *out, size_t cap);
    /* Forget record `key`, if there is one. */
    void (*remove)(void *context, uint32_t key);
    /* The smallest key above `key` that has a record; 0: there is none. */
    uint32_t (*next)(void *context, uint32_t key);
} bb_client_store;

/* A store in memory of the caller: 8 bytes for each record beside the message itself, in no particular alignment. */
typedef struct bb_client_ram_store {
    bb_client_store store; /* what the options want */
    uint8_t *memory;       /* private from here on */
    size_t used, size;
} bb_client_ram_store;

/* An empty store in `memory`. To survive a reset that keeps the RAM, keep struct and memory, and do not init again. */
BB_API void bb_client_ram_store_init(bb_client_ram_store *ram, void *memory, size_t size);

/* Topic aliases, 5.0: topics that the other side knows already are not sent again. For each direction, memory in which
 * the topics are kept, with 8 bytes more for each. */
typedef struct bb_client_aliases { /* private */
    const struct bb_client_alias_functions *functions;
    bb_client_ram_store in, out;
    uint16_t in_max, out_max, out_used;
    bool out_fresh;
} bb_client_aliases;

/* `in_max` is what the server may use at most; memory that is full makes the client disconnect with 0x97, so that `in`
 * should have room for as many of the longest topics. `out_max` is what we use at most; where memory is full, topics
 * are sent in full. Either may be 0. Messages of QoS 0 go out with aliases, those of QoS 1 and 2 always in full. */
BB_API void bb_client_aliases_init(bb_client_aliases *aliases, void *in, size_t in_size, uint16_t in_max, void *out,
                                   size_t out_size, uint16_t out_max);

/* Enhanced authentication, 5.0 4.12. */
typedef enum bb_client_auth_phase {
    BB_CLIENT_AUTH_BEGIN,    /* a connection or a re-authentication begins: what do we say first? `data` is empty */
    BB_CLIENT_AUTH_CONTINUE, /* the server sent `data`; what is the answer? */
    BB_CLIENT_AUTH_SUCCESS   /* the server accepted us, with `data` as its last word; the reply is not sent */
} bb_client_auth_phase;

typedef struct bb_client_auth {
    const struct bb_client_auth_functions *functions; /* &bb_client_auth_functions */
    bb_span method;
    void *context;
    /* One step. `reply` is empty before the call and must live until the call of the client that led here returns.
     * False: we do not go on (for instance because the server could not prove itself): the connection ends. */
    bool (*step)(void *context, bb_client_auth_phase phase, bb_span data, bb_span *reply);
} bb_client_auth;

extern BB_API const struct bb_client_auth_functions bb_client_auth_functions;

/* ---- Options. */

typedef struct bb_client_memory {
    uint8_t *at;
    size_t size;
} bb_client_memory;

/* Everything is borrowed, may lie in flash, and must stay until the client is not used any more. A field that is zero
 * has a sensible meaning. Fields may be changed while the client is not connected; what is sent in CONNECT is read anew
 * for each connection. */
typedef struct bb_client_options {
    const bb_client_protocol *protocol; /* required */
    const bb_client_delivery *delivery; /* NULL: QoS 0 only */
    const bb_client_store *store;       /* required with delivery */

    /* Bytes that arrived, and bytes to send. `in` must hold every packet as a whole, of a PUBLISH all but the payload;
     * whole messages that fit into it are given in one piece. `out` must hold CONNECT and SUBSCRIBE as a whole, and of
     * a PUBLISH of QoS 0 all but the payload. 64 bytes are the least for both. */
    bb_client_memory in, out;

    bb_span client_id; /* empty: the server makes one up */
    bb_span user_name; /* data NULL: none */
    bb_span password;  /* data NULL: none. 3.1.1 demands a user name with it */
    /* Seconds; 0: no keep alive. The client pings when nothing was sent or nothing was heard for three quarters of it.
     */
    uint16_t keep_alive_s;
    /* Begin without the session of before. In 3.1.1 every connection does, in 5.0 only the first after
     * bb_client_start: later ones resume what it began. */
    bool clean_start;

    const bb_client_message *will; /* NULL: none. Its properties may have a will delay */
    const bb_client_birth *birth;  /* NULL: none */

    /* Sent when the server has no session for us, and once after bb_client_init in any case (the server may have an old
     * list). At most 1000. The filters are not checked before they are sent. */
    const bb_client_subscription *subscriptions;
    size_t subscriptions_count;

    /* How long to wait for the transport, for CONNACK and for PINGRESP. 0: 10 seconds. */
    uint32_t timeout_ms;

    /* Reconnecting: wait a random time between half and all of a step that begins at `retry_min_ms` and doubles up to
     * `retry_max_ms`. A connection that lasted `retry_max_ms` sets the step back. retry_max_ms 0: no reconnecting;
     * after a failure the client is stopped. */
    uint32_t retry_min_ms, retry_max_ms;
    uint32_t seed; /* for the random time; let it differ between devices (a serial number will do) */

    /* ---- 5.0 only from here on. */

    uint32_t session_expiry_s;    /* how long the session survives without a connection; UINT32_MAX: for ever */
    uint16_t receive_maximum;     /* QoS 1 and 2 messages that the server may have under way to us; 0: 65535 */
    uint32_t maximum_packet_size; /* of what the server may send, payload included; 0: no limit */
    bool request_response_info;
    bool refuse_problem_info; /* no reason strings and user properties but in PUBLISH, CONNACK and DISCONNECT */
    bb_span user_properties;  /* of CONNECT: an encoded list of user properties */

    bb_client_aliases *aliases; /* NULL: no topic aliases */
    const bb_client_auth *auth; /* NULL: no enhanced authentication */

    /* Keeps the identifier that the server made up, so that later connections resume the session; no memory: they do
     * not. */
    bb_client_memory assigned_id;
    /* Keeps the reference to another server (0x9C, 0x9D); no memory: redirection is not followed. It may lead the
     * client, and its credentials, to a place that you do not know: look at it in BB_CLIENT_OPEN. */
    bb_client_memory redirect;
    uint8_t redirects_max; /* at most so many without a lasting connection between them; 0: 3 */
} bb_client_options;

/* ---- Events. Their spans live until the next call of bb_client_next or bb_client_input. */

typedef enum bb_client_event_type {
    BB_CLIENT_OPEN = 1,
    BB_CLIENT_CONNECTED,
    BB_CLIENT_DISCONNECTED,
    BB_CLIENT_MESSAGE,
    BB_CLIENT_PUBLISHED,
    BB_CLIENT_SUBSCRIBED,
    BB_CLIENT_UNSUBSCRIBED,
    BB_CLIENT_AUTHENTICATED /* a re-authentication has succeeded; no fields */
} bb_client_event_type;

/* Open a transport, then call bb_client_opened; or bb_client_closed, if it cannot be opened. */
typedef struct bb_client_open_event {
    bb_client_event_type type;
    uint32_t attempt; /* 0 for the first, and counting: take another one of your servers each time, if you have some */
    bb_span server;   /* where the server told us to go, as it said it (host:port, or several, with spaces between);
                       * empty: to your own server */
} bb_client_open_event;

/* What the server said in CONNACK about what it can do. In 3.1.1, and where it said nothing, what then holds. */
typedef struct bb_client_server {
    uint32_t session_expiry_s; /* what it granted */
    uint32_t maximum_packet_size;
    uint16_t receive_maximum;
    uint16_t topic_alias_maximum;
    uint16_t keep_alive_s; /* what counts: the server may have changed ours */
    uint8_t maximum_qos;
    bool retain_available, wildcard_available, subscription_id_available, shared_available;
} bb_client_server;

typedef struct bb_client_connected_event {
    bb_client_event_type type;
    bool session_present;
    bb_client_result birth; /* OK, or why the birth was not published */
    bb_client_server server;
    bb_span properties; /* as they came: assigned client id, response information, reason string ... */
} bb_client_connected_event;

typedef enum bb_client_cause {
    BB_CLIENT_STOPPED,  /* bb_client_stop */
    BB_CLIENT_LOST,     /* the transport was closed, or could not be opened */
    BB_CLIENT_REFUSED,  /* CONNACK said no; `code` says why */
    BB_CLIENT_ENDED,    /* the server sent DISCONNECT; `code` says why */
    BB_CLIENT_TIMEOUT,  /* the server or the transport did not answer in time */
    BB_CLIENT_PROTOCOL, /* the server broke the protocol; `code` is what it was told, `clause` the rule */
    BB_CLIENT_NO_ROOM,  /* what the server sent does not fit into `in`, the store, or the memory for aliases */
    BB_CLIENT_UNPROVEN  /* the authentication callback does not go on */
} bb_client_cause;

/* A connection, or the try to get one, is over: close the transport. */
typedef struct bb_client_disconnected_event {
    bb_client_event_type type;
    bb_client_cause cause;
    uint8_t code;       /* reason code of 5.0 (return codes of 3.1.1 are translated); 0: none was said */
    bool connected;     /* CONNACK had said yes */
    bool retry;         /* the client will try again, */
    uint32_t retry_ms;  /* after so long: BB_CLIENT_OPEN follows */
    const char *clause; /* cause PROTOCOL: the statement of the standard, for people; or NULL */
    bb_span properties; /* of CONNACK or DISCONNECT: reason string, server reference ... */
} bb_client_disconnected_event;

/* A message, or a piece of one: messages that are larger than the `in` buffer come in pieces, in order, with nothing of
 * other messages between them. Topic and properties are there in each piece. A message of which not all has come when
 * the connection ends is not continued: one of QoS 1 or 2 comes again from the start.
 * A message counts as taken, and is acknowledged, when bb_client_next is called again after its last piece. */
typedef struct bb_client_message_event {
    bb_client_event_type type;
    bb_span topic;
    bb_span properties; /* as they came, for bb_property_find: response topic, subscription identifiers ... */
    uint8_t qos;
    bool retain, dup;
    uint16_t packet_id; /* 0 with QoS 0; for people who follow a message from log to log */
    uint32_t size;      /* bytes of the whole payload */
    uint32_t offset;    /* of this piece in it: 0 for the first; offset + payload.len == size for the last */
    bb_span payload;    /* this piece */
} bb_client_message_event;

/* PUBLISHED: a message of QoS 1 or 2 was acknowledged, or refused: a code of 0x80 or more; it is out of the store.
 * SUBSCRIBED: code 0, 1, 2: the QoS that was granted; 0x80 or more: refused. UNSUBSCRIBED: 0x00, 0x11, or refused. */
typedef struct bb_client_ack_event {
    bb_client_event_type type;
    uint16_t packet_id; /* as the call has given it */
    uint8_t code;
    const bb_client_subscription *subscription; /* SUBSCRIBED: the one of the options, where it was one of these */
    bb_span properties;
} bb_client_ack_event;

/* Look at `type` first; it says which of the others is there. */
typedef union bb_client_event {
    bb_client_event_type type;
    bb_client_open_event open;
    bb_client_connected_event connected;
    bb_client_disconnected_event disconnected;
    bb_client_message_event message;
    bb_client_ack_event ack; /* PUBLISHED, SUBSCRIBED, UNSUBSCRIBED */
} bb_client_event;

/* ---- The client. Visible only so that you can place it: everything in it is private. */
typedef struct bb_client {
    const bb_client_options *options;
    uint8_t state, cause, code, answer, answer_code, redirects, stop_code, send_dup;
    bool send_begun;
    uint16_t flags, quota, send_id, sent_until, next_id, stream_id, answer_id, birth_id;
    uint16_t subscribe_first, subscribe_left;
    size_t in_start, in_end, in_kept, out_start, out_end;
    uint32_t message_left;
    uint32_t stream_left, stream_offset; /* of the message that is being published piece by piece */
    uint32_t send_left, send_offset;     /* of the record that is being sent */
    uint32_t sent_at, heard_at, give_up_at, connected_at, retry_ms, step_ms, attempt, random;
    size_t redirect_len, redirect_new, assigned_len;
    const char *clause;
    void (*stop)(struct bb_client *client);
    bb_time now;
    bb_client_server server;
    bb_client_message_event message; /* the one that is coming in */
} bb_client;

/* Make a client, stopped, out of `options`. BB_CLIENT_INVALID: what is required is missing; BB_CLIENT_TOO_LARGE: a
 * buffer is too small. */
BB_API bb_client_result bb_client_init(bb_client *client, const bb_client_options *options);

/* Go on with what the store kept over a reset: call it right after bb_client_init, if the store may have kept anything.
 * A message of which not all was stored is forgotten. */
BB_API void bb_client_restore(bb_client *client);

/* Connect, and stay connected: BB_CLIENT_OPEN follows. No effect on a client that was started. */
BB_API void bb_client_start(bb_client *client);

/* End the connection in order and do not connect again: DISCONNECT is sent, then BB_CLIENT_DISCONNECTED follows.
 * `with_will`: the server publishes the will nevertheless (always, when there is a birth). Messages of QoS 1 and 2 that
 * are not acknowledged stay in the store, for the next bb_client_start. */
BB_API void bb_client_stop(bb_client *client, bool with_will);

/* ---- The transport. */

/* The transport that BB_CLIENT_OPEN asked for is there: the client sends CONNECT. */
BB_API void bb_client_opened(bb_client *client);

/* The transport was closed by the other side, failed, or could not be opened. No effect after BB_CLIENT_DISCONNECTED.
 */
BB_API void bb_client_closed(bb_client *client);

/* Where bytes that arrive are to be put, and how many at most. No room: call bb_client_next until it says that there is
 * nothing more, and send what is there to send. Valid until another function of the client is called. */
BB_API uint8_t *bb_client_input(bb_client *client, size_t *room);

/* `len` bytes have been put there. */
BB_API void bb_client_received(bb_client *client, size_t len);

/* What is to be sent; may be empty. Valid until another function of the client is called. */
BB_API bb_span bb_client_output(const bb_client *client);

/* The first `len` bytes of it are on their way. */
BB_API void bb_client_sent(bb_client *client, size_t len);

/* ---- What happens. */

/* Do what there is to do at `now`, and give the next event; false: there is none. Call it after bytes have come or
 * gone, when the deadline is reached, and after other calls, until it returns false. */
BB_API bool bb_client_next(bb_client *client, bb_time now, bb_client_event *event);

/* When bb_client_next must be called even if nothing else happens; BB_NEVER: only when something does. */
BB_API bb_time bb_client_deadline(const bb_client *client);

/* True between BB_CLIENT_CONNECTED and the end of the connection. */
BB_API bool bb_client_is_connected(const bb_client *client);

/* ---- Publishing. */

/* Publish a message. QoS 0: it goes to the `out` buffer, as a whole, or not at all; it needs a connection. QoS 1 and 2:
 * it goes to the store, with or without a connection, and BB_CLIENT_PUBLISHED tells when it was acknowledged; one that
 * is beyond what this server takes comes back so, too, with the code of the limit (0x95, 0x9A, 0x9B). Order is
 * kept among messages of QoS 1 and 2.
 * packet_id  written on OK: what BB_CLIENT_PUBLISHED will name, 0 with QoS 0; may be NULL. */
BB_API bb_client_result bb_client_publish(bb_client *client, const bb_client_message *message, uint16_t *packet_id);

/* Begin a message whose payload of `size` bytes is given piece by piece (message->payload is not looked at). Until all
 * of it has been given, no other message can be published and, with QoS 0, nothing else is sent. With QoS 1 and 2 the
 * message goes to the store and is sent once it is whole. */
BB_API bb_client_result bb_client_publish_begin(bb_client *client, const bb_client_message *message, uint32_t size,
                                                uint16_t *packet_id);

/* Give the next bytes of the payload. `taken`: how many were taken now, which may be none; give the rest again after
 * bb_client_sent. The message ends with its last byte. OFFLINE: there is no such message, or no more: the connection of
 * one of QoS 0 was lost. FULL: the store has no room: wait, or call bb_client_publish_abort. */
BB_API bb_client_result bb_client_publish_chunk(bb_client *client, bb_span bytes, size_t *taken);

/* Give up the message that is being published piece by piece. One of QoS 0 is on its way already, so the connection is
 * closed without DISCONNECT. */
BB_API void bb_client_publish_abort(bb_client *client);

/* Bytes of payload that bb_client_publish_chunk would take now for a message of QoS 0; or, if none is being published,
 * the room in `out`. */
BB_API size_t bb_client_room(const bb_client *client);

/* ---- Subscribing. For subscriptions that shall last, use the options; these are for what comes and goes. */

/* Send SUBSCRIBE for one filter, or UNSUBSCRIBE. packet_id may be NULL. */
BB_API bb_client_result bb_client_subscribe(bb_client *client, const bb_client_subscription *subscription,
                                            uint16_t *packet_id);
BB_API bb_client_result bb_client_unsubscribe(bb_client *client, bb_span filter, uint16_t *packet_id);

/* ---- Authentication. */

/* Prove once more who we are, on a connection that was made with options.auth. */
BB_API bb_client_result bb_client_reauthenticate(bb_client *client);

/* ---- Requests and responses, 5.0 4.10: what the properties of a message say, and nothing that needs a client. */

/* Make a request of a message: say where the response shall go, and what it shall bring back to be recognised. */
BB_API void bb_client_put_request(bb_property_writer *properties, bb_span response_topic, bb_span correlation);

/* Begin the response to a request: fill `response` with its topic and, written to `properties`, what the request wants
 * back. Topic and properties point into the event and the writer. False: the message is no request, or the properties
 * did not fit. */
BB_API bool bb_client_respond(const bb_client_message_event *request, bb_property_writer *properties,
                              bb_client_message *response);

/* Is this message the response to the request that was sent with `correlation`? */
BB_API bool bb_client_answers(const bb_client_message_event *message, bb_span correlation);

#ifdef __cplusplus
}
#endif

#endif
