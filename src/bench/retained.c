/* retained.c - messages are retained, then fetched by subscribers that come one after the other; then cleared. */
#include "bench/play.h"

static void rewrite_sources(bb_bench *bench, bool empty)
{
    bench->empty = empty;
    for (uint32_t i = 0; i < bench->plan.sources; i++)
        bb_source_init(&bench->sources[i], bench, i, true);
}

static void aim_at_one_more_each(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->plan.pubs; i++) {
        bb_bench_publisher *publisher = &bench->publishers[i];
        publisher->target += publisher->source_to - publisher->source_from;
    }
}

static bool store(bb_bench *bench, bb_bench_figures *figures, const bb_usage *before)
{
    uint32_t count = bench->plan.sources;
    bb_play_span span = bb_play_span_begin(bench);
    aim_at_one_more_each(bench);
    bool complete = bb_play_publish(bench, 0);
    bb_play_barrier(bench);
    double seconds = (double)(bb_bench_clock_ns() - bench->start_ns) / 1e9;
    bb_play_span_end(bench, &span);

    bb_results_head(bench, figures);
    bb_bench_figures_count(figures, "retained", count);
    bb_bench_figures_real(figures, "set_s", seconds, 3);
    bb_bench_figures_real(figures, "set_per_s", bb_results_per_s(count, seconds), 0);
    if (bench->options->broker_pid) {
        bb_bench_figures_real(figures, "cpu_us_per_set", bb_results_us_each(&span.before, &span.after, count), 3);
        bb_bench_figures_real(figures, "rss_bytes_per_retained", bb_results_bytes_each(before, &span.after, count), 0);
    }
    return complete;
}

static void forget_streams(bb_lane *lane)
{
    bb_ledger_reset(&lane->ledger);
}

typedef struct fetch {
    bool complete;
    double first_s, total_s, own_cpu_s;
} fetch;

/* One subscriber comes, gets everything, and goes. */
static bool fetch_once(bb_bench *bench, uint32_t client, fetch *done)
{
    uint64_t unique = bb_play_sums(bench).unique + bench->plan.sources, began_ns = bb_bench_clock_ns();
    double own_cpu_s = bb_play_usage(bench).own_cpu_s;
    bb_play(bench, forget_streams, NULL, NULL);
    if (!bb_play_open(bench, client, client + 1))
        return false;
    done->complete &= bb_play_receive(bench, unique, 0);
    double seconds = (double)(bb_play_last_received_ns(bench) - began_ns) / 1e9;
    done->own_cpu_s += bb_play_usage(bench).own_cpu_s - own_cpu_s;
    done->total_s += seconds;
    if (done->first_s == 0)
        done->first_s = seconds;
    bb_play_leave(bench, client, client + 1);
    return true;
}

static void clear(bb_bench *bench, bb_bench_figures *figures)
{
    rewrite_sources(bench, true);
    aim_at_one_more_each(bench);
    (void)bb_play_publish(bench, 0);
    bb_play_barrier(bench);
    bb_bench_figures_real(figures, "clear_s", (double)(bb_bench_clock_ns() - bench->start_ns) / 1e9, 3);
    if (bench->options->broker_pid)
        bb_bench_figures_count(figures, "rss_after_clear_kb", bb_play_usage(bench).rss_kb);
}

bool bb_play_retained(bb_bench *bench, bb_bench_result *result)
{
    bb_bench_figures *figures = &result->figures;
    uint32_t pubs = bench->plan.pubs;
    bench->clean = bench->subscribes = true;
    bb_usage before = bb_play_usage(bench);
    rewrite_sources(bench, false);
    if (!bb_play_open(bench, 0, pubs))
        return false;
    fetch fetched = {.complete = store(bench, figures, &before)};

    bb_play_span span = bb_play_span_begin(bench);
    for (uint32_t client = pubs; client < bench->client_count; client++)
        if (!fetch_once(bench, client, &fetched))
            return false;
    bb_play_span_end(bench, &span);
    span.seconds = fetched.total_s;
    span.own_cpu_s = fetched.own_cpu_s;

    uint64_t expected = (uint64_t)bench->plan.sources * bench->options->repeat;
    uint64_t unique = bb_play_tally(bench).unique;
    bb_results_delivery(bench, figures, expected, fetched.complete);
    bb_bench_figures_real(figures, "fetch_first_s", fetched.first_s, 4);
    bb_bench_figures_real(figures, "fetch_mean_s", fetched.total_s / bench->options->repeat, 4);
    bb_bench_figures_real(figures, "seconds", fetched.total_s, 4);
    bb_bench_figures_real(figures, "msgs_per_s", bb_results_per_s(unique, fetched.total_s), 0);
    bb_results_cpu(bench, figures, &span, unique);
    if (!bench->options->no_clear)
        clear(bench, figures);
    bb_play_leave(bench, 0, pubs);
    bb_results_end(bench, result, expected, false);
    return true;
}
