/* inside.h - what the files of the client share. Private to this folder; the door is <busbar/client.h>.
 *
 *     bytes ──► receive.c ──► protocol (mqtt_311.c, mqtt_5.c): what does the packet say?
 *                   └───────► delivery (qos1.c, qos2.c): what follows for messages that are acknowledged?
 *     publish.c, subscribe.c, delivery ──► output.c ──► bytes
 *     client.c: the life of a connection, and time
 *
 * Two tables of functions decide what the linker takes: one for the version of MQTT, one for the QoS. */
#ifndef BB_CLIENT_INSIDE_H
#define BB_CLIENT_INSIDE_H

#include <busbar/client.h>

#include "wire/wire.h"

enum client_state {
    CLIENT_STOPPED,
    CLIENT_WAITING,    /* before it asks for a transport */
    CLIENT_OPENING,    /* the application opens the transport */
    CLIENT_CONNECTING, /* CONNECT was sent */
    CLIENT_CONNECTED,
    CLIENT_ENDING, /* what is in `out` is still to be sent, then the connection is over */
};

enum client_flag {
    CLIENT_HEARD = 1 << 0,         /* bytes came since bb_client_next looked */
    CLIENT_SENT = 1 << 1,          /* bytes went */
    CLIENT_PINGED = 1 << 2,        /* PINGREQ was sent, and nothing was heard since */
    CLIENT_CLOSED = 1 << 4,        /* the transport is gone; what it brought is still looked at */
    CLIENT_WAS_CONNECTED = 1 << 7, /* this connection saw a CONNACK that said yes */
    CLIENT_SUBSCRIBED = 1 << 8,    /* all subscriptions of the options were answered, in this session */
    CLIENT_BEGUN = 1 << 9,         /* there was a connection since bb_client_start */
    CLIENT_NEW_SESSION = 1 << 10,  /* the server had no session for us */
    CLIENT_MOVED = 1 << 11,        /* the redirection is for good (0x9D) */
    CLIENT_DISCARD = 1 << 12,      /* the message that is coming in is known already */
    CLIENT_PROVING = 1 << 13,      /* a re-authentication is under way */
};

/* Keys of the store: outgoing messages have their packet identifier; those of QoS 2 that came in have it with this bit.
 */
enum { CLIENT_KEY_RECEIVED = 0x10000 };

/* What a step of bb_client_next did. */
typedef enum client_step {
    STEP_NOTHING, /* there is nothing to do, or no room to do it */
    STEP_DONE,    /* something; there may be more */
    STEP_EVENT,   /* the event is filled */
} client_step;

/* A packet that came in, and what is made of it. */
typedef struct client_packet {
    bb_header header;
    bb_span body;           /* of a large PUBLISH, as much as is there */
    uint16_t packet_id;     /* PUBLISH */
    size_t payload_offset;  /* PUBLISH: in the body */
    bb_client_event *event; /* where the event goes; its type is 0 as long as there is none */
    bb_fault fault;
} client_packet;

/* A version of MQTT. The first group decodes; the second writes to the output, and says false, or nothing, when there
 * is no room for the packet now. */
struct bb_client_protocol {
    bb_version version;
    /* CONNACK: fills client->server, and session_present, properties of the event; its reason code goes to `code`. */
    bb_status (*connack)(bb_client *client, client_packet *packet, uint8_t *code);
    /* The head of a PUBLISH: topic, properties, qos of client->message, and the two fields of the packet. */
    bb_status (*publish)(bb_client *client, client_packet *packet);
    /* PUBACK ... PUBCOMP, SUBACK, UNSUBACK: fills all of event->ack but type and subscription. */
    bb_status (*ack)(client_packet *packet);
    /* Any other type, which is DISCONNECT or AUTH, or none that a server sends. */
    bb_status (*other)(bb_client *client, client_packet *packet);

    /* CONNECT. When it fails for another reason than room, client->cause says so. */
    bool (*say_connect)(bb_client *client);
    bb_client_result (*say_subscribe)(bb_client *client, bb_packet_type type, const bb_client_subscription *what,
                                      uint16_t packet_id);
    bool (*say_ack)(bb_client *client, bb_packet_type type, uint16_t packet_id, uint8_t code);
    /* DISCONNECT, as far as this version can say `code`. */
    void (*say_disconnect)(bb_client *client, uint8_t code);
    /* The head of a PUBLISH with `size` bytes of payload; false: MQTT does not allow it. With QoS 0, an alias may stand
     * for the topic. */
    bool (*make_publish)(bb_client *client, bb_frame *out, const bb_client_message *message, uint16_t packet_id,
                         uint32_t size);
    /* Why this server would refuse a message with these flags and this size; 0: it would not. NULL: it takes all. */
    uint8_t (*refusal)(const bb_client_server *server, unsigned flags, size_t size);
    /* A connection is over: is there another server to go to at once? NULL: there never is. */
    bool (*redirect)(bb_client *client);
    /* What the server is told when it broke the protocol; NULL: this version cannot tell. */
    uint8_t (*code_of)(bb_status status);
};

/* What messages of QoS 1 and 2 need. */
struct bb_client_delivery {
    uint8_t qos_max;
    /* A connection begins: go on with the session, or without. */
    void (*begin)(bb_client *client);
    bb_client_result (*publish)(bb_client *client, const bb_client_message *message, uint32_t size, bool whole,
                                uint16_t *packet_id);
    /* Send what the store holds and this connection has not seen. */
    client_step (*send)(bb_client *client, bb_client_event *event);
    /* One of the four acknowledgements; event->ack.type is set where it ends something. */
    bb_status (*acknowledged)(bb_client *client, client_packet *packet);
    /* A message of QoS 2 comes in: CLIENT_DISCARD is set if we have it already. NULL: no QoS 2. */
    bb_status (*arrives)(bb_client *client, client_packet *packet);
    /* Now we have it; false: the store has no room. */
    bool (*taken)(bb_client *client, uint16_t packet_id);
};

