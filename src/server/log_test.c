#include "server/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the four before it */
#include <cmocka.h>

static const int64_t noon_ms = 1772366400123; /* 2026-03-01T12:00:00.123Z */

/* --- helpers */

static void expect_line(bb_log_format format, const bb_kv *pairs, size_t count, const char *expected)
{
    char line[BB_LOG_LINE_MAX + 1];
    size_t len = bb_log_render(line, noon_ms, format, BB_LOG_INFO, "a.b", pairs, count);
    line[len] = '\0';
    assert_string_equal(line, expected);
}

#define EXPECT_TEXT(expected, ...)                                                    \
    expect_line(BB_LOG_TEXT, (const bb_kv[]){__VA_ARGS__}, BB_LOG_PAIRS(__VA_ARGS__), \
                "2026-03-01T12:00:00.123Z info a.b" expected "\n")
#define EXPECT_JSON(expected, ...)                                                    \
    expect_line(BB_LOG_JSON, (const bb_kv[]){__VA_ARGS__}, BB_LOG_PAIRS(__VA_ARGS__), \
                "{\"time\":\"2026-03-01T12:00:00.123Z\",\"level\":\"info\",\"event\":\"a.b\"" expected "}\n")

static int64_t test_now_ms;

static int64_t test_clock(void)
{
    return test_now_ms;
}

/* A log that writes into a file of its own, at a time that the test sets. */
typedef struct fixture {
    bb_log log;
    char path[32];
    bb_log_options options;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/bb_log_test_XXXXXX");
    int fd = mkstemp(f->path);
    if (fd < 0)
        return -1;
    close(fd);
    f->options = (bb_log_options){.level = BB_LOG_INFO, .format = BB_LOG_TEXT, .file = f->path, .rate_max = 3};
    if (bb_log_open(&f->log, &f->options) != 0)
        return -1;
    test_now_ms = noon_ms;
    f->log.now_ms = test_clock;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    bb_log_close(&f->log);
    unlink(f->path);
    free(f);
    return 0;
}

static char *file_content(const char *path)
{
    static char content[1 << 16];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(content, 1, sizeof content - 1, file);
    content[len] = '\0';
    fclose(file);
    return content;
}

static unsigned count_of(const char *content, const char *needle)
{
    unsigned count = 0;
    for (const char *at = strstr(content, needle); at; at = strstr(at + 1, needle))
        count++;
    return count;
}

/* --- lines */

static void a_line_has_time_level_event_and_pairs(void **state)
{
    EXPECT_TEXT("", BB_KV_END);
    EXPECT_TEXT(" address=127.0.0.1 port=1883 delta=-5 up=true", BB_KV_TEXT("address", "127.0.0.1"),
                BB_KV_U64("port", 1883), BB_KV_I64("delta", -5), BB_KV_BOOL("up", true), BB_KV_END);
    EXPECT_TEXT(" reason=keep_alive", BB_KV_REASON(BB_E_KEEP_ALIVE));
    EXPECT_JSON("", BB_KV_END);
    EXPECT_JSON(",\"address\":\"::1\",\"port\":1883,\"up\":false", BB_KV_TEXT("address", "::1"),
                BB_KV_U64("port", 1883), BB_KV_BOOL("up", false), BB_KV_END);
}

static void values_with_spaces_are_quoted(void **state)
{
    EXPECT_TEXT(" a=\"x y\" b=\"\" c=\"k=v\" d=\"say \\\"hi\\\"\" e=\"\\\\\"", BB_KV_TEXT("a", "x y"),
                BB_KV_TEXT("b", ""), BB_KV_TEXT("c", "k=v"), BB_KV_TEXT("d", "say \"hi\""), BB_KV_TEXT("e", "\\"));
    EXPECT_TEXT(" a=köln/Ω/電", BB_KV_TEXT("a", "köln/Ω/電"));
}

static void a_client_id_cannot_forge_a_line(void **state)
{
    EXPECT_TEXT(" id=\"x\\n2026-03-01T12:00:00Z info client.connected\"",
                BB_KV_TEXT("id", "x\n2026-03-01T12:00:00Z info client.connected"));
    EXPECT_TEXT(" id=\"\\x1b[2J\\r\\x00\\x7f\\xc2\\x9b\"",
                BB_KV_SPAN("id", BB_SPAN_LITERAL("\x1b[2J\r\0\x7f\xc2\x9b")));
    EXPECT_JSON(",\"id\":\"\\u001b[2J\\r\\u0000\\\"}\"", BB_KV_SPAN("id", BB_SPAN_LITERAL("\x1b[2J\r\0\"}")));
}

static void marks_that_turn_or_hide_text_are_escaped(void **state)
{
    EXPECT_TEXT(" id=\"a\\xe2\\x80\\xaeb\"", BB_KV_TEXT("id", "a\u202eb"));
    EXPECT_JSON(",\"id\":\"a\\u2028b\\udb40\\udc41\"", BB_KV_TEXT("id", "a\u2028b\U000e0041"));
}

