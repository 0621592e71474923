/* folder_test.c - what people ask of a data folder: to look at it, to copy it, to make it smaller. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <ftw.h>
#include <jansson.h>

#include "store/store.h"

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
    char parent[64], folder[80], copy[80];
    bb_store *store;
    bb_store_error error;
    uint64_t sequence;
} play;

static void open_folder(play *p, const char *folder)
{
    bb_store_found found;
    bb_store_options options = {.folder = folder,
                                .durability = BB_DURABILITY_OS,
                                .segment_bytes = 16384,
                                .bytes_max = UINT64_MAX,
                                .lanes = 1,
                                .stepped = true,
                                .alloc = take,
                                .release = give};
    if (bb_store_open(&options, &p->store, &found, &p->error) != BB_STORE_OK)
        fail_msg("%s", p->error.text);
}

static void append(play *p, const bb_record *record)
{
    assert_true(bb_lane_append(bb_store_lane(p->store, 0), record));
    bb_lane_flush(bb_store_lane(p->store, 0));
    assert_true(bb_store_step_commit(p->store));
    while (bb_store_step_checkpoint(p->store))
        ;
}

static void publish(play *p, size_t payload_bytes)
{
    static uint8_t payload[4096];
    uint8_t owed[32];
    uint8_t *end = bb_owed_put(owed, &(bb_owed){.session = 1, .sequence = ++p->sequence, .qos = 1});
    append(p, &(bb_record){.kind = BB_RECORD_PUBLISH,
                           .topic = BB_SPAN_LITERAL("a/b"),
                           .expiry_s = UINT32_MAX,
                           .qos = 1,
                           .payload = bb_span_of(payload, payload_bytes),
                           .retain_version = p->sequence,
                           .owed = bb_span_of(owed, (size_t)(end - owed))});
}

static int begin(void **state)
{
    play *p = calloc(1, sizeof *p);
    snprintf(p->parent, sizeof p->parent, "/tmp/busbar-folder-XXXXXX");
    assert_non_null(mkdtemp(p->parent));
    snprintf(p->folder, sizeof p->folder, "%s/data", p->parent);
    snprintf(p->copy, sizeof p->copy, "%s/copy", p->parent);
    open_folder(p, p->folder);
    append(p, &(bb_record){.kind = BB_RECORD_SESSION,
                           .session = 1,
                           .client_id = BB_SPAN_LITERAL("meter\x1b[2J"),
                           .user = BB_SPAN_LITERAL("u"),
                           .mqtt = 5,
                           .session_expiry_s = UINT32_MAX,
                           .has_will = 1,
                           .will_delay_s = 3,
                           .topic = BB_SPAN_LITERAL("gone"),
                           .expiry_s = UINT32_MAX});
    append(p, &(bb_record){.kind = BB_RECORD_SUBSCRIBED, .session = 1, .filter = BB_SPAN_LITERAL("a/#"), .options = 2});
    *state = p;
    return 0;
}

static int end(void **state)
{
    play *p = *state;
    if (p->store)
        bb_store_close(p->store);
    nftw(p->parent, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static void close_folder(play *p)
{
    bb_store_close(p->store);
    p->store = NULL;
}

static json_t *inspected(play *p, const char *folder)
{
    char *text;
    if (bb_store_inspect(folder, true, &text, &p->error) != BB_STORE_OK)
        fail_msg("%s", p->error.text);
    json_t *all = json_loads(text, 0, NULL);
    assert_non_null(all);
    free(text);
    return all;
}

static json_int_t queued_in(play *p, const char *folder)
{
    json_t *all = inspected(p, folder);
    json_t *session = json_array_get(json_object_get(all, "sessions"), 0);
    json_int_t queued = json_integer_value(json_object_get(session, "queued"));
    json_decref(all);
    return queued;
}

static void what_lies_in_the_log_is_shown_and_stays(void **state)
{
    play *p = *state;
    for (int i = 0; i < 300; i++)
        publish(p, 100);
    close_folder(p);
    json_t *first = inspected(p, p->folder), *second = inspected(p, p->folder);
    assert_true(json_equal(first, second));
    assert_true(json_integer_value(json_object_get(json_object_get(first, "journal"), "frames")) > 0);
    assert_true(json_is_null(json_object_get(first, "in_use_by")));
    json_t *session = json_array_get(json_object_get(first, "sessions"), 0);
    assert_int_equal(json_integer_value(json_object_get(session, "queued")), 300);
    assert_string_equal(json_string_value(json_object_get(session, "client_id")), "meter\x1b[2J");
    assert_int_equal(json_array_size(json_object_get(session, "subscriptions")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(session, "will"), "delay_left_s")), 3);
    assert_int_equal(json_array_size(json_object_get(first, "retained")), 1);
    json_decref(first);
    json_decref(second);
    char *text;
    assert_int_equal(bb_store_inspect(p->folder, false, &text, &p->error), BB_STORE_OK);
    assert_non_null(strstr(text, "session \"meter\\x1b[2J\": 300 queued"));
    assert_non_null(strstr(text, "  subscribed to \"a/#\", QoS 2\n"));
    assert_non_null(strstr(text, "retained \"a/b\": 100 bytes, expires: never\n"));
    free(text);
}

static void folder_in_use_is_shown_as_of_its_last_checkpoint(void **state)
{
    play *p = *state;
    for (int i = 0; i < 600; i++)
        publish(p, 100);
    json_t *all = inspected(p, p->folder);
    assert_int_equal(json_integer_value(json_object_get(all, "in_use_by")), getpid());
    json_decref(all);
    assert_true(queued_in(p, p->folder) > 100 && queued_in(p, p->folder) < 600);
}

static void backup_of_a_live_folder_is_whole(void **state)
{
    play *p = *state;
    for (int i = 0; i < 300; i++)
        publish(p, 100);
    assert_int_equal(bb_store_backup(p->folder, p->copy, &p->error), BB_STORE_OK);
    publish(p, 100); /* after the copy */
    assert_int_equal(queued_in(p, p->copy), 300);
    assert_int_equal(bb_store_backup(p->folder, p->copy, &p->error), BB_STORE_FAILED); /* it exists */
    close_folder(p);
    assert_int_equal(queued_in(p, p->folder), 301);
    open_folder(p, p->copy);
    close_folder(p);
    assert_int_equal(queued_in(p, p->copy), 300);
}

