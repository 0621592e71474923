#include "bench/play.h"

#include <stdio.h>
#include <time.h>

enum { NS_A_S = 1000000000, LOOK_NS = 10000000, PROGRESS_NS = 500000000 };

/* Idle is read before what it speaks of: a lane that is idle publishes no more. */
bb_sums bb_play_sums(const bb_bench *bench)
{
    bb_sums sums = {.idle = true};
    for (uint32_t i = 0; i < bench->lane_count; i++)
        sums.idle &= atomic_load_explicit(&bench->lanes[i].progress.idle, memory_order_acquire);
    for (uint32_t i = 0; i < bench->lane_count; i++) {
        const bb_progress *progress = &bench->lanes[i].progress;
        sums.sent += atomic_load_explicit(&progress->sent, memory_order_relaxed);
        sums.acked += atomic_load_explicit(&progress->acked, memory_order_relaxed);
        sums.unique += atomic_load_explicit(&progress->unique, memory_order_relaxed);
        sums.received += atomic_load_explicit(&progress->received, memory_order_relaxed);
        sums.cycles += atomic_load_explicit(&progress->cycles, memory_order_relaxed);
        sums.up += atomic_load_explicit(&progress->up, memory_order_relaxed);
        sums.moves += atomic_load_explicit(&progress->moves, memory_order_relaxed);
    }
    return sums;
}

/* --- Jobs --------------------------------------------------------------------------------------------------------- */

typedef struct progress_line {
    uint64_t at_ns;
    bb_sums sums;
} progress_line;

/* One line, written over again and again. */
static void show_progress(const bb_bench *bench, progress_line *line)
{
    uint64_t now_ns = bb_bench_clock_ns();
    if (!bench->options->progress || now_ns - line->at_ns < PROGRESS_NS)
        return;
    double seconds = (double)(now_ns - line->at_ns) / NS_A_S;
    bb_sums sums = bb_play_sums(bench);
    fprintf(stderr, "\r%6.1f s  ", (double)(now_ns - bench->start_ns) / NS_A_S);
    if (bench->plan.scenario == BB_SCENARIO_CONNECT)
        fprintf(stderr, "connections %.0f/s (%llu)  ", (double)(sums.cycles - line->sums.cycles) / seconds,
                (unsigned long long)sums.cycles);
    else
        fprintf(stderr, "%llu clients  sent %.0f/s  received %.0f/s (%llu)  ", (unsigned long long)sums.up,
                (double)(sums.sent - line->sums.sent) / seconds,
                (double)(sums.received - line->sums.received) / seconds, (unsigned long long)sums.received);
    *line = (progress_line){now_ns, sums};
}

static struct timespec soon(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += LOOK_NS;
    if (at.tv_nsec >= NS_A_S) {
        at.tv_nsec -= NS_A_S;
        at.tv_sec++;
    }
    return at;
}

void bb_play(bb_bench *bench, bb_job job, bb_look look, void *context)
{
    progress_line line = {bb_bench_clock_ns(), bb_play_sums(bench)};
    atomic_store(&bench->finish, atomic_load(&bench->failed));
    pthread_mutex_lock(&bench->lock);
    bench->job = job;
    bench->jobs++;
    bench->running = bench->lane_count;
    pthread_cond_broadcast(&bench->begun);
    while (bench->running) {
        struct timespec until = soon();
        pthread_cond_timedwait(&bench->ended, &bench->lock, &until);
        pthread_mutex_unlock(&bench->lock);
        if (look)
            look(bench, context);
        show_progress(bench, &line);
        pthread_mutex_lock(&bench->lock);
    }
    pthread_mutex_unlock(&bench->lock);
}

bb_tally bb_play_tally(const bb_bench *bench)
{
    bb_tally sum = {0};
    for (uint32_t i = 0; i < bench->lane_count; i++) {
#define X(name) sum.name += bench->lanes[i].tally.name;
        BB_TALLY_MAP(X)
#undef X
    }
    return sum;
}

/* --- Patience ----------------------------------------------------------------------------------------------------- */

/* What a step waits for, and whether anything has moved lately. */
typedef struct patience {
    uint64_t moves, moved_ns;
    uint64_t unique; /* wait for so many */
    bool gave_up, complete;
} patience;

static patience begin_patience(const bb_bench *bench)
{
    return (patience){.moves = bb_play_sums(bench).moves, .moved_ns = bb_bench_clock_ns()};
}

