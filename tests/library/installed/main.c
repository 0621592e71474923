/* main.c - a program of somebody who has installed the library; C99 and C++11. */
#include <stdio.h>
#include <string.h>

#include <busbar/client.h>
#include <busbar/net.h>
#include <busbar/property.h>
#include <busbar/types.h>
#include <busbar/url.h>

static int fails_to_connect(void)
{
    char error[256];
    bb_net_options options;
    bb_net *net;
    bb_net_result result;
    bb_net_options_init(&options);
    options.url = "mqtt://127.0.0.1:1";
    options.client.retry_max_ms = 0;
    net = bb_net_new(&options, error, sizeof error);
    if (!net)
        return 0;
    result = bb_net_connect(net, 5000);
    printf("%s\n", bb_net_error(net));
    bb_net_free(net);
    return result == BB_NET_LOST;
}

int main(void)
{
    static bb_url url;
    char error[BB_URL_ERROR_MAX];
    bool parsed = bb_url_parse("mqtts://user@[::1]:8884/", &url, error, sizeof error);
    return parsed && url.port == 8884 && strcmp(url.host, "::1") == 0 && fails_to_connect() ? 0 : 1;
}
