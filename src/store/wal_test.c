/* wal_test.c - the log on the simulated disk: whatever happens, what was committed is there, in order and whole.
 *
 * That these tests bite was tried by breaking the log, one place at a time. power_is_lost_at_every_call fails when a
 * commit does not sync (wal.c), when the folder is not synced after a segment got its name, when its head is not synced
 * before it (wal_prepare.c), when frames are not numbered; damage_in_the_middle_is_refused when recovery does not look
 * behind a bad frame; bytes_that_a_publisher_made_are_no_frame when number or salt are left out of the checksum
 * (frame.c). */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/hash.h"
#include "store/crc32c.h"
#include "store/disk_simulated.h"
#include "store/wal.h"

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give(void *context, void *block, size_t size)
{
    free(block);
}

static bb_mem mem = {.alloc = take, .release = give};

enum { SEGMENT = 4096 };

/* A log, and what a user knows of it: records are numbers that count up. */
typedef struct play {
    bb_simulated_disk *sim;
    bb_wal *wal;
    bb_wal_found found;
    bb_store_error error;
    uint64_t random;
    uint64_t next;                     /* the number that is appended next */
    uint64_t committed;                /* all up to here were reported as committed */
    uint64_t from_segment, from_frame; /* what the table would know */
    uint64_t tabled;                   /* numbers up to here are in the table */
    uint64_t seen, seen_first;         /* by a replay */
    uint64_t frame_last;
    bool unsynced, recover;
} play;

static uint64_t dice(play *p, uint64_t sides)
{
    p->random = bb_hash_mix(p->random + 1, 77);
    return p->random % sides;
}

static bb_store_status open_log(play *p)
{
    bb_wal_options options = {.mem = &mem,
                              .disk = bb_simulated_disk_interface(p->sim),
                              .segment_bytes = SEGMENT,
                              .bytes_max = UINT64_MAX,
                              .random = dice(p, UINT64_MAX),
                              .prepared = 1,
                              .sync = !p->unsynced,
                              .recover = p->recover};
    return bb_wal_open(&options, p->from_segment, p->from_frame, &p->wal, &p->found, &p->error);
}

static void begin(play *p, uint64_t seed)
{
    *p = (play){.sim = bb_simulated_disk_new(seed), .random = seed, .next = 1};
    assert_int_equal(open_log(p), BB_STORE_OK);
}

static void end(play *p)
{
    if (p->wal)
        bb_wal_close(p->wal);
    bb_simulated_disk_free(p->sim);
}

/* One number, and padding of a length that follows from it. */
static bool add(play *p)
{
    uint8_t bytes[8 + 256];
    memset(bytes, 0xab, sizeof bytes);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(p->next >> 8 * i);
    uint8_t size = (uint8_t)(bb_hash_mix(p->next, 3) & 0x7f);
    bytes[7] = size;
    p->next++;
    return bb_wal_add(p->wal, bb_span_of(bytes, 8u + size));
}

static bb_store_status commit(play *p)
{
    bb_store_status status = bb_wal_commit(p->wal, &p->error);
    if (status == BB_STORE_OK)
        p->committed = p->next - 1;
    return status;
}

static bb_store_status see(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error)
{
    play *p = context;
    p->frame_last = frame->number;
    for (bb_span rest = frame->records; rest.len > 0;) {
        uint64_t number = 0;
        for (unsigned i = 0; i < 7; i++)
            number |= (uint64_t)rest.data[i] << 8 * i;
        if (p->seen)
            assert_true(p->recover ? number > p->seen : number == p->seen + 1);
        else
            p->seen_first = number;
        p->seen = number;
        size_t size = 8u + rest.data[7];
        assert_true(rest.len >= size);
        for (size_t i = 8; i < size; i++)
            assert_int_equal(rest.data[i], 0xab);
        rest = bb_span_from(rest, size);
    }
    return BB_STORE_OK;
}

