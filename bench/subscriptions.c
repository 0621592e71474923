/* subscriptions.c - what a million subscriptions cost a broker: the memory of each, and publishing among them.
 *
 *     subscriptions --port 1883 --broker-pid PID [--subscriptions N] [--connections N] [--seconds S] [--churn RATE]
 *
 * What      A client of its own with one thread. It connects first, so that sessions are paid for, then subscribes to
 *           FEW filters and publishes, subscribes to all the others and publishes again: to the same FEW topics, which
 *           a broker may find in a cache, and to topics drawn from all of them. Then both once more while
 *           subscriptions come and go on a clock. It prints one line of JSON; bench/README.md explains the figures.
 * Filters   Topic i is site/<i>/der/<i % 10>/power, and filter i matches topic i alone. Every 20th filter has a
 *           wildcard, of five shapes in turn. So each message has exactly one receiver, i % N of the N that subscribe,
 *           and only the number of subscriptions differs between the measurements.
 * Load      As in `busbar bench pairs`: QoS 0, 64 bytes, at most BACKLOG messages of a publisher that have not
 *           arrived. That bounds what lies in any socket, so a send never has to wait for its receiver.
 * Exit      0, or 1 with a line on stderr. A message that is lost or goes astray is an error. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    PUBLISHERS = 100,                /* connections 0 to 99 */
    CHURNERS = 10,                   /* connections 100 to 109 */
    HOLDERS = PUBLISHERS + CHURNERS, /* the first of those that hold the lasting subscriptions */
    CHURN_LIVE = 200,                /* coming and going subscriptions that are there at the same time */
    FEW = 1000,                      /* subscriptions before the many come, and topics of the "same" measurements */
    BACKLOG = 20,                    /* messages on their way, for each publisher */
    FILTERS_A_PACKET = 50,           /* while the many subscribe */
    FILTER_MAX = 48,                 /* bytes of the longest filter or topic */
    PAYLOAD = 64,                    /* of which the first 8 are used */
    PACKET_MAX = 2048,               /* either way; FILTERS_A_PACKET filters fit */
    READ_BYTES = 256 << 10,          /* of one recv */
    EVENTS = 512,
    PATIENCE_S = 10, /* without any answer, before giving up */
};

typedef struct connection {
    int fd;
    uint32_t part_bytes;      /* of a packet whose end has not arrived */
    uint8_t part[PACKET_MAX]; /* see part_bytes */
    uint32_t on_their_way;    /* a publisher's messages */
} connection;

/* What the system says at one moment. */
typedef struct usage {
    double now_s, broker_cpu_s, own_cpu_s, machine_cpu_s;
    long broker_rss_kb;
} usage;

static struct {
    int port, broker_pid;
    uint32_t subscriptions, holders, churn; /* churn: subscriptions that come, and that go, a second */
    double seconds;
} option = {.port = 1883, .subscriptions = 1000000, .holders = 1000, .churn = 1000, .seconds = 3};

