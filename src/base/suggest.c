#include "base/suggest.h"

#include "base/text.h"

static bool same(bb_span a, size_t i, bb_span b, size_t j)
{
    return bb_lower(a.data[i]) == bb_lower(b.data[j]);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Row i of the table holds the distance of the first i letters of `a` from each beginning of `b`. A swap looks two rows
 * back. */
size_t bb_edit_distance(bb_span a, bb_span b)
{
    size_t rows[3][BB_SUGGEST_WORD_MAX + 1];
    a.len = least(a.len, BB_SUGGEST_WORD_MAX);
    b.len = least(b.len, BB_SUGGEST_WORD_MAX);
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;

    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + !same(a, i - 1, b, j - 1));
            if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1))
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

/* A third of the letters may be wrong, and one letter of a short word. */
static size_t distance_max(bb_span wanted)
{
    return wanted.len < 6 ? 1 : wanted.len / 3;
}

/* `publish` for `pub`. A beginning of two letters says nothing. */
static bool begins_with(bb_span wanted, bb_span known)
{
    return known.len > 2 && known.len <= wanted.len && bb_edit_distance(bb_span_of(wanted.data, known.len), known) == 0;
}

/* What is only a beginning is further than all that is misspelt. */
void bb_suggestion_offer(bb_suggestion *suggestion, const char *known)
{
    if (!suggestion->best && begins_with(suggestion->wanted, bb_span_text(known))) {
        suggestion->best = known;
        suggestion->distance = BB_SUGGEST_WORD_MAX;
        return;
    }
    size_t distance = bb_edit_distance(suggestion->wanted, bb_span_text(known));
    if (distance > distance_max(suggestion->wanted) || (suggestion->best && distance >= suggestion->distance))
        return;
    suggestion->best = known;
    suggestion->distance = distance;
}