/* End the job when nothing has moved for the time that options give. */
static void lose_patience(bb_bench *bench, void *context)
{
    patience *waiting = context;
    uint64_t moves = bb_play_sums(bench).moves, now_ns = bb_bench_clock_ns();
    if (moves != waiting->moves) {
        waiting->moves = moves;
        waiting->moved_ns = now_ns;
    } else if (now_ns - waiting->moved_ns > bench->options->timeout_us * 1000) {
        waiting->gave_up = true;
        atomic_store(&bench->finish, true);
    }
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

static void note_missing(bb_bench *bench, uint32_t missing, uint32_t all)
{
    char room[96];
    int len = snprintf(room, sizeof room, "%u of %u connections did not come up in time", missing, all);
    bb_bench_note(bench, bb_span_of(room, (size_t)len));
}

bool bb_play_open(bb_bench *bench, uint32_t from, uint32_t to)
{
    uint64_t up = bb_play_sums(bench).up;
    patience waiting = begin_patience(bench);
    bench->from = from;
    bench->to = to;
    bench->start_ns = bb_bench_clock_ns();
    bb_play(bench, bb_job_open, lose_patience, &waiting);
    up = bb_play_sums(bench).up - up;
    if (up == to - from)
        return true;
    note_missing(bench, to - from - (uint32_t)up, to - from);
    return false;
}

void bb_play_leave(bb_bench *bench, uint32_t from, uint32_t to)
{
    bench->from = from;
    bench->to = to;
    bb_play(bench, bb_job_leave, NULL, NULL);
}

void bb_play_begin(bb_bench *bench)
{
    const bb_bench_options *options = bench->options;
    bench->start_ns = bb_bench_clock_ns();
    bench->end_ns = UINT64_MAX;
    atomic_store(&bench->stop, false);
    for (uint32_t i = 0; i < bench->lane_count; i++)
        bench->lanes[i].counts_from_ns = bench->start_ns + (options->rate > 0 ? options->warmup_us * 1000 : 0);
}

/* Nothing is on its way any more, and all that was published has arrived. */
static void look_at_traffic(bb_bench *bench, void *context)
{
    patience *waiting = context;
    if (bb_bench_clock_ns() >= bench->end_ns)
        atomic_store(&bench->stop, true);
    bb_sums sums = bb_play_sums(bench);
    if (sums.idle && sums.unique >= sums.sent * bench->plan.deliveries) {
        waiting->complete = true;
        atomic_store(&bench->finish, true);
    }
    lose_patience(bench, context);
}

bool bb_play_publish(bb_bench *bench, uint64_t time_us)
{
    bb_play_begin(bench);
    if (time_us)
        bench->end_ns = bench->start_ns + time_us * 1000;
    for (uint32_t i = 0; i < bench->lane_count; i++)
        atomic_store(&bench->lanes[i].progress.idle, false);
    patience waiting = begin_patience(bench);
    bb_play(bench, bb_job_publish, look_at_traffic, &waiting);
    return waiting.complete;
}

void bb_play_barrier(bb_bench *bench)
{
    patience waiting = begin_patience(bench);
    bb_play(bench, bb_job_barrier, lose_patience, &waiting);
}

static void look_at_arrivals(bb_bench *bench, void *context)
{
    patience *waiting = context;
    if (waiting->unique && bb_play_sums(bench).unique >= waiting->unique) {
        waiting->complete = true;
        atomic_store(&bench->finish, true);
    }
    if (waiting->unique)
        lose_patience(bench, context);
}

bool bb_play_receive(bb_bench *bench, uint64_t unique, uint64_t time_us)
{
    patience waiting = begin_patience(bench);
    waiting.unique = unique;
    bench->end_ns = time_us ? bb_bench_clock_ns() + time_us * 1000 : UINT64_MAX;
    bb_play(bench, bb_job_rest, look_at_arrivals, &waiting);
    return waiting.complete || !unique;
}

uint64_t bb_play_last_received_ns(const bb_bench *bench)
{
    uint64_t last_ns = bench->start_ns;
    for (uint32_t i = 0; i < bench->lane_count; i++)
        if (bench->lanes[i].last_received_ns > last_ns)
            last_ns = bench->lanes[i].last_received_ns;
    return last_ns;
}