static connection *connections;
static int epoll_fd;
static uint64_t delivered, subscribe_acks, unsubscribe_acks;
static uint64_t dice = 0x9e3779b97f4a7c15;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("subscriptions: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint32_t random_below(uint32_t bound)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)((dice >> 32) * bound >> 32);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- Topics and filters ------------------------------------------------------------------------------------------- */

static uint8_t *put_text(uint8_t *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

static uint8_t *put_decimal(uint8_t *at, uint32_t number)
{
    uint8_t digits[10];
    unsigned count = 0;
    do
        digits[count++] = (uint8_t)('0' + number % 10);
    while (number /= 10);
    while (count)
        *at++ = digits[--count];
    return at;
}

static uint8_t *put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

/* Writes `pattern` with `number` in place of N and its last digit in place of D. */
static uint8_t *put_pattern(uint8_t *at, const char *pattern, uint32_t number)
{
    for (; *pattern; pattern++)
        if (*pattern == 'N')
            at = put_decimal(at, number);
        else
            *at++ = *pattern == 'D' ? (uint8_t)('0' + number % 10) : (uint8_t)*pattern;
    return at;
}

static uint8_t *put_topic(uint8_t *at, uint32_t number)
{
    return put_pattern(at, "site/N/der/D/power", number);
}

static uint8_t *put_filter(uint8_t *at, uint32_t number)
{
    static const char *const wild[] = {"site/N/+/D/power", "site/N/der/+/power", "site/N/der/D/#", "site/N/#",
                                       "+/N/der/D/power"};
    return number % 20 != 19 ? put_topic(at, number) : put_pattern(at, wild[number / 20 % 5], number);
}

/* --- Packets (MQTT 3.1.1) ----------------------------------------------------------------------------------------- */

static void send_all(const connection *to, const uint8_t *bytes, size_t count)
{
    while (count) {
        ssize_t sent = send(to->fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0)
            die("send: %s", strerror(errno));
        bytes += sent;
        count -= (size_t)sent;
    }
}

/* Sends a packet; its body begins at packet + 3, the bytes before are room for the header. */
static void send_packet(const connection *to, uint8_t first_byte, uint8_t *packet, const uint8_t *end)
{
    size_t length = (size_t)(end - packet) - 3;
    bool is_short = length < 128;
    uint8_t *header = packet + is_short;
    header[0] = first_byte;
    header[1] = (uint8_t)(is_short ? length : length % 128 | 128);
    if (!is_short)
        header[2] = (uint8_t)(length / 128);
    send_all(to, header, (size_t)(end - header));
}

/* The filter as packets have it, with its length before it. */
static uint8_t *put_filter_field(uint8_t *at, uint32_t number)
{
    uint8_t *end = put_filter(at + 2, number);
    put_u16(at, (size_t)(end - at) - 2);
    return end;
}

/* Filters from, from + step ... below `to`, as many as fit a packet; returns how many they were. */
static uint32_t subscribe(const connection *by, uint32_t from, uint32_t to, uint32_t step)
{
    uint8_t packet[PACKET_MAX], *at = put_u16(packet + 3, 1);
    uint32_t count = 0;
    for (uint32_t i = from; i < to && count < FILTERS_A_PACKET; i += step, count++) {
        at = put_filter_field(at, i);
        *at++ = 0; /* QoS */
    }
    send_packet(by, 0x82, packet, at);
    return count;
}

static void unsubscribe(const connection *by, uint32_t number)
{
    uint8_t packet[PACKET_MAX];
    send_packet(by, 0xA2, packet, put_filter_field(put_u16(packet + 3, 2), number));
}

static uint8_t *put_publish(uint8_t *at, uint32_t topic, uint32_t publisher)
{
    uint8_t *start = at;
    at = put_topic(start + 4, topic);
    size_t length = (size_t)(at - start) - 4;
    put_u16(start + 2, length);
    memcpy(at, &topic, 4);
    memcpy(at + 4, &publisher, 4);
    memset(at + 8, 'x', PAYLOAD - 8);
    start[0] = 0x30;
    start[1] = (uint8_t)(2 + length + PAYLOAD); /* below 128: FILTER_MAX + PAYLOAD + 2 */
    return at + PAYLOAD;
}
_Static_assert(FILTER_MAX + PAYLOAD + 2 < 128, "the length of a publish is one byte");

static void handle_publish(uint32_t receiver, const uint8_t *body, size_t length)
{
    uint32_t topic, publisher;
    if (length < PAYLOAD)
        die("a message came that nobody has sent");
    memcpy(&topic, body + length - PAYLOAD, 4);
    memcpy(&publisher, body + length - PAYLOAD + 4, 4);
    if (HOLDERS + topic % option.holders != receiver || publisher >= PUBLISHERS)
        die("a message of topic %" PRIu32 " went to connection %" PRIu32, topic, receiver);
    connections[publisher].on_their_way--;
    delivered++;
}

static void handle_suback(const uint8_t *body, size_t length)
{
    for (size_t i = 2; i < length; i++)
        if (body[i] & 0x80)
            die("a subscription was refused");
    subscribe_acks += length - 2;
}

static void handle_packet(uint32_t receiver, uint8_t first_byte, const uint8_t *body, size_t length)
{
    switch (first_byte >> 4) {
    case 3:
        handle_publish(receiver, body, length);
        break;
    case 9:
        handle_suback(body, length);
        break;
    case 11:
        unsubscribe_acks++;
        break;
    default:
        die("a packet of type %u was not expected", first_byte >> 4);
    }
}

/* Handles the packets that are whole; returns how many bytes they were. */
static size_t handle_packets(uint32_t receiver, const uint8_t *bytes, size_t count)
{
    size_t done = 0;
    while (count - done >= 2) {
        const uint8_t *packet = bytes + done;
        size_t header = 2, length = packet[1];
        if (length & 128) {
            if (count - done < 3)
                break;
            length = (length & 127) | (size_t)packet[2] << 7;
            header = 3;
        }
        if (header + length > PACKET_MAX)
            die("a packet is longer than any that was asked for");
        if (count - done < header + length)
            break;
        handle_packet(receiver, packet[0], packet + header, length);
        done += header + length;
    }
    return done;
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

static void receive(uint32_t number)
{
    static uint8_t buffer[PACKET_MAX + READ_BYTES];
    connection *from = &connections[number];
    memcpy(buffer, from->part, from->part_bytes);
    ssize_t got = recv(from->fd, buffer + from->part_bytes, READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        die("the broker closed a connection");
    size_t count = from->part_bytes + (size_t)got;
    size_t done = handle_packets(number, buffer, count);
    from->part_bytes = (uint32_t)(count - done);
    memcpy(from->part, buffer + done, from->part_bytes);
}

/* Waits for bytes, `wait_ms` at most, and handles them; says whether there were any. */
static bool turn(int wait_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, wait_ms);
    for (int i = 0; i < count; i++)
        receive(events[i].data.u32);
    return count > 0;
}

/* Turns until *counter has reached `target`. */
static void await(const uint64_t *counter, uint64_t target, const char *what)
{
    while (*counter < target)
        if (!turn(PATIENCE_S * 1000))
            die("%s: only %" PRIu64 " of %" PRIu64, what, *counter, target);
}

static void greet(const connection *to, uint32_t number)
{
    static const uint8_t head[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2 /* clean session */, 0, 0 /* no keep alive */};
    uint8_t packet[64] = {0x10}, answer[4];
    memcpy(packet + 2, head, sizeof head);
    uint8_t *id = packet + 2 + sizeof head;
    uint8_t *end = put_decimal(put_text(id + 2, "subscriptions-"), number);
    put_u16(id, (size_t)(end - id) - 2);
    packet[1] = (uint8_t)(end - packet - 2);
    send_all(to, packet, (size_t)(end - packet));
    if (recv(to->fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer || answer[0] != 0x20 || answer[3] != 0)
        die("connection %" PRIu32 " was refused", number);
}

static void connections_open(uint32_t count)
{
    struct sockaddr_in broker = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port)};
    broker.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(count, sizeof *connections);
    if (!connections)
        die("no memory");
    for (uint32_t i = 0; i < count; i++) {
        connection *opened = &connections[i];
        int one = 1;
        opened->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (opened->fd < 0 || connect(opened->fd, (struct sockaddr *)&broker, sizeof broker))
            die("connect: %s", strerror(errno));
        setsockopt(opened->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        greet(opened, i);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, opened->fd, &event))
            die("epoll_ctl: %s", strerror(errno));
    }
}

/* --- What the system says ----------------------------------------------------------------------------------------- */

static bool file_read(char *out, size_t size, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t count = fread(out, 1, size - 1, file);
    fclose(file);
    out[count] = 0;
    return count > 0;
}

/* CPU time of all threads of the broker, from the scheduler's count of nanoseconds. */
static double broker_cpu_s(void)
{
    char path[320], text[128];
    snprintf(path, sizeof path, "/proc/%d/task", option.broker_pid);
    DIR *threads = opendir(path);
    if (!threads)
        die("process %d is gone", option.broker_pid);
    uint64_t sum_ns = 0;
    for (struct dirent *thread; (thread = readdir(threads));) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", option.broker_pid, thread->d_name);
        if (thread->d_name[0] != '.' && file_read(text, sizeof text, path))
            sum_ns += strtoull(text, NULL, 10);
    }
    closedir(threads);
    return (double)sum_ns / 1e9;
}

