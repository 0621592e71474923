#include "store/digest.h"

#include "base/hash.h"

static const bb_seed seed = {0x6a09e667f3bcc908,
                             0xbb67ae8584caa73b}; /* of maps that no peer can slow down for others */

void bb_digest_init(bb_digest *digest, bb_mem *mem, uint64_t late)
{
    *digest = (bb_digest){.mem = mem, .late = late};
    bb_map_init(&digest->fates, mem);
    bb_map_init(&digest->sessions, mem);
    bb_map_init(&digest->topics, mem);
}

static uint64_t hash_of_pair(uint64_t session, uint64_t sequence)
{
    return bb_hash_mix(bb_hash_mix(session, seed.a), sequence);
}

bb_fate *bb_digest_fate(const bb_digest *digest, uint64_t session, uint64_t sequence)
{
    bb_map_node *node = bb_map_first(&digest->fates, hash_of_pair(session, sequence));
    for (; node; node = bb_map_next(node)) {
        bb_fate *fate = BB_CONTAINER_OF(node, bb_fate, node);
        if (fate->session == session && fate->sequence == sequence)
            return fate;
    }
    return NULL;
}

bb_session_fate *bb_digest_session(const bb_digest *digest, uint64_t session)
{
    bb_map_node *node = bb_map_first(&digest->sessions, bb_hash_mix(session, seed.b));
    for (; node; node = bb_map_next(node)) {
        bb_session_fate *fate = BB_CONTAINER_OF(node, bb_session_fate, node);
        if (fate->session == session)
            return fate;
    }
    return NULL;
}

static bb_topic_fate *find_topic(const bb_digest *digest, bb_span topic)
{
    bb_map_node *node = bb_map_first(&digest->topics, bb_hash(topic, &seed));
    for (; node; node = bb_map_next(node)) {
        bb_topic_fate *fate = BB_CONTAINER_OF(node, bb_topic_fate, node);
        if (bb_span_equal(bb_span_of(fate->topic, fate->len), topic))
            return fate;
    }
    return NULL;
}

uint64_t bb_digest_retained(const bb_digest *digest, bb_span topic)
{
    bb_topic_fate *fate = find_topic(digest, topic);
    return fate ? fate->version : 0;
}

/* --- taking in */

static bb_fate *new_fate(bb_digest *digest)
{
    bb_fate *fate = digest->free_fates;
    if (!fate)
        return bb_mem_alloc(digest->mem, sizeof *fate);
    digest->free_fates = (bb_fate *)(void *)fate->node.next;
    return fate;
}

static void drop_fate(bb_digest *digest, bb_fate *fate)
{
    fate->node.next = (bb_map_node *)(void *)digest->free_fates;
    digest->free_fates = fate;
}

static bool settle(bb_digest *digest, uint64_t segment, uint64_t session, uint64_t sequence, bb_fate_state state,
                   uint16_t packet_id)
{
    bb_fate *fate = bb_digest_fate(digest, session, sequence);
    if (fate && (fate->state > state || (fate->state == state && state == BB_FATE_SETTLED)))
        return true;
    if (!fate) {
        fate = new_fate(digest);
        if (!fate)
            return false;
        *fate = (bb_fate){.session = session, .sequence = sequence};
        if (!bb_map_add(&digest->fates, &fate->node, hash_of_pair(session, sequence))) {
            drop_fate(digest, fate);
            return false;
        }
    }
    fate->segment = segment;
    fate->state = (uint8_t)state;
    fate->packet_id = packet_id;
    fate->met = false;
    return true;
}

static bb_session_fate *session_fate(bb_digest *digest, uint64_t segment, uint64_t session)
{
    bb_session_fate *fate = bb_digest_session(digest, session);
    if (!fate) {
        fate = bb_mem_alloc_zeroed(digest->mem, sizeof *fate);
        if (!fate)
            return NULL;
        fate->session = session;
        if (!bb_map_add(&digest->sessions, &fate->node, bb_hash_mix(session, seed.b))) {
            bb_mem_free(digest->mem, fate, sizeof *fate);
            return NULL;
        }
    }
    fate->segment = segment;
    return fate;
}

static bool session_changes(bb_digest *digest, uint64_t segment, const bb_record *record)
{
    bb_session_fate *fate = session_fate(digest, segment, record->session);
    if (!fate)
        return false;
    if (record->kind == BB_RECORD_ENDED)
        fate->ended = true;
    else if (record->sequence > fate->settled_to)
        fate->settled_to = record->sequence;
    return true;
}

