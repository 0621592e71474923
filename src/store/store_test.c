/* store_test.c - the whole store on the simulated disk: records go in, the power goes at any call of the disk, and what
 * comes back is what a simple model has after the same records, or after some first part of them that holds at least
 * all that was reported as durable.
 *
 * That these tests bite was tried by breaking the store, one place at a time. power_is_lost_at_every_call fails when a
 * commit does not sync (wal.c), when lanes are told before the commit (commit.c), when a segment is retired and not
 * taken into the table (checkpoint.c), when an acknowledgement is not looked up in the table, when references are
 * counted one too low, when the table does not know with which frame to go on (spill.c); power_is_lost_again_and_again
 * when it does not know with which segment; early_acknowledgement_is_remembered when the digest forgets it (digest.c).
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "store/testing.h"
#include "store/wal.h"

enum { SEGMENT = 4096, PENDING_MAX = 64 };

static bb_mem mem = {.alloc = testing_take, .release = testing_give};

typedef struct play {
    bb_simulated_disk *sim;
    bb_table *table;
    bb_store *store;
    bb_lane *lane;
    bb_store_found found;
    bb_store_error error;
    uint64_t random;
    bb_time clock_ms;
    uint64_t wall_ms;

    model durable;                     /* after all records that are known to be durable */
    uint8_t records[PENDING_MAX][256]; /* the rest, encoded */
    size_t sizes[PENDING_MAX];
    uint64_t tickets[PENDING_MAX];
    unsigned pending;

    model now; /* after all records that were appended */
    uint64_t message_next, version_next, session_next;
    uint64_t sequence_next[64]; /* by number of session */
    uint64_t file;
    bool failed;
} play;

static uint64_t dice(play *p, uint64_t sides)
{
    p->random = bb_hash_mix(p->random + 1, 99);
    return p->random % sides;
}

static bb_time clock_of(void *context)
{
    return ((play *)context)->clock_ms;
}

static uint64_t wall_of(void *context)
{
    return ((play *)context)->wall_ms;
}

static void on_failed(void *context, const bb_store_error *error)
{
    play *p = context;
    assert_false(p->failed);
    p->failed = true;
}

static bb_store_options options_of(play *p)
{
    return (bb_store_options){.folder = "",
                              .durability = BB_DURABILITY_DISK,
                              .segment_bytes = SEGMENT,
                              .bytes_max = UINT64_MAX,
                              .pending_bytes_max = 1 << 20,
                              .lanes = 2,
                              .stepped = true,
                              .alloc = testing_take,
                              .release = testing_give,
                              .context = p,
                              .failed = on_failed,
                              .disk = bb_simulated_disk_interface(p->sim),
                              .table = p->table,
                              .clock_ms = clock_of,
                              .wall_ms = wall_of};
}

static bb_store_status open_store(play *p)
{
    bb_store_options options = options_of(p);
    p->failed = false;
    p->pending = 0;
    bb_store_status status = bb_store_open(&options, &p->store, &p->found, &p->error);
    if (status == BB_STORE_OK)
        p->lane = bb_store_lane(p->store, 0);
    return status;
}

static void begin(play *p, uint64_t seed)
{
    *p = (play){.sim = bb_simulated_disk_new(seed),
                .table = bb_table_new_in_memory(),
                .random = seed,
                .wall_ms = 1000000,
                .message_next = 1,
                .version_next = 1};
    if (open_store(p) != BB_STORE_OK)
        fail_msg("%s", p->error.text);
}

static void end(play *p)
{
    if (p->store)
        bb_store_close(p->store);
    p->table->free(p->table);
    bb_simulated_disk_free(p->sim);
}