static void compaction_gives_space_back(void **state)
{
    play *p = *state;
    uint64_t freed = 0;
    for (int i = 0; i < 1000; i++)
        publish(p, 4000);
    assert_int_equal(bb_store_compact(p->folder, &freed, &p->error), BB_STORE_IN_USE);
    append(p, &(bb_record){.kind = BB_RECORD_ACKNOWLEDGED_TO, .session = 1, .sequence = 990});
    close_folder(p);
    open_folder(p, p->folder);
    close_folder(p);
    assert_int_equal(bb_store_compact(p->folder, &freed, &p->error), BB_STORE_OK);
    assert_true(freed > 1000000);
    assert_int_equal(queued_in(p, p->folder), 10);
}

static void folder_that_is_not_there_is_said(void **state)
{
    play *p = *state;
    char *text, nothing[80];
    snprintf(nothing, sizeof nothing, "%s/nothing", p->parent);
    assert_int_equal(bb_store_inspect(nothing, true, &text, &p->error), BB_STORE_FAILED);
    assert_non_null(strstr(p->error.text, nothing));
    assert_int_equal(bb_store_backup(nothing, p->copy, &p->error), BB_STORE_FAILED);
    assert_int_equal(access(nothing, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_lies_in_the_log_is_shown_and_stays, begin, end),
        cmocka_unit_test_setup_teardown(folder_in_use_is_shown_as_of_its_last_checkpoint, begin, end),
        cmocka_unit_test_setup_teardown(backup_of_a_live_folder_is_whole, begin, end),
        cmocka_unit_test_setup_teardown(compaction_gives_space_back, begin, end),
        cmocka_unit_test_setup_teardown(folder_that_is_not_there_is_said, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
