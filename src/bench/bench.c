#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "bench/play.h"

enum { TIMER_SLACK_NS = 1000, USUAL_TIME_US = 5000000 };

/* --- Options ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *word, *text;
    uint32_t pubs, subs, count, window;
} scenarios[] = {
#define X(name, word, pubs, subs, count, window, text) {word, text, pubs, subs, count, window},
    BB_SCENARIO_MAP(X)
#undef X
};

const char *bb_scenario_word(bb_scenario scenario)
{
    return scenarios[scenario].word;
}

const char *bb_scenario_text(bb_scenario scenario)
{
    return scenarios[scenario].text;
}

static bool refuse(bb_text *error, const char *why)
{
    bb_text_puts(error, why);
    return false;
}

static bool takes_a_time(bb_scenario scenario)
{
    return scenario != BB_SCENARIO_RETAINED && scenario != BB_SCENARIO_OFFLINE && scenario != BB_SCENARIO_IDLE;
}

static void fill_defaults(bb_bench_options *options)
{
    const enum bb_scenario scenario = options->scenario;
    if (!options->pubs || !scenarios[scenario].pubs)
        options->pubs = scenarios[scenario].pubs;
    if (!options->subs || !scenarios[scenario].subs)
        options->subs = scenarios[scenario].subs;
    if (scenario == BB_SCENARIO_PAIRS)
        options->subs = options->pubs;
    if (scenario == BB_SCENARIO_RETAINED)
        options->subs = options->repeat;
    if (!options->count && !options->time_us && takes_a_time(scenario))
        options->time_us = USUAL_TIME_US;
    if (!options->count)
        options->count = scenarios[scenario].count;
    if (options->window == BB_BENCH_UNSET || !scenarios[scenario].window)
        options->window = scenarios[scenario].window;
    if (options->backlog == BB_BENCH_UNSET)
        options->backlog = options->window;
    if (scenario == BB_SCENARIO_OFFLINE && options->qos == 0)
        options->qos = 1;
    if (options->sub_qos == BB_BENCH_UNSET)
        options->sub_qos = options->qos;
}

bool bb_bench_complete(bb_bench_options *options, bb_text *error)
{
    if (options->time_us && !takes_a_time(options->scenario))
        return refuse(error, "retained, offline and idle take no time: say how many with --count, or --hold with idle");
    if (options->time_us && options->count)
        return refuse(error, "how long, or how many: only one of them is possible");
    if (options->scenario == BB_SCENARIO_SUB && options->count)
        return refuse(error, "sub takes a time: it cannot know which message is the last");
    fill_defaults(options);
    if (options->size < BB_BENCH_PAYLOAD_MIN)
        return refuse(error, "payloads are at least 16 bytes: source, number and time of each message are in them");
    if (options->qos && options->window > 65534)
        return refuse(error, "the window is at most 65534, as there are packet identifiers");
    if (options->qos && scenarios[options->scenario].window && options->window == 0)
        return refuse(error, "the window is at least 1");
    bb_plan plan;
    return bb_plan_init(&plan, options, error);
}

/* --- Failing ------------------------------------------------------------------------------------------------------ */

void bb_bench_note(bb_bench *bench, bb_span why)
{
    pthread_mutex_lock(&bench->lock);
    if (bench->note_len == 0) {
        bench->note_len = why.len < sizeof bench->note ? why.len : sizeof bench->note;
        memcpy(bench->note, why.data, bench->note_len);
    }
    pthread_mutex_unlock(&bench->lock);
}

void bb_bench_fail(bb_bench *bench, const char *what, int error)
{
    char room[160], reason[96];
    int len = snprintf(room, sizeof room, "%s: %s", what, strerror_r(error, reason, sizeof reason));
    bb_bench_note(bench, bb_span_of(room, (size_t)len < sizeof room ? (size_t)len : sizeof room - 1));
    atomic_store(&bench->failed, true);
    atomic_store(&bench->finish, true);
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

static bb_job await_job(bb_bench *bench, uint64_t done)
{
    pthread_mutex_lock(&bench->lock);
    while (bench->jobs == done)
        pthread_cond_wait(&bench->begun, &bench->lock);
    bb_job job = bench->job;
    pthread_mutex_unlock(&bench->lock);
    return job;
}

static void tell_done(bb_bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    if (--bench->running == 0)
        pthread_cond_signal(&bench->ended);
    pthread_mutex_unlock(&bench->lock);
}

/* A lane's thread: one job after the other, until there is none. */
static void *live(void *context)
{
    bb_lane *lane = context;
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0); /* the clock of a rate waits to the microsecond */
    bb_job job;
    for (uint64_t done = 0; (job = await_job(lane->bench, done)); done++) {
        job(lane);
        tell_done(lane->bench);
    }
    return NULL;
}

/* Returns how many were started. */
static uint32_t start_threads(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->lane_count; i++)
        if (pthread_create(&bench->lanes[i].thread, NULL, live, &bench->lanes[i]) != 0)
            return i;
    return bench->lane_count;
}

static void stop_threads(bb_bench *bench, uint32_t count)
{
    pthread_mutex_lock(&bench->lock);
    bench->job = NULL;
    bench->jobs++;
    pthread_cond_broadcast(&bench->begun);
    pthread_mutex_unlock(&bench->lock);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(bench->lanes[i].thread, NULL);
}

/* --- Memory ------------------------------------------------------------------------------------------------------- */

