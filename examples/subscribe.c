/* subscribe.c - a subscriber in the poll style that stays: it connects again for as long as it runs, and the server
 * keeps messages of QoS 1 and 2 for it while it is away.
 *
 *     subscribe mqtt://localhost my-name 'site/#'
 *
 * Ctrl-C ends it in order. In a program with a loop of its own, bb_net_fd, bb_net_events and bb_net_timeout_ms say what
 * to wait for, and bb_net_wait is not needed. */
#include <signal.h>
#include <stdio.h>

#include <busbar/net.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void print_message(const bb_client_message_event *message)
{
    if (message->offset == 0)
        printf("%.*s ", (int)message->topic.len, (const char *)message->topic.data);
    fwrite(message->payload.data, 1, message->payload.len, stdout);
    if (message->offset + message->payload.len == message->size)
        printf("\n"); /* a large message comes in pieces; this was the last one */
    fflush(stdout);
}

static void handle(const bb_net *net, const bb_client_event *event)
{
    switch (event->type) {
    case BB_CLIENT_CONNECTED:
        fprintf(stderr, "connected%s\n", event->connected.session_present ? ", the session is still there" : "");
        break;
    case BB_CLIENT_DISCONNECTED:
        if (event->disconnected.retry)
            fprintf(stderr, "%s; next try in %lu ms\n", bb_net_error(net), (unsigned long)event->disconnected.retry_ms);
        break;
    case BB_CLIENT_MESSAGE:
        print_message(&event->message);
        break;
    case BB_CLIENT_SUBSCRIBED:
        fprintf(stderr, "subscribed: %s\n", bb_net_code_text(event->ack.code));
        break;
    default:
        break;
    }
}

/* Returns whether a connection was ended in order. */
static bool run(bb_net *net)
{
    bb_client_event event;
    bool stopping = false;
    bb_client_start(bb_net_client(net));
    for (;;) {
        while (bb_net_next(net, &event)) {
            handle(net, &event);
            if (event.type == BB_CLIENT_DISCONNECTED && !event.disconnected.retry)
                return stopping;
        }
        if (stop && !stopping) {
            bb_client_stop(bb_net_client(net), false);
            stopping = true;
        } else {
            bb_net_wait(net, 1000); /* a signal that comes just before is seen after a second */
        }
    }
}

int main(int argc, char **argv)
{
    char error[256];
    bb_net_options options;
    bb_client_subscription subscription = {0};
    bb_net *net;
    bool in_order;

    if (argc != 4) {
        fprintf(stderr, "usage: subscribe URL CLIENT-ID FILTER\n");
        return 2;
    }
    subscription.filter = bb_span_text(argv[3]);
    subscription.qos = 1;
    bb_net_options_init(&options);
    options.url = argv[1];
    options.client.client_id = bb_span_text(argv[2]);
    options.client.session_expiry_s = 3600;
    options.client.subscriptions = &subscription;
    options.client.subscriptions_count = 1;
    options.client.retry_min_ms = 100;
    options.client.retry_max_ms = 10000;
    net = bb_net_new(&options, error, sizeof error);
    if (!net) {
        fprintf(stderr, "subscribe: %s\n", error);
        return 2;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    in_order = run(net);
    bb_net_free(net);
    return in_order ? 0 : 1;
}
