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

/* "00217" for 21.7 degrees; the smallest cores cannot divide, so there is no division in it. */
static bb_span number_text(int number, char text[6])
{
    static const int16_t powers[] = {10000, 1000, 100, 10, 1};
    char *at = text;
    if (number < 0) {
        number = -number;
        *at++ = '-';
    }
    for (unsigned i = 0; i < 5; i++) {
        char digit = '0';
        for (; number >= powers[i]; number -= powers[i])
            digit++;
        *at++ = digit;
    }
    bb_span span = {(const uint8_t *)text, (size_t)(at - text)};
    return span;
}

static void publish_temperature(void)
{
    static const bb_span topic = BB_TEXT("site/boiler/temperature");
    char text[6];
    bb_client_message message = {topic, number_text(board_temperature(), text), {0}, EXAMPLE_QOS, false};
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

int main(void)
{
    board_init();
    if (bb_client_init(&client, example_options()) != BB_CLIENT_OK)
        return 1;
    bb_client_start(&client);
    link_seen = BOARD_DOWN;

    for (uint64_t publish_at = 0;;) {
        size_t room;
        uint8_t *in = bb_client_input(&client, &room);
        bb_client_received(&client, ring_read(&board_rx, in, room));
        watch_link();

        bb_client_event event;
        while (bb_client_next(&client, board_now_ms(), &event))
            handle(&event);
        if (board_now_ms() >= publish_at && bb_client_is_connected(&client)) {
            publish_temperature();
            publish_at = board_now_ms() + PUBLISH_EVERY_MS;
            continue; /* the message may be sent now */
        }

        bb_span out = bb_client_output(&client);
        bb_client_sent(&client, ring_write(&board_tx, out.data, out.len));
        uint64_t deadline = bb_client_deadline(&client);
        board_sleep_until(deadline < publish_at ? deadline : publish_at);
    }
}
