/* relay.c - a bare relay of MQTT messages: the measuring stick of the benchmarks.
 *
 *     relay PORT        listens on 127.0.0.1
 *
 * What      The least work that anything can do that passes messages on: it reads what has arrived on a connection,
 *           finds the subscribers of each exact topic, and writes what a turn of its loop has produced for a connection
 *           with one call. It has no sessions, no wildcards, no retained messages, no limits and keeps no state of what
 *           is in flight. What a broker costs above this is the price of being a broker, and the ratio of the two,
 *           taken in one round, holds on any machine.
 * Speaks    MQTT 3.1.1 as `busbar bench` does in fan-in, fan-out and pairs, QoS 0 to 2. It believes its client: it
 *           must never face anything else, and therefore listens on the loopback address only.
 * Memory    One read buffer for all; each connection has the output of the present turn, and the part of a packet whose
 *           rest has not arrived.
 * Ends      By a signal. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 256 << 10, /* of one recv */
    EVENTS = 1024,          /* of one turn */
    TOPICS = 1 << 16,       /* slots of the table; far more than there are topics */
    OUTPUT_KEPT = 64 << 10, /* a larger buffer is given back when it has been sent */
    FILTERS_A_PACKET = 64,  /* of one SUBSCRIBE */
    LISTEN_BACKLOG = 4096,
};

/* A run of bytes that grows as it is written. */
typedef struct bytes {
    uint8_t *at;
    size_t len, cap;
} bytes;

typedef struct connection {
    int fd;
    bool has_output;  /* it is in `writers` */
    uint16_t last_id; /* the packet identifier that was given last */
    size_t sent;      /* how much of `output` the kernel has taken */
    bytes part, output;
} connection;

typedef struct subscriber {
    connection *to;
    unsigned qos;
} subscriber;

typedef struct topic {
    uint64_t hash;
    uint8_t *name; /* NULL: an empty slot */
    size_t name_len;
    subscriber *subscribers;
    size_t count, cap;
} topic;

/* A packet as it lies in the read buffer. */
typedef struct packet {
    const uint8_t *start, *body;
    size_t body_len;
} packet;

static topic topics[TOPICS];
static connection **writers; /* those that this turn has output for */
static size_t writers_now, writers_cap;
static uint8_t read_buffer[READ_BYTES];
static int epoll_fd;

static void *grown(void *block, size_t size)
{
    block = realloc(block, size);
    if (!block) {
        fputs("relay: no memory\n", stderr);
        exit(1);
    }
    return block;
}

/* --- Output ------------------------------------------------------------------------------------------------------- */

static void add_writer(connection *connection)
{
    connection->has_output = true;
    if (writers_now == writers_cap) {
        writers_cap = writers_cap ? 2 * writers_cap : 1024;
        writers = grown(writers, writers_cap * sizeof *writers);
    }
    writers[writers_now++] = connection;
}

/* Room for `len` more bytes of output; the caller fills it. */
static uint8_t *output_room(connection *connection, size_t len)
{
    bytes *output = &connection->output;
    if (output->len + len > output->cap) {
        output->cap = 2 * (output->len + len);
        output->at = grown(output->at, output->cap);
    }
    if (!connection->has_output)
        add_writer(connection);
    uint8_t *room = output->at + output->len;
    output->len += len;
    return room;
}

static void put(connection *connection, const void *data, size_t len)
{
    memcpy(output_room(connection, len), data, len);
}

static void put_ack(connection *connection, uint8_t first, const uint8_t *id)
{
    put(connection, (uint8_t[]){first, 2, id[0], id[1]}, 4);
}

/* What the kernel does not take now is sent when the socket is writable again; a broken one is found by reading. */
static void send_output(connection *connection)
{
    bytes *output = &connection->output;
    while (connection->sent < output->len) {
        ssize_t sent = send(connection->fd, output->at + connection->sent, output->len - connection->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return;
        connection->sent += (size_t)sent;
    }
    connection->sent = output->len = 0;
    if (output->cap > OUTPUT_KEPT) {
        free(output->at);
        *output = (bytes){0};
    }
}

static void send_all_output(void)
{
    for (size_t i = 0; i < writers_now; i++)
        if (writers[i]) {
            writers[i]->has_output = false;
            send_output(writers[i]);
        }
    writers_now = 0;
}

/* --- Topics ------------------------------------------------------------------------------------------------------- */

/* FNV-1a: topics are short, and nobody chooses them to collide. */
static uint64_t hash_of(const uint8_t *name, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ name[i]) * 0x100000001b3;
    return hash ^ hash >> 29;
}