/* Put the oldest closed segment into "the table", then let it go. */
static bb_store_status checkpoint(play *p)
{
    uint64_t number = bb_wal_closed_after(p->wal, 0);
    if (!number)
        return bb_wal_prepare(p->wal, &p->error);
    p->seen = 0;
    bb_store_status status = bb_wal_read(p->wal, number, see, p, &p->error);
    if (status != BB_STORE_OK)
        return status;
    assert_true(p->seen_first == p->tabled + 1); /* nothing between what is there and what comes */
    p->tabled = p->seen;
    p->from_segment = number + 1;
    p->from_frame = p->frame_last + 1;
    status = bb_wal_retire(p->wal, number, &p->error);
    return status == BB_STORE_OK ? bb_wal_prepare(p->wal, &p->error) : status;
}

/* See all that is in the log. */
static void replay(play *p)
{
    p->seen = 0;
    for (uint64_t number = 0; (number = bb_wal_closed_after(p->wal, number)) != 0;)
        assert_int_equal(bb_wal_read(p->wal, number, see, p, &p->error), BB_STORE_OK);
}

/* Open again, and compare with what the user was told. */
static void reopen_and_check(play *p)
{
    if (p->wal)
        bb_wal_close(p->wal);
    p->wal = NULL;
    bb_store_status status = open_log(p);
    if (status != BB_STORE_OK)
        fail_msg("%s", p->error.text);
    replay(p);
    if (p->seen)
        assert_true(p->seen_first == p->tabled + 1);
    uint64_t last = p->seen ? p->seen : p->tabled;
    assert_true(last >= p->committed);
    assert_true(last < p->next);
    p->next = last + 1; /* what was never acknowledged may be there or not; now it is known */
    p->committed = last;
}

/* Some rounds of work; ends at the first failure. */
static bb_store_status work(play *p, unsigned rounds)
{
    bb_store_status status = BB_STORE_OK;
    while (rounds-- > 0 && status == BB_STORE_OK) {
        for (uint64_t n = 1 + dice(p, 6); n > 0; n--)
            assert_true(add(p));
        status = commit(p);
        if (status == BB_STORE_OK && dice(p, 4) == 0)
            status = checkpoint(p);
    }
    return status;
}

static void crc_is_castagnoli(void **state)
{
    uint8_t bytes[1000];
    assert_int_equal(bb_crc32c(0, BB_SPAN_LITERAL("123456789")), 0xe3069283);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len < 64; len++)
        assert_int_equal(bb_crc32c(5, bb_span_of(bytes + len, sizeof bytes - 64)),
                         bb_crc32c_by_table(5, bb_span_of(bytes + len, sizeof bytes - 64)));
}

/* A payload may hold what would be a frame just there: who made it does not know the salt. */
static void bytes_that_a_publisher_made_are_no_frame(void **state)
{
    uint8_t bytes[64] = {0};
    bb_frame frame;
    bb_segment_head ours = {BB_SEGMENT_VERSION, 0, 7, 1}, guessed = ours, earlier = ours;
    guessed.salt = 2;
    earlier.number = 6;
    bb_frame_seal(bytes, &ours, 0, 1, 8);
    assert_true(bb_frame_take(bb_span_of(bytes, sizeof bytes), &ours, 0, &frame));
    assert_int_equal(frame.records.len, 8);
    bb_frame_seal(bytes, &guessed, 0, 1, 8);
    assert_false(bb_frame_take(bb_span_of(bytes, sizeof bytes), &ours, 0, &frame));
    bb_frame_seal(bytes, &earlier, 0, 1, 8);
    assert_false(bb_frame_take(bb_span_of(bytes, sizeof bytes), &ours, 0, &frame));
}

static void what_was_committed_is_read_again(void **state)
{
    play p;
    begin(&p, 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(work(&p, 30), BB_STORE_OK);
        reopen_and_check(&p);
        assert_int_equal(p.found.cut_bytes, 0);
    }
    end(&p);
}

/* The heart of it: power goes at every single call of a run, once; then work goes on. */
static void power_is_lost_at_every_call(void **state)
{
    uint64_t crashes = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        for (uint64_t call = 0;; call++) {
            play p;
            begin(&p, seed);
            bb_simulated_disk_lose_power(p.sim, call);
            bb_store_status status = work(&p, 12);
            bool lost = bb_simulated_disk_lost_power(p.sim);
            bb_simulated_disk_restart(p.sim);
            reopen_and_check(&p);
            assert_int_equal(work(&p, 8), BB_STORE_OK);
            bb_simulated_disk_restart(p.sim);
            reopen_and_check(&p);
            end(&p);
            crashes++;
            if (!lost) {
                assert_int_equal(status, BB_STORE_OK);
                break;
            }
        }
    }
    print_message("%llu power losses\n", (unsigned long long)crashes);
}

