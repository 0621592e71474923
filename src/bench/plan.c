#include "bench/plan.h"

/* --- Wildcard ----------------------------------------------------------------------------------------------------- */

static bool shape_wildcard(bb_plan *plan, const bb_bench_options *options, bb_text *error)
{
    uint32_t subs = options->subs, eighth = subs / 8 ? subs / 8 : 1;
    if (subs < BB_PLAN_SHAPES) {
        bb_text_puts(error, "wildcard needs at least 4 subscribers");
        return false;
    }
    if (options->pubs > options->sites) {
        bb_text_puts(error, "wildcard needs at least as many sites as publishers");
        return false;
    }
    plan->sites = options->sites;
    plan->ders = options->ders;
    plan->points = options->points;
    plan->sources = plan->sites * plan->ders * plan->points;

    plan->shape_subs[1] = subs / 4;
    plan->shape_subs[2] = plan->shape_subs[3] = eighth;
    plan->shape_subs[0] = subs - subs / 4 - 2 * eighth;
    for (unsigned shape = 1; shape < BB_PLAN_SHAPES; shape++)
        plan->shape_first[shape] = plan->shape_first[shape - 1] + plan->shape_subs[shape - 1];

    plan->shape_filters[1] = plan->sites * plan->ders;
    plan->shape_filters[2] = plan->ders * plan->points;
    plan->shape_filters[3] = plan->sites;
    uint32_t wild = plan->shape_filters[1] + plan->shape_filters[2] + plan->shape_filters[3];
    bool more = options->filters > wild + plan->sources; /* exact ones that nobody publishes to */
    plan->shape_filters[0] = more ? options->filters - wild : plan->sources;
    return true;
}

static unsigned shape_of(const bb_plan *plan, uint32_t sub)
{
    unsigned shape = BB_PLAN_SHAPES - 1;
    while (sub < plan->shape_first[shape])
        shape--;
    return shape;
}

static void put_levels(bb_text *text, const char *const *words, const uint32_t *numbers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bb_text_puts(text, words[i]);
        bb_text_put_u64(text, numbers[i]);
    }
}

static void wildcard_topic(const bb_plan *plan, uint32_t source, bb_text *text)
{
    uint32_t of_site = plan->ders * plan->points;
    put_levels(text, (const char *[]){"site/", "/der/", "/telemetry/"},
               (uint32_t[]){source / of_site, source / plan->points % plan->ders, source % plan->points}, 3);
}

static bool wildcard_filter(const bb_plan *plan, uint32_t sub, uint32_t k, bb_text *text)
{
    unsigned shape = shape_of(plan, sub);
    uint64_t filter = sub - plan->shape_first[shape] + (uint64_t)k * plan->shape_subs[shape];
    if (filter >= plan->shape_filters[shape])
        return false;
    uint32_t n = (uint32_t)filter;
    switch (shape) {
    case 0:
        wildcard_topic(plan, n, text);
        return true;
    case 1:
        put_levels(text, (const char *[]){"site/", "/der/"}, (uint32_t[]){n / plan->ders, n % plan->ders}, 2);
        bb_text_puts(text, "/telemetry/+");
        return true;
    case 2:
        put_levels(text, (const char *[]){"site/+/der/", "/telemetry/"},
                   (uint32_t[]){n / plan->points, n % plan->points}, 2);
        return true;
    default:
        put_levels(text, (const char *[]){"site/"}, &n, 1);
        bb_text_puts(text, "/#");
        return true;
    }
}

bool bb_plan_wildcard_stream(const bb_plan *plan, uint32_t sub, uint32_t source, uint32_t *stream)
{
    unsigned shape = shape_of(plan, sub);
    const uint32_t filter_of[BB_PLAN_SHAPES] = {source, source / plan->points, source % (plan->ders * plan->points),
                                                source / (plan->ders * plan->points)};
    *stream = source * BB_PLAN_SHAPES + shape;
    return filter_of[shape] % plan->shape_subs[shape] == sub - plan->shape_first[shape];
}

/* --- All ---------------------------------------------------------------------------------------------------------- */

static uint32_t sources_of(const bb_bench_options *options)
{
    switch (options->scenario) {
    case BB_SCENARIO_RETAINED:
        return options->count;
    case BB_SCENARIO_OFFLINE:
        return options->subs;
    default:
        return options->pubs;
    }
}

