/* pattern.c - names put into patterns, and what two filters have in common, level by level.
 *
 * A filter stands for a set of topics. A level of it is a word, + (any word) or, at the end, # (any levels, and none).
 * Where a pattern is a word, only the same word lies within it; where it is +, any level but # does; where it is #,
 * everything that may follow does. */
#include "auth/pattern.h"

#include "topic/topic.h"

/* ---- Names. */

bool bb_pattern_varies(bb_span pattern)
{
    return pattern.len && memchr(pattern.data, '%', pattern.len) != NULL;
}

static bool is_harmless(bb_span name, bool at_start)
{
    if (!name.len || (at_start && name.data[0] == '$'))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '/' || name.data[i] == '+' || name.data[i] == '#')
            return false;
    return true;
}

size_t bb_pattern_expand(bb_span pattern, const bb_identity *who, uint8_t *out)
{
    size_t size = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        bb_span piece = bb_span_of(pattern.data + i, 1);
        if (pattern.data[i] == '%') {
            uint8_t what = pattern.data[++i]; /* bb_pattern_check saw that there is one */
            piece = what == 'u' ? who->user_name : what == 'c' ? who->client_id : piece;
            if (what != '%' && !is_harmless(piece, size == 0))
                return 0;
        }
        if (out)
            memcpy(out + size, piece.data, piece.len);
        size += piece.len;
    }
    return size;
}

static bool only_known_letters(bb_span pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.data[i] != '%')
            continue;
        if (++i == pattern.len || (pattern.data[i] != 'u' && pattern.data[i] != 'c' && pattern.data[i] != '%'))
            return false;
    }
    return true;
}

const char *bb_pattern_check(bb_span pattern)
{
    bb_filter filter;
    if (!only_known_letters(pattern))
        return "after % comes u (the user name), c (the client id) or another %";
    bb_status status = bb_filter_parse(pattern, UINT32_MAX, UINT16_MAX, &filter);
    if (status == BB_E_TOPIC_LONG)
        return "it may have 65535 bytes";
    if (status != BB_OK || memchr(pattern.data, 0, pattern.len))
        return "+ and # stand alone between slashes, and # only at the end";
    if (filter.group.len)
        return "shared subscriptions are judged by what follows $share/NAME/";
    return NULL;
}

/* ---- Levels. */

typedef struct levels {
    const uint8_t *at, *end;
    bool over; /* there are no more */
} levels;

static levels levels_of(bb_span text)
{
    return (levels){text.data, text.data + text.len, false};
}

static bb_span take(levels *from)
{
    const uint8_t *start = from->at;
    while (from->at < from->end && *from->at != '/')
        from->at++;
    bb_span level = bb_span_of(start, (size_t)(from->at - start));
    from->over = from->at == from->end;
    if (!from->over)
        from->at++;
    return level;
}

static bool is(bb_span level, char wildcard)
{
    return level.len == 1 && level.data[0] == (uint8_t)wildcard;
}

/* All that is left is one level, a #: it stands for nothing, too. */
static bool only_hash_left(const levels *left)
{
    return !left->over && left->end - left->at == 1 && *left->at == '#';
}

/* A wildcard at the front never matches a topic that starts with $ [MQTT-4.7.2-1]. */
static bool kept_apart_by_dollar(bb_span wild, bb_span other)
{
    return (wild.data[0] == '+' || wild.data[0] == '#') && other.data[0] == '$';
}

/* What stands before the last # is no topic, so that # stands for one level at least: "#" is "+/#", "/#" is "/+/#". */
static bool hash_has_no_parent(bb_span filter)
{
    return filter.len == 1 || (filter.len == 2 && filter.data[0] == '/');
}

bool bb_pattern_covers(bb_span pattern, bb_span filter)
{
    if (kept_apart_by_dollar(pattern, filter))
        return false;
    levels p = levels_of(pattern), f = levels_of(filter);
    while (!p.over && !f.over) {
        bb_span mine = take(&p), asked = take(&f);
        if (is(mine, '#'))
            return true;
        if (is(asked, '#'))
            return is(mine, '+') && only_hash_left(&p) && hash_has_no_parent(filter);
        if (!is(mine, '+') && !bb_span_equal(mine, asked))
            return false;
    }
    return f.over && (p.over || only_hash_left(&p));
}

bool bb_pattern_meets(bb_span pattern, bb_span filter)
{
    if (kept_apart_by_dollar(pattern, filter) || kept_apart_by_dollar(filter, pattern))
        return false;
    levels p = levels_of(pattern), f = levels_of(filter);
    while (!p.over && !f.over) {
        bb_span mine = take(&p), asked = take(&f);
        if (is(mine, '#') || is(asked, '#'))
            return true;
        if (!is(mine, '+') && !is(asked, '+') && !bb_span_equal(mine, asked))
            return false;
    }
    if (p.over && f.over)
        return true;
    const levels *longer = p.over ? &f : &p;
    return only_hash_left(longer) && !hash_has_no_parent(p.over ? filter : pattern);
}