/* What has become durable moves from the list into the model. */
static void note_durable(play *p)
{
    unsigned done = 0;
    while (done < p->pending && p->tickets[done] <= bb_lane_durable(p->lane)) {
        bb_record record;
        bb_span bytes = bb_span_of(p->records[done], p->sizes[done]);
        assert_int_equal(bb_record_decode(&bytes, &record, NULL), BB_OK);
        model_apply(&p->durable, &record);
        done++;
    }
    p->pending -= done;
    memmove(p->records, p->records[done], p->pending * sizeof p->records[0]);
    memmove(p->sizes, p->sizes + done, p->pending * sizeof p->sizes[0]);
    memmove(p->tickets, p->tickets + done, p->pending * sizeof p->tickets[0]);
}

static void append(play *p, const bb_record *record)
{
    assert_true(p->pending < PENDING_MAX);
    size_t size = bb_record_size(record);
    assert_true(size > 0 && size <= sizeof p->records[0]);
    bb_record_encode(p->records[p->pending], record, size);
    p->sizes[p->pending] = size;
    p->tickets[p->pending] = bb_lane_append(p->lane, record);
    assert_true(p->tickets[p->pending]);
    p->pending++;
    model_apply(&p->now, record);
}

/* --- what a broker might do, at random */

static model_session *any_session(play *p)
{
    model_session *s = &p->now.sessions[dice(p, MODEL_SESSIONS)];
    return s->number ? s : NULL;
}

static void file_is_written(void *context, uint64_t file)
{
    ((play *)context)->file = file;
}

static uint64_t write_file(play *p, uint64_t message)
{
    bb_blob *blob = bb_blob_new(&mem);
    uint8_t bytes[40];
    memset(bytes, (int)(uint8_t)message, sizeof bytes);
    memcpy(bytes, &message, 8);
    assert_true(blob && bb_blob_append(blob, &mem, bb_span_of(bytes, sizeof bytes)));
    p->file = 0;
    assert_true(bb_store_put_payload(p->store, blob, file_is_written, p));
    bb_blob_unref(blob, &mem);
    while (bb_store_step_read(p->store))
        ;
    return p->file;
}

typedef struct pieces { /* what a record of a message points to */
    char topic[16], publisher[24];
    uint8_t payload[64], owed[128];
} pieces;

static uint8_t *owe_one(play *p, model_session *s, uint8_t *at)
{
    bb_owed owed = {.session = s->number,
                    .sequence = ++p->sequence_next[s->number % 64],
                    .packet_id = dice(p, 4) == 0 ? (uint16_t)(1 + dice(p, 100)) : 0,
                    .qos = (uint8_t)(1 + dice(p, 2))};
    return bb_owed_put(at, &owed);
}

static bb_record message_of(play *p, pieces *parts, uint64_t message, bool may_have_file)
{
    bb_record record = {.expiry_s = UINT32_MAX, .qos = 1};
    snprintf(parts->topic, sizeof parts->topic, "t/%u", (unsigned)dice(p, MODEL_TOPICS));
    snprintf(parts->publisher, sizeof parts->publisher, "%llu", (unsigned long long)message);
    memset(parts->payload, (int)(uint8_t)message, sizeof parts->payload);
    memcpy(parts->payload, &message, 8);
    record.topic = bb_span_text(parts->topic);
    record.publisher = bb_span_of(parts->publisher, strlen(parts->publisher) + 1);
    if (may_have_file && dice(p, 6) == 0)
        record.payload_file = write_file(p, message);
    if (record.payload_file)
        record.payload_size = 40;
    else
        record.payload = bb_span_of(parts->payload, 8 + dice(p, 50));
    return record;
}

static void publish(play *p)
{
    pieces parts;
    bb_record record = message_of(p, &parts, p->message_next++, true);
    record.kind = BB_RECORD_PUBLISH;
    uint8_t *at = parts.owed;
    for (int i = 0; i < MODEL_SESSIONS; i++) {
        model_session *s = &p->now.sessions[i];
        if (s->number && s->queued < MODEL_QUEUE && dice(p, 2))
            at = owe_one(p, s, at);
    }
    record.owed = bb_span_of(parts.owed, (size_t)(at - parts.owed));
    if (dice(p, 3) == 0)
        record.retain_version = dice(p, 8) && p->version_next > 1 ? p->version_next++ : p->version_next / 2 + 1;
    model_session *from = any_session(p);
    if (from && dice(p, 3) == 0) {
        record.session = from->number;
        record.packet_id = 1 + dice(p, MODEL_IDS);
    }
    append(p, &record);
}

