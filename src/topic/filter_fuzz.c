/* filter_fuzz.c - filter and topic, cut at the first zero: the matcher agrees with the naive one. */
#include "topic/testing.h"
#include "topic/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    if (!zero)
        return 0;
    bb_span text = bb_span_of(data, (size_t)(zero - data));
    bb_span topic = bb_span_of(zero + 1, size - text.len - 1);
    bb_filter filter;
    if (bb_filter_parse(text, 200, 65535, &filter) != BB_OK || bb_topic_check(topic, 200, 65535) != BB_OK)
        return 0;
    BB_CHECK(filter.text.len > 0 && (filter.group.len == 0 || filter.group.len + 8 + filter.text.len == text.len));
    BB_CHECK(bb_filter_matches(filter.text, topic) == testing_matches(filter.text, topic));
    BB_CHECK(filter.wildcard || bb_filter_matches(filter.text, topic) == bb_span_equal(filter.text, topic));
    return 0;
}
