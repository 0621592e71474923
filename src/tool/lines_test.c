#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tool/lines.h"

typedef struct pipe_ends {
    bb_lines lines;
    int in;
} pipe_ends;

static int open_pipe(void **state)
{
    static pipe_ends ends;
    int fds[2];
    if (pipe(fds) != 0)
        return -1;
    ends = (pipe_ends){bb_lines_of(fds[0]), fds[1]};
    *state = &ends;
    return 0;
}

static int close_pipe(void **state)
{
    pipe_ends *ends = *state;
    bb_lines_close(&ends->lines);
    close(ends->lines.fd);
    return 0;
}

static void put(const pipe_ends *ends, const char *text)
{
    assert_int_equal(write(ends->in, text, strlen(text)), strlen(text));
}

static void assert_line(pipe_ends *ends, const char *expected)
{
    bb_span line;
    while (!bb_lines_next(&ends->lines, &line)) {
        assert_false(ends->lines.ended);
        assert_true(bb_lines_fill(&ends->lines));
    }
    assert_true(bb_span_equal(line, bb_span_text(expected)));
}

static void lines_come_without_their_ends(void **state)
{
    pipe_ends *ends = *state;
    put(ends, "one\n\ntwo\r\nthr");
    assert_line(ends, "one");
    assert_line(ends, "");
    assert_line(ends, "two\r");
    put(ends, "ee\n");
    close(ends->in);
    assert_line(ends, "three");
}

static void the_last_line_needs_no_end(void **state)
{
    pipe_ends *ends = *state;
    bb_span line;
    put(ends, "one\nlast");
    close(ends->in);
    assert_line(ends, "one");
    assert_line(ends, "last");
    assert_false(bb_lines_next(&ends->lines, &line));
    assert_true(ends->lines.ended);
}

static void nothing_is_no_line(void **state)
{
    pipe_ends *ends = *state;
    bb_span line;
    close(ends->in);
    assert_false(bb_lines_next(&ends->lines, &line));
    assert_true(bb_lines_fill(&ends->lines));
    assert_false(bb_lines_next(&ends->lines, &line));
    assert_true(ends->lines.ended);
}

static void a_line_may_be_longer_than_the_buffer(void **state)
{
    enum { LENGTH = 300000, PIECE = 30000 };
    pipe_ends *ends = *state;
    bb_span line;
    char *piece = malloc(PIECE);
    memset(piece, 'x', PIECE);
    for (size_t i = 0; i < LENGTH; i += PIECE) {
        assert_int_equal(write(ends->in, piece, PIECE), PIECE);
        assert_true(bb_lines_fill(&ends->lines));
        assert_false(bb_lines_next(&ends->lines, &line));
    }
    put(ends, "\nnext\n");
    assert_true(bb_lines_fill(&ends->lines));
    assert_true(bb_lines_next(&ends->lines, &line));
    assert_int_equal(line.len, LENGTH);
    assert_line(ends, "next");
    close(ends->in);
    free(piece);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pipe, close_pipe)
    const struct CMUnitTest tests[] = {
        TEST(lines_come_without_their_ends),
        TEST(the_last_line_needs_no_end),
        TEST(nothing_is_no_line),
        TEST(a_line_may_be_longer_than_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