static void move_one(play *p)
{
    model_session *from = any_session(p), *to = any_session(p);
    if (!from || !to || from == to || !from->queued || to->queued == MODEL_QUEUE)
        return;
    model_delivery *d = &from->queue[dice(p, from->queued)];
    if (!d->message)
        return;
    pieces parts;
    bb_record record = message_of(p, &parts, d->message, false);
    record.kind = BB_RECORD_MOVED;
    record.from_session = from->number;
    record.from_sequence = d->sequence;
    uint8_t *at = owe_one(p, to, parts.owed);
    record.owed = bb_span_of(parts.owed, (size_t)(at - parts.owed));
    append(p, &record);
}

static void change_delivery(play *p, bb_record_kind kind)
{
    model_session *s = any_session(p);
    if (!s || !s->queued)
        return;
    model_delivery *d = &s->queue[dice(p, s->queued)];
    append(p, &(bb_record){.kind = kind,
                           .session = s->number,
                           .sequence = d->sequence,
                           .packet_id = kind == BB_RECORD_SENT || kind == BB_RECORD_RELEASED ? 1 + dice(p, 9) : 0});
}

static void change_session(play *p)
{
    model_session *s = any_session(p);
    char filter[16];
    snprintf(filter, sizeof filter, "f/%u", (unsigned)dice(p, MODEL_FILTERS));
    bb_record record = {.session = s ? s->number : 0,
                        .client_id = BB_SPAN_LITERAL("client"),
                        .filter = bb_span_text(filter),
                        .session_expiry_s = 100,
                        .will_delay_s = UINT32_MAX,
                        .expiry_s = UINT32_MAX,
                        .options = dice(p, 60),
                        .packet_id = 1 + dice(p, MODEL_IDS)};
    static const bb_record_kind kinds[] = {BB_RECORD_SUBSCRIBED, BB_RECORD_SUBSCRIBED,       BB_RECORD_UNSUBSCRIBED,
                                           BB_RECORD_SESSION,    BB_RECORD_INBOUND_RELEASED, BB_RECORD_DISCONNECTED};
    record.kind = s ? kinds[dice(p, 6)] : BB_RECORD_SESSION;
    if (s && dice(p, 20) == 0)
        record.kind = BB_RECORD_ENDED;
    if (!s) {
        unsigned live = 0;
        for (int i = 0; i < MODEL_SESSIONS; i++)
            live += p->now.sessions[i].number != 0;
        if (live == MODEL_SESSIONS)
            return;
        record.session = bb_store_new_session(p->store);
        p->sequence_next[record.session % 64] = 0;
    }
    append(p, &record);
}

