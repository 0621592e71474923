/* index_bench.c - what a match costs, and what a subscription weighs, at a thousand and at a million subscriptions.
 *
 * Filters are site/<0-999>/der/<0-99>/telemetry/<0-9>, 5 % of them with wildcards of six shapes. Bytes are those that
 * were asked for, each block rounded up to 16. "hot" is 1,000 topics in turn, "cold" as many as fit the pattern. */
#include <stdio.h>
#include <time.h>

#include "topic/testing.h"
#include "topic/topic.h"

enum { FILTER_MAX = 64, TOPICS = 1 << 18, HOT = 1000, DESTINATIONS = 2, OWNERS = 997 };

static const bb_seed seed = {0x243f6a8885a308d3, 0x13198a2e03707344};
static uint64_t dice = 1;

static void *rounded_alloc(void *context, size_t size)
{
    *(int64_t *)context += (int64_t)((size + 15) / 16 * 16);
    return malloc(size);
}

static void rounded_release(void *context, void *block, size_t size)
{
    *(int64_t *)context -= (int64_t)((size + 15) / 16 * 16);
    free(block);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void topic_make(char *out, uint32_t number)
{
    snprintf(out, FILTER_MAX, "site/%u/der/%u/telemetry/%u", number / 1000, number / 10 % 100, number % 10);
}

static void wildcard_make(char *out)
{
    uint32_t site = testing_random(&dice) % 1000, der = testing_random(&dice) % 100, last = testing_random(&dice) % 10;
    uint32_t form = testing_random(&dice) % 42; /* the last two are as few as they are wide */
    switch (form < 40 ? form % 4 : form) {
    case 0:
        snprintf(out, FILTER_MAX, "site/%u/+/%u/telemetry/%u", site, der, last);
        break;
    case 1:
        snprintf(out, FILTER_MAX, "site/%u/der/+/telemetry/%u", site, last);
        break;
    case 2:
        snprintf(out, FILTER_MAX, "site/%u/der/%u/#", site, der);
        break;
    case 3:
        snprintf(out, FILTER_MAX, "site/%u/der/%u/+/%u", site, der, last);
        break;
    case 40:
        snprintf(out, FILTER_MAX, "site/+/der/%u/telemetry/%u", der, last);
        break;
    default:
        snprintf(out, FILTER_MAX, "site/%u/#", site);
    }
}

/* Distinct filters: exact ones count up in steps that are coprime to a million, wildcards repeat now and then. */
static void filter_make(char *out, uint32_t i)
{
    if (i % 20 == 0)
        wildcard_make(out);
    else
        topic_make(out, (uint32_t)((uint64_t)i * 700001 % 1000000));
}

static void count(void *context, bb_subscribers *subscribers, bb_group *groups)
{
    *(uint64_t *)context += subscribers->count;
}

static double match_ns(const bb_index *index, char (*topics)[FILTER_MAX], uint32_t among, uint64_t *found)
{
    *found = 0;
    double start = now_ns();
    for (uint32_t i = 0; i < TOPICS; i++)
        bb_index_match(index, bb_span_text(topics[i % among]), count, found);
    return (now_ns() - start) / TOPICS;
}

static double lookup_ns(bb_interest *interest, char (*topics)[FILTER_MAX], uint32_t among, uint64_t *found)
{
    *found = 0;
    double start = now_ns();
    for (uint32_t i = 0; i < TOPICS; i++)
        *found += bb_interest_lookup(interest, bb_span_text(topics[i % among]), NULL, NULL);
    return (now_ns() - start) / TOPICS;
}

static double median_of_5(double *values)
{
    for (int i = 1; i < 5; i++) {
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double swapped = values[k];
            values[k] = values[k - 1];
            values[k - 1] = swapped;
        }
    }
    return values[2];
}