static uint32_t deliveries_of(const bb_plan *plan)
{
    switch (plan->scenario) {
    case BB_SCENARIO_PAIRS:
    case BB_SCENARIO_SHARED:
        return 1;
    case BB_SCENARIO_FANIN:
    case BB_SCENARIO_FANOUT:
        return plan->subs;
    case BB_SCENARIO_WILDCARD:
        return BB_PLAN_SHAPES;
    default:
        return 0;
    }
}

static uint64_t streams_of(const bb_plan *plan)
{
    switch (plan->scenario) {
    case BB_SCENARIO_FANIN:
    case BB_SCENARIO_FANOUT:
    case BB_SCENARIO_SHARED:
    case BB_SCENARIO_SUB:
        return (uint64_t)plan->subs * plan->sources;
    case BB_SCENARIO_WILDCARD:
        return (uint64_t)BB_PLAN_SHAPES * plan->sources;
    default:
        return plan->sources;
    }
}

bool bb_plan_init(bb_plan *plan, const bb_bench_options *options, bb_text *error)
{
    *plan = (bb_plan){.scenario = options->scenario, .pubs = options->pubs, .subs = options->subs};
    plan->sources = sources_of(options);
    if (options->scenario == BB_SCENARIO_WILDCARD && !shape_wildcard(plan, options, error))
        return false;
    plan->deliveries = deliveries_of(plan);
    plan->streams = streams_of(plan);
    plan->shares = options->scenario == BB_SCENARIO_SHARED;
    plan->may_be_alien = options->scenario == BB_SCENARIO_SUB;
    if (options->scenario == BB_SCENARIO_SUB) /* somebody else is the publisher */
        plan->pubs = 0;
    if (plan->streams <= UINT32_MAX)
        return true;
    bb_text_puts(error, "publishers times subscribers must be below 4,294,967,296");
    return false;
}

void bb_plan_topic(const bb_plan *plan, uint32_t source, bb_text *text)
{
    switch (plan->scenario) {
    case BB_SCENARIO_FANIN:
    case BB_SCENARIO_FANOUT:
        bb_text_puts(text, "bench/all/data");
        return;
    case BB_SCENARIO_WILDCARD:
        wildcard_topic(plan, source, text);
        return;
    case BB_SCENARIO_RETAINED:
        put_levels(text, (const char *[]){"ret/", "/"}, (uint32_t[]){source / 1000, source % 1000}, 2);
        return;
    case BB_SCENARIO_OFFLINE:
        put_levels(text, (const char *[]){"off/"}, &source, 1);
        bb_text_puts(text, "/q");
        return;
    default:
        put_levels(text, (const char *[]){"bench/"}, &source, 1);
        bb_text_puts(text, "/data");
        return;
    }
}

/* The one filter of a subscriber in all scenarios but wildcard. */
static void only_filter(const bb_plan *plan, uint32_t sub, bb_text *text)
{
    switch (plan->scenario) {
    case BB_SCENARIO_SUB:
        bb_text_puts(text, "bench/+/data");
        return;
    case BB_SCENARIO_SHARED:
        bb_text_puts(text, "$share/bench/bench/+/data");
        return;
    case BB_SCENARIO_RETAINED:
        bb_text_puts(text, "ret/#");
        return;
    case BB_SCENARIO_IDLE:
        put_levels(text, (const char *[]){"idle/"}, &sub, 1);
        bb_text_puts(text, "/cmd");
        return;
    default:
        bb_plan_topic(plan, sub, text);
        return;
    }
}

bool bb_plan_filter(const bb_plan *plan, uint32_t sub, uint32_t k, bb_text *text)
{
    if (plan->scenario == BB_SCENARIO_WILDCARD)
        return wildcard_filter(plan, sub, k, text);
    if (k > 0 || plan->scenario == BB_SCENARIO_CONNECT)
        return false;
    only_filter(plan, sub, text);
    return true;
}

uint64_t bb_plan_filters(const bb_plan *plan)
{
    if (plan->scenario != BB_SCENARIO_WILDCARD)
        return plan->scenario == BB_SCENARIO_CONNECT ? 0 : plan->subs;
    uint64_t filters = 0;
    for (unsigned shape = 0; shape < BB_PLAN_SHAPES; shape++)
        filters += plan->shape_filters[shape];
    return filters;
}

/* Consecutive ones, as evenly as possible. */
void bb_plan_sources_of(const bb_plan *plan, uint32_t pub, uint32_t *from, uint32_t *to)
{
    *from = (uint32_t)((uint64_t)plan->sources * pub / plan->pubs);
    *to = (uint32_t)((uint64_t)plan->sources * (pub + 1) / plan->pubs);
}
