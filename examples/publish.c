/* publish.c - the smallest publisher: connect, publish one message, wait until the server has it, say good-bye.
 *
 *     publish mqtt://localhost site/a/power 42 */
#include <stdio.h>
#include <stdlib.h>

#include <busbar/net.h>

static void stop_if_failed(bb_net *net, bb_net_result result)
{
    if (result == BB_NET_OK)
        return;
    fprintf(stderr, "publish: %s\n", bb_net_error(net));
    bb_net_free(net);
    exit(1);
}

int main(int argc, char **argv)
{
    enum { PATIENCE_MS = 10000 };
    char error[256];
    bb_net_options options;
    bb_client_message message = {0};
    bb_net *net;

    if (argc != 4) {
        fprintf(stderr, "usage: publish URL TOPIC TEXT\n");
        return 2;
    }
    bb_net_options_init(&options);
    options.url = argv[1];
    options.client.retry_max_ms = 0; /* one try: whoever runs this program decides what is next */
    net = bb_net_new(&options, error, sizeof error);
    if (!net) {
        fprintf(stderr, "publish: %s\n", error);
        return 2;
    }
    message.topic = bb_span_text(argv[2]);
    message.payload = bb_span_text(argv[3]);
    message.qos = 1;
    stop_if_failed(net, bb_net_connect(net, PATIENCE_MS));
    stop_if_failed(net, bb_net_publish(net, &message, PATIENCE_MS));
    stop_if_failed(net, bb_net_disconnect(net, PATIENCE_MS));
    bb_net_free(net);
    return 0;
}
