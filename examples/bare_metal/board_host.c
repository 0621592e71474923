/* board_host.c - the board of the example, played by a computer: the modem is a TCP connection to the host and port in
 * BROKER_HOST and BROKER_PORT, the relay is a line on standard output, the clock and the sleep are the system's. */
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

ring board_rx, board_tx;
static int modem = -1;
static bool interrupted; /* what would wake a board has happened */

void board_init(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
}

uint64_t board_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- The modem. */

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

void board_dial(void)
{
    interrupted = true;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(setting("BROKER_HOST", "127.0.0.1"), setting("BROKER_PORT", "1883"), &hints, &found) != 0)
        return;
    modem = socket(found->ai_family, found->ai_socktype, 0);
    if (modem >= 0 && connect(modem, found->ai_addr, found->ai_addrlen) != 0)
        board_hang_up();
    freeaddrinfo(found);
}

void board_hang_up(void)
{
    if (modem >= 0)
        close(modem);
    modem = -1;
    interrupted = true;
    board_rx.head = board_rx.tail = board_tx.head = board_tx.tail = 0;
}

enum board_link board_link(void)
{
    return modem >= 0 ? BOARD_UP : BOARD_DOWN;
}

/* What the interrupts of a real board do; false: nothing moved. */
static bool modem_moves(void)
{
    uint8_t bytes[RING_SIZE];
    size_t len = ring_read(&board_tx, bytes, sizeof(bytes));
    if (len > 0 && send(modem, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        board_hang_up();
    size_t room = RING_SIZE - (board_rx.head - board_rx.tail);
    ssize_t got = modem >= 0 && room > 0 ? recv(modem, bytes, room, MSG_DONTWAIT) : -1;
    if (got > 0)
        ring_write(&board_rx, bytes, (size_t)got);
    if (got == 0)
        board_hang_up();
    return len > 0 || got > 0;
}

void board_sleep_until(uint64_t then_ms, uint32_t most_ms)
{
    uint64_t now_ms = board_now_ms();
    uint64_t ms = then_ms > now_ms ? then_ms - now_ms : 0;
    if (modem >= 0 && modem_moves())
        interrupted = true;
    if (interrupted) {
        interrupted = false;
        return;
    }
    struct pollfd wait = {.fd = modem, .events = POLLIN};
    poll(&wait, 1, (int)(ms < most_ms ? ms : most_ms));
}

/* ---- The sensor and the relay. */

void board_temperature(uint8_t text[BOARD_TEMPERATURE_SIZE])
{
    memcpy(text, "+21.7", BOARD_TEMPERATURE_SIZE);
}

void board_relay(bool on)
{
    printf("relay %s\n", on ? "on" : "off");
}
