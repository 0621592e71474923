/* page.c - the results as one page of HTML that needs nothing from elsewhere, and is well-formed XML as well. */
#include <math.h>
#include <time.h>

#include "bench/label.h"
#include "bench/plot.h"
#include "bench/report.h"
#include "bench/usage.h"

enum { VALUE_MAX = 512, CURVE_POINTS = 400, CURVE_POINTS_A_NINE = 40 };

static const char style[] =
    ":root { color-scheme: light dark; --paper: #ffffff; --card: #f6f8fa; --ink: #1f2328; --quiet: #59636e;\n"
    "  --grid: #d8dee4; --good: #1a7f37; --bad: #c4232b;\n"
    "  --c0: #1d4ed8; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --card: #161b22; --ink: #f0f6fc;\n"
    "  --quiet: #9198a1; --grid: #30363d; --good: #3fb950; --bad: #ff7b72;\n"
    "  --c0: #7aa7ff; --c1: #ff9a5c; --c2: #5fd38a; --c3: #cf9bff; } }\n"
    "body { margin: 0 auto; max-width: 940px; padding: 24px 20px 48px; background: var(--paper); color: var(--ink);\n"
    "  font: 15px/1.45 system-ui, \"Segoe UI\", Roboto, \"DejaVu Sans\", sans-serif; }\n"
    "h1 { font-size: 26px; margin: 0 0 4px; }\n"
    "h2 { font-size: 18px; margin: 36px 0 8px; }\n"
    "p { margin: 4px 0; }\n"
    ".quiet { color: var(--quiet); }\n"
    ".verdict { font-weight: 600; }\n"
    ".good { color: var(--good); }\n"
    ".bad { color: var(--bad); }\n"
    ".tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;\n"
    "  margin: 20px 0 0; }\n"
    ".tile { background: var(--card); border: 1px solid var(--grid); border-radius: 8px;\n"
    "  padding: 10px 14px; }\n"
    ".tile b { display: block; font-size: 19px; line-height: 1.25; font-variant-numeric: tabular-nums; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th { text-align: left; font-weight: 400; color: var(--quiet); padding: 5px 12px 5px 0; }\n"
    "td { text-align: right; font-variant-numeric: tabular-nums; padding: 5px 0; overflow-wrap: break-word; }\n"
    "tr + tr > * { border-top: 1px solid var(--grid); }\n"
    ".columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(360px, 1fr)); gap: 0 40px; }\n"
    "svg { display: block; width: 100%; height: auto; }\n"
    "svg text { font-size: 12px; fill: var(--ink); font-family: inherit; }\n"
    "svg .tick { fill: var(--quiet); font-variant-numeric: tabular-nums; }\n"
    "svg .axis { fill: none; stroke: var(--quiet); }\n"
    "svg .grid { stroke: var(--grid); }\n"
    "svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }\n"
    "svg .line0 { stroke: var(--c0); }\n"
    "svg .line1 { stroke: var(--c1); stroke-dasharray: 7 3; }\n"
    "svg .line2 { stroke: var(--c2); stroke-dasharray: 2 3; }\n"
    "svg .line3 { stroke: var(--c3); stroke-dasharray: 9 3 2 3; }\n"
    "pre { background: var(--card); border: 1px solid var(--grid); border-radius: 8px; padding: 10px 14px;\n"
    "  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; }\n";

/* --- Text --------------------------------------------------------------------------------------------------------- */

/* What the XML of the page cannot hold is left out: control characters, and bytes that are no UTF-8 are for whoever
 * wrote them into a tag. */
static void put_escaped(FILE *to, bb_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = (char)text.data[i];
        if (byte == '&')
            fputs("&amp;", to);
        else if (byte == '<')
            fputs("&lt;", to);
        else if (byte == '>')
            fputs("&gt;", to);
        else if ((unsigned char)byte >= 0x20 && byte != 0x7f)
            fputc(byte, to);
    }
}

static void put_text(FILE *to, const char *text)
{
    put_escaped(to, bb_span_text(text));
}

static void put_value(FILE *to, const bb_label *label, const bb_bench_figure *figure)
{
    char room[VALUE_MAX];
    bb_text value = bb_text_on(room, sizeof room);
    bb_label_put(label, figure, &value);
    put_escaped(to, bb_text_span(&value));
}

/* --- Tables ------------------------------------------------------------------------------------------------------- */

static bool has_any(const bb_bench_result *result, bb_label_group group)
{
    for (size_t i = 0; i < bb_label_count; i++)
        if (bb_labels[i].group == group && bb_bench_figures_find(&result->figures, bb_labels[i].name))
            return true;
    return false;
}