static void make_clients(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->client_count; i++)
        bench->clients[i] = (bb_bench_client){
            .transport = {.fd = -1}, .serial = i, .index = i < bench->plan.pubs ? i : i - bench->plan.pubs};
}

static bool make_publishers(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->plan.pubs; i++) {
        if (!bb_bench_publisher_init(&bench->publishers[i], bench, i))
            return false;
        for (uint32_t k = bench->publishers[i].source_from; k < bench->publishers[i].source_to; k++)
            bench->sources[k].publisher = i;
    }
    for (uint32_t i = 0; i < bench->plan.sources; i++)
        bb_source_init(&bench->sources[i], bench, i, false);
    return true;
}

static bool make_filler(bb_bench *bench)
{
    size_t size = bench->options->size + BB_BENCH_FILLER_PERIOD;
    bench->filler = malloc(size);
    for (size_t i = 0; bench->filler && i < size; i++)
        bench->filler[i] = (uint8_t)('a' + i % BB_BENCH_FILLER_PERIOD);
    return bench->filler != NULL;
}

static bool make_lanes(bb_bench *bench)
{
    for (uint32_t i = 0; i < bench->lane_count; i++)
        if (!bb_lane_init(&bench->lanes[i], bench, i))
            return false;
    return true;
}

static bb_source *make_sources(uint32_t count)
{
    size_t size = (count + (size_t)1) * sizeof(bb_source);
    bb_source *sources = aligned_alloc(_Alignof(bb_source), size);
    return sources ? memset(sources, 0, size) : NULL;
}

bool bb_bench_init(bb_bench *bench)
{
    bench->client_count = bench->plan.pubs + bench->plan.subs;
    bench->clients = calloc(bench->client_count, sizeof *bench->clients);
    bench->publishers = calloc(bench->plan.pubs + 1, sizeof *bench->publishers);
    bench->sources = make_sources(bench->plan.sources);
    bench->lanes = calloc(bench->lane_count, sizeof *bench->lanes);
    if (!bench->clients || !bench->publishers || !bench->sources || !bench->lanes || !make_filler(bench))
        return false;
    make_clients(bench);
    bench->start_ns = bb_bench_clock_ns();
    return make_publishers(bench) && make_lanes(bench);
}

void bb_bench_deinit(bb_bench *bench)
{
    for (uint32_t i = 0; bench->lanes && i < bench->lane_count; i++)
        if (bench->lanes[i].bench)
            bb_lane_deinit(&bench->lanes[i]);
    for (uint32_t i = 0; bench->clients && i < bench->client_count; i++)
        bb_client_deinit(&bench->clients[i]);
    for (uint32_t i = 0; bench->publishers && i < bench->plan.pubs; i++)
        free(bench->publishers[i].identifiers);
    free(bench->clients);
    free(bench->publishers);
    free(bench->sources);
    free(bench->filler);
    free(bench->lanes);
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

static bool play(bb_bench *bench, bb_bench_result *result)
{
    switch (bench->plan.scenario) {
    case BB_SCENARIO_CONNECT:
        return bb_play_connect(bench, result);
    case BB_SCENARIO_IDLE:
        return bb_play_idle(bench, result);
    case BB_SCENARIO_RETAINED:
        return bb_play_retained(bench, result);
    case BB_SCENARIO_OFFLINE:
        return bb_play_offline(bench, result);
    default:
        return bb_play_traffic(bench, result);
    }
}

static bool run(bb_bench *bench, bb_bench_result *result)
{
    result->timeline = calloc(1, sizeof *result->timeline);
    if (!result->timeline || !bb_bench_init(bench)) {
        bb_bench_note(bench, BB_SPAN_LITERAL("there is not enough memory, or files, for so many clients"));
        return false;
    }
    uint32_t threads = start_threads(bench);
    if (threads < bench->lane_count)
        bb_bench_note(bench, BB_SPAN_LITERAL("not as many threads can be started"));
    bool played = threads == bench->lane_count && play(bench, result) && !atomic_load(&bench->failed);
    stop_threads(bench, threads);
    if (bench->options->progress)
        fputs("\r\x1b[K", stderr);
    return played;
}

bb_bench_end bb_bench_run(const bb_bench_options *options, const bb_bench_target *target, bb_bench_result *result,
                          bb_text *error)
{
    bb_bench bench = {.options = options, .target = target, .lane_count = options->threads, .end_ns = UINT64_MAX};
    *result = (bb_bench_result){.verdict = BB_BENCH_GOOD};
    if (!bb_plan_init(&bench.plan, options, error))
        return BB_BENCH_NOT_REACHED;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&bench.lock, NULL);
    pthread_cond_init(&bench.begun, NULL);
    pthread_cond_init(&bench.ended, &attributes);
    bool done = run(&bench, result);
    if (!done) {
        bb_text_put(error, bb_span_of(bench.note, bench.note_len));
        bb_bench_result_deinit(result);
    }
    bb_bench_deinit(&bench);
    pthread_cond_destroy(&bench.ended);
    pthread_cond_destroy(&bench.begun);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_destroy(&bench.lock);
    return done ? BB_BENCH_PLAYED : atomic_load(&bench.refused) ? BB_BENCH_REFUSED : BB_BENCH_NOT_REACHED;
}

void bb_bench_result_deinit(bb_bench_result *result)
{
    free(result->timeline);
    result->timeline = NULL;
}
