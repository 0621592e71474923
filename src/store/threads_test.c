/* threads_test.c - the store as a broker has it: real files, LMDB, its own threads, several workers that append. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <sched.h>

#include "store/store.h"

enum { LANES = 3, MESSAGES = 4000, SEGMENT = 256 * 1024 };

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

typedef struct play {
    char folder[64];
    bb_store *store;
    bb_store_found found;
    bb_store_error error;
    atomic_uint told;
} play;

static void on_committed(void *context, unsigned lane)
{
    atomic_fetch_add(&((play *)context)->told, 1);
}

static bb_store_options options_of(play *p)
{
    return (bb_store_options){.folder = p->folder,
                              .durability = BB_DURABILITY_OS,
                              .segment_bytes = SEGMENT,
                              .bytes_max = UINT64_MAX,
                              .pending_bytes_max = 1 << 20,
                              .lanes = LANES,
                              .alloc = take,
                              .release = give,
                              .context = p,
                              .committed = on_committed};
}

static void open_store(play *p)
{
    bb_store_options options = options_of(p);
    if (bb_store_open(&options, &p->store, &p->found, &p->error) != BB_STORE_OK)
        fail_msg("%s", p->error.text);
}

static int begin(void **state)
{
    play *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/busbar-store-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    open_store(p);
    *state = p;
    return 0;
}

static int end(void **state)
{
    play *p = *state;
    if (p->store)
        bb_store_close(p->store);
    nftw(p->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

typedef struct worker {
    bb_store *store;
    unsigned number;
} worker;

/* One session: messages of which all but each tenth are acknowledged, soon or at once. */
static void *work(void *context)
{
    worker *w = context;
    bb_lane *lane = bb_store_lane(w->store, w->number);
    uint64_t session = w->number + 1, ticket = 0;
    uint8_t payload[300], owed[32];
    memset(payload, (int)session, sizeof payload);
    ticket = bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_SESSION,
                                               .session = session,
                                               .client_id = BB_SPAN_LITERAL("c"),
                                               .session_expiry_s = 100,
                                               .will_delay_s = UINT32_MAX,
                                               .expiry_s = UINT32_MAX});
    for (uint64_t i = 1; i <= MESSAGES && ticket; i++) {
        uint8_t *at = bb_owed_put(owed, &(bb_owed){.session = session, .sequence = i, .qos = 1});
        ticket = bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_PUBLISH,
                                                   .topic = BB_SPAN_LITERAL("a/b"),
                                                   .expiry_s = UINT32_MAX,
                                                   .qos = 1,
                                                   .payload = bb_span_of(payload, sizeof payload),
                                                   .owed = bb_span_of(owed, (size_t)(at - owed))});
        if (ticket && i % 10)
            ticket =
                bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_ACKNOWLEDGED, .session = session, .sequence = i});
        if (i % 16 == 0)
            bb_lane_flush(lane);
        while (bb_store_busy(w->store))
            sched_yield();
    }
    bb_lane_flush(lane);
    while (ticket && bb_lane_durable(lane) < ticket && !bb_store_has_failed(w->store))
        sched_yield();
    return (void *)(uintptr_t)ticket;
}

static bool count_session(void *context, const bb_stored_session *session)
{
    assert_int_equal(session->queued, MESSAGES / 10);
    assert_int_equal(session->sequence_next, MESSAGES + 1);
    ++*(unsigned *)context;
    return true;
}

typedef struct reading {
    uint64_t rows, more;
    atomic_bool done;
} reading;

static void read_row(void *context, const bb_stored_delivery *delivery)
{
    reading *r = context;
    r->rows++;
    BB_CHECK(delivery->owed.sequence % 10 == 0 && delivery->payload.len == 300);
}

static void read_end(void *context, uint64_t more_from, bb_store_status status)
{
    reading *r = context;
    BB_CHECK(status == BB_STORE_OK);
    r->more = more_from;
    atomic_store(&r->done, true);
}

