/* quantity.h - amounts as people write them: "64 KB", "5 min".
 *
 * What      The units of sizes and of times, with their factors, and the reading of a number that has one of them
 * behind it. A KB is 1024 bytes, as memory is counted. Capitals do not count. Threads   Pure functions over constant
 * tables. */
#ifndef BB_BASE_QUANTITY_H
#define BB_BASE_QUANTITY_H

#include "base/check.h"
#include "base/span.h"

#define BB_KB UINT64_C(1024)
#define BB_MB (1024 * BB_KB)
#define BB_GB (1024 * BB_MB)
#define BB_TB (1024 * BB_GB)
#define BB_MINUTE_S UINT64_C(60)
#define BB_HOUR_S (60 * BB_MINUTE_S)
#define BB_DAY_S (24 * BB_HOUR_S)

typedef struct bb_unit {
    const char *name;
    uint64_t factor;
} bb_unit;

/* The name that we write ourselves comes first among those of a factor, and small factors before large. */
typedef struct bb_units {
    const bb_unit *units;
    size_t count;
} bb_units;

extern const bb_units bb_size_units; /* factors in bytes */
extern const bb_units bb_time_units; /* factors in milliseconds; milliseconds come first */

/* The unit of this name, or NULL. */
const bb_unit *bb_unit_find(const bb_units *units, bb_span name);

/* Is `text` this word? Capitals do not count. */
bool bb_is_word(bb_span text, const char *word);

/* Digits at the front of `text`; returns how many there are, 0 also when the number does not fit. */
size_t bb_digits_parse(bb_span text, uint64_t *out);

/* A whole number and a unit, with or without spaces between; `bare` is the factor of a number alone. False when `text`
 * is something else, or the amount does not fit; `out` is then untouched. */
BB_MUST_USE bool bb_quantity_parse(bb_span text, const bb_units *units, uint64_t bare, uint64_t *out);

#endif