static void act(play *p)
{
    switch (dice(p, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        publish(p);
        break;
    case 4:
    case 5:
    case 6:
        change_delivery(p, BB_RECORD_ACKNOWLEDGED);
        break;
    case 7:
        change_delivery(p, dice(p, 2) ? BB_RECORD_SENT : BB_RECORD_RELEASED);
        break;
    case 8:
        change_delivery(p, dice(p, 4) ? BB_RECORD_ACKNOWLEDGED : BB_RECORD_ACKNOWLEDGED_TO);
        break;
    case 9:
        move_one(p);
        break;
    case 10:
        if (dice(p, 4) == 0) {
            char topic[16];
            snprintf(topic, sizeof topic, "t/%u", (unsigned)dice(p, MODEL_TOPICS));
            append(p, &(bb_record){.kind = BB_RECORD_RETAINED_DELETED,
                                   .topic = bb_span_text(topic),
                                   .retain_version = p->version_next++});
        }
        break;
    default:
        change_session(p);
    }
}

static void work(play *p, unsigned rounds)
{
    while (rounds-- > 0 && !p->failed) {
        for (uint64_t n = 1 + dice(p, 6); n > 0; n--)
            act(p);
        bb_lane_flush(p->lane);
        p->clock_ms += dice(p, 600);
        p->wall_ms += 300;
        while (bb_store_step_commit(p->store))
            ;
        note_durable(p);
        if (dice(p, 3) == 0)
            while (bb_store_step_checkpoint(p->store) && dice(p, 4))
                ;
    }
}

/* --- after a crash */

/* The store must say what the model says after its durable records and some number of those that follow. */
static void compare_with_model(play *p)
{
    static model_text store, expected;
    store_say_all(&store, p->store);
    model after = p->durable;
    for (unsigned i = 0;; i++) {
        model_say_all(&expected, &after);
        if (strcmp(store.text, expected.text) == 0)
            break;
        if (i == p->pending)
            fail_msg("the store has:\n%s\nthe model has (after all records):\n%s", store.text, expected.text);
        bb_record record;
        bb_span bytes = bb_span_of(p->records[i], p->sizes[i]);
        assert_int_equal(bb_record_decode(&bytes, &record, NULL), BB_OK);
        model_apply(&after, &record);
    }
    p->durable = p->now = after;
    p->pending = 0;
}

static void crash_and_compare(play *p)
{
    unsigned pending = p->pending;
    bb_store_close(p->store);
    p->store = NULL;
    bb_simulated_disk_restart(p->sim);
    if (open_store(p) != BB_STORE_OK)
        fail_msg("%s", p->error.text);
    p->pending = pending;
    compare_with_model(p);
}

/* No payload file is left that nothing names, and none is missing: the text of the store has read them all. */
static void count_files(void *context, const char *name, uint64_t size)
{
    *(uint64_t *)context += strncmp(name, "payload-", 8) == 0;
}

static void power_is_lost_at_every_call(void **state)
{
    uint64_t crashes = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        bool lost = true;
        for (uint64_t call = 0; lost; call += 1 + call / 40) {
            play p;
            begin(&p, seed);
            bb_simulated_disk_lose_power(p.sim, call);
            work(&p, 60);
            lost = bb_simulated_disk_lost_power(p.sim);
            crash_and_compare(&p);
            work(&p, 20);
            crash_and_compare(&p);
            end(&p);
            crashes++;
        }
    }
    print_message("%llu power losses\n", (unsigned long long)crashes);
}

static void power_is_lost_again_and_again(void **state)
{
    uint64_t lives = 0;
    for (uint64_t seed = 5000; seed < 5150; seed++) {
        play p;
        begin(&p, seed);
        for (int life = 0; life < 12; life++, lives++) {
            bb_simulated_disk_lose_power(p.sim, dice(&p, 150));
            work(&p, 60);
            if (dice(&p, 3) == 0) { /* and once more in the middle of the recovery */
                unsigned pending = p.pending;
                bb_store_close(p.store);
                bb_simulated_disk_restart(p.sim);
                bb_simulated_disk_lose_power(p.sim, dice(&p, 12));
                if (open_store(&p) == BB_STORE_OK)
                    p.pending = pending;
                else
                    p.store = NULL;
                p.pending = pending;
            }
            if (p.store)
                bb_store_close(p.store);
            p.store = NULL;
            unsigned pending = p.pending;
            bb_simulated_disk_restart(p.sim);
            assert_int_equal(open_store(&p), BB_STORE_OK);
            p.pending = pending;
            compare_with_model(&p);
        }
        end(&p);
    }
    print_message("%llu lives\n", (unsigned long long)lives);
}

