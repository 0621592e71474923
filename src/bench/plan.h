/* plan.h - what a scenario consists of: topics, filters, and who must receive what. Pure functions.
 *
 * What      A source is one topic with one publisher, whose messages are numbered. Receivers are told by their index
 *           among the subscribers. A stream is one receiver (or one group of alternative receivers) of one source: see
 *           ledger.h.
 * Topics    pub, pairs, shared   bench/<i>/data       source i is publisher i
 *           fan-in, fan-out      bench/all/data       for all sources
 *           wildcard             site/<i>/der/<j>/telemetry/<k>
 *           retained             ret/<i / 1000>/<i % 1000>
 *           offline              off/<i>/q            for session i
 *           idle                 idle/<i>/cmd         nobody publishes
 * Wildcard  Subscribers form four groups, by the shape of their filters: exact ones, .../telemetry/+,
 *           site/+/der/<j>/telemetry/<k> and site/<i>/#. Within a group each filter is held by one subscriber, so each
 *           message reaches one subscriber of each group. */
#ifndef BB_BENCH_PLAN_H
#define BB_BENCH_PLAN_H

#include "bench/bench.h"

enum {
    BB_PLAN_TOPIC_MAX = 96, /* bytes of the longest topic or filter */
    BB_PLAN_SHAPES = 4,     /* groups of wildcard */
};

typedef struct bb_plan {
    bb_scenario scenario;
    uint32_t pubs, subs, sources;
    uint32_t deliveries; /* that each message must cause; 0: does not matter to its publisher */
    uint64_t streams;
    bool shares;       /* the subscribers are one shared subscription */
    bool may_be_alien; /* there are other publishers: messages that are not ours are only counted */
    uint32_t sites, ders, points;
    uint32_t shape_subs[BB_PLAN_SHAPES], shape_first[BB_PLAN_SHAPES], shape_filters[BB_PLAN_SHAPES];
} bb_plan;

/* The plan of completed options. False with why not in `error`. */
BB_MUST_USE bool bb_plan_init(bb_plan *plan, const bb_bench_options *options, bb_text *error);

/* Append the topic of a source; what is shown is at most BB_PLAN_TOPIC_MAX bytes. */
void bb_plan_topic(const bb_plan *plan, uint32_t source, bb_text *text);

/* Append filter number `k` of a subscriber; false when it has no more. */
bool bb_plan_filter(const bb_plan *plan, uint32_t sub, uint32_t k, bb_text *text);

/* All filters of all subscribers. */
uint64_t bb_plan_filters(const bb_plan *plan);

/* The sources from..to-1 are published by this publisher, in turn. */
void bb_plan_sources_of(const bb_plan *plan, uint32_t pub, uint32_t *from, uint32_t *to);

/* The stream in which a subscriber gets the messages of a source, which exists. False: they are not for it. */
bool bb_plan_wildcard_stream(const bb_plan *plan, uint32_t sub, uint32_t source, uint32_t *stream);

static inline bool bb_plan_stream(const bb_plan *plan, uint32_t sub, uint32_t source, uint32_t *stream)
{
    switch (plan->scenario) {
    case BB_SCENARIO_PAIRS:
    case BB_SCENARIO_OFFLINE:
        *stream = source;
        return source == sub;
    case BB_SCENARIO_FANIN:
    case BB_SCENARIO_FANOUT:
    case BB_SCENARIO_SHARED:
    case BB_SCENARIO_SUB:
        *stream = sub * plan->sources + source;
        return true;
    case BB_SCENARIO_RETAINED: /* one subscriber after the other */
        *stream = source;
        return true;
    case BB_SCENARIO_WILDCARD:
        return bb_plan_wildcard_stream(plan, sub, source, stream);
    default:
        return false;
    }
}

#endif
