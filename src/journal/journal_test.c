#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "journal/testing.h"

static bb_record sample_message(bb_record_kind kind)
{
    static const uint8_t properties[] = {0x02, 0, 0, 0, 60, 0x01, 1};
    return (bb_record){
        .kind = kind,
        .topic = BB_SPAN_LITERAL("a/b"),
        .properties = bb_span_of(properties, sizeof properties),
        .expiry_s = 60,
        .expiry_at = 1,
        .publisher = BB_SPAN_LITERAL("p"),
        .qos = 2,
        .retain = 1,
        .payload = BB_SPAN_LITERAL("hi"),
    };
}

static void expect_bytes(const bb_record *record, const uint8_t *bytes, size_t size)
{
    uint8_t out[256];
    bb_span made = testing_record(out, sizeof out, record);
    assert_int_equal(made.len, size);
    assert_memory_equal(made.data, bytes, size);
    bb_record again;
    bb_record_fault fault;
    bb_span rest = made;
    assert_int_equal(bb_record_decode(&rest, &again, &fault), BB_OK);
    assert_int_equal(rest.len, 0);
    assert_int_equal(bb_record_size(&again), size);
    uint8_t second[256];
    assert_memory_equal(testing_record(second, sizeof second, &again).data, bytes, size);
}

#define EXPECT_BYTES(record, ...)                        \
    do {                                                 \
        static const uint8_t expected[] = __VA_ARGS__;   \
        expect_bytes(record, expected, sizeof expected); \
    } while (0)

static void publish_is_one_record(void **state)
{
    uint8_t list[64], *end = list;
    end = bb_owed_put(end, &(bb_owed){.session = 7, .sequence = 300, .qos = 1});
    end = bb_owed_put(
        end,
        &(bb_owed){
            .session = 8, .sequence = 1, .packet_id = 5, .qos = 2, .retain = true, .ids_count = 2, .ids = {3, 200}});
    bb_record record = sample_message(BB_RECORD_PUBLISH);
    record.retain_version = 9;
    record.owed = bb_span_of(list, (size_t)(end - list));
    record.session = 4;
    record.packet_id = 258;
    EXPECT_BYTES(&record, {1,   40,  3, 'a', '/', 'b', 7, 2,    0, 0, 0, 60, 1,    1, 61, 1, 1,    'p', 2, 1,    2,
                           'h', 'i', 0, 0,   9,   12,  7, 0xac, 2, 1, 8, 1,  0x1e, 5, 2,  3, 0xc8, 1,   4, 0x82, 2});
}

static void messages_have_their_own_bytes(void **state)
{
    bb_record moved = sample_message(BB_RECORD_MOVED);
    moved.from_session = 1;
    moved.from_sequence = 2;
    moved.payload = BB_SPAN_NONE;
    moved.payload_file = 77;
    moved.payload_size = 1000;
    EXPECT_BYTES(&moved,
                 {2, 25, 1, 2, 3, 'a', '/', 'b', 7, 2, 0, 0, 0, 60, 1, 1, 61, 1, 1, 'p', 2, 1, 0, 77, 0xe8, 7, 0});
    bb_record session = {.kind = BB_RECORD_SESSION,
                         .session = 1,
                         .client_id = BB_SPAN_LITERAL("c"),
                         .user = BB_SPAN_LITERAL("u"),
                         .mqtt = 5,
                         .session_expiry_s = UINT32_MAX,
                         .will_delay_s = UINT32_MAX,
                         .expiry_s = UINT32_MAX};
    EXPECT_BYTES(&session, {8, 19, 1, 1, 'c', 1, 'u', 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

static void small_records_have_their_bytes(void **state)
{
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_ACKNOWLEDGED, .session = 1, .sequence = 128}), {3, 3, 1, 0x80, 1});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_ACKNOWLEDGED_TO, .session = 1, .sequence = 2}), {4, 2, 1, 2});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_SENT, .session = 1, .sequence = 2, .packet_id = 3}), {5, 3, 1, 2, 3});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_RELEASED, .session = 1, .sequence = 2, .packet_id = 3}),
                 {6, 3, 1, 2, 3});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_INBOUND_RELEASED, .session = 1, .packet_id = 3}), {7, 2, 1, 3});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_ENDED, .session = 200}), {9, 2, 0xc8, 1});
    EXPECT_BYTES((&(bb_record){
                     .kind = BB_RECORD_DISCONNECTED, .session = 1, .session_expiry_s = 10, .will_delay_s = UINT32_MAX}),
                 {10, 3, 1, 11, 0});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_SUBSCRIBED,
                               .session = 1,
                               .filter = BB_SPAN_LITERAL("a/#"),
                               .options = 0x1d,
                               .subscription_id = 5}),
                 {11, 7, 1, 3, 'a', '/', '#', 0x1d, 5});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_UNSUBSCRIBED, .session = 1, .filter = BB_SPAN_LITERAL("a")}),
                 {12, 3, 1, 1, 'a'});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_RETAINED_DELETED, .topic = BB_SPAN_LITERAL("a"), .retain_version = 2}),
                 {13, 3, 1, 'a', 2});
    EXPECT_BYTES((&(bb_record){.kind = BB_RECORD_CLOCK, .clock_ms = 1, .wall_ms = 2}), {14, 2, 1, 2});
}

