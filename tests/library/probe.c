/* probe.c - the blocking style of <busbar/net.h> as a program that tests drive: a command on each line of standard
 * input, an answer of one JSON object on each line of standard output.
 *
 *     usage: probe KEY=VALUE...      the options of the connection
 *
 *     connect | disconnect | subscribe FILTER QOS | unsubscribe FILTER | publish TOPIC QOS RETAIN TEXT
 *     stream TOPIC QOS BYTES | receive | collect (all pieces of the next message) | memory
 *
 * The payload of `stream` at place i is the byte pattern(i), and `collect` checks that. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <busbar/net.h>

enum { LINE_MAX_BYTES = 8192, PATIENCE_MS = 20000 };

static int patience_ms = PATIENCE_MS;

/* --- options */

static bb_net_options options;
static bb_client_message will;

static void set_option(const char *key, const char *value)
{
    bb_client_options *client = &options.client;
    if (!strcmp(key, "url"))
        options.url = value;
    else if (!strcmp(key, "ca"))
        options.tls.ca_file = value;
    else if (!strcmp(key, "cert"))
        options.tls.certificate_file = value;
    else if (!strcmp(key, "key"))
        options.tls.key_file = value;
    else if (!strcmp(key, "any_certificate"))
        options.tls.any_certificate = true;
    else if (!strcmp(key, "version") && !strcmp(value, "3.1.1"))
        client->protocol = &bb_client_mqtt_311;
    else if (!strcmp(key, "version"))
        client->protocol = &bb_client_mqtt_5;
    else if (!strcmp(key, "id"))
        client->client_id = bb_span_text(value);
    else if (!strcmp(key, "clean"))
        client->clean_start = atoi(value);
    else if (!strcmp(key, "expiry"))
        client->session_expiry_s = (uint32_t)atoi(value);
    else if (!strcmp(key, "keepalive"))
        client->keep_alive_s = (uint16_t)atoi(value);
    else if (!strcmp(key, "retry_min"))
        client->retry_min_ms = (uint32_t)atoi(value);
    else if (!strcmp(key, "retry_max"))
        client->retry_max_ms = (uint32_t)atoi(value);
    else if (!strcmp(key, "timeout"))
        client->timeout_ms = (uint32_t)atoi(value);
    else if (!strcmp(key, "address_timeout"))
        options.address_timeout_ms = (uint32_t)atoi(value);
    else if (!strcmp(key, "patience"))
        patience_ms = atoi(value);
    else if (!strcmp(key, "will"))
        will.topic = bb_span_text(value);
    else if (!strcmp(key, "will_text"))
        will.payload = bb_span_text(value);
    else if (!strcmp(key, "store"))
        options.store_folder = value;
    else if (!strcmp(key, "buffer"))
        options.buffer_bytes = (size_t)atoi(value);
    else if (!strcmp(key, "inbox"))
        options.inbox_bytes_max = (size_t)atoi(value);
    else if (!strcmp(key, "redirects"))
        options.follow_redirects = atoi(value);
    else {
        fprintf(stderr, "probe: there is no option %s\n", key);
        exit(2);
    }
}

/* --- answers */

static void put_text(const uint8_t *bytes, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] < ' ' || bytes[i] >= 0x7F || bytes[i] == '"' || bytes[i] == '\\')
            printf("\\u%04x", bytes[i]);
        else
            putchar(bytes[i]);
    }
    putchar('"');
}

static const char *name_of(bb_net_result result)
{
    static const char *const names[] = {"ok", "timeout", "refused", "lost", "inbox", "invalid"};
    return names[result];
}

static void answer(bb_net *net, bb_net_result result)
{
    printf("{\"result\": \"%s\", \"code\": %u, \"client_result\": %d, \"error\": ", name_of(result), bb_net_code(net),
           (int)bb_net_client_result(net));
    put_text((const uint8_t *)bb_net_error(net), strlen(bb_net_error(net)));
    printf("}\n");
}

static void answer_message(const bb_client_message_event *message)
{
    printf("{\"result\": \"ok\", \"qos\": %u, \"retain\": %d, \"dup\": %d, \"size\": %" PRIu32 ", \"offset\": %" PRIu32
           ", \"topic\": ",
           message->qos, message->retain, message->dup, message->size, message->offset);
    put_text(message->topic.data, message->topic.len);
    printf(", \"payload\": ");
    put_text(message->payload.data, message->payload.len);
    printf("}\n");
}

