#include "bench/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { NS_A_S = 1000000000 };

uint64_t bb_bench_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_A_S + (uint64_t)now.tv_nsec;
}

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give_back(void *context, void *block, size_t size)
{
    free(block);
}

/* --- Making one --------------------------------------------------------------------------------------------------- */

/* Clients, publishers and streams that one lane can have are not worth counting exactly: each lane has room for all. */
static bool allocate(bb_lane *lane, bb_bench *bench)
{
    lane->input_cap = BB_LANE_READ_BYTES + bench->options->size + BB_LANE_PACKET_ROOM;
    lane->output_cap = BB_LANE_WRITE_BYTES + bench->options->size + BB_LANE_PACKET_ROOM;
    lane->input = malloc(lane->input_cap);
    lane->output = malloc(lane->output_cap);
    lane->again = calloc(2 * (size_t)bench->client_count + 1, sizeof(bb_bench_client *)); /* once more while read */
    lane->ready = calloc(bench->plan.pubs + 1, sizeof(bb_bench_publisher *));
    lane->credits = calloc(bench->plan.pubs + 1, sizeof *lane->credits);
    lane->rings = calloc(bench->lane_count, sizeof *lane->rings);
    lane->timeline = calloc(1, sizeof *lane->timeline);
    lane->seen = bench->plan.shares ? calloc(bench->plan.sources, sizeof *lane->seen) : NULL;
    return lane->input && lane->output && lane->again && lane->ready && lane->credits && lane->rings &&
           lane->timeline && (lane->seen || !bench->plan.shares) && bb_ledger_init(&lane->ledger, bench->plan.streams);
}

static bool watch_bell(bb_lane *lane)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}; /* an edge for each ring: it need not be read */
    lane->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return lane->bell_fd >= 0 && epoll_ctl(lane->epoll_fd, EPOLL_CTL_ADD, lane->bell_fd, &event) == 0;
}

bool bb_lane_init(bb_lane *lane, bb_bench *bench, uint32_t number)
{
    *lane = (bb_lane){.bench = bench,
                      .number = number,
                      .bell_fd = -1,
                      .ping_from_ns = UINT64_MAX,
                      .mem = {.alloc = take, .release = give_back}};
    lane->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (lane->epoll_fd >= 0 && watch_bell(lane) && allocate(lane, bench)) {
        bb_lane_begin(lane);
        return true;
    }
    bb_lane_deinit(lane);
    return false;
}

void bb_lane_deinit(bb_lane *lane)
{
    if (lane->epoll_fd >= 0)
        close(lane->epoll_fd);
    if (lane->bell_fd >= 0)
        close(lane->bell_fd);
    for (uint32_t i = 0; lane->seen && i < lane->bench->plan.sources; i++)
        bb_seen_deinit(&lane->seen[i]);
    bb_ledger_deinit(&lane->ledger);
    free(lane->input);
    free(lane->output);
    free(lane->again);
    free(lane->ready);
    free(lane->credits);
    free(lane->rings);
    free(lane->timeline);
    free(lane->seen);
    *lane = (bb_lane){.epoll_fd = -1, .bell_fd = -1};
}

/* --- The timeline ------------------------------------------------------------------------------------------------- */

static void follow_time(bb_lane *lane)
{
    if (lane->now_ns < lane->slot_end_ns)
        return;
    bb_timeline *timeline = lane->timeline;
    lane->slot = bb_timeline_slot(timeline, lane->now_ns);
    lane->slot_end_ns = timeline->start_ns + timeline->used * timeline->slot_ns;
}

/* With a given time all slots are used and none need to be joined. */
static uint64_t slot_ns(const bb_bench_options *options)
{
    const uint64_t least = 10000000, part = options->time_us * 1000 / (BB_TIMELINE_SLOTS / 2);
    return part > least ? part : least;
}

void bb_lane_begin(bb_lane *lane)
{
    lane->now_ns = bb_bench_clock_ns();
    bb_timeline_start(lane->timeline, lane->bench->start_ns, slot_ns(lane->bench->options));
    lane->slot_end_ns = 0;
    lane->last_received_ns = 0;
    follow_time(lane);
}

/* --- A turn ------------------------------------------------------------------------------------------------------- */

/* What others have received may let publishers of this lane go on: they find out. */
static void hear_bell(bb_lane *lane)
{
    bb_bench *bench = lane->bench;
    atomic_store(&lane->bell_rung, false);
    for (uint32_t i = lane->number; i < bench->plan.pubs; i += bench->lane_count)
        bb_bench_publisher_ready(&bench->publishers[i]);
}

static void ring_bells(bb_lane *lane)
{
    const uint64_t one = 1;
    lane->any_rings = false;
    for (uint32_t i = 0; i < lane->bench->lane_count; i++) {
        bb_lane *other = &lane->bench->lanes[i];
        if (!lane->rings[i])
            continue;
        lane->rings[i] = false;
        if (!atomic_exchange(&other->bell_rung, true) && write(other->bell_fd, &one, sizeof one) < 0)
            bb_bench_fail(lane->bench, "a thread cannot be woken", errno);
    }
}

