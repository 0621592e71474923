/* name.h - which texts are topic names and topic filters, and what matches what: the part of topic that a client needs,
 * too. Pure functions. Spec: MQTT 5.0 4.7, 4.8.2. */
#ifndef BB_TOPIC_NAME_H
#define BB_TOPIC_NAME_H

#include "base/check.h"
#include "base/reason.h"
#include "base/span.h"

enum { BB_GROUP_NAME_MAX = 65535 };

/* Is `topic` (valid UTF-8 already) a topic name of at most `levels_max` levels and `bytes_max` bytes?
 * BB_E_TOPIC_INVALID when empty or holding a wildcard [MQTT-3.3.2-2], BB_E_TOPIC_DEEP, BB_E_TOPIC_LONG. */
BB_MUST_USE bb_status bb_topic_check(bb_span topic, uint32_t levels_max, uint32_t bytes_max);

typedef struct bb_filter {
    bb_span text;  /* the filter that topics are matched against: without "$share/name/" */
    bb_span group; /* the share name; empty for an ordinary subscription */
    bool wildcard; /* holds + or # */
} bb_filter;

/* Take apart and check what a SUBSCRIBE names. BB_E_FILTER_INVALID [MQTT-4.7.1-1, 4.7.1-2, 4.7.3-1, 4.8.2-1, 4.8.2-2],
 * BB_E_TOPIC_DEEP, BB_E_TOPIC_LONG. */
BB_MUST_USE bb_status bb_filter_parse(bb_span text, uint32_t levels_max, uint32_t bytes_max, bb_filter *out);

/* Does `topic` match `filter` (both well-formed)? Walks both once. A leading wildcard does not match a topic that
 * starts with $ [MQTT-4.7.2-1]. */
bool bb_filter_matches(bb_span filter, bb_span topic);

#endif