static void without_a_crash_all_is_there(void **state)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        play p;
        begin(&p, seed);
        for (int i = 0; i < 10; i++) {
            work(&p, 50);
            assert_int_equal(p.pending, 0);
            crash_and_compare(&p);
        }
        end(&p);
    }
}

static void nothing_is_left_of_what_ended(void **state)
{
    play p;
    begin(&p, 3);
    work(&p, 300);
    for (int i = 0; i < MODEL_SESSIONS; i++)
        if (p.now.sessions[i].number)
            append(&p, &(bb_record){.kind = BB_RECORD_ENDED, .session = p.now.sessions[i].number});
    for (unsigned i = 0; i < MODEL_TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t/%u", i);
        append(&p, &(bb_record){.kind = BB_RECORD_RETAINED_DELETED,
                                .topic = bb_span_text(topic),
                                .retain_version = p.version_next++});
    }
    bb_lane_flush(p.lane);
    assert_true(bb_store_step_commit(p.store));
    note_durable(&p);
    crash_and_compare(&p);
    bb_txn *txn;
    assert_int_equal(p.table->begin(p.table, false, &txn), 0);
    for (int rows = BB_ROWS_META + 1; rows < BB_ROWS_COUNT; rows++) {
        bb_span key, value;
        if (rows != BB_ROWS_GONE && p.table->seek(txn, (bb_rows)rows, BB_SPAN_NONE, &key, &value) == 0)
            fail_msg("a row of %s is left", bb_rows_name((bb_rows)rows));
    }
    p.table->abort(txn);
    uint64_t files = 0;
    bb_disk *disk = bb_simulated_disk_interface(p.sim);
    disk->list(disk, count_files, &files);
    assert_int_equal(files, 0);
    end(&p);
}

/* --- single rules */

static void commit_all(play *p)
{
    while (bb_store_step_commit(p->store))
        ;
    note_durable(p);
}

static void add_session(play *p, uint64_t number)
{
    append(p, &(bb_record){.kind = BB_RECORD_SESSION,
                           .session = number,
                           .client_id = BB_SPAN_LITERAL("c"),
                           .session_expiry_s = 100,
                           .will_delay_s = 7,
                           .expiry_s = UINT32_MAX});
}

static void publish_to(play *p, bb_lane *lane, uint64_t session, uint64_t sequence, uint32_t expiry_s)
{
    pieces parts;
    bb_record record = message_of(p, &parts, 1, false);
    record.kind = BB_RECORD_PUBLISH;
    record.expiry_s = expiry_s;
    uint8_t *at = bb_owed_put(parts.owed, &(bb_owed){.session = session, .sequence = sequence, .qos = 1});
    record.owed = bb_span_of(parts.owed, (size_t)(at - parts.owed));
    assert_true(bb_lane_append(lane, &record));
    bb_lane_flush(lane);
    commit_all(p);
}

/* Enough of other records that segments go round. */
static void fill_segments(play *p, unsigned segments)
{
    uint64_t bytes = 0;
    while (bytes < (uint64_t)segments * SEGMENT) {
        char filter[200];
        memset(filter, 'x', sizeof filter);
        filter[sizeof filter - 1] = '1';
        append(p,
               &(bb_record){.kind = BB_RECORD_SUBSCRIBED, .session = 1, .filter = bb_span_of(filter, sizeof filter)});
        bytes += 220;
        bb_lane_flush(p->lane);
        commit_all(p);
        while (bb_store_step_checkpoint(p->store))
            ;
    }
}

