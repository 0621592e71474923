/* aliases.c - topic aliases of 5.0: the topics behind the numbers lie in memory of the caller, as records of a store.
 * Spec: 3.3.2.3.4. */
#include "client/inside.h"

static void begin(bb_client_aliases *aliases)
{
    aliases->in.used = aliases->out.used = 0;
    aliases->out_used = 0;
    aliases->out_fresh = false;
}

static bb_status receive(bb_client_aliases *aliases, uint16_t alias, bb_span *topic)
{
    bb_client_store *store = &aliases->in.store;
    if (alias > aliases->in_max)
        return BB_E_TOPIC_ALIAS;
    if (topic->len > 0)
        return store->put(store->context, alias, 0, topic, 1) ? BB_OK : BB_E_NO_MEMORY;
    return bb_client_ram_find(&aliases->in, alias, topic) ? BB_OK : BB_E_PROTOCOL;
}

static uint16_t send(bb_client_aliases *aliases, uint16_t max, bb_span *topic)
{
    bb_client_store *store = &aliases->out.store;
    bb_span known;
    aliases->out_fresh = false;
    for (uint16_t alias = 1; alias <= aliases->out_used; alias++) {
        if (bb_client_ram_find(&aliases->out, alias, &known) && bb_span_equal(known, *topic)) {
            *topic = BB_SPAN_NONE;
            return alias;
        }
    }
    uint16_t next = aliases->out_used + 1;
    if (next > max || next > aliases->out_max || !store->put(store->context, next, 0, topic, 1))
        return 0;
    aliases->out_fresh = true;
    return aliases->out_used = next;
}

static void settle(bb_client_aliases *aliases, bool sent)
{
    bb_client_store *store = &aliases->out.store;
    if (aliases->out_fresh && !sent)
        store->remove(store->context, aliases->out_used--);
    aliases->out_fresh = false;
}

static const struct bb_client_alias_functions functions = {begin, receive, send, settle};

void bb_client_aliases_init(bb_client_aliases *aliases, void *in, size_t in_size, uint16_t in_max, void *out,
                            size_t out_size, uint16_t out_max)
{
    bb_client_ram_store_init(&aliases->in, in, in_size);
    bb_client_ram_store_init(&aliases->out, out, out_size);
    aliases->functions = &functions;
    aliases->in_max = in_max;
    aliases->out_max = out_max;
    begin(aliases);
}
