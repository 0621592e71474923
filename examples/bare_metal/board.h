/* board.h - what the example wants of the hardware: a clock, a sensor, a relay, and a modem on a serial line whose
 * interrupts fill and empty two rings. board_host.c plays the board on a computer. */
#ifndef EXAMPLE_BOARD_H
#define EXAMPLE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

extern ring board_rx, board_tx; /* from the modem, to the modem */

void board_init(void);
uint64_t board_now_ms(void);

/* Sleep until an interrupt comes, or until `then_ms`, but no longer than `most_ms`. */
void board_sleep_until(uint64_t then_ms, uint32_t most_ms);

/* Tell the modem to connect; board_link says when it has. */
void board_dial(void);
void board_hang_up(void);

enum board_link { BOARD_DIALLING, BOARD_UP, BOARD_DOWN };
enum board_link board_link(void);

/* The sensor speaks text: "+21.7". */
enum { BOARD_TEMPERATURE_SIZE = 5 };
void board_temperature(uint8_t text[BOARD_TEMPERATURE_SIZE]);
void board_relay(bool on);

#endif