/* The slot of this topic, or the empty one where it belongs. */
static topic *slot_of(uint64_t hash, const uint8_t *name, size_t len)
{
    size_t at = hash % TOPICS;
    while (topics[at].name &&
           !(topics[at].hash == hash && topics[at].name_len == len && memcmp(topics[at].name, name, len) == 0))
        at = (at + 1) % TOPICS;
    return &topics[at];
}

static topic *topic_to_subscribe(const uint8_t *name, size_t len)
{
    uint64_t hash = hash_of(name, len);
    topic *slot = slot_of(hash, name, len);
    if (!slot->name) {
        slot->name = memcpy(grown(NULL, len + 1), name, len);
        slot->name_len = len;
        slot->hash = hash;
    }
    return slot;
}

static void add_subscriber(topic *topic, connection *to, unsigned qos)
{
    if (topic->count == topic->cap) {
        topic->cap = topic->cap ? 2 * topic->cap : 1;
        topic->subscribers = grown(topic->subscribers, topic->cap * sizeof *topic->subscribers);
    }
    topic->subscribers[topic->count++] = (subscriber){to, qos};
}

static void remove_subscriber(topic *topic, const connection *gone)
{
    for (size_t i = 0; i < topic->count;)
        if (topic->subscribers[i].to == gone)
            topic->subscribers[i] = topic->subscribers[--topic->count];
        else
            i++;
}

/* --- Packets ------------------------------------------------------------------------------------------------------ */

static size_t u16_at(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static void subscribe(connection *connection, const packet *packet)
{
    uint8_t ack[4 + FILTERS_A_PACKET] = {0x90, 0, packet->body[0], packet->body[1]};
    size_t filters = 0;
    for (size_t at = 2; at + 3 <= packet->body_len && filters < FILTERS_A_PACKET; filters++) {
        size_t len = u16_at(packet->body + at);
        unsigned qos = packet->body[at + 2 + len] & 3;
        add_subscriber(topic_to_subscribe(packet->body + at + 2, len), connection, qos);
        ack[4 + filters] = (uint8_t)qos;
        at += 3 + len;
    }
    ack[1] = (uint8_t)(2 + filters);
    put(connection, ack, 4 + filters);
}

static uint16_t next_id(connection *connection)
{
    if (++connection->last_id == 0)
        connection->last_id = 1;
    return connection->last_id;
}

/* Write a PUBLISH anew: `topic` with its length in front, and a packet identifier of the receiver's own for QoS 1
 * and 2. */
static void put_publish(connection *to, unsigned qos, const uint8_t *topic, size_t topic_len, const uint8_t *payload,
                        size_t payload_len)
{
    size_t id_len = qos ? 2 : 0, remaining = topic_len + id_len + payload_len;
    uint8_t header[5] = {(uint8_t)(0x30 | qos << 1)};
    size_t header_len = 1;
    for (size_t rest = remaining; rest || header_len == 1; rest >>= 7)
        header[header_len++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));

    uint8_t *at = output_room(to, header_len + remaining);
    memcpy(at, header, header_len);
    memcpy(at += header_len, topic, topic_len);
    at += topic_len;
    if (qos) {
        uint16_t id = next_id(to);
        *at++ = (uint8_t)(id >> 8);
        *at++ = (uint8_t)id;
    }
    memcpy(at, payload, payload_len);
}

static void publish(connection *connection, const packet *packet)
{
    unsigned qos = packet->start[0] >> 1 & 3;
    size_t topic_len = 2 + u16_at(packet->body);
    const uint8_t *payload = packet->body + topic_len, *end = packet->body + packet->body_len;
    if (qos) {
        put_ack(connection, qos == 1 ? 0x40 : 0x50, payload);
        payload += 2;
    }
    const topic *topic = slot_of(hash_of(packet->body + 2, topic_len - 2), packet->body + 2, topic_len - 2);
    for (size_t i = 0; i < topic->count; i++) {
        const subscriber *subscriber = &topic->subscribers[i];
        unsigned lower = qos < subscriber->qos ? qos : subscriber->qos;
        if (qos == 0) /* the very same bytes */
            put(subscriber->to, packet->start, (size_t)(end - packet->start));
        else
            put_publish(subscriber->to, lower, packet->body, topic_len, payload, (size_t)(end - payload));
    }
}