/* --- commands */

static uint8_t pattern(uint32_t place)
{
    return (uint8_t)(place * 31 + (place >> 8) * 7 + (place >> 16));
}

static size_t read_pattern(void *context, uint8_t *into, size_t room)
{
    uint32_t *place = context;
    for (size_t i = 0; i < room; i++)
        into[i] = pattern((*place)++);
    return room;
}

/* All pieces of the next message, and whether they are the pattern, in order and whole. */
static void collect(bb_net *net)
{
    bb_client_message_event message;
    uint32_t expected = 0, pieces = 0;
    bool good = true;
    do {
        bb_net_result result = bb_net_receive(net, &message, patience_ms);
        if (result != BB_NET_OK) {
            answer(net, result);
            return;
        }
        good = good && message.offset == expected;
        for (size_t i = 0; i < message.payload.len && good; i++)
            good = message.payload.data[i] == pattern(message.offset + (uint32_t)i);
        expected = message.offset + (uint32_t)message.payload.len;
        pieces++;
    } while (expected < message.size);
    printf("{\"result\": \"ok\", \"good\": %s, \"size\": %" PRIu32 ", \"pieces\": %" PRIu32 ", \"qos\": %u}\n",
           good ? "true" : "false", message.size, pieces, message.qos);
}

/* The most memory that the process ever had, in KB. */
static void answer_memory(void)
{
    char line[256];
    long peak_kb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &peak_kb);
    if (status)
        fclose(status);
    printf("{\"result\": \"ok\", \"peak_kb\": %ld}\n", peak_kb);
}

static void run(bb_net *net, char *line)
{
    char *word[5] = {strtok(line, " ")};
    for (size_t i = 1; i < 5; i++)
        word[i] = strtok(NULL, i == 4 ? "" : " ");
    const char *command = word[0] ? word[0] : "";
    if (!strcmp(command, "connect")) {
        answer(net, bb_net_connect(net, patience_ms));
    } else if (!strcmp(command, "disconnect")) {
        answer(net, bb_net_disconnect(net, patience_ms));
    } else if (!strcmp(command, "subscribe")) {
        bb_client_subscription subscription = {.filter = bb_span_text(word[1]), .qos = (uint8_t)atoi(word[2])};
        answer(net, bb_net_subscribe(net, &subscription, patience_ms));
    } else if (!strcmp(command, "unsubscribe")) {
        answer(net, bb_net_unsubscribe(net, bb_span_text(word[1]), patience_ms));
    } else if (!strcmp(command, "publish")) {
        bb_client_message message = {.topic = bb_span_text(word[1]),
                                     .payload = bb_span_text(word[4] ? word[4] : ""),
                                     .qos = (uint8_t)atoi(word[2]),
                                     .retain = atoi(word[3])};
        answer(net, bb_net_publish(net, &message, patience_ms));
    } else if (!strcmp(command, "stream")) {
        uint32_t place = 0;
        bb_client_message message = {.topic = bb_span_text(word[1]), .qos = (uint8_t)atoi(word[2])};
        answer(net, bb_net_publish_stream(net, &message, (uint32_t)strtoul(word[3], NULL, 10), read_pattern, &place,
                                          patience_ms));
    } else if (!strcmp(command, "receive")) {
        bb_client_message_event message;
        bb_net_result result = bb_net_receive(net, &message, patience_ms);
        if (result == BB_NET_OK)
            answer_message(&message);
        else
            answer(net, result);
    } else if (!strcmp(command, "collect")) {
        collect(net);
    } else if (!strcmp(command, "memory")) {
        answer_memory();
    } else {
        fprintf(stderr, "probe: there is no command %s\n", command);
        exit(2);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char error[512], line[LINE_MAX_BYTES];
    bb_net_options_init(&options);
    options.client.retry_max_ms = 0;
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) {
            fprintf(stderr, "probe: expected KEY=VALUE, not %s\n", argv[i]);
            return 2;
        }
        *equals = 0;
        set_option(argv[i], equals + 1);
    }
    if (will.topic.data)
        options.client.will = &will;
    bb_net *net = bb_net_new(&options, error, sizeof error);
    if (!net) {
        fprintf(stderr, "probe: %s\n", error);
        return 3;
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        run(net, line);
    }
    bb_net_free(net);
    return 0;
}
