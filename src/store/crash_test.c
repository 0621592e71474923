/* crash_test.c - the store on real files, with a process that is killed and a disk that loses its power.
 *
 * A child appends and reports through a pipe what is durable; the parent ends it, opens the folder, and compares. With
 * `durability: os` a loss of power must lose something, or the test would prove nothing. Power is lost on a file system
 * of its own (ext4 on a loop device, shut down without flushing), for which root is needed: else that is skipped. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "store/store.h"

enum { KILLS = 20, POWER_LOSSES = 4, WINDOW = 500, AT_ONCE = 16, SEGMENT = 1 << 20, PAYLOAD = 1000 };

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give(void *context, void *block, size_t size)
{
    free(block);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

static bb_store *open_folder(const char *folder, bb_durability durability, bool stepped)
{
    bb_store *store;
    bb_store_found found;
    bb_store_error error;
    bb_store_options options = {.folder = folder,
                                .durability = durability,
                                .segment_bytes = SEGMENT,
                                .bytes_max = UINT64_MAX,
                                .pending_bytes_max = 1 << 18,
                                .lanes = 1,
                                .stepped = stepped,
                                .alloc = take,
                                .release = give};
    if (bb_store_open(&options, &store, &found, &error) != BB_STORE_OK) {
        fprintf(stderr, "%s\n", error.text);
        return NULL;
    }
    return store;
}

/* --- the child: message after message, each acknowledged WINDOW messages later */

/* Returns the ticket that says when all of it is durable, or 0. */
static uint64_t append_one(bb_lane *lane, uint64_t sequence)
{
    uint8_t payload[PAYLOAD], owed[32];
    memset(payload, (int)(uint8_t)sequence, sizeof payload);
    uint8_t *end = bb_owed_put(owed, &(bb_owed){.session = 1, .sequence = sequence, .qos = 1});
    uint64_t ticket = bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_PUBLISH,
                                                        .topic = BB_SPAN_LITERAL("a"),
                                                        .expiry_s = UINT32_MAX,
                                                        .qos = 1,
                                                        .payload = bb_span_of(payload, sizeof payload),
                                                        .owed = bb_span_of(owed, (size_t)(end - owed))});
    if (!ticket || sequence <= WINDOW)
        return ticket;
    return bb_lane_append(lane,
                          &(bb_record){.kind = BB_RECORD_ACKNOWLEDGED, .session = 1, .sequence = sequence - WINDOW});
}

static _Noreturn void child(const char *folder, bb_durability durability, uint64_t next, int report)
{
    enum { MESSAGES_MAX = 1 << 20 };
    static uint64_t tickets[MESSAGES_MAX]; /* of messages from the first one on */
    uint64_t appended = 0, durable = 0, told = 0;
    bb_store *store = open_folder(folder, durability, false);
    if (!store)
        _exit(1);
    bb_lane *lane = bb_store_lane(store, 0);
    if (!bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_SESSION,
                                           .session = 1,
                                           .client_id = BB_SPAN_LITERAL("c"),
                                           .session_expiry_s = UINT32_MAX,
                                           .will_delay_s = UINT32_MAX,
                                           .expiry_s = UINT32_MAX}))
        _exit(1);
    while (appended + AT_ONCE <= MESSAGES_MAX) {
        for (int i = 0; i < AT_ONCE; i++, appended++)
            if ((tickets[appended] = append_one(lane, next + appended)) == 0)
                _exit(1);
        bb_lane_flush(lane);
        do {
            while (durable < appended && tickets[durable] <= bb_lane_durable(lane))
                durable++;
            uint64_t last = next + durable - 1;
            if (durable > told && write(report, &last, sizeof last) != sizeof last)
                _exit(1);
            told = durable;
            sched_yield();
        } while (bb_store_busy(store));
    }
    _exit(0);
}

/* --- the parent */

typedef struct queue {
    uint64_t first, last, count, next;
    bool whole;
} queue;

static bool see_session(void *context, const bb_stored_session *session)
{
    ((queue *)context)->next = session->sequence_next;
    return true;
}

static void see_delivery(void *context, const bb_stored_delivery *d)
{
    queue *q = context;
    if (!q->count++)
        q->first = d->owed.sequence;
    else if (d->owed.sequence != q->last + 1)
        q->whole = false;
    q->last = d->owed.sequence;
    for (size_t i = 0; i < d->payload.len; i++)
        q->whole = q->whole && d->payload.data[i] == (uint8_t)d->owed.sequence;
    q->whole = q->whole && d->payload.len == PAYLOAD;
}

static void see_done(void *context, uint64_t more_from, bb_store_status status)
{
    queue *q = context;
    q->whole = q->whole && status == BB_STORE_OK && more_from == 0;
}

/* What the folder holds now; false when it cannot even be opened. */
static bool look(const char *folder, queue *q)
{
    bb_store_error error;
    bb_store_visitor visitor = {.context = q, .session = see_session};
    bb_queue_reading reading = {.session = 1,
                                .rows_max = UINT32_MAX,
                                .bytes_max = UINT64_MAX,
                                .context = q,
                                .delivery = see_delivery,
                                .done = see_done};
    *q = (queue){.next = 1, .whole = true};
    bb_store *store = open_folder(folder, BB_DURABILITY_DISK, true);
    if (!store)
        return false;
    bool done = bb_store_load(store, &visitor, &error) == BB_STORE_OK && bb_store_read_queue(store, &reading) &&
                bb_store_step_read(store);
    bb_store_close(store);
    return done;
}