static void handle(connection *connection, const packet *packet)
{
    switch (packet->start[0] >> 4) {
    case 1: /* CONNECT */
        put(connection, "\x20\x02\x00\x00", 4);
        return;
    case 3:
        publish(connection, packet);
        return;
    case 5: /* PUBREC */
        put_ack(connection, 0x62, packet->body);
        return;
    case 6: /* PUBREL */
        put_ack(connection, 0x70, packet->body);
        return;
    case 8:
        subscribe(connection, packet);
        return;
    case 12: /* PINGREQ */
        put(connection, "\xD0\x00", 2);
        return;
    case 14: /* DISCONNECT: the client waits for the end */
        shutdown(connection->fd, SHUT_WR);
        return;
    default: /* acknowledgements */
        return;
    }
}

/* The packet at `start`; false when its end has not arrived. */
static bool cut_packet(const uint8_t *start, size_t len, packet *out)
{
    size_t remaining = 0, at = 1;
    for (unsigned shift = 0; at < len && at < 5; shift += 7) {
        remaining |= (size_t)(start[at] & 127) << shift;
        if (start[at++] < 128) {
            *out = (packet){start, start + at, remaining};
            return remaining <= len - at;
        }
    }
    return false;
}

/* Returns how many of the bytes were whole packets. */
static size_t handle_all(connection *connection, const uint8_t *data, size_t len)
{
    size_t done = 0;
    packet packet;
    while (cut_packet(data + done, len - done, &packet)) {
        handle(connection, &packet);
        done += (size_t)(packet.body - packet.start) + packet.body_len;
    }
    return done;
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

static void keep_part(bytes *part, const uint8_t *data, size_t len)
{
    if (len > part->cap) {
        part->cap = len;
        part->at = grown(part->at, part->cap);
    }
    if (len)
        memcpy(part->at, data, len);
    part->len = len;
}

/* Read until the socket is drained. False when the connection has ended. */
static bool read_input(connection *connection)
{
    for (;;) {
        size_t before = connection->part.len, room = READ_BYTES - before;
        if (before)
            memcpy(read_buffer, connection->part.at, before);
        ssize_t got = recv(connection->fd, read_buffer + before, room, MSG_DONTWAIT);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        size_t len = before + (size_t)got, done = handle_all(connection, read_buffer, len);
        keep_part(&connection->part, read_buffer + done, len - done);
        if ((size_t)got < room)
            return true;
    }
}

static void end_connection(connection *connection)
{
    for (size_t i = 0; i < TOPICS; i++)
        remove_subscriber(&topics[i], connection);
    for (size_t i = 0; i < writers_now; i++)
        if (writers[i] == connection)
            writers[i] = NULL;
    close(connection->fd);
    free(connection->part.at);
    free(connection->output.at);
    free(connection);
}

static void watch(int fd, uint32_t events, connection *connection)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        perror("relay: epoll_ctl");
        exit(1);
    }
}

static void accept_all(int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection *connection = memset(grown(NULL, sizeof *connection), 0, sizeof *connection);
        connection->fd = fd;
        watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, connection);
    }
}

static int listen_at(uint16_t port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, LISTEN_BACKLOG) != 0) {
        perror("relay: listen");
        exit(1);
    }
    return listener;
}

static void handle_event(int listener, const struct epoll_event *event)
{
    connection *connection = event->data.ptr;
    if (!connection) {
        accept_all(listener);
        return;
    }
    if (event->events & EPOLLOUT)
        send_output(connection);
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP) && !read_input(connection))
        end_connection(connection);
}

static void allow_many_files(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    if (argc != 2 || atoi(argv[1]) <= 0 || atoi(argv[1]) > UINT16_MAX) {
        fputs("usage: relay PORT\n", stderr);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    allow_many_files();
    int listener = listen_at((uint16_t)atoi(argv[1]));
    epoll_fd = epoll_create1(0);
    watch(listener, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            handle_event(listener, &events[i]);
        send_all_output();
    }
}
