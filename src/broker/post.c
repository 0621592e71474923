/* post.c - messages between workers: written flat into the other one's inbox, read there as a view.
 *
 *     bb_post_head │ group hashes │ topic │ properties │ payload (or a reference to its blob, in the head) */
#include "broker/internal.h"

typedef struct post_head {
    bb_blob *blob; /* a reference that travels with the post */
    bb_time expires;
    uint64_t topic_hash, publisher;
    uint64_t tried; /* workers that had no member for the groups */
    uint32_t properties_len, payload_len, expiry_at, groups_count;
    uint16_t topic_len;
    uint8_t qos;
    bool retain, ordinary;
} post_head;

bool bb_post(bb_broker *broker, unsigned worker, const bb_content *content, bool ordinary, const uint64_t *groups,
             uint32_t groups_count, uint64_t tried)
{
    size_t payload_len = content->blob ? 0 : content->payload.len;
    size_t size =
        sizeof(post_head) + groups_count * sizeof *groups + content->topic.len + content->properties.len + payload_len;
    uint8_t *at = broker->port.post_reserve(broker->port.shell, worker, size);
    if (!at)
        return false;
    *(post_head *)(void *)at = (post_head){
        .blob = content->blob ? bb_blob_ref(content->blob) : NULL,
        .expires = content->expires,
        .topic_hash = content->topic_hash,
        .publisher = content->publisher,
        .tried = tried,
        .properties_len = (uint32_t)content->properties.len,
        .payload_len = (uint32_t)payload_len,
        .expiry_at = content->expiry_at,
        .groups_count = groups_count,
        .topic_len = (uint16_t)content->topic.len,
        .qos = content->qos,
        .retain = content->retain,
        .ordinary = ordinary,
    };
    at += sizeof(post_head);
    if (groups_count)
        memcpy(at, groups, groups_count * sizeof *groups);
    at += groups_count * sizeof *groups;
    memcpy(at, content->topic.data, content->topic.len);
    at += content->topic.len;
    if (content->properties.len)
        memcpy(at, content->properties.data, content->properties.len);
    at += content->properties.len;
    if (payload_len)
        memcpy(at, content->payload.data, payload_len);
    broker->port.post_commit(broker->port.shell, worker, size);
    bb_count(&broker->stats.posts_out, 1);
    return true;
}

void bb_broker_take_post(bb_broker *broker, const void *post, size_t size, bb_time now)
{
    const post_head *head = post;
    const uint64_t *groups = (const uint64_t *)(const void *)(head + 1);
    const uint8_t *topic = (const uint8_t *)(groups + head->groups_count), *properties = topic + head->topic_len;
    BB_CHECK(properties + head->properties_len + head->payload_len <= (const uint8_t *)post + size);
    bb_content content = {
        .topic = bb_span_of(topic, head->topic_len),
        .properties = bb_span_of(properties, head->properties_len),
        .payload = bb_span_of(properties + head->properties_len, head->payload_len),
        .blob = head->blob,
        .expires = head->expires,
        .expiry_at = head->expiry_at,
        .qos = head->qos,
        .retain = head->retain,
        .topic_hash = head->topic_hash,
        .publisher = head->publisher,
    };
    bb_source source = {&content, NULL};
    broker->now = now;
    if (head->ordinary) {
        const bb_route *route = bb_route_find(broker, content.topic, content.topic_hash);
        if (route)
            bb_deliver_route(broker, route, &source);
        else
            bb_dropped(broker, NULL, content.topic, BB_E_NO_MEMORY, 1);
    }
    for (uint32_t i = 0; i < head->groups_count; i++)
        bb_shared_deliver(broker, groups[i], &source, head->tried);
    bb_source_done(broker, &source);
    if (head->blob)
        bb_blob_unref(head->blob, broker->mem);
}

void bb_broker_drop_post(bb_broker *broker, const void *post, size_t size)
{
    const post_head *head = post;
    (void)size;
    if (head->blob)
        bb_blob_unref(head->blob, broker->mem);
}