static void refused(const uint8_t *bytes, size_t size, const char *what, const char *field, size_t offset)
{
    bb_span rest = bb_span_of(bytes, size), before = rest;
    bb_record record;
    bb_record_fault fault = {0};
    assert_int_equal(bb_record_decode(&rest, &record, &fault), BB_E_MALFORMED);
    assert_true(bb_span_equal(rest, before) && rest.data == before.data);
    assert_non_null(strstr(fault.what, what));
    if (field)
        assert_string_equal(fault.field, field);
    else
        assert_null(fault.field);
    assert_int_equal(fault.offset, offset);
}

#define REFUSED(what, field, offset, ...)                  \
    do {                                                   \
        static const uint8_t bytes[] = __VA_ARGS__;        \
        refused(bytes, sizeof bytes, what, field, offset); \
    } while (0)

static void what_keeps_not_to_the_format_is_refused(void **state)
{
    refused(NULL, 0, "nothing where", NULL, 0);
    REFUSED("kind of record that this version does not know", NULL, 0, {0, 0});
    REFUSED("kind of record that this version does not know", NULL, 0, {15, 0});
    REFUSED("kind of record that this version does not know", NULL, 0, {255, 0});
    REFUSED("ends too early", NULL, 1, {3, 0x80});
    REFUSED("shortest form", NULL, 1, {9, 0x81, 0x00, 1});
    REFUSED("behind the end of the bytes", NULL, 1, {3, 2, 1});
    REFUSED("ends too early", "sequence", 3, {3, 1, 1});
    REFUSED("shortest form", "sequence", 3, {3, 3, 1, 0x81, 0});
    REFUSED("behind the last field", NULL, 4, {3, 3, 1, 2, 3});
    REFUSED("number 0 of a session", "session", 4, {3, 2, 0, 2});
    REFUSED("above its limit", "packet_id", 3, {7, 4, 1, 0x80, 0x80, 4});
    REFUSED("behind the end of the record", "topic", 2, {13, 2, 2, 1});
    REFUSED("above its limit", "session_expiry_s", 3, {10, 7, 1, 0x81, 0x80, 0x80, 0x80, 0x10, 0});
    REFUSED("shortest form", "session", 2, {9, 11, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0});
}

static void lists_of_deliveries_are_checked(void **state)
{
    static const uint8_t lists[][4] = {{0, 1, 1, 0},    {1, 0, 1, 0}, {1, 1, 0, 0},    {1, 1, 3, 0},
                                       {1, 1, 0x21, 0}, {1, 1, 9, 0}, {1, 1, 0x11, 0}, {1, 1, 0x11, 65},
                                       {1, 1, 0x11, 1}, {1, 1, 1, 7}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        uint8_t out[128];
        bb_record record = sample_message(BB_RECORD_PUBLISH);
        record.owed = bb_span_of(lists[i], 4);
        bb_span bytes = testing_record(out, sizeof out, &record);
        bb_record again;
        bb_record_fault fault;
        assert_int_equal(bb_record_decode(&bytes, &again, &fault), BB_E_MALFORMED);
        assert_string_equal(fault.field, "owed");
    }
}