static bool topic_changes(bb_digest *digest, uint64_t segment, const bb_record *record)
{
    if (!record->retain_version)
        return true;
    bb_topic_fate *fate = find_topic(digest, record->topic);
    if (!fate) {
        fate = bb_mem_alloc(digest->mem, sizeof *fate + record->topic.len);
        if (!fate)
            return false;
        fate->version = 0;
        fate->len = record->topic.len;
        if (fate->len)
            memcpy(fate->topic, record->topic.data, fate->len);
        if (!bb_map_add(&digest->topics, &fate->node, bb_hash(record->topic, &seed))) {
            bb_mem_free(digest->mem, fate, sizeof *fate + fate->len);
            return false;
        }
    }
    fate->segment = segment;
    if (record->retain_version > fate->version)
        fate->version = record->retain_version;
    return true;
}

static bool mark_moved(bb_digest *digest, const bb_record *record)
{
    bb_digest_fate(digest, record->from_session, record->from_sequence)->moved = true;
    return true;
}

bool bb_digest_take(bb_digest *digest, uint64_t segment, const bb_record *r)
{
    switch (r->kind) {
    case BB_RECORD_PUBLISH:
    case BB_RECORD_RETAINED_DELETED:
        return topic_changes(digest, segment, r);
    case BB_RECORD_MOVED:
        return settle(digest, segment, r->from_session, r->from_sequence, BB_FATE_SETTLED, 0) && mark_moved(digest, r);
    case BB_RECORD_ACKNOWLEDGED:
        return settle(digest, segment, r->session, r->sequence, BB_FATE_SETTLED, 0);
    case BB_RECORD_SENT:
        return settle(digest, segment, r->session, r->sequence, BB_FATE_SENT, (uint16_t)r->packet_id);
    case BB_RECORD_RELEASED:
        return settle(digest, segment, r->session, r->sequence, BB_FATE_RELEASED, (uint16_t)r->packet_id);
    case BB_RECORD_ACKNOWLEDGED_TO:
    case BB_RECORD_ENDED:
        return session_changes(digest, segment, r);
    default:
        return true;
    }
}

/* --- forgetting */

typedef struct forgetting {
    bb_digest *digest;
    uint64_t done, late; /* segments up to here */
} forgetting;

static void forget_fate(void *context, bb_map_node *node)
{
    forgetting *f = context;
    bb_fate *fate = BB_CONTAINER_OF(node, bb_fate, node);
    if (fate->segment > f->late && !(fate->met && fate->segment <= f->done))
        return;
    bb_map_remove(&f->digest->fates, node);
    drop_fate(f->digest, fate);
}

static void forget_session(void *context, bb_map_node *node)
{
    forgetting *f = context;
    bb_session_fate *fate = BB_CONTAINER_OF(node, bb_session_fate, node);
    if (fate->segment > f->late)
        return;
    bb_map_remove(&f->digest->sessions, node);
    bb_mem_free(f->digest->mem, fate, sizeof *fate);
}

static void forget_topic(void *context, bb_map_node *node)
{
    forgetting *f = context;
    bb_topic_fate *fate = BB_CONTAINER_OF(node, bb_topic_fate, node);
    if (fate->segment > f->done)
        return;
    bb_map_remove(&f->digest->topics, node);
    bb_mem_free(f->digest->mem, fate, sizeof *fate + fate->len);
}

static void forget(bb_digest *digest, uint64_t done, uint64_t late)
{
    forgetting f = {digest, done, late};
    bb_map_each(&digest->fates, forget_fate, &f);
    bb_map_each(&digest->sessions, forget_session, &f);
    bb_map_each(&digest->topics, forget_topic, &f);
}

void bb_digest_forget(bb_digest *digest, uint64_t segment)
{
    forget(digest, segment, segment > digest->late ? segment - digest->late : 0);
}

void bb_digest_deinit(bb_digest *digest)
{
    forget(digest, UINT64_MAX, UINT64_MAX);
    for (bb_fate *fate; (fate = digest->free_fates) != NULL;) {
        digest->free_fates = (bb_fate *)(void *)fate->node.next;
        bb_mem_free(digest->mem, fate, sizeof *fate);
    }
    bb_map_deinit(&digest->fates);
    bb_map_deinit(&digest->sessions);
    bb_map_deinit(&digest->topics);
}
