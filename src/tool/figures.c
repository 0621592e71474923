#include "tool/figures.h"

#include <stdio.h>
#include <stdlib.h>

enum { SOURCES = 2, NUMBER_MAX = 32 };

static const struct {
    const char *key, *name;
    bb_figure_kind kind;
    const char *topics[SOURCES];
} table[BB_FIGURES] = {
#define X(key, name, kind, first, second) {key, name, BB_FIGURE_##kind, {first, second}},
    BB_FIGURE_MAP(X)
#undef X
};

static const char prefix[] = "$SYS/broker/", dropped_by[] = "publish/messages/dropped/";

void bb_figures_init(bb_figures *figures)
{
    *figures = (bb_figures){.rounds = 0};
    for (size_t i = 0; i < BB_FIGURES; i++) {
        bb_figure *row = &figures->rows[i];
        snprintf(row->name, sizeof row->name, "%s", table[i].name);
        snprintf(row->key, sizeof row->key, "%s", table[i].key);
        row->kind = table[i].kind;
        row->source = SOURCES;
    }
}

/* A number at the front of a text; "123 seconds" is 123. */
static bool number_of(bb_span text, double *out)
{
    char copy[NUMBER_MAX], *end;
    size_t len = text.len < sizeof copy - 1 ? text.len : sizeof copy - 1;
    if (len == 0)
        return false;
    memcpy(copy, text.data, len);
    copy[len] = '\0';
    double number = strtod(copy, &end);
    if (end == copy || !(number >= 0 && number < 1e18))
        return false;
    *out = number;
    return true;
}

/* What follows `start` in `text`; false: it starts otherwise. */
static bool after(bb_span text, const char *start, bb_span *rest)
{
    size_t len = strlen(start);
    if (text.len < len || memcmp(text.data, start, len) != 0)
        return false;
    *rest = bb_span_from(text, len);
    return true;
}

static void set(bb_figure *row, double total)
{
    if (!row->known)
        row->before = total;
    row->known = true;
    row->total = total;
}

static void take_row(bb_figures *figures, bb_span name, double number)
{
    for (size_t i = 0; i < BB_FIGURES; i++)
        for (size_t k = 0; k < SOURCES && table[i].topics[k]; k++)
            if (bb_span_equal(name, bb_span_text(table[i].topics[k])) && k <= figures->rows[i].source) {
                figures->rows[i].source = k;
                set(&figures->rows[i], number);
            }
}

/* A reason that has not been seen was not there before: its count began at zero. */
static void take_reason(bb_figures *figures, bb_span reason, double number)
{
    size_t i = 0;
    while (i < figures->reasons_count && !bb_span_equal(reason, bb_span_text(figures->reasons[i].key)))
        i++;
    if (i == BB_FIGURES_REASONS_MAX || reason.len == 0 || reason.len >= BB_FIGURES_NAME_MAX)
        return;
    bb_figure *row = &figures->reasons[i];
    if (i == figures->reasons_count) {
        figures->reasons_count++;
        *row = (bb_figure){.kind = BB_FIGURE_RATE, .known = figures->rounds > 0};
        memcpy(row->key, reason.data, reason.len);
        for (size_t at = 0; at < reason.len; at++)
            row->name[at] = reason.data[at] == '_' ? ' ' : (char)reason.data[at];
    }
    set(row, number);
}

static void take_uptime(bb_figures *figures, double seconds)
{
    uint64_t now = (uint64_t)seconds;
    figures->round_s = figures->has_uptime && now > figures->uptime_s ? (double)(now - figures->uptime_s) : 0;
    figures->uptime_s = now;
    figures->has_uptime = true;
    figures->round_began = true;
}

static void take_version(bb_figures *figures, bb_span payload)
{
    bool plain = payload.len < sizeof figures->version;
    for (size_t i = 0; i < payload.len && plain; i++)
        plain = payload.data[i] >= ' ' && payload.data[i] < 127; /* it goes to a terminal */
    if (!plain)
        return;
    memcpy(figures->version, payload.data, payload.len);
    figures->version[payload.len] = '\0';
}

void bb_figures_take(bb_figures *figures, bb_span topic, bb_span payload)
{
    bb_span name, reason;
    double number;
    if (!after(topic, prefix, &name))
        return;
    if (bb_span_equal(name, BB_SPAN_LITERAL("version")))
        take_version(figures, payload);
    else if (!number_of(payload, &number))
        return;
    else if (bb_span_equal(name, BB_SPAN_LITERAL("uptime")))
        take_uptime(figures, number);
    else if (after(name, dropped_by, &reason))
        take_reason(figures, reason, number);
    else
        take_row(figures, name, number);
}

/* Without a time since the round before (the first round, or a broker that has started anew) there is no rate. */
static void end_row(bb_figure *row, double seconds)
{
    bool is_rate = row->kind == BB_FIGURE_RATE || row->kind == BB_FIGURE_BYTES_RATE;
    double more = row->total > row->before ? row->total - row->before : 0;
    row->before = row->total;
    if (!row->known || seconds <= 0)
        return;
    row->now = is_rate ? more / seconds : row->total;
    if (row->count == BB_FIGURES_HISTORY)
        memmove(row->history, row->history + 1, --row->count * sizeof *row->history);
    row->history[row->count++] = row->now;
}

void bb_figures_end_round(bb_figures *figures)
{
    for (size_t i = 0; i < BB_FIGURES; i++)
        end_row(&figures->rows[i], figures->round_s);
    for (size_t i = 0; i < figures->reasons_count; i++)
        end_row(&figures->reasons[i], figures->round_s);
    figures->round_began = false;
    figures->rounds++;
}
