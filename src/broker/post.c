/* post.c - messages between workers: written flat into the other one's inbox, read there as a view.
 *
 *     post_head │ topic │ properties │ payload (or a reference to its blob, in the head)
 *
 * A post is for the ordinary subscriptions of a worker, or for one member of one group there. */
#include "broker/internal.h"

typedef struct post_head {
    bb_blob *blob; /* a reference that travels with the post */
    bb_time expires;
    uint64_t topic_hash, publisher;
    bb_post_group group; /* hash 0: for the ordinary subscriptions */
    uint32_t properties_len, payload_len, expiry_at;
    uint16_t topic_len;
    uint8_t qos;
    bool retain;
} post_head;

bool bb_post(bb_broker *broker, unsigned worker, const bb_content *content, const bb_post_group *group)
{
    size_t payload_len = content->blob ? 0 : content->payload.len;
    size_t size = sizeof(post_head) + content->topic.len + content->properties.len + payload_len;
    uint8_t *at = broker->port.post_reserve(broker->port.shell, worker, size);
    if (!at)
        return false;
    *(post_head *)(void *)at = (post_head){
        .blob = content->blob ? bb_blob_ref(content->blob) : NULL,
        .expires = content->expires,
        .topic_hash = content->topic_hash,
        .publisher = content->publisher,
        .group = group ? *group : (bb_post_group){0},
        .properties_len = (uint32_t)content->properties.len,
        .payload_len = (uint32_t)payload_len,
        .expiry_at = content->expiry_at,
        .topic_len = (uint16_t)content->topic.len,
        .qos = content->qos,
        .retain = content->retain,
    };
    bb_content_write(content, at + sizeof(post_head));
    broker->port.post_commit(broker->port.shell, worker, size);
    bb_count(&broker->stats.posts_out, 1);
    return true;
}

static void deliver_here(bb_broker *broker, bb_source *source)
{
    const bb_content *content = source->content;
    const bb_route *route = bb_route_find(broker, content->topic, content->topic_hash);
    if (route)
        bb_deliver_route(broker, route, source);
    else
        bb_dropped(broker, NULL, content->topic, BB_E_NO_MEMORY, 1);
}

void bb_broker_take_post(bb_broker *broker, const void *post, size_t size, bb_time now)
{
    const post_head *head = post;
    const uint8_t *topic = (const uint8_t *)(head + 1), *properties = topic + head->topic_len;
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
    if (head->group.hash)
        bb_shared_deliver(broker, &head->group, &source);
    else
        deliver_here(broker, &source);
    bb_source_done(broker, &source);
    if (head->blob)
        bb_blob_unref(head->blob, broker->mem);
}

void bb_broker_expect_post(const bb_broker *broker, const void *post, bool soon)
{
    const post_head *head = post;
    if (soon)
        bb_route_expect_soon(broker, head->topic_hash);
    else
        bb_route_expect(broker, head->topic_hash);
}

void bb_broker_drop_post(bb_broker *broker, const void *post, size_t size)
{
    const post_head *head = post;
    (void)size;
    if (head->blob)
        bb_blob_unref(head->blob, broker->mem);
}
