/* offline.c - persistent sessions whose clients go away; messages for them are stored, and fetched when they return. */
#include "bench/play.h"

enum { SETTLE_US = 250000 };

/* Clients come, do what the flags say, and leave their sessions behind. */
static bool visit(bb_bench *bench, bool clean, bool subscribes)
{
    bench->clean = clean;
    bench->subscribes = subscribes;
    if (!bb_play_open(bench, bench->plan.pubs, bench->client_count))
        return false;
    bb_play_leave(bench, bench->plan.pubs, bench->client_count);
    return true;
}

static bool store(bb_bench *bench, bb_bench_figures *figures, bool *complete)
{
    const bb_bench_options *options = bench->options;
    uint32_t sessions = bench->plan.sources;
    uint64_t total = (uint64_t)sessions * options->count;
    if (!visit(bench, true, false)) /* forgets what an earlier run left */
        return false;
    bb_usage before = bb_play_usage(bench);
    if (!visit(bench, false, true) || !bb_play_open(bench, 0, bench->plan.pubs))
        return false;

    bb_play_span span = bb_play_span_begin(bench);
    for (uint32_t i = 0; i < bench->plan.pubs; i++) {
        bb_bench_publisher *publisher = &bench->publishers[i];
        publisher->target = (uint64_t)(publisher->source_to - publisher->source_from) * options->count;
    }
    *complete = bb_play_publish(bench, 0);
    bb_play_barrier(bench);
    double seconds = (double)(bb_bench_clock_ns() - bench->start_ns) / 1e9;
    bb_play_span_end(bench, &span);

    bb_bench_figures_count(figures, "sessions", sessions);
    bb_bench_figures_count(figures, "per_session", options->count);
    bb_bench_figures_real(figures, "store_s", seconds, 3);
    bb_bench_figures_real(figures, "store_per_s", bb_results_per_s(total, seconds), 0);
    bb_bench_figures_real(figures, "store_self_s", span.own_cpu_s, 3);
    if (options->broker_pid) {
        bb_bench_figures_real(figures, "cpu_us_per_stored", bb_results_us_each(&span.before, &span.after, total), 3);
        bb_bench_figures_real(figures, "rss_bytes_per_stored", bb_results_bytes_each(&before, &span.after, total), 0);
    }
    bb_play_leave(bench, 0, bench->plan.pubs);
    return true;
}

static uint32_t sessions_present(const bb_bench *bench)
{
    uint32_t present = 0;
    for (uint32_t i = bench->plan.pubs; i < bench->client_count; i++)
        present += bench->clients[i].session_present;
    return present;
}

/* What another run stored is numbered as this one would have. */
static void assume_stored(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->plan.sources; i++)
        atomic_store(&bench->sources[i].next, bench->options->count);
}

static bool fetch(bb_bench *bench, bb_bench_result *result, uint64_t total, bool *complete)
{
    bb_bench_figures *figures = &result->figures;
    bench->clean = false;
    bench->subscribes = true;
    if (bench->options->phase == BB_OFFLINE_FETCH)
        assume_stored(bench);
    bb_play_span span = bb_play_span_begin(bench);
    uint64_t began_ns = bb_bench_clock_ns();
    if (!bb_play_open(bench, bench->plan.pubs, bench->client_count))
        return false;
    *complete &= bb_play_receive(bench, total, 0);
    double own_cpu_s = bb_play_usage(bench).own_cpu_s - span.before.own_cpu_s;
    (void)bb_play_receive(bench, 0, SETTLE_US); /* the last acknowledgements are read */
    bb_play_span_end(bench, &span);
    span.own_cpu_s = own_cpu_s;
    span.seconds = (double)(bb_play_last_received_ns(bench) - began_ns) / 1e9;

    uint64_t unique = bb_play_tally(bench).unique;
    bb_bench_figures_count(figures, "session_present", sessions_present(bench));
    bb_results_delivery(bench, figures, total, *complete);
    bb_bench_figures_real(figures, "seconds", span.seconds, 3);
    bb_bench_figures_real(figures, "msgs_per_s", bb_results_per_s(unique, span.seconds), 0);
    bb_results_cpu(bench, figures, &span, unique);
    bb_play_leave(bench, bench->plan.pubs, bench->client_count);
    return bench->options->keep || visit(bench, true, false);
}

bool bb_play_offline(bb_bench *bench, bb_bench_result *result)
{
    bb_offline_phase phase = bench->options->phase;
    uint64_t total = (uint64_t)bench->plan.sources * bench->options->count;
    bool complete = true;
    bb_results_head(bench, &result->figures);
    if (phase != BB_OFFLINE_FETCH && !store(bench, &result->figures, &complete))
        return false;
    if (phase != BB_OFFLINE_STORE && !fetch(bench, result, total, &complete))
        return false;
    if (phase == BB_OFFLINE_STORE)
        bb_results_delivery(bench, &result->figures, 0, complete);
    bb_results_end(bench, result, phase == BB_OFFLINE_STORE ? 0 : total, false);
    if (!complete && result->verdict == BB_BENCH_GOOD)
        result->verdict = BB_BENCH_LOST;
    return true;
}
