/* filter.c - which texts are topic filters, and what they match. */
#include "topic/name.h"

#define SHARE "$share/"

/* A wildcard stands alone in its level, and # only in the last one [MQTT-4.7.1-1, MQTT-4.7.1-2]. */
static bool wildcard_is_alone(bb_span text, size_t i)
{
    if (i > 0 && text.data[i - 1] != '/')
        return false;
    if (i + 1 == text.len)
        return true;
    return text.data[i] == '+' && text.data[i + 1] == '/';
}

static bool wildcards_are_alone(bb_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] == '+' || text.data[i] == '#') && !wildcard_is_alone(text, i))
            return false;
    }
    return true;
}

static bb_status check_text(bb_span text, uint32_t levels_max, uint32_t bytes_max, bool *wildcard)
{
    if (text.len == 0)
        return BB_E_FILTER_INVALID;
    if (text.len > bytes_max)
        return BB_E_TOPIC_LONG;

    uint32_t levels = 1;
    unsigned wildcards = 0;
    for (size_t i = 0; i < text.len; i++) { /* no branch for each byte: what follows a byte is not to be predicted */
        uint8_t c = text.data[i];
        levels += c == '/';
        wildcards |= (unsigned)(c == '+') | (unsigned)(c == '#');
    }
    if (wildcards && !wildcards_are_alone(text))
        return BB_E_FILTER_INVALID;
    *wildcard = wildcards;
    return levels > levels_max ? BB_E_TOPIC_DEEP : BB_OK;
}

/* Cut "$share/name/" off the front of `text` [MQTT-4.8.2-1, MQTT-4.8.2-2]; `group` stays empty where there is none. */
static bool cut_share(bb_span *text, bb_span *group)
{
    static const size_t head = sizeof(SHARE) - 1;
    *group = BB_SPAN_NONE;
    if (text->len < head || memcmp(text->data, SHARE, head) != 0)
        return true;

    bb_span rest = bb_span_from(*text, head);
    const uint8_t *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
    if (!slash || slash == rest.data)
        return false;
    *group = bb_span_of(rest.data, (size_t)(slash - rest.data));
    if (memchr(group->data, '+', group->len) || memchr(group->data, '#', group->len))
        return false;
    *text = bb_span_from(rest, group->len + 1);
    return true;
}

bb_status bb_filter_parse(bb_span text, uint32_t levels_max, uint32_t bytes_max, bb_filter *out)
{
    bb_filter filter = {.text = text};
    if (!cut_share(&filter.text, &filter.group))
        return BB_E_FILTER_INVALID;
    if (filter.group.len > bytes_max)
        return BB_E_TOPIC_LONG;
    bb_status status = check_text(filter.text, levels_max, bytes_max, &filter.wildcard);
    if (status == BB_OK)
        *out = filter;
    return status;
}

bool bb_filter_matches(bb_span filter, bb_span topic)
{
    const uint8_t *f = filter.data, *f_end = f + filter.len;
    const uint8_t *t = topic.data, *t_end = t + topic.len;
    if (f == f_end || t == t_end)
        return false;
    if (*t == '$' && (*f == '+' || *f == '#'))
        return false; /* [MQTT-4.7.2-1] */

    /* Well-formed wildcards fill a level, so each + and # that is met here starts one. */
    while (f < f_end) {
        if (*f == '#')
            return true;
        if (*f == '+') {
            while (t < t_end && *t != '/')
                t++;
            f++;
            continue;
        }
        if (t == t_end)
            return f_end - f == 2 && f[0] == '/' && f[1] == '#'; /* "sport/#" matches "sport" too */
        if (*f != *t)
            return false;
        f++;
        t++;
    }
    return t == t_end;
}