static long broker_rss_kb(void)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", option.broker_pid);
    const char *line = file_read(text, sizeof text, path) ? strstr(text, "\nVmRSS:") : NULL;
    return line ? strtol(line + 7, NULL, 10) : 0;
}

static double machine_cpu_s(void)
{
    char text[512];
    unsigned long v[7] = {0};
    if (!file_read(text, sizeof text, "/proc/stat") ||
        sscanf(text, "cpu %lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6) != 7)
        return 0;
    return (double)(v[0] + v[1] + v[2] + v[5] + v[6]) / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static usage usage_now(void)
{
    return (usage){.now_s = now_s(),
                   .broker_cpu_s = broker_cpu_s(),
                   .own_cpu_s = own_cpu_s(),
                   .machine_cpu_s = machine_cpu_s(),
                   .broker_rss_kb = broker_rss_kb()};
}

/* --- The measurements --------------------------------------------------------------------------------------------- */

/* Subscribes to filters from..to - 1, each connection to its own, one packet at a time on each connection. */
static void subscribe_all(uint32_t from, uint32_t to)
{
    uint32_t at_once = option.holders * FILTERS_A_PACKET;
    for (uint32_t block = from; block < to; block += at_once) {
        uint32_t end = to - block < at_once ? to : block + at_once;
        uint64_t target = subscribe_acks + (end - block);
        for (uint32_t i = block; i < end && i < block + option.holders; i++)
            subscribe(&connections[HOLDERS + i % option.holders], i, end, option.holders);
        await(&subscribe_acks, target, "subscriptions");
    }
}

static void publish_what_may_go(uint32_t topics)
{
    static uint8_t buffer[BACKLOG * (FILTER_MAX + PAYLOAD + 8)];
    for (uint32_t i = 0; i < PUBLISHERS; i++) {
        connection *publisher = &connections[i];
        uint8_t *at = buffer;
        for (; publisher->on_their_way < BACKLOG; publisher->on_their_way++)
            at = put_publish(at, random_below(topics), i);
        if (at != buffer)
            send_all(publisher, buffer, (size_t)(at - buffer));
    }
}

static const connection *churner(uint32_t which)
{
    return &connections[PUBLISHERS + which % CHURNERS];
}

/* Lets `count` new subscriptions come, and for each of them the oldest one go. */
static void churn(uint32_t count)
{
    static uint32_t next; /* their numbers follow those of the lasting ones; nobody publishes to them */
    for (; count; count--, next++) {
        uint32_t number = option.subscriptions + next;
        subscribe(churner(next), number, number + 1, 1);
        if (next >= CHURN_LIVE)
            unsubscribe(churner(next - CHURN_LIVE), number - CHURN_LIVE);
    }
}

static bool all_arrived(void)
{
    for (uint32_t i = 0; i < PUBLISHERS; i++)
        if (connections[i].on_their_way)
            return false;
    return true;
}

/* Publishes to topics 0 to topics - 1 at random, while `rate` subscriptions a second come and go; prints what it cost
 * under names that begin with `name`. */
static void measure(const char *name, uint32_t topics, uint32_t rate)
{
    usage before = usage_now();
    uint64_t delivered_before = delivered, unsubscribed_before = unsubscribe_acks, churned = 0;
    for (double elapsed; (elapsed = now_s() - before.now_s) < option.seconds;) {
        uint64_t due = (uint64_t)(elapsed * rate);
        churn((uint32_t)(due - churned));
        churned = due;
        publish_what_may_go(topics);
        if (!turn(PATIENCE_S * 1000))
            die("nothing has arrived for %d s", PATIENCE_S);
    }
    while (!all_arrived())
        if (!turn(PATIENCE_S * 1000))
            die("messages were lost");
    usage after = usage_now();
    double seconds = after.now_s - before.now_s, messages = (double)(delivered - delivered_before);
    double broker = after.broker_cpu_s - before.broker_cpu_s, own = after.own_cpu_s - before.own_cpu_s;
    double other = (after.machine_cpu_s - before.machine_cpu_s - broker - own) / seconds;
    printf(",\"%s_per_s\":%.0f,\"%s_cpu_us\":%.3f,\"%s_self_cores\":%.2f,\"%s_other_cores\":%.2f", name,
           messages / seconds, name, broker * 1e6 / messages, name, own / seconds, name, other > 0 ? other : 0);
    if (rate)
        printf(",\"%s_gone_per_s\":%.0f", name, (double)(unsubscribe_acks - unsubscribed_before) / seconds);
}

static void options_read(int count, char **arguments)
{
    static const struct option names[] = {{"port", 1, 0, 'p'},
                                          {"broker-pid", 1, 0, 'b'},
                                          {"subscriptions", 1, 0, 'n'},
                                          {"seconds", 1, 0, 's'},
                                          {"connections", 1, 0, 'h'},
                                          {"churn", 1, 0, 'c'},
                                          {0, 0, 0, 0}};
    for (int name; (name = getopt_long(count, arguments, "", names, NULL)) != -1;)
        switch (name) {
        case 'p':
            option.port = atoi(optarg);
            break;
        case 'b':
            option.broker_pid = atoi(optarg);
            break;
        case 'n':
            option.subscriptions = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'h':
            option.holders = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            option.seconds = atof(optarg);
            break;
        case 'c':
            option.churn = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        default:
            exit(1);
        }
    if (optind != count || option.broker_pid <= 0)
        die("needs --broker-pid PID, and nothing but options");
    if (option.subscriptions <= FEW || option.subscriptions > 100000000)
        die("--subscriptions is a number above %d and up to 100000000", FEW);
    if (option.holders < 1 || option.holders > FEW)
        die("--connections is a number from 1 to %d", FEW);
}

static void files_allow(uint64_t count)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < count)
        die("the system allows only %" PRIu64 " open files", (uint64_t)files.rlim_cur);
}

int main(int count, char **arguments)
{
    options_read(count, arguments);
    files_allow(HOLDERS + option.holders + 16);
    connections_open(HOLDERS + option.holders);
    subscribe_all(0, FEW);
    printf("{\"scenario\":\"subscriptions\",\"subscriptions\":%" PRIu32 ",\"connections\":%" PRIu32,
           option.subscriptions, option.holders);
    measure("few", FEW, 0);
    usage before = usage_now();
    subscribe_all(FEW, option.subscriptions);
    usage after = usage_now();
    double added = option.subscriptions - FEW;
    printf(",\"bytes_per_subscription\":%.1f,\"cpu_us_per_subscription\":%.3f",
           (double)(after.broker_rss_kb - before.broker_rss_kb) * 1024 / added,
           (after.broker_cpu_s - before.broker_cpu_s) * 1e6 / added);
    measure("same", FEW, 0);
    measure("all", option.subscriptions, 0);
    measure("same_churn", FEW, option.churn);
    measure("all_churn", option.subscriptions, option.churn);
    puts("}");
    return 0;
}
