/* board_none.c - a board that is nothing but registers: what tools/size.py links, so that only the client is measured.
 */
#include "board.h"

ring board_rx, board_tx;
static volatile uint32_t registers[6];

void board_init(void)
{
}

uint64_t board_now_ms(void)
{
    return registers[0];
}

void board_sleep_until(uint64_t then_ms, uint32_t most_ms)
{
    registers[1] = (uint32_t)then_ms < most_ms ? (uint32_t)then_ms : most_ms;
}

void board_dial(void)
{
    registers[2] = 1;
}

void board_hang_up(void)
{
    registers[2] = 0;
}

enum board_link board_link(void)
{
    return (enum board_link)registers[3];
}

void board_temperature(uint8_t text[BOARD_TEMPERATURE_SIZE])
{
    text[0] = (uint8_t)registers[4];
}

void board_relay(bool on)
{
    registers[5] = on;
}
