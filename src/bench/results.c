/* results.c - figures that several scenarios have. */
#include "bench/play.h"

bb_usage bb_play_usage(const bb_bench *bench)
{
    return bb_usage_read("/proc", bench->options->broker_pid);
}

bb_play_span bb_play_span_begin(const bb_bench *bench)
{
    return (bb_play_span){.before = bb_play_usage(bench), .tally_before = bb_play_tally(bench)};
}

void bb_play_span_end(const bb_bench *bench, bb_play_span *span)
{
    span->after = bb_play_usage(bench);
    span->tally_after = bb_play_tally(bench);
    span->own_cpu_s = span->after.own_cpu_s - span->before.own_cpu_s;
}

double bb_results_per_s(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

double bb_results_us_each(const bb_usage *before, const bb_usage *after, uint64_t count)
{
    return count ? (after->broker_cpu_s - before->broker_cpu_s) * 1e6 / (double)count : 0;
}

double bb_results_bytes_each(const bb_usage *before, const bb_usage *after, uint64_t count)
{
    return count ? ((double)after->rss_kb - (double)before->rss_kb) * 1024 / (double)count : 0;
}

void bb_results_head(const bb_bench *bench, bb_bench_figures *figures)
{
    const bb_bench_options *options = bench->options;
    bb_bench_figures_text(figures, "scenario", bb_scenario_word(options->scenario));
    if (options->tag)
        bb_bench_figures_text(figures, "tag", options->tag);
    bb_bench_figures_text(figures, "url", bench->target->url);
    bb_bench_figures_count(figures, "mqtt", options->version);
    bb_bench_figures_count(figures, "qos", options->qos);
    bb_bench_figures_count(figures, "size", options->size);
    bb_bench_figures_count(figures, "threads_of_load", options->threads);
    bb_bench_figures_count(figures, "pubs", bench->plan.pubs);
    bb_bench_figures_count(figures, "subs", bench->client_count - bench->plan.pubs);
    if (options->window) {
        bb_bench_figures_count(figures, "window", options->window);
        bb_bench_figures_count(figures, "backlog", options->backlog);
    }
    if (options->rate > 0)
        bb_bench_figures_real(figures, "rate", options->rate, 0);
}

void bb_results_delivery(const bb_bench *bench, bb_bench_figures *figures, uint64_t expected, bool complete)
{
    bb_tally tally = bb_play_tally(bench);
    bb_bench_figures_count(figures, "sent", tally.sent);
    bb_bench_figures_count(figures, "acked", tally.acked);
    bb_bench_figures_count(figures, "expected", expected);
    bb_bench_figures_count(figures, "received", tally.received);
    bb_bench_figures_count(figures, "lost", expected > tally.unique ? expected - tally.unique : 0);
    bb_bench_figures_count(figures, "duplicated", tally.duplicated);
    bb_bench_figures_count(figures, "reordered", tally.reordered);
    bb_bench_figures_count(figures, "misrouted", tally.misrouted);
    bb_bench_figures_count(figures, "corrupt", tally.corrupt);
    bb_bench_figures_truth(figures, "complete", complete);
}

static void broker_cpu(bb_bench_figures *figures, const bb_play_span *span, uint64_t delivered)
{
    const bb_usage *before = &span->before, *after = &span->after;
    double cpu_s = after->broker_cpu_s - before->broker_cpu_s;
    bb_bench_figures_real(figures, "broker_cpu_s", cpu_s, 4);
    bb_bench_figures_real(figures, "broker_user_s", after->broker_user_s - before->broker_user_s, 2);
    bb_bench_figures_real(figures, "broker_sys_s", after->broker_sys_s - before->broker_sys_s, 2);
    bb_bench_figures_real(figures, "broker_cores", span->seconds > 0 ? cpu_s / span->seconds : 0, 2);
    if (delivered)
        bb_bench_figures_real(figures, "cpu_us_per_delivered", bb_results_us_each(before, after, delivered), 3);
    bb_bench_figures_count(figures, "rss_kb", after->rss_kb);
    bb_bench_figures_count(figures, "rss_peak_kb", after->rss_peak_kb);
    bb_bench_figures_count(figures, "rss_before_kb", before->rss_kb);
    bb_bench_figures_count(figures, "threads", after->threads);
    bb_bench_figures_count(figures, "ctxsw", after->context_switches - before->context_switches);
}

void bb_results_cpu(const bb_bench *bench, bb_bench_figures *figures, const bb_play_span *span, uint64_t delivered)
{
    bool has_broker = bench->options->broker_pid > 0;
    if (has_broker)
        broker_cpu(figures, span, delivered);
    bb_bench_figures_real(figures, "self_cpu_s", span->own_cpu_s, 3);
    bb_bench_figures_real(figures, "self_cores", span->seconds > 0 ? span->own_cpu_s / span->seconds : 0, 2);
    if (has_broker)
        bb_bench_figures_real(figures, "other_cores", bb_usage_other_cores(&span->before, &span->after, span->seconds),
                              2);
    if (delivered)
        bb_bench_figures_real(figures, "self_us_per_delivered", span->own_cpu_s * 1e6 / (double)delivered, 3);
    bb_bench_figures_count(figures, "self_reads", span->tally_after.reads - span->tally_before.reads);
    bb_bench_figures_count(figures, "self_writes", span->tally_after.writes - span->tally_before.writes);
}

void bb_results_timeline(bb_bench *bench, bb_bench_result *result)
{
    bb_timeline *all = result->timeline;
    bb_timeline_start(all, bench->lanes[0].timeline->start_ns, bench->lanes[0].timeline->slot_ns);
    for (uint32_t i = 0; i < bench->lane_count; i++)
        bb_timeline_merge(all, bench->lanes[i].timeline);
    for (unsigned i = 0; i < all->used; i++)
        bb_histogram_merge(&result->latency, &all->slots[i].latency);
}

void bb_results_latency(const bb_bench *bench, bb_bench_result *result)
{
    static const struct {
        const char *name;
        double share;
    } shown[] = {
        {"lat_p50_us", 0.5}, {"lat_p90_us", 0.9}, {"lat_p99_us", 0.99}, {"lat_p999_us", 0.999}, {"lat_max_us", 1}};
    uint64_t lag_ns = 0;
    if (result->latency.total == 0)
        return;
    bb_bench_figures_count(&result->figures, "lat_n", result->latency.total);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        bb_bench_figures_real(&result->figures, shown[i].name,
                              (double)bb_histogram_percentile(&result->latency, shown[i].share) / 1000, 1);
    for (uint32_t i = 0; i < bench->lane_count; i++)
        if (bench->lanes[i].lag_max_ns > lag_ns)
            lag_ns = bench->lanes[i].lag_max_ns;
    if (bench->options->rate > 0)
        bb_bench_figures_real(&result->figures, "send_lag_max_us", (double)lag_ns / 1000, 1);
}

static void count_if_any(bb_bench_figures *figures, const char *name, uint64_t value)
{
    if (value)
        bb_bench_figures_count(figures, name, value);
}

void bb_results_end(const bb_bench *bench, bb_bench_result *result, uint64_t expected, bool may_lose)
{
    bb_tally tally = bb_play_tally(bench);
    count_if_any(&result->figures, "alien", tally.alien);
    count_if_any(&result->figures, "refused", tally.refused);
    count_if_any(&result->figures, "protocol_errors", tally.protocol);
    count_if_any(&result->figures, "closed_by_broker", tally.lost_clients);
    count_if_any(&result->figures, "not_closed_after_disconnect", tally.never_closed);
    if ((!may_lose && tally.unique < expected) || tally.lost_clients)
        result->verdict = BB_BENCH_LOST;
    else if (tally.corrupt || tally.misrouted || tally.protocol || tally.refused || tally.reordered)
        result->verdict = BB_BENCH_WRONG;
    else if (bench->options->qos == 2 && tally.duplicated)
        result->verdict = BB_BENCH_WRONG;
}