static void early_acknowledgement_is_remembered(void **state)
{
    for (unsigned segments = 0; segments < 6; segments++) {
        play p;
        begin(&p, 1);
        add_session(&p, 1);
        assert_true(bb_lane_append(p.lane, &(bb_record){.kind = BB_RECORD_ACKNOWLEDGED, .session = 1, .sequence = 1}));
        bb_lane_flush(p.lane);
        commit_all(&p);
        fill_segments(&p, segments); /* the acknowledgement's segment may be in the table by now */
        publish_to(&p, bb_store_lane(p.store, 1), 1, 1, UINT32_MAX);
        publish_to(&p, bb_store_lane(p.store, 1), 1, 2, UINT32_MAX);
        fill_segments(&p, 3);
        static model_text text;
        bb_store_close(p.store);
        assert_int_equal(open_store(&p), BB_STORE_OK);
        store_say_all(&text, p.store);
        assert_null(strstr(text.text, "  1: message"));
        assert_non_null(strstr(text.text, "  2: message 1"));
        end(&p);
    }
}

static void segments_go_round_and_tickets_follow(void **state)
{
    play p;
    begin(&p, 1);
    add_session(&p, 1);
    fill_segments(&p, 20);
    assert_true(bb_lane_tabled(p.lane) > 0 && bb_lane_tabled(p.lane) < bb_lane_durable(p.lane));
    uint64_t files = 0;
    bb_disk *disk = bb_simulated_disk_interface(p.sim);
    uint64_t free_bytes;
    bb_simulated_disk_set_bytes_max(p.sim, 1 << 20);
    assert_int_equal(disk->free_bytes(disk, &free_bytes), 0);
    assert_true((1 << 20) - free_bytes <= 6 * SEGMENT); /* and not 20 */
    assert_int_equal(files, 0);
    end(&p);
}

typedef struct expiry {
    uint32_t session_s, will_s, message_s;
} expiry;

static bool see_session(void *context, const bb_stored_session *session)
{
    ((expiry *)context)->session_s = session->expiry_left_s;
    ((expiry *)context)->will_s = session->will_left_s;
    return true;
}

static void see_delivery(void *context, const bb_stored_delivery *delivery)
{
    ((expiry *)context)->message_s = delivery->expiry_left_s;
}

static void see_done(void *context, uint64_t more_from, bb_store_status status)
{
    assert_int_equal(status, BB_STORE_OK);
}

static expiry read_expiry(play *p)
{
    expiry out = {0, 0, 0};
    bb_store_visitor visitor = {.context = &out, .session = see_session};
    assert_int_equal(bb_store_load(p->store, &visitor, &p->error), BB_STORE_OK);
    bb_queue_reading reading = {
        .session = 1, .rows_max = 1, .bytes_max = 1, .context = &out, .delivery = see_delivery, .done = see_done};
    assert_true(bb_store_read_queue(p->store, &reading));
    assert_true(bb_store_step_read(p->store));
    return out;
}

static void reopen(play *p)
{
    bb_store_close(p->store);
    assert_int_equal(open_store(p), BB_STORE_OK);
}

static void expiry_counts_while_the_broker_is_down(void **state)
{
    play p;
    begin(&p, 1);
    add_session(&p, 1);
    bb_lane_flush(p.lane);
    publish_to(&p, p.lane, 1, 1, 60);
    reopen(&p);
    expiry left = read_expiry(&p);
    assert_int_equal(left.session_s, 100); /* connected when the process ended: all of it is left */
    assert_int_equal(left.message_s, 60);
    append(&p, &(bb_record){.kind = BB_RECORD_DISCONNECTED, .session = 1, .session_expiry_s = 100, .will_delay_s = 7});
    bb_lane_flush(p.lane);
    commit_all(&p);
    p.wall_ms += 5000; /* while it is down */
    reopen(&p);
    left = read_expiry(&p);
    assert_int_equal(left.session_s, 95);
    assert_int_equal(left.will_s, 2);
    assert_int_equal(left.message_s, 55);
    p.wall_ms = 0; /* the device woke up in 1970 */
    reopen(&p);
    left = read_expiry(&p);
    assert_int_equal(left.session_s, 95);
    p.clock_ms += 40000; /* while it runs */
    assert_int_equal(read_expiry(&p).session_s, 55);
    assert_int_equal(read_expiry(&p).will_s, 0);
    assert_int_equal(read_expiry(&p).message_s, 15);
    end(&p);
}