static void bytes_that_are_not_utf8_are_shown_as_bytes(void **state)
{
    EXPECT_TEXT(" id=\"\\xff\\xc3(\\xed\\xa0\\x80\\xe2\\x82\"",
                BB_KV_SPAN("id", BB_SPAN_LITERAL("\xff\xc3(\xed\xa0\x80\xe2\x82")));
    EXPECT_JSON(",\"id\":\"\\ufffd(\"", BB_KV_SPAN("id", BB_SPAN_LITERAL("\xff(")));
}

static void long_values_and_lines_are_cut_but_stay_whole(void **state)
{
    static char many[100000];
    char line[BB_LOG_LINE_MAX];
    bb_kv pairs[20];
    memset(many, 1, sizeof many);
    for (size_t i = 0; i < 20; i++)
        pairs[i] = BB_KV_SPAN("k", bb_span_of(many, sizeof many));
    for (int format = BB_LOG_TEXT; format <= BB_LOG_JSON; format++) {
        size_t len = bb_log_render(line, noon_ms, (bb_log_format)format, BB_LOG_INFO, "a.b", pairs, 20);
        assert_true(len <= BB_LOG_LINE_MAX);
        assert_int_equal(line[len - 1], '\n');
        const char *end = format == BB_LOG_TEXT ? "...\"\n" : "...\"}\n";
        assert_memory_equal(line + len - strlen(end), end, strlen(end));
        assert_null(memchr(line, '\n', len - 1));
    }
}

static void lines_of_any_length_fit(void **state)
{
    char value[BB_LOG_LINE_MAX], line[BB_LOG_LINE_MAX];
    memset(value, 'x', sizeof value);
    for (size_t n = 0; n < 600; n++) {
        bb_kv pairs[9];
        for (size_t i = 0; i < 9; i++)
            pairs[i] = BB_KV_SPAN("key", bb_span_of(value, i < 7 ? 500 : n));
        for (int format = BB_LOG_TEXT; format <= BB_LOG_JSON; format++) {
            size_t len = bb_log_render(line, noon_ms, (bb_log_format)format, BB_LOG_INFO, "a.b", pairs, 9);
            assert_true(len <= BB_LOG_LINE_MAX && line[len - 1] == '\n');
        }
    }
}

/* --- where they go */

static void events_below_the_level_are_not_written(void **state)
{
    fixture *f = *state;
    int evaluated = 0;
    bb_log_event(&f->log, BB_LOG_DEBUG, "quiet", BB_KV_U64("n", (uint64_t)++evaluated), BB_KV_END);
    bb_log_event(&f->log, BB_LOG_WARNING, "loud", BB_KV_U64("n", (uint64_t)++evaluated), BB_KV_END);
    assert_int_equal(evaluated, 1);
    assert_string_equal(file_content(f->path), "2026-03-01T12:00:00.123Z warning loud n=1\n");
}

static void reopening_follows_a_rotation(void **state)
{
    fixture *f = *state;
    char rotated[64];
    snprintf(rotated, sizeof rotated, "%s.1", f->path);
    bb_log_event(&f->log, BB_LOG_INFO, "before", BB_KV_END);
    assert_int_equal(rename(f->path, rotated), 0);
    bb_log_event(&f->log, BB_LOG_INFO, "between", BB_KV_END);
    f->options.format = BB_LOG_JSON;
    assert_int_equal(bb_log_reopen(&f->log, &f->options), 0);
    bb_log_event(&f->log, BB_LOG_INFO, "after", BB_KV_END);

    assert_int_equal(count_of(file_content(rotated), "\n"), 2);
    assert_string_equal(file_content(f->path),
                        "{\"time\":\"2026-03-01T12:00:00.123Z\",\"level\":\"info\",\"event\":\"after\"}\n");
    unlink(rotated);
}

static void a_file_that_cannot_be_opened_changes_nothing(void **state)
{
    fixture *f = *state;
    char file[] = "/no/such/folder/x.log";
    bb_log_options wrong = {.level = BB_LOG_DEBUG, .file = file};
    assert_int_equal(bb_log_reopen(&f->log, &wrong), ENOENT);
    bb_log_event(&f->log, BB_LOG_DEBUG, "quiet", BB_KV_END);
    bb_log_event(&f->log, BB_LOG_INFO, "still", BB_KV_END);
    assert_string_equal(file_content(f->path), "2026-03-01T12:00:00.123Z info still\n");
}

/* --- floods */

static void a_flood_is_counted_instead_of_written(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 100; i++)
        bb_log_limited(&f->log, BB_LOG_INFO, "client.refused", BB_KV_U64("n", (uint64_t)i), BB_KV_END);
    for (int i = 0; i < 2; i++)
        bb_log_limited(&f->log, BB_LOG_INFO, "other", BB_KV_END);
    assert_int_equal(count_of(file_content(f->path), "client.refused"), 3);
    assert_int_equal(count_of(file_content(f->path), "other"), 2);

    test_now_ms += 1000;
    bb_log_limited(&f->log, BB_LOG_INFO, "client.refused", BB_KV_END);
    const char *content = file_content(f->path);
    assert_int_equal(count_of(content, " log.suppressed of=client.refused lines=97\n"), 1);
    assert_int_equal(count_of(content, " client.refused"), 4);
}

