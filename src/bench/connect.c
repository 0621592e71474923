/* connect.c - the scenarios about connections: clients that come and go, and clients that stay and do nothing. */
#include "bench/play.h"

enum { SETTLE_US = 1000000 };

static void look_for_life(bb_bench *bench, void *context)
{
    uint64_t *seen = context, cycles = bb_play_sums(bench).moves, now_ns = bb_bench_clock_ns();
    if (cycles != seen[0]) {
        seen[0] = cycles;
        seen[1] = now_ns;
    } else if (now_ns - seen[1] > bench->options->timeout_us * 1000) {
        atomic_store(&bench->finish, true);
    }
}

bool bb_play_connect(bb_bench *bench, bb_bench_result *result)
{
    bb_bench_figures *figures = &result->figures;
    bench->clean = true;
    bench->to = bench->client_count;
    bb_play_span span = bb_play_span_begin(bench);
    bb_play_begin(bench);
    if (bench->options->time_us)
        bench->end_ns = bench->start_ns + bench->options->time_us * 1000;
    uint64_t life[2] = {0, bench->start_ns};
    bb_play(bench, bb_job_cycle, look_for_life, life);
    bb_play_span_end(bench, &span);
    span.seconds = (double)(bb_bench_clock_ns() - bench->start_ns) / 1e9;

    bb_tally tally = bb_play_tally(bench);
    if (tally.cycles == 0)
        return false;
    bb_results_head(bench, figures);
    bb_bench_figures_count(figures, "in_flight", bench->client_count);
    bb_bench_figures_count(figures, "started", tally.cycles_started);
    bb_bench_figures_count(figures, "cycles", tally.cycles);
    bb_bench_figures_real(figures, "seconds", span.seconds, 3);
    bb_bench_figures_real(figures, "connects_per_s", bb_results_per_s(tally.cycles, span.seconds), 0);
    bb_bench_figures_count(figures, "failed", tally.cycles_started - tally.cycles);
    bb_results_cpu(bench, figures, &span, 0);
    if (bench->options->broker_pid)
        bb_bench_figures_real(figures, "cpu_us_per_connect",
                              bb_results_us_each(&span.before, &span.after, tally.cycles), 2);
    bb_bench_figures_real(figures, "self_us_per_connect", span.own_cpu_s * 1e6 / (double)tally.cycles, 2);
    bb_results_timeline(bench, result);
    bb_results_latency(bench, result);
    bb_results_end(bench, result, 0, true);
    if (tally.cycles < tally.cycles_started)
        result->verdict = BB_BENCH_LOST;
    return true;
}

bool bb_play_idle(bb_bench *bench, bb_bench_result *result)
{
    bb_bench_figures *figures = &result->figures;
    const bb_bench_options *options = bench->options;
    bench->clean = bench->subscribes = true;
    bb_play_span span = bb_play_span_begin(bench);
    uint64_t began_ns = bb_bench_clock_ns();
    bool all = bb_play_open(bench, 0, bench->client_count);
    span.seconds = (double)(bb_bench_clock_ns() - began_ns) / 1e9;
    bb_play_span_end(bench, &span);
    uint64_t up = bb_play_sums(bench).up;
    if (up == 0)
        return false;
    (void)bb_play_receive(bench, 0, options->hold_us);
    bb_usage held = bb_play_usage(bench);
    uint64_t still_up = bb_play_sums(bench).up;

    bb_results_head(bench, figures);
    bb_bench_figures_count(figures, "connections", up);
    bb_bench_figures_count(figures, "still_up", still_up);
    bb_bench_figures_real(figures, "seconds", span.seconds, 3);
    bb_bench_figures_real(figures, "connects_per_s", bb_results_per_s(up, span.seconds), 0);
    bb_results_cpu(bench, figures, &span, 0);
    if (options->broker_pid) {
        bb_bench_figures_real(figures, "cpu_us_per_connect", bb_results_us_each(&span.before, &span.after, up), 2);
        bb_bench_figures_real(figures, "rss_bytes_per_conn", bb_results_bytes_each(&span.before, &held, up), 0);
        bb_bench_figures_real(figures, "hold_s", (double)options->hold_us / 1e6, 1);
        bb_bench_figures_real(figures, "hold_cpu_s", held.broker_cpu_s - span.after.broker_cpu_s, 4);
    }
    bb_play_leave(bench, 0, bench->client_count);
    if (options->broker_pid) {
        (void)bb_play_receive(bench, 0, SETTLE_US);
        bb_bench_figures_count(figures, "rss_after_disconnect_kb", bb_play_usage(bench).rss_kb);
    }
    bb_results_end(bench, result, 0, true);
    if (!all || still_up < bench->client_count)
        result->verdict = BB_BENCH_LOST;
    return true;
}