static void full_disk_refuses_and_recovers(void **state)
{
    play p;
    begin(&p, 1);
    add_session(&p, 1);
    bb_lane_flush(p.lane);
    commit_all(&p);
    bb_simulated_disk_set_bytes_max(p.sim, SEGMENT * 3);
    unsigned published = 0;
    while (bb_store_has_room(p.store)) {
        publish_to(&p, p.lane, 1, ++published, UINT32_MAX);
        bb_store_step_checkpoint(p.store);
        assert_true(published < 1000);
    }
    assert_true(published > 10);
    assert_false(p.failed);
    for (unsigned i = 1; i <= published; i++) { /* removals still go */
        append(&p, &(bb_record){.kind = BB_RECORD_ACKNOWLEDGED, .session = 1, .sequence = i});
        bb_lane_flush(p.lane);
        commit_all(&p);
        assert_int_equal(p.pending, 0);
    }
    bb_simulated_disk_set_bytes_max(p.sim, UINT64_MAX);
    bb_store_step_checkpoint(p.store);
    assert_true(bb_store_has_room(p.store));
    end(&p);
}

static void failed_sync_is_told_once(void **state)
{
    play p;
    begin(&p, 1);
    add_session(&p, 1);
    bb_lane_flush(p.lane);
    bb_simulated_disk_fail_sync(p.sim);
    assert_false(bb_store_step_commit(p.store));
    assert_true(p.failed && bb_store_has_failed(p.store));
    assert_int_equal(bb_lane_durable(p.lane), 0);
    assert_false(bb_store_step_commit(p.store)); /* on_failed checks that it is not called again */
    end(&p);
}

static void orphans_are_removed(void **state)
{
    play p;
    begin(&p, 1);
    assert_true(write_file(&p, 5) != 0);
    uint64_t files = 0;
    bb_disk *disk = bb_simulated_disk_interface(p.sim);
    disk->list(disk, count_files, &files);
    assert_int_equal(files, 1);
    reopen(&p);
    assert_int_equal(p.found.orphans, 1);
    files = 0;
    disk->list(disk, count_files, &files);
    assert_int_equal(files, 0);
    end(&p);
}

static void twin_in_memory_keeps_nothing(void **state)
{
    play p = {.random = 1};
    bb_store_options options = {
        .durability = BB_DURABILITY_NONE, .lanes = 1, .alloc = testing_take, .release = testing_give, .context = &p};
    assert_int_equal(bb_store_open(&options, &p.store, &p.found, &p.error), BB_STORE_OK);
    bb_lane *lane = bb_store_lane(p.store, 0);
    for (uint64_t i = 1; i < 5000; i++) {
        assert_true(bb_lane_append(lane, &(bb_record){.kind = BB_RECORD_ENDED, .session = i}) == i);
        if (i % 7 == 0)
            bb_lane_flush(lane);
    }
    bb_lane_flush(lane);
    assert_int_equal(bb_lane_durable(lane), 4999);
    assert_int_equal(bb_lane_tabled(lane), 0);
    assert_true(bb_store_has_room(p.store) && !bb_store_busy(p.store));
    bb_store_close(p.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_crash_all_is_there),
        cmocka_unit_test(power_is_lost_at_every_call),
        cmocka_unit_test(power_is_lost_again_and_again),
        cmocka_unit_test(nothing_is_left_of_what_ended),
        cmocka_unit_test(early_acknowledgement_is_remembered),
        cmocka_unit_test(segments_go_round_and_tickets_follow),
        cmocka_unit_test(expiry_counts_while_the_broker_is_down),
        cmocka_unit_test(full_disk_refuses_and_recovers),
        cmocka_unit_test(failed_sync_is_told_once),
        cmocka_unit_test(orphans_are_removed),
        cmocka_unit_test(twin_in_memory_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
