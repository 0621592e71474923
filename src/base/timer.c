/* How the wheel turns: level L has 64 slots of 64^L ticks each. A timer stands in the lowest level whose 64 slots reach
 * as far as its deadline, so in levels above 0 it stands at least one slot ahead of the hand. When the hand enters a
 * slot, the slot's timers are placed anew: they are due, or move to a lower level. The hand jumps from one occupied
 * slot to the next, so a turn costs the slots that hold something, not the time that went by. */
#include "base/timer.h"

#include "base/check.h"

enum { SLOT_BITS = 6 };

static_assert(1 << SLOT_BITS == BB_WHEEL_SLOTS, "a slot's number is six bits of the tick");

static uint64_t tick_of_deadline(bb_time deadline)
{
    return deadline / BB_WHEEL_TICK + (deadline % BB_WHEEL_TICK != 0);
}

static unsigned slot_of(uint64_t tick, unsigned level)
{
    return tick >> (SLOT_BITS * level) & (BB_WHEEL_SLOTS - 1);
}

/* Put `timer` where it belongs for `tick`, which is after tick_now. */
static void place(bb_wheel *wheel, bb_timer *timer, uint64_t tick)
{
    uint64_t delta = tick - wheel->tick_now;
    uint64_t delta_max = (1ull << SLOT_BITS * BB_WHEEL_LEVELS) - 1;
    if (delta > delta_max) {
        delta = delta_max;
        tick = wheel->tick_now + delta_max;
    }
    unsigned level = 0;
    while (delta >> SLOT_BITS * (level + 1))
        level++;
    unsigned slot = slot_of(tick, level);
    bb_list_append(&wheel->slots[level][slot], &timer->link);
    wheel->occupied[level] |= 1ull << slot;
    uint64_t entered = tick >> SLOT_BITS * level << SLOT_BITS * level;
    if (entered < wheel->tick_next)
        wheel->tick_next = entered;
}

void bb_wheel_init(bb_wheel *wheel, bb_time now)
{
    for (unsigned level = 0; level < BB_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < BB_WHEEL_SLOTS; slot++)
            bb_list_init(&wheel->slots[level][slot]);
    }
    wheel->tick_now = now / BB_WHEEL_TICK;
    wheel->tick_next = BB_NEVER;
    bb_list_init(&wheel->due);
}

void bb_timer_set(bb_wheel *wheel, bb_timer *timer, bb_time deadline)
{
    bb_list_remove(&timer->link);
    timer->deadline = deadline;
    if (deadline == BB_NEVER)
        return;
    uint64_t tick = tick_of_deadline(deadline);
    place(wheel, timer, tick > wheel->tick_now ? tick : wheel->tick_now + 1);
}

void bb_timer_cancel(bb_timer *timer)
{
    bb_list_remove(&timer->link);
}

/* The tick at which the hand next enters a slot of `level` that holds timers; BB_NEVER when none does. */
static uint64_t next_in_level(const bb_wheel *wheel, unsigned level)
{
    uint64_t occupied = wheel->occupied[level];
    if (!occupied)
        return BB_NEVER;
    unsigned first = (slot_of(wheel->tick_now, level) + 1) % BB_WHEEL_SLOTS;
    uint64_t ahead = occupied >> first | occupied << (-first % BB_WHEEL_SLOTS); /* bit 0: the next slot of the hand */
    for (; ahead; ahead &= ahead - 1) {
        unsigned steps = (unsigned)__builtin_ctzll(ahead);
        if (!bb_list_empty(
                &wheel->slots[level][(first + steps) % BB_WHEEL_SLOTS])) /* a cancelled timer leaves its bit */
            return ((wheel->tick_now >> SLOT_BITS * level) + 1 + steps) << SLOT_BITS * level;
    }
    return BB_NEVER;
}

static uint64_t next_tick(const bb_wheel *wheel)
{
    uint64_t next = BB_NEVER;
    for (unsigned level = 0; level < BB_WHEEL_LEVELS; level++) {
        uint64_t tick = next_in_level(wheel, level);
        next = tick < next ? tick : next;
    }
    return next;
}

/* The hand stands at the start of a slot of `level`: its timers are due or move down. */
static void empty_slot(bb_wheel *wheel, unsigned level)
{
    unsigned slot = slot_of(wheel->tick_now, level);
    bb_list timers;
    bb_list_init(&timers);
    bb_list_splice(&timers, &wheel->slots[level][slot]);
    wheel->occupied[level] &= ~(1ull << slot);
    while (!bb_list_empty(&timers)) {
        bb_timer *timer = BB_CONTAINER_OF(timers.next, bb_timer, link);
        uint64_t tick = tick_of_deadline(timer->deadline);
        bb_list_remove(&timer->link);
        if (tick <= wheel->tick_now)
            bb_list_append(&wheel->due, &timer->link);
        else
            place(wheel, timer, tick);
    }
}

static void advance(bb_wheel *wheel, uint64_t target)
{
    uint64_t tick;
    while ((tick = next_tick(wheel)) <= target) {
        wheel->tick_now = tick;
        for (unsigned level = BB_WHEEL_LEVELS; level-- > 0;)
            if (tick % (1ull << SLOT_BITS * level) == 0)
                empty_slot(wheel, level);
    }
    wheel->tick_now = target;
    wheel->tick_next = tick;
}

bb_timer *bb_wheel_expire(bb_wheel *wheel, bb_time now)
{
    uint64_t target = now / BB_WHEEL_TICK;
    if (target > wheel->tick_now)
        advance(wheel, target);
    if (bb_list_empty(&wheel->due))
        return NULL;
    bb_timer *timer = BB_CONTAINER_OF(wheel->due.next, bb_timer, link);
    bb_list_remove(&timer->link);
    return timer;
}
