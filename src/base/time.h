/* time.h - how the core speaks of time: milliseconds on a clock that never goes back. The core never reads a clock; the
 * shell, a test or the simulator hands `now` in. Zero is a valid time, BB_NEVER is after every other. */
#ifndef BB_BASE_TIME_H
#define BB_BASE_TIME_H

#include <busbar/types.h> /* bb_time and BB_NEVER: libbusbar's users have them too */

static inline bb_time bb_time_after_s(bb_time now, uint64_t seconds)
{
    return now + seconds * 1000;
}

#endif