static void put_row(FILE *to, const bb_label *label, const bb_bench_figure *figure)
{
    const char *look = !label->is_fault ? "" : figure->count ? " class=\"bad\"" : " class=\"good\"";
    fputs("<tr><th scope=\"row\">", to);
    put_text(to, label->text);
    fprintf(to, "</th><td%s>", look);
    put_value(to, label, figure);
    if (label->is_fault)
        fputs(figure->count ? " ✗" : " ✓", to);
    fputs("</td></tr>\n", to);
}

static void put_group(FILE *to, const bb_bench_result *result, bb_label_group group)
{
    if (!has_any(result, group))
        return;
    fprintf(to, "<section><h2>%s</h2>\n<table>\n", bb_label_group_text(group));
    for (size_t i = 0; i < bb_label_count; i++) {
        const bb_bench_figure *figure = bb_bench_figures_find(&result->figures, bb_labels[i].name);
        if (bb_labels[i].group == group && figure)
            put_row(to, &bb_labels[i], figure);
    }
    fputs("</table></section>\n", to);
}

static void put_tiles(FILE *to, const bb_bench_result *result)
{
    static const struct {
        const char *figure, *text;
    } tiles[] = {{"msgs_per_s", "messages received"},
                 {"connects_per_s", "connections opened"},
                 {"set_per_s", "messages retained"},
                 {"store_per_s", "messages stored"},
                 {"lat_p50_us", "median latency"},
                 {"lat_p99_us", "latency, 99 %"},
                 {"lost", "lost"},
                 {"cpu_us_per_delivered", "of the broker’s CPU for each message"},
                 {"cpu_us_per_connect", "of the broker’s CPU for each connection"},
                 {"rss_bytes_per_conn", "of the broker’s memory for each connection"}};
    fputs("<div class=\"tiles\">\n", to);
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        const bb_bench_figure *figure = bb_bench_figures_find(&result->figures, tiles[i].figure);
        const bb_label *label = bb_label_find(tiles[i].figure);
        if (!figure)
            continue;
        fputs("<div class=\"tile\"><b>", to);
        put_value(to, label, figure);
        fprintf(to, "</b><span class=\"quiet\">%s</span></div>\n", tiles[i].text);
    }
    fputs("</div>\n", to);
}

/* --- Plots -------------------------------------------------------------------------------------------------------- */

/* Latencies are plotted in the unit that suits the longest. */
typedef struct unit {
    double ns;
    const char *title;
} unit;

static unit unit_for(uint64_t max_ns)
{
    if (max_ns < 2000000)
        return (unit){1e3, "latency (µs)"};
    return max_ns < 2000000000 ? (unit){1e6, "latency (ms)"} : (unit){1e9, "latency (s)"};
}

/* The slots as columns of numbers; static, for they are many. */
static double seconds[BB_TIMELINE_SLOTS], columns[BB_PLOT_LINES_MAX][BB_TIMELINE_SLOTS];

/* The slots that the run fills; the one that it ended in is left out. At least one, where there are any. */
static size_t whole_slots(const bb_bench_result *result)
{
    const bb_timeline *timeline = result->timeline;
    size_t whole = (size_t)(bb_bench_figures_number(&result->figures, "seconds") * 1e9 / (double)timeline->slot_ns);
    return whole < 1 || whole > timeline->used ? timeline->used : whole;
}

static double slot_middle_s(const bb_timeline *timeline, size_t slot)
{
    return ((double)slot + 0.5) * (double)timeline->slot_ns / 1e9;
}

static bb_axis time_axis(const bb_bench_result *result)
{
    double end_s = (double)(whole_slots(result) * result->timeline->slot_ns) / 1e9;
    return (bb_axis){.title = "time since the start (s)", .scale = BB_SCALE_LINEAR, .high = end_s, .exact = true};
}

