/* timer.h - many deadlines, few of which ever come: a hierarchical timing wheel.
 *
 * What      Setting, moving and cancelling a deadline take constant time; nothing is polled while nothing is due.
 * Used by   broker (keep alive, session expiry, delayed wills, message expiry), loop.
 * Memory    Timers live inside the objects that they belong to; the wheel itself is a fixed struct.
 * Threads   A wheel and its timers belong to one thread.
 * Bounds    A timer fires at its deadline or up to BB_WHEEL_TICK ms after it, never before. */
#ifndef BB_BASE_TIMER_H
#define BB_BASE_TIMER_H

#include "base/list.h"
#include "base/time.h"

enum {
    BB_WHEEL_TICK = 16,  /* ms: how exact the wheel is */
    BB_WHEEL_SLOTS = 64, /* in each level */
    BB_WHEEL_LEVELS = 6, /* 64^6 * 16 ms: 34 years; later deadlines wait in the last level */
};

typedef struct bb_timer {
    bb_list link; /* in a slot of the wheel; unlinked when the timer is not set */
    bb_time deadline;
} bb_timer;

typedef struct bb_wheel {
    bb_list slots[BB_WHEEL_LEVELS][BB_WHEEL_SLOTS];
    uint64_t occupied[BB_WHEEL_LEVELS]; /* one bit for each slot that may hold timers */
    uint64_t tick_now;                  /* everything up to this tick has fired */
    uint64_t tick_next;                 /* the hand need not move before; BB_NEVER: no timer is set */
    bb_list due;
} bb_wheel;

void bb_wheel_init(bb_wheel *wheel, bb_time now);

/* Set `timer` (zeroed when new) to fire at `deadline`; a timer that was already set is moved. BB_NEVER cancels it. A
 * deadline that has passed fires at the next tick, never in the same one: a timer that is set anew whenever it fires
 * does not hold up the loop. */
void bb_timer_set(bb_wheel *wheel, bb_timer *timer, bb_time deadline);
void bb_timer_cancel(bb_timer *timer);

static inline bool bb_timer_is_set(const bb_timer *timer)
{
    return bb_list_linked(&timer->link);
}

/* Take the next timer that is due at `now`, in no particular order within a tick; NULL when none is left. The timer is
 * unset when it is returned. */
bb_timer *bb_wheel_expire(bb_wheel *wheel, bb_time now);

/* When bb_wheel_expire is worth calling again; at most the earliest deadline rounded up to a tick, possibly earlier
 * (when timers must move down a level, or the earliest one was moved or cancelled since). BB_NEVER when no timer is
 * set and bb_wheel_expire has seen that. It is asked in every turn of a loop, so it only looks up what is known. */
static inline bb_time bb_wheel_next(const bb_wheel *wheel)
{
    uint64_t tick = bb_list_empty(&wheel->due) ? wheel->tick_next : wheel->tick_now;
    return tick == BB_NEVER ? BB_NEVER : tick * BB_WHEEL_TICK;
}

#endif