/* One log through many lives: what one life leaves behind must not disturb the next. */
static void power_is_lost_again_and_again(void **state)
{
    for (uint64_t seed = 1000; seed < 1100; seed++) {
        play p;
        begin(&p, seed);
        for (int life = 0; life < 20; life++) {
            bb_simulated_disk_lose_power(p.sim, dice(&p, 60));
            (void)!work(&p, 40);
            bb_simulated_disk_restart(p.sim);
            if (dice(&p, 3) == 0) { /* and in the middle of the recovery */
                bb_wal_close(p.wal);
                p.wal = NULL;
                bb_simulated_disk_lose_power(p.sim, dice(&p, 4));
                if (open_log(&p) != BB_STORE_OK)
                    p.wal = NULL;
                bb_simulated_disk_restart(p.sim);
            }
            reopen_and_check(&p);
        }
        end(&p);
    }
}

/* Without syncs something must get lost, or the tests above prove nothing. */
static void without_sync_something_is_lost(void **state)
{
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        play p;
        begin(&p, seed);
        bb_wal_close(p.wal);
        p.unsynced = true;
        assert_int_equal(open_log(&p), BB_STORE_OK);
        for (int i = 0; i < 10; i++) {
            assert_true(add(&p));
            assert_int_equal(commit(&p), BB_STORE_OK);
        }
        bb_simulated_disk_restart(p.sim);
        bb_wal_close(p.wal);
        p.wal = NULL;
        assert_int_equal(open_log(&p), BB_STORE_OK); /* a hole is no damage here */
        replay(&p);
        lost += p.seen < p.committed;
        end(&p);
    }
    assert_true(lost > 40);
}

static void damage_in_the_middle_is_refused(void **state)
{
    unsigned refused = 0;
    for (uint64_t offset = 0; offset < 1500; offset += 7) {
        play p;
        begin(&p, 5);
        for (int i = 0; i < 20; i++) {
            assert_true(add(&p));
            assert_int_equal(commit(&p), BB_STORE_OK);
        }
        uint64_t open = bb_wal_open_segment(p.wal);
        bb_wal_close(p.wal);
        p.wal = NULL;
        char name[40];
        snprintf(name, sizeof name, "segment-%012llu", (unsigned long long)open);
        assert_true(bb_simulated_disk_damage(p.sim, name, offset));
        bb_store_status status = open_log(&p);
        if (status == BB_STORE_OK) { /* it hit what fills a frame up to 8 bytes */
            replay(&p);
            assert_true(p.seen == p.committed);
            end(&p);
            continue;
        }
        assert_int_equal(status, BB_STORE_DAMAGED);
        assert_string_equal(p.error.file, name);
        assert_true(p.error.offset <= offset && offset - p.error.offset < 300);
        assert_non_null(strstr(p.error.text, "--recover"));
        p.recover = true;
        assert_int_equal(open_log(&p), BB_STORE_OK);
        assert_true(p.found.given_up_places > 0 && p.found.damage.status == BB_STORE_DAMAGED);
        replay(&p);
        assert_true(offset < 64 || p.seen == p.committed);
        refused++;
        end(&p);
    }
    assert_true(refused > 180);
}

static void segment_that_is_missing_is_refused(void **state)
{
    play p;
    begin(&p, 6);
    for (int i = 0; i < 200; i++) {
        assert_true(add(&p));
        assert_int_equal(commit(&p), BB_STORE_OK);
    }
    uint64_t first = bb_wal_closed_after(p.wal, 0), second = bb_wal_closed_after(p.wal, first);
    assert_true(second);
    bb_wal_close(p.wal);
    p.wal = NULL;
    char name[40];
    snprintf(name, sizeof name, "segment-%012llu", (unsigned long long)second);
    bb_disk *disk = bb_simulated_disk_interface(p.sim);
    assert_int_equal(disk->remove(disk, name), 0);
    assert_int_equal(open_log(&p), BB_STORE_DAMAGED);
    assert_non_null(strstr(p.error.text, "missing"));
    snprintf(name, sizeof name, "segment-%012llu", (unsigned long long)first);
    p.from_frame = 1; /* the table knows where the log must begin */
    assert_int_equal(disk->remove(disk, name), 0);
    assert_int_equal(open_log(&p), BB_STORE_DAMAGED);
    end(&p);
}

