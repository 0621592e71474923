#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/check.h"
#include "bench/report.h"

/* As many digits as the figure has: jansson would print 0.1 as 0.10000000000000001. */
static json_t *real(const bb_bench_figure *figure)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f", (int)figure->decimals, figure->real);
    return json_real(strtod(text, NULL));
}

static json_t *value_of(const bb_bench_figure *figure)
{
    switch (figure->type) {
    case BB_BENCH_FIGURE_COUNT:
        return json_integer((json_int_t)figure->count);
    case BB_BENCH_FIGURE_REAL:
        return real(figure);
    case BB_BENCH_FIGURE_TEXT:
        return json_string(figure->text);
    case BB_BENCH_FIGURE_TRUTH:
        return json_boolean(figure->truth);
    }
    return NULL;
}

void bb_report_json(FILE *to, const bb_bench_result *result)
{
    json_t *object = json_object();
    BB_CHECK(object);
    for (size_t i = 0; i < result->figures.count; i++)
        json_object_set_new(object, result->figures.rows[i].name, value_of(&result->figures.rows[i]));
    json_dumpf(object, to, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
    fputc('\n', to);
    json_decref(object);
}
