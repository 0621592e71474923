/* main.c - a thermometer with a relay, on a microcontroller: no operating system, no heap, no sockets.
 *
 * It publishes the temperature every ten seconds with QoS 1, obeys what is sent to its relay, and stays connected
 * whatever the network does. Everything that the client needs is in this file's static memory; what it is able to do is
 * chosen in options.c. The modem's interrupts move bytes between the serial line and two rings. */
#include "board.h"
#include "options.h"

enum { PUBLISH_EVERY_MS = 10000 };

static bb_client client;
static enum board_link link_seen;

static void publish_temperature(void)
{
    static uint8_t text[BOARD_TEMPERATURE_SIZE];
    static const bb_client_message message = {
        .topic = BB_TEXT("site/boiler/temperature"),
        .payload = {text, sizeof(text)},
        .qos = EXAMPLE_QOS,
    };
    board_temperature(text);
    (void)bb_client_publish(&client, &message, NULL); /* no room: the next one will be as good */
}

static void handle(const bb_client_event *event)
{
    switch (event->type) {
    case BB_CLIENT_OPEN:
        board_dial();
        link_seen = BOARD_DIALLING;
        break;
    case BB_CLIENT_DISCONNECTED:
        board_hang_up();
        link_seen = BOARD_DOWN;
        break;
    case BB_CLIENT_MESSAGE: /* the only subscription: "1" or "0" */
        if (event->message.payload.len == 1)
            board_relay(event->message.payload.data[0] == '1');
        break;
    default:
        break;
    }
}

static void watch_link(void)
{
    enum board_link now = board_link();
    if (now == link_seen)
        return;
    link_seen = now;
    if (now == BOARD_UP)
        bb_client_opened(&client);
    if (now == BOARD_DOWN)
        bb_client_closed(&client);
}

/* Give the client what came, take its events, and send what it has to say. */
static void run_client(uint64_t now_ms)
{
    size_t room;
    bb_client_event event;
    uint8_t *in = bb_client_input(&client, &room);
    bb_client_received(&client, ring_read(&board_rx, in, room));
    watch_link();
    while (bb_client_next(&client, now_ms, &event))
        handle(&event);
    bb_span out = bb_client_output(&client);
    bb_client_sent(&client, ring_write(&board_tx, out.data, out.len));
}

int main(void)
{
    board_init();
    if (bb_client_init(&client, example_options()) != BB_CLIENT_OK)
        return 1;
    bb_client_start(&client);
    link_seen = BOARD_DOWN;

    for (uint32_t published_at = 0;;) {
        uint64_t now_ms = board_now_ms();
        if ((uint32_t)now_ms - published_at >= PUBLISH_EVERY_MS && bb_client_is_connected(&client)) {
            published_at = (uint32_t)now_ms;
            publish_temperature();
        }
        run_client(now_ms);
        board_sleep_until(bb_client_deadline(&client), PUBLISH_EVERY_MS);
    }
}
