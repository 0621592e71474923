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

/* Sleep until an interrupt comes, or until then. */
void board_sleep_until(uint64_t then_ms);

/* Tell the modem to connect; board_link says when it has. */
void board_dial(void);
void board_hang_up(void);

enum board_link { BOARD_DIALLING, BOARD_UP, BOARD_DOWN };
enum board_link board_link(void);

/* In tenths of a degree. */
int board_temperature(void);
void board_relay(bool on);

#endif