/* Of the last `told` that were reported as durable none is missing, and what they acknowledged does not come back. */
static bool is_right(const queue *q, uint64_t told)
{
    uint64_t settled = told > WINDOW ? told - WINDOW : 0;
    return q->whole && q->next > told && (told == 0 || (q->last >= told && q->first > settled)) &&
           (q->count == 0 || q->first <= q->last - (q->last > WINDOW ? WINDOW - 1 : q->last - 1));
}

static pid_t start_child(const char *folder, bb_durability durability, uint64_t next, int *report)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(folder, durability, next, ends[1]);
    }
    close(ends[1]);
    *report = ends[0];
    return pid;
}

/* Read reports until there were so many of them, or the child ended. */
static uint64_t read_reports(int report, unsigned count)
{
    uint64_t told = 0, one;
    while (count-- > 0 && read(report, &one, sizeof one) == sizeof one)
        told = one;
    return told;
}

static uint64_t end_child(pid_t pid, int report, uint64_t told)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    uint64_t rest = read_reports(report, UINT32_MAX);
    close(report);
    return rest > told ? rest : told;
}

static void killed_process_loses_nothing(void **state)
{
    char parent[64] = "/tmp/busbar-crash-XXXXXX", folder[80];
    assert_non_null(mkdtemp(parent));
    snprintf(folder, sizeof folder, "%s/data", parent);
    uint64_t told = 0;
    queue q = {.next = 1};
    for (int round = 0; round < KILLS; round++) {
        int report;
        pid_t pid = start_child(folder, BB_DURABILITY_OS, q.next, &report);
        uint64_t now = end_child(pid, report, read_reports(report, 3 + (unsigned)(round * 37 % 90)));
        told = now > told ? now : told;
        assert_true(look(folder, &q));
        if (!is_right(&q, told))
            fail_msg("round %d: %llu were durable, there are %llu from %llu to %llu%s", round, (unsigned long long)told,
                     (unsigned long long)q.count, (unsigned long long)q.first, (unsigned long long)q.last,
                     q.whole ? "" : ", not whole");
    }
    print_message("%d kills, %llu messages\n", KILLS, (unsigned long long)told);
    nftw(parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- loss of power */

#define EXT4_SHUTDOWN _IOR('X', 125, uint32_t)
enum { WITHOUT_FLUSHING = 2 };

__attribute__((format(printf, 1, 2))) static bool run(const char *format, ...)
{
    char command[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command) == 0;
}

static bool lose_power(const char *mounted)
{
    uint32_t how = WITHOUT_FLUSHING;
    int fd = open(mounted, O_RDONLY | O_DIRECTORY);
    bool lost = fd >= 0 && ioctl(fd, EXT4_SHUTDOWN, &how) == 0;
    if (fd >= 0)
        close(fd);
    return lost;
}

/* Rounds in which something was lost; -1 when the machine does not let us. */
static int lose_power_often(bb_durability durability, int rounds)
{
    char parent[64] = "/tmp/busbar-power-XXXXXX", image[80], mounted[80], folder[96];
    int lost = 0;
    if (geteuid() != 0 || !mkdtemp(parent))
        return -1;
    snprintf(image, sizeof image, "%s/image", parent);
    snprintf(mounted, sizeof mounted, "%s/mounted", parent);
    snprintf(folder, sizeof folder, "%s/data", mounted);
    bool can = run("mkdir %s && truncate -s 128M %s", mounted, image) &&
               run("mkfs.ext4 -q -F %s >%s.log 2>&1", image, parent) &&
               run("mount -o loop %s %s 2>/dev/null", image, mounted);
    if (!can) {
        nftw(parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return -1;
    }
    uint64_t told = 0;
    queue q = {.next = 1};
    for (int round = 0; round < rounds && can; round++) {
        int report;
        pid_t pid = start_child(folder, durability, q.next, &report);
        uint64_t now = read_reports(report, 40 + (unsigned)(round * 13));
        can = lose_power(mounted);
        now = end_child(pid, report, now);
        told = now > told ? now : told;
        can = run("umount %s", mounted) && run("mount -o loop %s %s", image, mounted) && can;
        if (can && (!look(folder, &q) || !is_right(&q, told))) {
            lost++;
            break; /* what comes after it would be compared with what is gone */
        }
    }
    (void)!run("umount %s", mounted);
    nftw(parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return can ? lost : -1;
}

static void lost_power_loses_nothing(void **state)
{
    int lost = lose_power_often(BB_DURABILITY_DISK, POWER_LOSSES);
    if (lost < 0)
        skip();
    assert_int_equal(lost, 0);
    print_message("%d losses of power\n", POWER_LOSSES);
}

static void lost_power_loses_what_was_not_synced(void **state)
{
    int lost = lose_power_often(BB_DURABILITY_OS, POWER_LOSSES);
    if (lost < 0)
        skip();
    assert_int_equal(lost, 1);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_process_loses_nothing),
        cmocka_unit_test(lost_power_loses_nothing),
        cmocka_unit_test(lost_power_loses_what_was_not_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