static void a_flood_that_stopped_is_told_by_the_flush(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 10; i++)
        bb_log_limited(&f->log, BB_LOG_INFO, "client.refused", BB_KV_END);
    bb_log_flush_suppressed(&f->log);
    assert_int_equal(count_of(file_content(f->path), "log.suppressed"), 0);
    test_now_ms += 1000;
    bb_log_flush_suppressed(&f->log);
    bb_log_flush_suppressed(&f->log);
    assert_int_equal(count_of(file_content(f->path), "log.suppressed of=client.refused lines=7\n"), 1);
}

static void more_events_than_slots_share_the_last(void **state)
{
    fixture *f = *state;
    static char names[BB_LOG_LIMITED_EVENTS * 2][24];
    for (int i = 0; i < BB_LOG_LIMITED_EVENTS * 2; i++) {
        snprintf(names[i], sizeof names[i], "event.%d.", i);
        bb_log_limited(&f->log, BB_LOG_INFO, names[i], BB_KV_END);
    }
    assert_int_equal(count_of(file_content(f->path), "event."), BB_LOG_LIMITED_EVENTS - 1 + 3);
}

/* --- threads */

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *log)
{
    for (int i = 0; i < LINES; i++) {
        bb_log_event((bb_log *)log, BB_LOG_INFO, "threads", BB_KV_U64("line", (uint64_t)i), BB_KV_END);
        bb_log_limited((bb_log *)log, BB_LOG_INFO, "limited", BB_KV_END);
    }
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &f->log), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(bb_log_reopen(&f->log, &f->options), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    FILE *file = fopen(f->path, "r");
    char line[256];
    unsigned lines = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        lines += strncmp(line, "2026-03-01T12:00:00.123Z info threads line=", 43) == 0;
        assert_non_null(strchr(line, '\n'));
    }
    fclose(file);
    assert_int_equal(lines, THREADS * LINES);
}

/* --- a reader that does not keep up */

/* The sum of what all lines log.lost in `text` say. */
static unsigned told_lost(const char *text)
{
    unsigned sum = 0, lines;
    while ((text = strstr(text, "warning log.lost lines=")) != NULL) {
        assert_int_equal(sscanf(strchr(text, '='), "=%u", &lines), 1);
        sum += lines;
        text++;
    }
    return sum;
}

/* Standard error becomes the writing end of a pipe for as long as the test runs. */
static void a_reader_that_stops_costs_lines_but_nobody_waits(void **state)
{
    enum { MORE_THAN_A_PIPE = 1000 };
    bb_log log;
    const bb_log_options options = {.level = BB_LOG_INFO, .format = BB_LOG_TEXT};
    int pipe_fds[2], stderr_kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], STDERR_FILENO);
    close(pipe_fds[1]);
    assert_int_equal(bb_log_open(&log, &options), 0);
    dup2(stderr_kept, STDERR_FILENO);
    close(stderr_kept);
    static char value[500], got[1 << 20];
    memset(value, 'x', sizeof value - 1);
    for (int i = 0; i < MORE_THAN_A_PIPE; i++)
        bb_log_event(&log, BB_LOG_INFO, "flood", BB_KV_TEXT("value", value), BB_KV_END);
    ssize_t n = read(pipe_fds[0], got, sizeof got - 1);
    assert_in_range(n, 1, sizeof got - 1);
    got[n] = '\0';
    unsigned lost = MORE_THAN_A_PIPE - count_of(got, " flood "), told = told_lost(got);
    assert_in_range(lost, 1, MORE_THAN_A_PIPE - 1);
    bb_log_event(&log, BB_LOG_INFO, "again", BB_KV_END);
    n = read(pipe_fds[0], got, sizeof got - 1);
    got[n > 0 ? n : 0] = '\0';
    assert_int_equal(told + told_lost(got), lost);
    assert_non_null(strstr(got, "info again"));
    bb_log_close(&log);
    close(pipe_fds[0]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_event_and_pairs),
        cmocka_unit_test(values_with_spaces_are_quoted),
        cmocka_unit_test(a_client_id_cannot_forge_a_line),
        cmocka_unit_test(marks_that_turn_or_hide_text_are_escaped),
        cmocka_unit_test(bytes_that_are_not_utf8_are_shown_as_bytes),
        cmocka_unit_test(long_values_and_lines_are_cut_but_stay_whole),
        cmocka_unit_test(lines_of_any_length_fit),
        cmocka_unit_test_setup_teardown(events_below_the_level_are_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reopening_follows_a_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_is_counted_instead_of_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_that_stopped_is_told_by_the_flush, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_events_than_slots_share_the_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_do_not_mix_their_lines, set_up, tear_down),
        cmocka_unit_test(a_reader_that_stops_costs_lines_but_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
