/* options_qos0.c - MQTT 3.1.1 with QoS 0 alone: the smallest client there is. */
#include "options.h"

static uint8_t in[256], out[256];

static const bb_client_subscription subscriptions[] = {{.filter = BB_TEXT("site/boiler/relay/set")}};

static const bb_client_options options = {
    .protocol = &bb_client_mqtt_311,
    .in = {in, sizeof(in)},
    .out = {out, sizeof(out)},
    .client_id = BB_TEXT("boiler"),
    .keep_alive_s = 60,
    .subscriptions = subscriptions,
    .subscriptions_count = 1,
    .retry_min_ms = 1000,
    .retry_max_ms = 60000,
    .seed = 4711, /* on a real device: its serial number */
};

const bb_client_options *example_options(void)
{
    return &options;
}