/* Only this thread writes them, so a plain store is enough. */
static void tell_progress(bb_lane *lane)
{
    const bb_tally *tally = &lane->tally;
    bb_progress *progress = &lane->progress;
    atomic_store_explicit(&progress->sent, tally->sent, memory_order_relaxed);
    atomic_store_explicit(&progress->acked, tally->acked, memory_order_relaxed);
    atomic_store_explicit(&progress->unique, tally->unique, memory_order_relaxed);
    atomic_store_explicit(&progress->received, tally->received, memory_order_relaxed);
    atomic_store_explicit(&progress->cycles, tally->cycles, memory_order_relaxed);
    atomic_store_explicit(&progress->up, lane->up, memory_order_relaxed);
    atomic_store_explicit(&progress->moves, tally->received + tally->acked + tally->cycles + lane->up,
                          memory_order_relaxed);
    bool sends = !atomic_load_explicit(&lane->bench->stop, memory_order_relaxed) && lane->open_targets > 0;
    atomic_store_explicit(&progress->idle, !sends && lane->in_flight == 0 && lane->blocked == 0, memory_order_release);
}

static void read_again(bb_lane *lane)
{
    uint32_t count = lane->again_count; /* those that are added now wait for the next turn */
    for (uint32_t i = 0; i < count; i++) {
        bb_bench_client *client = lane->again[i];
        client->reads_again = false;
        if (client->transport.fd >= 0)
            bb_client_read(lane, client, false);
    }
    lane->again_count -= count;
    memmove(lane->again, lane->again + count, lane->again_count * sizeof lane->again[0]);
}

static int wait_for_events(bb_lane *lane, struct epoll_event *events, uint64_t until_ns)
{
    uint64_t now_ns = lane->again_count ? until_ns : bb_bench_clock_ns();
    uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_A_S), .tv_nsec = (long)(wait_ns % NS_A_S)};
    return epoll_pwait2(lane->epoll_fd, events, BB_LANE_EVENTS, &wait, NULL);
}

void bb_lane_turn(bb_lane *lane, uint64_t until_ns)
{
    struct epoll_event events[BB_LANE_EVENTS];
    int count = wait_for_events(lane, events, until_ns);
    lane->now_ns = bb_bench_clock_ns();
    follow_time(lane);
    if (lane->again_count)
        read_again(lane);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr)
            bb_client_event(lane, events[i].data.ptr, events[i].events);
        else
            hear_bell(lane);
    if (lane->any_rings)
        ring_bells(lane);
    if (lane->now_ns >= lane->ping_from_ns)
        bb_client_ping_some(lane);
    tell_progress(lane);
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static void keep_unsent(bb_bytes *unsent, const uint8_t *data, uint32_t len)
{
    if (unsent->to + len > unsent->cap && unsent->from) {
        memmove(unsent->at, unsent->at + unsent->from, unsent->to - unsent->from);
        unsent->to -= unsent->from;
        unsent->from = 0;
    }
    if (unsent->to + len > unsent->cap) {
        unsent->cap = 2 * (unsent->to + len);
        unsent->at = realloc(unsent->at, unsent->cap);
        BB_CHECK(unsent->at);
    }
    memcpy(unsent->at + unsent->to, data, len);
    unsent->to += len;
}

/* How much of the bytes the transport took; SIZE_MAX when the connection has failed. */
static size_t write_some(bb_lane *lane, bb_bench_client *client, bb_span bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        bb_span rest = bb_span_from(bytes, done);
        bb_moved moved = bb_transport_send(&client->transport, &rest, 1);
        lane->tally.writes++;
        if (moved.io == BB_IO_WAIT)
            break;
        if (moved.io != BB_IO_OK)
            return SIZE_MAX;
        done += moved.bytes;
    }
    return done;
}

void bb_lane_flush(bb_lane *lane, bb_bench_client *client)
{
    uint32_t len = lane->output_len;
    size_t done = 0;
    lane->output_len = 0;
    if (len == 0 || client->transport.fd < 0)
        return;
    bool waits = client->unsent.to > 0;
    if (!waits)
        done = write_some(lane, client, bb_span_of(lane->output, len));
    if (done == SIZE_MAX) {
        bb_client_lost(lane, client);
    } else if (done < len) {
        keep_unsent(&client->unsent, lane->output + done, len - (uint32_t)done);
        lane->blocked += waits ? 0 : 1;
    }
}

void bb_lane_flush_unsent(bb_lane *lane, bb_bench_client *client)
{
    bb_bytes *unsent = &client->unsent;
    if (unsent->to == 0)
        return;
    size_t done = write_some(lane, client, bb_span_of(unsent->at + unsent->from, unsent->to - unsent->from));
    if (done == SIZE_MAX) {
        bb_client_lost(lane, client);
        return;
    }
    unsent->from += (uint32_t)done;
    if (unsent->from < unsent->to)
        return;
    unsent->from = unsent->to = 0;
    lane->blocked--;
    if (client->publisher)
        bb_bench_publisher_ready(client->publisher);
}
