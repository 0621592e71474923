/* spark.h - a row of numbers as a little picture, one character each: ▁▂▃▄▅▆▇█. */
#ifndef BB_TOOL_SPARK_H
#define BB_TOOL_SPARK_H

#include "base/text.h"

enum { BB_SPARK_BYTES = 3 }; /* of one character */

/* Append the last `width` of the `count` values, the newest on the right, blanks before the first. Zero is
 * the ground line, the largest of them as high as can be. `ascii`: for terminals without UTF-8. */
void bb_spark_put(bb_text *text, const double *values, size_t count, size_t width, bool ascii);

/* Append a number as people read it, in at most 7 characters: 950, 12.3k, 4.56M; `bytes`: with a factor of 1024 and the
 * unit, 12.3 KB. */
void bb_spark_put_number(bb_text *text, double number, bool bytes);

#endif
