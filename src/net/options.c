#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "net/inside.h"

enum {
    BUFFER_BYTES = 64 * 1024,
    BUFFER_BYTES_LEAST = 64,
    STORE_BYTES = 1024 * 1024,
    MAILBOX_BYTES = 1024 * 1024,
    ADDRESS_TIMEOUT_MS = 5000,
    TIMEOUT_MS = 15000,
    KEEP_ALIVE_S = 60,
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 60000,
};

void bb_net_options_init(bb_net_options *options)
{
    *options = (bb_net_options){
        .client = {.protocol = &bb_client_mqtt_5,
                   .delivery = &bb_client_qos2,
                   .keep_alive_s = KEEP_ALIVE_S,
                   .timeout_ms = TIMEOUT_MS,
                   .retry_min_ms = RETRY_MIN_MS,
                   .retry_max_ms = RETRY_MAX_MS},
        .buffer_bytes = BUFFER_BYTES,
        .store_memory_max = STORE_BYTES,
        .inbox_bytes_max = MAILBOX_BYTES,
        .address_timeout_ms = ADDRESS_TIMEOUT_MS,
    };
}

/* --- the URLs: copied, split where there are spaces, each looked at */

static bool split_urls(bb_net *net, const char *text, bb_text *error)
{
    text = text ? text : "";
    net->urls = calloc(1, strlen(text) + 2);
    if (!net->urls) {
        bb_text_puts(error, "no memory");
        return false;
    }
    char *out = net->urls;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, " ");
        if (len) {
            memcpy(out, at, len);
            out += len + 1;
            net->urls_count++;
        }
        at += len + (at[len] == ' ');
    }
    if (!net->urls_count)
        bb_text_puts(error, "the URL of the server is missing");
    return net->urls_count > 0;
}

static bool check_urls(bb_net *net, bool *tls, bb_text *error)
{
    const char *at = net->urls;
    *tls = false;
    for (size_t i = 0; i < net->urls_count; i++, at += strlen(at) + 1) {
        if (!bb_net_target_parse(&net->target, at, error))
            return false;
        *tls |= bb_url_is_tls(&net->target.url);
    }
    return true;
}

static bool set_up_urls(bb_net *net, bb_text *error)
{
    bool tls;
    if (!split_urls(net, net->options.url, error) || !check_urls(net, &tls, error))
        return false;
    if (tls)
        net->tls = bb_net_tls_context_new(&net->options.tls, error);
    return !tls || net->tls;
}

/* --- what the client needs, where the application has not given it */

static bool set_up_store(bb_net *net, bb_text *error)
{
    bb_client_options *client = &net->options.client;
    if (client->store || !client->delivery)
        return true;
    if (net->options.store_folder) {
        net->folder_store = bb_folder_store_open(net->options.store_folder, error);
        if (!net->folder_store)
            return false;
        net->store = bb_folder_store_door(net->folder_store);
    } else {
        net->memory_store = bb_memory_store_new(net->options.store_memory_max);
        if (!net->memory_store) {
            bb_text_puts(error, "no memory for the store");
            return false;
        }
        net->store = bb_memory_store_door(net->memory_store);
    }
    client->store = &net->store;
    return true;
}

static bool set_up_buffers(bb_net *net, bb_text *error)
{
    bb_client_options *client = &net->options.client;
    size_t size = net->options.buffer_bytes;
    if (size < BUFFER_BYTES_LEAST) {
        bb_text_puts(error, "buffer_bytes must be at least 64");
        return false;
    }
    net->buffers = malloc(2 * size);
    if (!net->buffers) {
        bb_text_puts(error, "no memory for the buffers");
        return false;
    }
    if (!client->in.at)
        client->in = (bb_client_memory){net->buffers, size};
    if (!client->out.at)
        client->out = (bb_client_memory){net->buffers + size, size};
    return true;
}

static void set_up_rest(bb_net *net)
{
    bb_client_options *client = &net->options.client;
    if (!client->assigned_id.at)
        client->assigned_id = (bb_client_memory){net->assigned_id, sizeof net->assigned_id};
    if (!client->redirect.at && net->options.follow_redirects)
        client->redirect = (bb_client_memory){net->redirect, sizeof net->redirect};
    if (!client->seed && getrandom(&client->seed, sizeof client->seed, GRND_NONBLOCK) != sizeof client->seed)
        client->seed = (uint32_t)bb_net_now() | 1;
    if (client->protocol == &bb_client_mqtt_311 && !client->client_id.len)
        client->clean_start = true; /* nobody can come back without a name [MQTT-3.1.3-7] */
    net->user_from_url = !client->user_name.data && !client->password.data;
}

static bool set_up_client(bb_net *net, bb_text *error)
{
    switch (bb_client_init(&net->client, &net->options.client)) {
    case BB_CLIENT_OK:
        bb_client_restore(&net->client); /* a store in a folder may have kept something */
        return true;
    case BB_CLIENT_TOO_LARGE:
        bb_text_puts(error, "a buffer of options.client is too small");
        return false;
    default:
        bb_text_puts(error, "options.client lacks what is required: call bb_net_options_init first");
        return false;
    }
}

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give_back(void *context, void *block, size_t size)
{
    free(block);
}

static bool set_up(bb_net *net, bb_text *error)
{
    net->mem = (bb_mem){.alloc = take, .release = give_back};
    net->transport.fd = net->dial.transport.fd = net->closing.fd = -1;
    net->mailbox.bytes_max = net->options.inbox_bytes_max;
    net->over = true;
    if (!set_up_urls(net, error) || !set_up_store(net, error) || !set_up_buffers(net, error))
        return false;
    set_up_rest(net);
    return set_up_client(net, error);
}

bb_net *bb_net_new(const bb_net_options *options, char *error, size_t size)
{
    bb_text text = bb_text_on(error, size ? size - 1 : 0);
    bb_net *net = calloc(1, sizeof *net);
    bool good = false;
    if (net) {
        net->options = *options;
        good = set_up(net, &text);
    } else {
        bb_text_puts(&text, "no memory");
    }
    if (size)
        error[text.len] = 0;
    if (good)
        return net;
    bb_net_free(net);
    return NULL;
}

void bb_net_free(bb_net *net)
{
    if (!net)
        return;
    bb_lookup_cancel(net->lookup);
    bb_dial_cancel(&net->dial);
    bb_transport_close(&net->transport);
    bb_transport_close(&net->closing);
    bb_tls_context_free(net->tls);
    bb_memory_store_free(net->memory_store);
    bb_folder_store_close(net->folder_store);
    bb_mailbox_clear(&net->mailbox);
    free(net->buffers);
    free(net->urls);
    free(net);
}
