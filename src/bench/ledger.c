#include "bench/ledger.h"

#include <stdlib.h>
#include <string.h>

bool bb_ledger_init(bb_ledger *ledger, size_t streams)
{
    *ledger = (bb_ledger){.streams = streams};
    ledger->expected = calloc(streams ? streams : 1, sizeof *ledger->expected);
    ledger->gaps = malloc(BB_LEDGER_GAPS_MAX * sizeof *ledger->gaps);
    if (ledger->expected && ledger->gaps)
        return true;
    bb_ledger_deinit(ledger);
    return false;
}

void bb_ledger_deinit(bb_ledger *ledger)
{
    free(ledger->expected);
    free(ledger->gaps);
    *ledger = (bb_ledger){0};
}

void bb_ledger_reset(bb_ledger *ledger)
{
    memset(ledger->expected, 0, ledger->streams * sizeof *ledger->expected);
    ledger->gap_count = ledger->gap_oldest = 0;
}

static void add_gap(bb_ledger *ledger, bb_gap gap)
{
    if (gap.from == gap.to)
        return;
    if (ledger->gap_count < BB_LEDGER_GAPS_MAX) {
        ledger->gaps[ledger->gap_count++] = gap;
        return;
    }
    ledger->gaps[ledger->gap_oldest] = gap;
    ledger->gap_oldest = (ledger->gap_oldest + 1) % BB_LEDGER_GAPS_MAX;
}

/* What comes late is mostly not very late, so the newest gaps are looked at first. */
static bb_gap *find_gap(bb_ledger *ledger, uint32_t stream, uint32_t number)
{
    for (uint32_t i = ledger->gap_count; i-- > 0;) {
        bb_gap *gap = &ledger->gaps[i];
        if (gap->stream == stream && gap->from <= number && number < gap->to)
            return gap;
    }
    return NULL;
}

bb_arrival bb_ledger_take_other(bb_ledger *ledger, uint32_t stream, uint32_t number)
{
    uint32_t expected = ledger->expected[stream];
    if (number > expected) {
        add_gap(ledger, (bb_gap){stream, expected, number});
        ledger->expected[stream] = number + 1;
        return BB_ARRIVED_AHEAD;
    }
    bb_gap *gap = find_gap(ledger, stream, number);
    if (!gap)
        return BB_ARRIVED_AGAIN;
    bb_gap before = {stream, gap->from, number}, after = {stream, number + 1, gap->to};
    *gap = ledger->gaps[--ledger->gap_count];
    add_gap(ledger, before);
    add_gap(ledger, after);
    return BB_ARRIVED_LATE;
}

bb_arrival bb_ledger_take_rising(bb_ledger *ledger, uint32_t stream, uint32_t number)
{
    if (number < ledger->expected[stream])
        return BB_ARRIVED_LATE;
    ledger->expected[stream] = number + 1;
    return BB_ARRIVED_NEXT;
}

uint64_t bb_ledger_missing(const bb_ledger *ledger)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < ledger->gap_count; i++)
        missing += ledger->gaps[i].to - ledger->gaps[i].from;
    return missing;
}

/* --- bb_seen ------------------------------------------------------------------------------------------------------ */

static void grow_to(bb_seen *seen, size_t words)
{
    if (words <= seen->words)
        return;
    size_t now = 2 * seen->words > words ? 2 * seen->words : words;
    seen->bits = realloc(seen->bits, now * sizeof *seen->bits);
    BB_CHECK(seen->bits);
    memset(seen->bits + seen->words, 0, (now - seen->words) * sizeof *seen->bits);
    seen->words = now;
}

bool bb_seen_add(bb_seen *seen, uint32_t number)
{
    uint64_t bit = 1ull << number % 64;
    grow_to(seen, number / 64 + 1);
    bool is_new = !(seen->bits[number / 64] & bit);
    seen->bits[number / 64] |= bit;
    return is_new;
}

uint64_t bb_seen_merge(bb_seen *into, bb_seen *from)
{
    uint64_t both = 0;
    grow_to(into, from->words);
    for (size_t i = 0; i < from->words; i++) {
        both += (uint64_t)__builtin_popcountll(into->bits[i] & from->bits[i]);
        into->bits[i] |= from->bits[i];
    }
    bb_seen_deinit(from);
    return both;
}

uint64_t bb_seen_count(const bb_seen *seen)
{
    uint64_t count = 0;
    for (size_t i = 0; i < seen->words; i++)
        count += (uint64_t)__builtin_popcountll(seen->bits[i]);
    return count;
}

void bb_seen_deinit(bb_seen *seen)
{
    free(seen->bits);
    *seen = (bb_seen){0};
}
