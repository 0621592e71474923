/* name.c - which texts are topic names. */
#include "topic/name.h"

bb_status bb_topic_check(bb_span topic, uint32_t levels_max, uint32_t bytes_max)
{
    if (topic.len == 0)
        return BB_E_TOPIC_INVALID;
    if (topic.len > bytes_max)
        return BB_E_TOPIC_LONG;

    uint32_t levels = 1;
    for (size_t i = 0; i < topic.len; i++) {
        uint8_t c = topic.data[i];
        if (c == '+' || c == '#')
            return BB_E_TOPIC_INVALID;
        levels += c == '/';
    }
    return levels > levels_max ? BB_E_TOPIC_DEEP : BB_OK;
}
