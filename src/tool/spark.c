#include "tool/spark.h"

#include <stdio.h>

enum { LEVELS = 7 }; /* above the ground line, which is zero */

static double highest(const double *values, size_t count)
{
    double high = 0;
    for (size_t i = 0; i < count; i++)
        if (values[i] > high)
            high = values[i];
    return high;
}

/* 0 for nothing; else 1 to LEVELS, so that little is not nothing. */
static unsigned level_of(double value, double high)
{
    if (!(value > 0))
        return 0;
    unsigned level = (unsigned)(value / high * LEVELS + 0.5);
    return level < 1 ? 1 : level > LEVELS ? LEVELS : level;
}

void bb_spark_put(bb_text *text, const double *values, size_t count, size_t width, bool ascii)
{
    static const char *const blocks[LEVELS + 1] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[LEVELS + 1] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    size_t shown = count < width ? count : width;
    const double *first = values + (count - shown);
    double high = highest(first, shown);
    for (size_t i = shown; i < width; i++)
        bb_text_puts(text, " ");
    for (size_t i = 0; i < shown; i++)
        bb_text_puts(text, (ascii ? plain : blocks)[level_of(first[i], high)]);
}

void bb_spark_put_number(bb_text *text, double number, bool bytes)
{
    static const char *const decimal[] = {"", "k", "M", "G", "T"};
    static const char *const binary[] = {" B", " KB", " MB", " GB", " TB"};
    double factor = bytes ? 1024 : 1000;
    char digits[32];
    size_t unit = 0;
    while (number >= factor * 0.9995 && unit < 4) {
        number /= factor;
        unit++;
    }
    bool whole = unit == 0 && number >= 10;
    int decimals = whole || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
    if (unit == 0 && (number == (double)(long)number))
        decimals = 0;
    snprintf(digits, sizeof digits, "%.*f%s", decimals, number, (bytes ? binary : decimal)[unit]);
    bb_text_puts(text, digits);
}