static double most(const double *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

static bool is_about_connections(const bb_bench_result *result)
{
    return bb_bench_figures_find(&result->figures, "cycles") != NULL;
}

static void plot_rate(FILE *to, const bb_bench_result *result)
{
    const bb_timeline *timeline = result->timeline;
    size_t count = whole_slots(result);
    bool connects = is_about_connections(result);
    for (size_t i = 0; i < count; i++) {
        seconds[i] = slot_middle_s(timeline, i);
        columns[0][i] = (double)timeline->slots[i].received * 1e9 / (double)timeline->slot_ns;
        columns[1][i] = (double)timeline->slots[i].published * 1e9 / (double)timeline->slot_ns;
    }
    double received = most(columns[0], count), published = most(columns[1], count);
    bb_plot plot = {.title = connects ? "Connections a second over time" : "Messages a second over time",
                    .x = time_axis(result),
                    .y = {.title = connects ? "connections a second" : "messages a second",
                          .high = received > published ? received : published}};
    if (received > 0)
        plot.lines[plot.count++] = (bb_plot_line){connects ? "connected" : "received", seconds, columns[0], count};
    if (published > 0)
        plot.lines[plot.count++] = (bb_plot_line){"published", seconds, columns[1], count};
    if (plot.count == 0)
        return;
    fprintf(to, "<h2>%s</h2>\n", plot.title);
    bb_plot_draw(to, &plot);
}

static void plot_latency_over_time(FILE *to, const bb_bench_result *result)
{
    static const struct {
        const char *name;
        double share;
    } lines[] = {{"longest", 1}, {"99 %", 0.99}, {"median", 0.5}};
    const bb_timeline *timeline = result->timeline;
    unit shown = unit_for(result->latency.max);
    size_t count = 0;
    double low = HUGE_VAL, high = 0;
    for (size_t i = 0; i < whole_slots(result); i++) {
        const bb_histogram *latency = &timeline->slots[i].latency;
        if (latency->total == 0)
            continue;
        seconds[count] = slot_middle_s(timeline, i);
        for (size_t k = 0; k < 3; k++) {
            double value = (double)bb_histogram_percentile(latency, lines[k].share) / shown.ns;
            columns[k][count] = value;
            low = fmin(low, value);
            high = fmax(high, value);
        }
        count++;
    }
    if (count < 2 || low <= 0)
        return;
    bb_plot plot = {.title = "Latency over time",
                    .x = time_axis(result),
                    .y = {.title = shown.title, .scale = BB_SCALE_LOG, .low = low, .high = high},
                    .count = 3};
    for (size_t k = 0; k < 3; k++)
        plot.lines[k] = (bb_plot_line){lines[k].name, seconds, columns[k], count};
    fprintf(to, "<h2>%s</h2>\n", plot.title);
    bb_plot_draw(to, &plot);
}

/* As far to the right as there are messages to tell one share from the next. */
static void plot_percentiles(FILE *to, const bb_bench_result *result)
{
    static double shares[CURVE_POINTS], values[CURVE_POINTS];
    const bb_histogram *latency = &result->latency;
    bool connects = is_about_connections(result);
    unit shown = unit_for(latency->max);
    size_t count = 0;
    double nines = fmin(log10((double)latency->total), (double)CURVE_POINTS / CURVE_POINTS_A_NINE - 1);
    if (latency->total < 10)
        return;
    for (double at = 0; at <= nines + 1e-9; at += 1.0 / CURVE_POINTS_A_NINE) {
        shares[count] = 1 - pow(10, -at);
        values[count] = (double)bb_histogram_percentile(latency, shares[count]) / shown.ns;
        count++;
    }
    shares[count - 1] = 1 - pow(10, -nines);
    values[count - 1] = (double)latency->max / shown.ns;
    bb_plot plot = {.title = "Latency by percentile",
                    .x = {.title = connects ? "share of the connections that took no longer"
                                            : "share of the messages that took no longer",
                          .scale = BB_SCALE_NINES,
                          .high = shares[count - 1]},
                    .y = {.title = shown.title, .scale = BB_SCALE_LOG, .low = values[0], .high = values[count - 1]},
                    .lines = {{connects ? "all connections" : "all messages", shares, values, count}},
                    .count = 1};
    if (values[0] <= 0)
        return;
    fprintf(to, "<h2>%s</h2>\n", plot.title);
    bb_plot_draw(to, &plot);
}

/* --- The page ----------------------------------------------------------------------------------------------------- */

static void put_head(FILE *to, const bb_bench_result *result)
{
    const bb_bench_figure *scenario = bb_bench_figures_find(&result->figures, "scenario");
    char when[64], machine[512];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S %z", localtime_r(&now, &local));
    bb_usage_machine(machine, sizeof machine);

    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
          to);
    fprintf(to, "<title>busbar bench %s, %s</title>\n<style>\n%s</style>\n</head>\n<body>\n", scenario->text, when,
            style);
    fprintf(to, "<h1>busbar bench %s</h1>\n", scenario->text);
    bool good = result->verdict == BB_BENCH_GOOD;
    fprintf(to, "<p class=\"verdict %s\">%s %s</p>\n", good ? "good" : "bad", good ? "✓" : "✗",
            bb_verdict_text(result));
    fputs("<p class=\"quiet\">", to);
    put_text(to, when);
    fputs(" · ", to);
    put_text(to, machine);
    fputs("</p>\n", to);
}

void bb_report_html(FILE *to, const bb_bench_result *result, const char *command)
{
    put_head(to, result);
    put_tiles(to, result);
    plot_rate(to, result);
    plot_latency_over_time(to, result);
    plot_percentiles(to, result);
    fputs("<div class=\"columns\">\n", to);
    const bb_label_group order[] = {BB_LABEL_MESSAGES, BB_LABEL_LATENCY, BB_LABEL_SPEED,
                                    BB_LABEL_BROKER,   BB_LABEL_OWN,     BB_LABEL_RUN};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        put_group(to, result, order[i]);
    fputs("</div>\n<h2>command</h2>\n<pre>", to);
    put_text(to, command);
    fputs("</pre>\n</body>\n</html>\n", to);
}
