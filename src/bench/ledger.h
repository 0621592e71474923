/* ledger.h - who has received what: finds messages that are lost, come twice or come out of order.
 *
 * What      A stream is what one receiver gets from one source, whose messages are numbered from 0. A stream expects
 *           the next number. A larger one leaves a gap; a smaller one fills a gap (it came late: out of order), or is a
 *           repetition. What has not come in the end is lost.
 *
 *               arrives   0 1 2 5 3 3         expected next: 6
 *               verdict   n n n a l r         (next, next, next, ahead, late, repeated); the gap 4 is lost so far
 *
 *           Where several receivers share the messages of a source (a shared subscription), each has its own stream to
 *           see the order by, in which gaps mean nothing; and which numbers have come at all is in a bb_seen for each
 *           source.
 * Memory    Four bytes for each stream, one bit for each message of a bb_seen; nothing is allocated by the word of the
 *           broker: who calls has checked that the number was really published. Gaps are kept up to GAPS_MAX, then
 *           the oldest is forgotten, and what comes late for it counts as repeated.
 * Threads   A ledger belongs to one thread; the streams of one receiver are all in that of its thread. */
#ifndef BB_BENCH_LEDGER_H
#define BB_BENCH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum { BB_LEDGER_GAPS_MAX = 1 << 15 };

typedef enum bb_arrival { BB_ARRIVED_NEXT, BB_ARRIVED_AHEAD, BB_ARRIVED_LATE, BB_ARRIVED_AGAIN } bb_arrival;

typedef struct bb_gap {
    uint32_t stream, from, to; /* numbers from..to-1 are missing */
} bb_gap;

typedef struct bb_ledger {
    uint32_t *expected; /* for each stream: the next number */
    size_t streams;
    bb_gap *gaps;
    uint32_t gap_count, gap_oldest; /* gaps are replaced in a circle once all places are taken */
} bb_ledger;

/* False when there is no memory. */
BB_MUST_USE bool bb_ledger_init(bb_ledger *ledger, size_t streams);
void bb_ledger_deinit(bb_ledger *ledger);

/* All streams expect 0 again. */
void bb_ledger_reset(bb_ledger *ledger);

/* For bb_ledger_take only: what to do with a number that is not the expected one. */
bb_arrival bb_ledger_take_other(bb_ledger *ledger, uint32_t stream, uint32_t number);

/* Message `number` has arrived in `stream`, which must exist. */
static inline bb_arrival bb_ledger_take(bb_ledger *ledger, uint32_t stream, uint32_t number)
{
    if (BB_UNLIKELY(number != ledger->expected[stream]))
        return bb_ledger_take_other(ledger, stream, number);
    ledger->expected[stream] = number + 1;
    return BB_ARRIVED_NEXT;
}

/* For streams in which gaps mean nothing: BB_ARRIVED_NEXT, or BB_ARRIVED_LATE for a number below one that came before.
 */
bb_arrival bb_ledger_take_rising(bb_ledger *ledger, uint32_t stream, uint32_t number);

/* Where a subscriber comes late into a source's messages: it is not owed those before `number`. */
static inline void bb_ledger_begin(bb_ledger *ledger, uint32_t stream, uint32_t number)
{
    if (ledger->expected[stream] == 0)
        ledger->expected[stream] = number;
}

/* Messages that are missing in gaps that are still known. */
uint64_t bb_ledger_missing(const bb_ledger *ledger);

/* ---- The numbers of one source that have come. */
typedef struct bb_seen {
    uint64_t *bits;
    size_t words;
} bb_seen;

/* Mark `number`. False when it was marked before. Stops the program when there is no memory for one bit for each
 * message up to it. */
bool bb_seen_add(bb_seen *seen, uint32_t number);

/* Take all of `from` into `into`, and empty `from`. Returns how many were in both. */
uint64_t bb_seen_merge(bb_seen *into, bb_seen *from);
uint64_t bb_seen_count(const bb_seen *seen);
void bb_seen_deinit(bb_seen *seen);

#endif
