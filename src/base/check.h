/* check.h - state what must be true, and stop when it is not.
 *
 * BB_CHECK stays on in release builds: a broker that goes on with broken state loses messages silently, one that stops
 * is restarted and says where. Never use it on what a peer or a file sent: that is input, and gets a status.
 * BB_CHECK_SLOW walks whole structures and runs only where BB_SLOW_CHECKS is defined (debug and sanitizer builds). */
#ifndef BB_BASE_CHECK_H
#define BB_BASE_CHECK_H

#include <assert.h>

/* Called with the place and the text of a check that failed, just before the process stops. The shell sets it to write
 * a last log line; without it the process stops silently. Set it once, before threads start. */
extern void (*bb_check_report)(const char *file, int line, const char *expression);

_Noreturn void bb_check_failed(const char *file, int line, const char *expression);

#define BB_LIKELY(x) __builtin_expect(!!(x), 1)
#define BB_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* BB_TERSE is for devices whose flash is counted in kilobytes: checks and faults that say nothing, but hold. */
#ifdef BB_TERSE
#define BB_CHECK(expression) (BB_LIKELY(expression) ? (void)0 : __builtin_trap())
#else
#define BB_CHECK(expression) (BB_LIKELY(expression) ? (void)0 : bb_check_failed(__FILE__, __LINE__, #expression))
#endif

#ifdef BB_SLOW_CHECKS
#define BB_CHECK_SLOW(expression) BB_CHECK(expression)
#else
#define BB_CHECK_SLOW(expression) ((void)0)
#endif

#define BB_MUST_USE __attribute__((warn_unused_result))

/* The object of type `type` whose member `member` is at `pointer`. */
#define BB_CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
