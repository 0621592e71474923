/* options_full.c - MQTT 5.0 with QoS 0, 1 and 2. */
#include "options.h"

static uint8_t in[256], out[256], store_memory[512];
static bb_client_ram_store store;

static const bb_client_subscription subscriptions[] = {{.filter = BB_TEXT("site/boiler/relay/set"), .qos = 2}};

static const bb_client_options options = {
    .protocol = &bb_client_mqtt_5,
    .delivery = &bb_client_qos2,
    .store = &store.store,
    .in = {in, sizeof(in)},
    .out = {out, sizeof(out)},
    .client_id = BB_TEXT("boiler"),
    .keep_alive_s = 60,
    .session_expiry_s = 3600,
    .receive_maximum = 4,
    .subscriptions = subscriptions,
    .subscriptions_count = 1,
    .retry_min_ms = 1000,
    .retry_max_ms = 60000,
    .seed = 4711, /* on a real device: its serial number */
};

const bb_client_options *example_options(void)
{
    bb_client_ram_store_init(&store, store_memory, sizeof(store_memory));
    return &options;
}
