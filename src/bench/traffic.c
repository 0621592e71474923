/* traffic.c - the scenarios in which messages pass from publishers to subscribers while both are there; and each side
 * alone. */
#include "bench/play.h"

enum { US_A_S = 1000000 };

static void begin_and_rest(bb_lane *lane)
{
    bb_lane_begin(lane);
    bb_job_rest(lane);
}

/* Only subscribers: somebody else publishes. */
static bool listen(bb_bench *bench)
{
    bb_play_begin(bench);
    bench->end_ns = bench->start_ns + bench->options->time_us * 1000;
    bb_play(bench, begin_and_rest, NULL, NULL);
    return true;
}

static bool publish(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->plan.pubs; i++)
        bench->publishers[i].target = bench->options->time_us ? UINT64_MAX : bench->options->count;
    bool complete = bb_play_publish(bench, bench->options->time_us);
    if (bench->plan.deliveries == 0) /* nothing that comes back tells that QoS 0 has arrived */
        bb_play_barrier(bench);
    return complete;
}

/* Which messages of a shared subscription came is known when its members' books are put together. */
static void settle_shared(bb_bench *bench)
{
    bb_lane *first = &bench->lanes[0];
    for (uint32_t lane = 1; lane < bench->lane_count; lane++)
        for (uint32_t source = 0; source < bench->plan.sources; source++) {
            uint64_t both = bb_seen_merge(&first->seen[source], &bench->lanes[lane].seen[source]);
            first->tally.unique -= both;
            first->tally.duplicated += both;
        }
}

static uint64_t missing(const bb_bench *bench)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < bench->lane_count; i++)
        sum += bb_ledger_missing(&bench->lanes[i].ledger);
    return sum;
}

static uint64_t expected(const bb_bench *bench)
{
    bb_tally tally = bb_play_tally(bench);
    return bench->plan.may_be_alien ? tally.unique + missing(bench) : tally.sent * bench->plan.deliveries;
}

static void wildcard_figures(const bb_bench *bench, bb_bench_figures *figures, const bb_usage *before,
                             const bb_usage *after, double seconds)
{
    uint64_t filters = bb_plan_filters(&bench->plan);
    bb_bench_figures_count(figures, "filters", filters);
    bb_bench_figures_count(figures, "topics", bench->plan.sources);
    bb_bench_figures_real(figures, "subscribe_s", seconds, 3);
    if (bench->options->broker_pid) {
        bb_bench_figures_real(figures, "cpu_us_per_filter", bb_results_us_each(before, after, filters), 3);
        bb_bench_figures_real(figures, "rss_bytes_per_filter", bb_results_bytes_each(before, after, filters), 0);
    }
}

bool bb_play_traffic(bb_bench *bench, bb_bench_result *result)
{
    bb_bench_figures *figures = &result->figures;
    uint32_t pubs = bench->plan.pubs, all = bench->client_count;
    bench->clean = bench->subscribes = true;

    bb_usage before = bb_play_usage(bench);
    uint64_t began_ns = bb_bench_clock_ns();
    if (!bb_play_open(bench, pubs, all))
        return false;
    double subscribe_s = (double)(bb_bench_clock_ns() - began_ns) / 1e9;
    bb_usage subscribed = bb_play_usage(bench);
    if (!bb_play_open(bench, 0, pubs))
        return false;

    bb_play_span span = bb_play_span_begin(bench);
    bool complete = pubs ? publish(bench) : listen(bench);
    bb_play_span_end(bench, &span);
    uint64_t last_ns = bb_play_last_received_ns(bench);
    span.seconds = (double)((last_ns > bench->start_ns ? last_ns : bb_bench_clock_ns()) - bench->start_ns) / 1e9;
    bb_play_leave(bench, 0, all); /* what comes until the broker closes counts: it may be repetitions */
    if (bench->plan.shares)
        settle_shared(bench);

    bb_tally tally = bb_play_tally(bench);
    /* Where nobody subscribes, what counts is what the broker took. */
    uint64_t delivered = bench->plan.scenario != BB_SCENARIO_PUB ? tally.unique
                         : bench->options->qos                   ? tally.acked
                                                                 : tally.sent;
    bb_results_head(bench, figures);
    if (bench->plan.scenario == BB_SCENARIO_WILDCARD)
        wildcard_figures(bench, figures, &before, &subscribed, subscribe_s);
    bb_results_delivery(bench, figures, expected(bench), complete);
    bb_bench_figures_real(figures, "seconds", span.seconds, 3);
    bb_bench_figures_real(figures, "msgs_per_s", bb_results_per_s(delivered, span.seconds), 0);
    bb_bench_figures_real(figures, "published_per_s", bb_results_per_s(tally.sent, span.seconds), 0);
    bb_results_cpu(bench, figures, &span, delivered);
    bb_results_timeline(bench, result);
    bb_results_latency(bench, result);
    bool floods = bench->options->qos == 0 && bench->options->backlog == 0;
    bb_results_end(bench, result, expected(bench), floods);
    if (!complete && !floods)
        result->verdict = BB_BENCH_LOST;
    return true;
}
