#include "auth/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four before it */
#include <cmocka.h>

#include "topic/topic.h"

static const char *expand(const char *pattern, const char *user, const char *client)
{
    static char out[256];
    bb_identity who = {.user_name = bb_span_text(user), .client_id = bb_span_text(client)};
    size_t size = bb_pattern_expand(bb_span_text(pattern), &who, NULL);
    assert_int_equal(bb_pattern_expand(bb_span_text(pattern), &who, (uint8_t *)out), size);
    out[size] = 0;
    return out;
}

static void names_are_put_in(void **state)
{
    assert_string_equal(expand("site/%u/#", "anna", "c"), "site/anna/#");
    assert_string_equal(expand("%c", "anna", "c"), "c");
    assert_string_equal(expand("dev-%c/%u%%", "u", "c"), "dev-c/u%");
    assert_string_equal(expand("a/b", "", ""), "a/b");
}

static void a_name_never_widens_a_pattern(void **state)
{
    static const char *const names[] = {"", "+", "#", "a/b", "/", "a+", "#a"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(expand("a/%u/b", names[i], "c"), "");
        assert_string_equal(expand("a/%c/b", "u", names[i]), "");
    }
    assert_string_equal(expand("%c/#", "u", "$SYS"), "");
    assert_string_equal(expand("%u%c", "$SYS", "c"), "");
    assert_string_equal(expand("a/%c", "u", "$SYS"), "a/$SYS");
}

static void only_filters_are_patterns(void **state)
{
    static const char *const good[] = {"a", "#", "+", "a/+/b/#", "%u", "%c/%u", "100%%", "$SYS/#", "/", "//"};
    static const char *const bad[] = {"", "a#", "#/a", "a+/b", "%", "%x", "a/%", "$share/g/a", "%u#"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(bb_pattern_check(bb_span_text(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_non_null(bb_pattern_check(bb_span_text(bad[i])));
    assert_non_null(bb_pattern_check(BB_SPAN_LITERAL("a\0b")));
}

static bool covers(const char *pattern, const char *filter)
{
    return bb_pattern_covers(bb_span_text(pattern), bb_span_text(filter));
}

static void a_pattern_covers_what_lies_within_it(void **state)
{
    assert_true(covers("a/#", "a"));
    assert_true(covers("a/#", "a/#"));
    assert_true(covers("a/#", "a/+/b/#"));
    assert_true(covers("a/+", "a/+"));
    assert_true(covers("a/+", "a/"));
    assert_true(covers("+/#", "#"));
    assert_true(covers("$SYS/#", "$SYS/broker/+"));
    assert_false(covers("a/+", "a/#"));
    assert_false(covers("a/b", "a/+"));
    assert_false(covers("a/+/#", "a/#"));
    assert_false(covers("a/b", "a"));
    assert_false(covers("a", "a/b"));
    assert_false(covers("#", "$SYS/#"));
    assert_false(covers("+/a", "$SYS/a"));
}

/* ---- Against the definition: over all short filters and topics of a small alphabet. */

enum { LEVELS_MAX = 3, TEXTS_MAX = 400 };

typedef struct texts {
    char at[TEXTS_MAX][16];
    size_t count;
} texts;

static void add_all(texts *out, const char *const *words, size_t count, const char *start, unsigned levels)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%s%s", start, words[i]);
        if (*text)
            memcpy(out->at[out->count++], text, sizeof text);
        assert_true(out->count < TEXTS_MAX);
        strcat(text, "/");
        if (levels > 1 && *words[i] != '#')
            add_all(out, words, count, text, levels - 1);
    }
}

static void covering_and_meeting_are_exact(void **state)
{
    /* A topic of a word that no filter has, and one level deeper, tells all filters apart that differ. */
    static const char *const filter_words[] = {"a", "$", "", "+", "#"};
    static const char *const topic_words[] = {"a", "$", "", "x"};
    static texts filters, topics;
    filters.count = topics.count = 0;
    add_all(&filters, filter_words, 5, "", LEVELS_MAX);
    add_all(&topics, topic_words, 4, "", LEVELS_MAX + 1);
    for (size_t p = 0; p < filters.count; p++)
        for (size_t f = 0; f < filters.count; f++) {
            bool all = true, one = false;
            bb_span pattern = bb_span_text(filters.at[p]), filter = bb_span_text(filters.at[f]);
            for (size_t t = 0; t < topics.count; t++) {
                if (!bb_filter_matches(filter, bb_span_text(topics.at[t])))
                    continue;
                bool matches = bb_filter_matches(pattern, bb_span_text(topics.at[t]));
                all &= matches;
                one |= matches;
            }
            if (bb_pattern_covers(pattern, filter) != all || bb_pattern_meets(pattern, filter) != one)
                print_error("pattern '%s', filter '%s'\n", filters.at[p], filters.at[f]);
            assert_int_equal(bb_pattern_covers(pattern, filter), all);
            assert_int_equal(bb_pattern_meets(pattern, filter), one);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_put_in),
        cmocka_unit_test(a_name_never_widens_a_pattern),
        cmocka_unit_test(only_filters_are_patterns),
        cmocka_unit_test(a_pattern_covers_what_lies_within_it),
        cmocka_unit_test(covering_and_meeting_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
