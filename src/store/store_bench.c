/* What the store costs: CPU of the process for each message of 208 bytes that is published to one of 10,000 sessions
 * and acknowledged 256 messages later, by the number of messages in a commit. The commit thread is the store's own; the
 * caller waits for each commit before it goes on, as all of a broker's publishers together would.
 *
 *     store_bench FOLDER [disk|os] [seconds for each figure] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <semaphore.h>

#include "store/store.h"

enum { SESSIONS = 10000, LAG = 256 };

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give(void *context, void *block, size_t size)
{
    free(block);
}

static void on_committed(void *context, unsigned lane)
{
    sem_post(context);
}

static void on_failed(void *context, const bb_store_error *error)
{
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One message more, and the acknowledgement of an older one. */
static uint64_t message(bb_lane *lane, uint64_t number)
{
    static uint8_t payload[208];
    uint8_t owed[32];
    bb_owed to = {.session = 1 + number % SESSIONS, .sequence = 1 + number / SESSIONS, .qos = 1};
    bb_record record = {.kind = BB_RECORD_PUBLISH,
                        .topic = BB_SPAN_LITERAL("site/area/meter/power"),
                        .expiry_s = UINT32_MAX,
                        .qos = 1,
                        .payload = bb_span_of(payload, sizeof payload),
                        .owed = bb_span_of(owed, (size_t)(bb_owed_put(owed, &to) - owed))};
    uint64_t ticket = bb_lane_append(lane, &record);
    if (number < LAG)
        return ticket;
    number -= LAG;
    return bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_ACKNOWLEDGED,
                                             .session = 1 + number % SESSIONS,
                                             .sequence = 1 + number / SESSIONS});
}

static void measure(bb_store *store, sem_t *committed, unsigned batch, double seconds, uint64_t *number)
{
    bb_lane *lane = bb_store_lane(store, 0);
    uint64_t commits = 0;
    double began = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), now = began;
    for (; now - began < seconds; commits++) {
        uint64_t ticket = 0;
        for (unsigned i = 0; i < batch; i++)
            ticket = message(lane, (*number)++);
        bb_lane_flush(lane);
        while (bb_lane_durable(lane) < ticket)
            while (sem_wait(committed) != 0 && errno == EINTR)
                ;
        now = seconds_of(CLOCK_MONOTONIC);
    }
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("batch %4u: %7.2f us of CPU a message, %8.0f messages/s, %6.1f us a commit\n", batch,
           cpu * 1e6 / (double)(commits * batch), (double)(commits * batch) / (now - began),
           (now - began) * 1e6 / (double)commits);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench FOLDER [disk|os] [seconds]\n");
        return 2;
    }
    sem_t committed;
    sem_init(&committed, 0, 0);
    bb_store_options options = {.folder = argv[1],
                                .durability =
                                    argc > 2 && strcmp(argv[2], "os") == 0 ? BB_DURABILITY_OS : BB_DURABILITY_DISK,
                                .segment_bytes = 64 << 20,
                                .bytes_max = UINT64_MAX,
                                .pending_bytes_max = UINT64_MAX,
                                .lanes = 1,
                                .alloc = take,
                                .release = give,
                                .context = &committed,
                                .committed = on_committed,
                                .failed = on_failed};
    bb_store *store;
    bb_store_found found;
    bb_store_error error;
    if (bb_store_open(&options, &store, &found, &error) != BB_STORE_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    uint64_t number = 0;
    static const unsigned batches[] = {1, 16, 256};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        measure(store, &committed, batches[i], argc > 3 ? strtod(argv[3], NULL) : 3, &number);
    bb_store_close(store);
    return 0;
}