static void fields_agree_with_each_other(void **state)
{
    uint8_t out[128];
    bb_record again;
    bb_record_fault fault;
    bb_record record = sample_message(BB_RECORD_PUBLISH);
    record.expiry_at = 4; /* of 7 bytes: the interval would end behind them */
    bb_span bytes = testing_record(out, sizeof out, &record);
    assert_int_equal(bb_record_decode(&bytes, &again, &fault), BB_E_MALFORMED);
    assert_string_equal(fault.field, "expiry_at");
    record = sample_message(BB_RECORD_PUBLISH);
    record.payload_file = 1;
    bytes = testing_record(out, sizeof out, &record);
    assert_int_equal(bb_record_decode(&bytes, &again, &fault), BB_E_MALFORMED);
    assert_string_equal(fault.field, "payload_file");
}

static void fields_above_their_limit_have_no_size(void **state)
{
    bb_record record = {.kind = BB_RECORD_SENT, .session = 1, .sequence = 1, .packet_id = 65536};
    assert_int_equal(bb_record_size(&record), 0);
    record = (bb_record){.kind = BB_RECORD_UNSUBSCRIBED, .session = 1, .filter = bb_span_of("", 65536)};
    assert_int_equal(bb_record_size(&record), 0);
}

static void records_follow_each_other(void **state)
{
    uint8_t out[64];
    bb_span a = testing_record(out, sizeof out, &(bb_record){.kind = BB_RECORD_ENDED, .session = 1});
    bb_span b = testing_record(out + a.len, sizeof out - a.len,
                               &(bb_record){.kind = BB_RECORD_CLOCK, .clock_ms = UINT64_MAX, .wall_ms = 0});
    bb_span rest = bb_span_of(out, a.len + b.len);
    bb_record record;
    assert_int_equal(bb_record_decode(&rest, &record, NULL), BB_OK);
    assert_int_equal(record.kind, BB_RECORD_ENDED);
    assert_int_equal(bb_record_decode(&rest, &record, NULL), BB_OK);
    assert_true(record.clock_ms == UINT64_MAX);
    assert_int_equal(rest.len, 0);
}

/* --- the documentation has a row for each row of the tables */

static char *file_text(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    static char text[1 << 16];
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

static void expect_row(const char *text, const char *row)
{
    if (!strstr(text, row))
        fail_msg("docs/journal-format.md lacks this row:\n%s", row);
}

static unsigned rows_with(const char *text, const char *from, const char *to)
{
    unsigned count = 0;
    const char *end = strstr(text, to);
    for (const char *at = strstr(text, from); at && at < end; at = strchr(at + 1, '\n'))
        count += strncmp(at, "\n| ", 3) == 0;
    return count;
}

#define LIMIT_TEXT(most)                   \
    ((most) == UINT64_MAX   ? "64 bits"    \
     : (most) == UINT32_MAX ? "4294967295" \
     : (most) == UINT16_MAX ? "65535"      \
     : (most) == UINT8_MAX  ? "255"        \
     : (most) == 268435455  ? "268435455"  \
     : (most) == 2          ? "2"          \
                            : "1")

static void the_documentation_shows_the_tables(void **state)
{
    char *text = file_text("docs/journal-format.md"), row[1024];
    unsigned kinds = 0, fields = 0;
#define F(name) "`" #name "` "
#define X(number, name, fields_of, what) \
    snprintf(row, sizeof row, "| %d | %s | %s| %s |\n", number, #name, fields_of, what), expect_row(text, row), kinds++;
    BB_RECORD_MAP(X, F)
#undef X
#undef F
#define X(name, type, most, what)                                                                 \
    snprintf(row, sizeof row, "| `%s` | %s | %s | %s |\n", #name, #type, LIMIT_TEXT(most), what), \
        expect_row(text, row), fields++;
    BB_RECORD_FIELD_MAP(X)
#undef X
    snprintf(row, sizeof row, "version %d", BB_JOURNAL_VERSION);
    expect_row(text, row);
    assert_int_equal(rows_with(text, "## Kinds", "## Fields"), kinds + 1);
    assert_int_equal(rows_with(text, "## Fields", "## Deliveries"), fields + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_is_one_record),
        cmocka_unit_test(messages_have_their_own_bytes),
        cmocka_unit_test(small_records_have_their_bytes),
        cmocka_unit_test(what_keeps_not_to_the_format_is_refused),
        cmocka_unit_test(lists_of_deliveries_are_checked),
        cmocka_unit_test(fields_agree_with_each_other),
        cmocka_unit_test(fields_above_their_limit_have_no_size),
        cmocka_unit_test(records_follow_each_other),
        cmocka_unit_test(the_documentation_shows_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