static void run(uint32_t subscriptions, char (*topics)[FILTER_MAX])
{
    int64_t index_bytes = 0, interest_bytes = 0;
    bb_mem mem = {.alloc = rounded_alloc, .release = rounded_release, .context = &index_bytes};
    bb_mem shared = {.alloc = rounded_alloc, .release = rounded_release, .context = &interest_bytes};
    bb_index *index = bb_index_new(&mem, &seed);
    bb_interest *interest = bb_interest_new(&shared, &seed, DESTINATIONS, (bb_locks){NULL, NULL, NULL});
    int64_t index_empty = index_bytes, interest_empty = interest_bytes;
    static bb_subscription *owned[OWNERS];
    uint32_t distinct = 0;
    double add_ns = 0, enter_ns = 0, slowest_ns = 0;

    for (uint32_t i = 0; i < subscriptions; i++) {
        char text[FILTER_MAX];
        bb_index_added added;
        filter_make(text, i);
        bb_filter filter = {.text = bb_span_text(text), .wildcard = i % 20 == 0};
        double start = now_ns();
        bb_filter_key key = bb_filter_key_of(&filter, &seed);
        if (!bb_index_add(index, &key, &owned[i % OWNERS], &owned[i % OWNERS], &added))
            abort();
        double middle = now_ns();
        bool first = added == BB_INDEX_FIRST;
        if (first && !bb_interest_add(interest, &shared, &key, i % DESTINATIONS))
            abort();
        double end = now_ns();
        distinct += first;
        add_ns += middle - start;
        enter_ns += end - middle;
        slowest_ns = end - start > slowest_ns ? end - start : slowest_ns;
    }

    double cold[5], hot[5], wide[5], narrow[5];
    uint64_t found = 0, named = 0;
    for (int i = 0; i < 5; i++) {
        hot[i] = match_ns(index, topics, HOT, &found);
        cold[i] = match_ns(index, topics, TOPICS, &found);
        narrow[i] = lookup_ns(interest, topics, HOT, &named);
        wide[i] = lookup_ns(interest, topics, TOPICS, &named);
    }
    printf("subscriptions           %u on %u filters\n", subscriptions, distinct);
    printf("index: match hot/cold   %.0f / %.0f ns, %.2f subscribers a topic\n", median_of_5(hot), median_of_5(cold),
           (double)found / TOPICS);
    printf("index: bytes            %.1f a subscription, %lld when empty\n",
           (double)(index_bytes - index_empty) / subscriptions, (long long)index_empty);
    printf("index: add              %.0f ns (two readings of the clock included)\n", add_ns / subscriptions);
    printf("interest: look-up       %.0f / %.0f ns without locks\n", median_of_5(narrow), median_of_5(wide));
    printf("interest: bytes         %.1f a filter, %lld when empty\n",
           (double)(interest_bytes - interest_empty) / distinct, (long long)interest_empty);
    printf("interest: add           %.0f ns\n", enter_ns / distinct);
    printf("slowest subscribe       %.0f us\n\n", slowest_ns / 1000);

    for (uint32_t i = 0; i < OWNERS; i++) {
        bool last;
        while (owned[i])
            bb_index_remove(index, owned[i], &last);
    }
    bb_index_free(index);
    bb_interest_free(interest, &shared);
    if (index_bytes != 0 || interest_bytes != 0 || (found > 0) != (named > 0))
        abort();
}

static void hash_run(size_t length)
{
    static uint8_t bytes[128];
    uint64_t sum = 0;
    for (int i = 0; i < 128; i++)
        bytes[i] = (uint8_t)(i * 29);
    double start = now_ns();
    for (uint32_t i = 0; i < 10000000; i++)
        sum += bb_hash(bb_span_of(bytes + i % 64, length), &seed);
    printf("bb_hash of %zu bytes: %.1f ns%s\n", length, (now_ns() - start) / 1e7, sum == 0 ? "!" : "");
}

int main(void)
{
    static char topics[TOPICS][FILTER_MAX];
    for (uint32_t i = 0; i < TOPICS; i++)
        topic_make(topics[i], testing_random(&dice) % 1000000);
    run(1000, topics);
    run(1000000, topics);
    hash_run(5);
    hash_run(25);
    return 0;
}