static void workers_append_and_all_is_there(void **state)
{
    play *p = *state;
    pthread_t threads[LANES];
    worker workers[LANES];
    for (unsigned i = 0; i < LANES; i++) {
        workers[i] = (worker){p->store, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < LANES; i++) {
        void *ticket;
        pthread_join(threads[i], &ticket);
        assert_non_null(ticket);
    }
    assert_true(atomic_load(&p->told) > 0);
    bb_store_close(p->store);
    open_store(p);
    unsigned sessions = 0;
    bb_store_visitor visitor = {.context = &sessions, .session = count_session};
    assert_int_equal(bb_store_load(p->store, &visitor, &p->error), BB_STORE_OK);
    assert_int_equal(sessions, LANES);
    reading r = {.more = 1};
    while (r.more) {
        bb_queue_reading wanted = {.session = 2,
                                   .from = r.more,
                                   .rows_max = 100,
                                   .bytes_max = 20000,
                                   .context = &r,
                                   .delivery = read_row,
                                   .done = read_end};
        atomic_store(&r.done, false);
        assert_true(bb_store_read_queue(p->store, &wanted));
        while (!atomic_load(&r.done))
            sched_yield();
    }
    assert_int_equal(r.rows, MESSAGES / 10);
}

static void second_broker_is_refused(void **state)
{
    play *p = *state;
    bb_store *second;
    bb_store_options options = options_of(p);
    assert_int_equal(bb_store_open(&options, &second, &p->found, &p->error), BB_STORE_IN_USE);
    char expected[32];
    snprintf(expected, sizeof expected, "process %ld", (long)getpid());
    assert_non_null(strstr(p->error.text, expected));
}

static void payload_done(void *context, uint64_t file)
{
    atomic_store((_Atomic uint64_t *)context, file);
}

static void table_grows_and_large_payloads_have_files(void **state)
{
    play *p = *state;
    bb_mem mem = {.alloc = take, .release = give};
    bb_blob *blob = bb_blob_new(&mem);
    uint8_t bytes[4096], owed[32];
    memset(bytes, 7, sizeof bytes);
    for (int i = 0; i < 300; i++)
        assert_true(bb_blob_append(blob, &mem, bb_span_of(bytes, sizeof bytes)));
    _Atomic uint64_t file = 0;
    assert_true(bb_store_put_payload(p->store, blob, payload_done, (void *)&file));
    while (!atomic_load(&file))
        sched_yield();
    bb_blob_unref(blob, &mem);
    char path[128];
    snprintf(path, sizeof path, "%s/payload/payload-%012llu", p->folder, (unsigned long long)atomic_load(&file));
    assert_int_equal(access(path, F_OK), 0);

    bb_lane *lane = bb_store_lane(p->store, 0);
    assert_true(bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_SESSION,
                                                  .session = 1,
                                                  .client_id = BB_SPAN_LITERAL("c"),
                                                  .session_expiry_s = 100,
                                                  .will_delay_s = UINT32_MAX,
                                                  .expiry_s = UINT32_MAX}));
    for (uint64_t i = 1; i <= 2000; i++) { /* more than the 64 MB that the table begins with */
        uint8_t *at = bb_owed_put(owed, &(bb_owed){.session = 1, .sequence = i, .qos = 1});
        static uint8_t large[40000];
        bb_record record = {.kind = BB_RECORD_PUBLISH,
                            .topic = BB_SPAN_LITERAL("a"),
                            .expiry_s = UINT32_MAX,
                            .qos = 1,
                            .owed = bb_span_of(owed, (size_t)(at - owed))};
        if (i == 1) {
            record.payload_file = atomic_load(&file);
            record.payload_size = 300 * 4096;
        } else {
            record.payload = bb_span_of(large, sizeof large);
        }
        uint64_t ticket = bb_lane_append(lane, &record);
        assert_true(ticket);
        bb_lane_flush(lane);
        while (bb_store_busy(p->store) && !bb_store_has_failed(p->store))
            sched_yield();
    }
    bb_store_close(p->store);
    open_store(p);
    lane = bb_store_lane(p->store, 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_ENDED, .session = 1}));
    bb_store_close(p->store);
    open_store(p);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(workers_append_and_all_is_there, begin, end),
        cmocka_unit_test_setup_teardown(second_broker_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(table_grows_and_large_payloads_have_files, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