/* ---- output.c */

/* Room for `size` bytes at the end of the output; NULL: not now. Written bytes count when out_end is moved. */
uint8_t *bb_client_reserve(bb_client *client, size_t size);

/* May a packet begin? Not while one is half written. */
bool bb_client_between_packets(const bb_client *client);

/* Write a packet to the output, or its head; false: not now, and nothing was written. */
bool bb_client_write(bb_client *client, const bb_frame *frame);

/* The same for a packet that is nothing but its type. */
bool bb_client_write_short(bb_client *client, bb_packet_type type);

/* End a frame with this first byte, and write it. */
bb_client_result bb_client_write_request(bb_client *client, bb_frame *frame, unsigned first);

/* ---- client.c */

/* The connection is to end: with this cause, after the output was sent; or, without a transport, at once. */
void bb_client_end(bb_client *client, bb_client_cause cause, uint8_t code);
void bb_client_end_now(bb_client *client, bb_client_cause cause, uint8_t code);

/* It is over: fill the event, and decide what is next. */
void bb_client_finish(bb_client *client, bb_client_event *event, bb_client_cause cause, uint8_t code,
                      bb_span properties);

/* What a server can do that says nothing. */
void bb_client_server_default(bb_client *client);

static inline unsigned bb_client_qos_max(const bb_client *client)
{
    return client->options->delivery ? client->options->delivery->qos_max : 0;
}

/* Does the CONNECT of this connection ask for a clean start? */
static inline bool bb_client_cleans(const bb_client *client)
{
    bool first = client->options->protocol->version != BB_MQTT_5 || !(client->flags & CLIENT_BEGUN);
    return client->options->clean_start && first;
}

/* ---- receive.c */

client_step bb_client_receive(bb_client *client, bb_client_event *event);

/* This packet breaks the protocol. */
static inline bb_status bb_client_refuse(client_packet *packet, bb_status status, const char *clause)
{
    return bb_fault_set(&packet->fault, status, 0, clause);
}

/* Send the answer that is owed; false: there is no room. */
bool bb_client_flush_answer(bb_client *client);

static inline void bb_client_owe(bb_client *client, unsigned type, uint16_t packet_id, uint8_t code)
{
    client->answer = (uint8_t)type;
    client->answer_id = packet_id;
    client->answer_code = code;
}

/* ---- subscribe.c */

/* A connection begins: are the subscriptions of the options to be sent? */
void bb_client_subscribe_begin(bb_client *client);

/* Send the next of them. */
client_step bb_client_subscribe_all(bb_client *client, bb_client_event *event);

/* SUBACK or UNSUBACK came, whose event has packet_id, code and properties: complete it. */
void bb_client_subscribe_answered(bb_client *client, unsigned type, bb_client_ack_event *event);

/* The first of `count` packet identifiers in a row that are not in use; 0: there are none. */
uint16_t bb_client_take_ids(bb_client *client, size_t count);

/* ---- publish.c */

static inline uint8_t bb_client_refusal(const bb_client *client, unsigned flags, size_t size)
{
    const bb_client_protocol *protocol = client->options->protocol;
    return protocol->refusal ? protocol->refusal(&client->server, flags, size) : 0x00;
}

/* ---- qos1.c, for qos2.c. */

void bb_client_begin(bb_client *client);
bb_client_result bb_client_store_message(bb_client *client, const bb_client_message *message, uint32_t size, bool whole,
                                         uint16_t *packet_id);
client_step bb_client_send(bb_client *client, bb_client_event *event);
bb_status bb_client_puback(bb_client *client, client_packet *packet);

/* The first byte of an outgoing record, which is a PUBLISH or a PUBREL; 0: there is no such record. */
uint8_t bb_client_record_first(const bb_client *client, uint32_t key);

/* An outgoing message is done with: forget it, and say so. */
void bb_client_published(bb_client *client, bb_client_event *event);

/* ---- birth.c */

struct bb_client_birth_functions {
    bb_client_result (*publish)(bb_client *client);
};

/* ---- aliases.c */

struct bb_client_alias_functions {
    /* A connection begins: nobody knows any alias. */
    void (*begin)(bb_client_aliases *aliases);
    /* The server sent `alias`, with a topic, which is kept for it, or without (empty), and is given the one of it. */
    bb_status (*receive)(bb_client_aliases *aliases, uint16_t alias, bb_span *topic);
    /* The alias to send with `topic`, which becomes empty if the server knows it; 0: none. At most `max`. */
    uint16_t (*send)(bb_client_aliases *aliases, uint16_t max, bb_span *topic);
    /* What was to be sent just now was sent, or not: then the server has not learned the alias. */
    void (*settle)(bb_client_aliases *aliases, bool sent);
};

/* ---- auth.c */

struct bb_client_auth_functions {
    /* The properties that say method and data: how many bytes, and the bytes. */
    size_t (*size)(const bb_client_auth *auth, bb_span data);
    void (*add)(bb_frame *frame, const bb_client_auth *auth, bb_span data);
    /* The server accepts us: do we accept it? */
    bb_status (*accepts)(bb_client *client, client_packet *packet, const bb_properties *list);
    /* AUTH came. */
    bb_status (*take)(bb_client *client, client_packet *packet);
};

/* ---- ram_store.c */

/* Record `key` where it lies, until the store changes; false: there is none. */
bool bb_client_ram_find(const bb_client_ram_store *ram, uint32_t key, bb_span *out);

#endif