static void failed_sync_is_final(void **state)
{
    play p;
    begin(&p, 7);
    assert_int_equal(work(&p, 3), BB_STORE_OK);
    bb_simulated_disk_fail_sync(p.sim);
    assert_true(add(&p));
    assert_int_equal(commit(&p), BB_STORE_FAILED);
    assert_non_null(strstr(p.error.text, "cannot write and sync segment-"));
    end(&p);
}

static void full_disk_is_said_and_waited_for(void **state)
{
    play p;
    begin(&p, 8);
    assert_int_equal(bb_wal_prepare(p.wal, &p.error), BB_STORE_OK);
    bb_simulated_disk_set_bytes_max(p.sim, SEGMENT * 3);
    bb_store_status status = BB_STORE_OK;
    unsigned after_full = 0;
    while (status == BB_STORE_OK) {
        assert_true(add(&p));
        status = commit(&p);
        if (status == BB_STORE_OK)
            after_full += bb_wal_prepare(p.wal, &p.error) == BB_STORE_FULL && !bb_wal_room(p.wal);
    }
    assert_true(after_full > 5); /* the reserve: it was said long before nothing went any more */
    assert_int_equal(status, BB_STORE_FULL);
    assert_true(bb_wal_added(p.wal) > 0); /* waits */
    assert_int_equal(commit(&p), BB_STORE_FULL);
    bb_simulated_disk_set_bytes_max(p.sim, UINT64_MAX);
    assert_int_equal(bb_wal_prepare(p.wal, &p.error), BB_STORE_OK);
    assert_true(bb_wal_room(p.wal));
    assert_int_equal(commit(&p), BB_STORE_OK);
    reopen_and_check(&p);
    end(&p);
}

static void frame_larger_than_a_segment_gets_one_to_measure(void **state)
{
    play p;
    begin(&p, 9);
    assert_int_equal(work(&p, 3), BB_STORE_OK);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++)
            assert_true(add(&p));
        assert_int_equal(commit(&p), BB_STORE_OK);
        assert_int_equal(work(&p, 10), BB_STORE_OK);
        bb_simulated_disk_restart(p.sim);
        reopen_and_check(&p);
    }
    end(&p);
}

static void newer_format_is_refused(void **state)
{
    play p;
    begin(&p, 10);
    assert_int_equal(work(&p, 1), BB_STORE_OK);
    char name[40];
    snprintf(name, sizeof name, "segment-%012llu", (unsigned long long)bb_wal_open_segment(p.wal));
    bb_file *file;
    bb_disk *disk = bb_simulated_disk_interface(p.sim);
    assert_int_equal(disk->open(disk, name, false, &file), 0);
    uint8_t head[BB_SEGMENT_HEAD];
    bb_segment_head_put(head, &(bb_segment_head){BB_SEGMENT_VERSION + 1, 0, bb_wal_open_segment(p.wal), 1});
    assert_int_equal(disk->write(file, 0, bb_span_of(head, sizeof head), true), 0);
    disk->close(file);
    bb_wal_close(p.wal);
    p.wal = NULL;
    assert_int_equal(open_log(&p), BB_STORE_NEWER);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_castagnoli),
        cmocka_unit_test(bytes_that_a_publisher_made_are_no_frame),
        cmocka_unit_test(what_was_committed_is_read_again),
        cmocka_unit_test(power_is_lost_at_every_call),
        cmocka_unit_test(power_is_lost_again_and_again),
        cmocka_unit_test(without_sync_something_is_lost),
        cmocka_unit_test(damage_in_the_middle_is_refused),
        cmocka_unit_test(segment_that_is_missing_is_refused),
        cmocka_unit_test(failed_sync_is_final),
        cmocka_unit_test(full_disk_is_said_and_waited_for),
        cmocka_unit_test(frame_larger_than_a_segment_gets_one_to_measure),
        cmocka_unit_test(newer_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
