#include "message/message.h"

static size_t message_size(const bb_message *message)
{
    return sizeof *message + message->topic_len + message->properties_len + message->payload_len;
}

void bb_content_write(const bb_content *content, uint8_t *at)
{
    memcpy(at, content->topic.data, content->topic.len);
    at += content->topic.len;
    if (content->properties.len)
        memcpy(at, content->properties.data, content->properties.len);
    at += content->properties.len;
    if (!content->blob && content->payload.len)
        memcpy(at, content->payload.data, content->payload.len);
}

bb_message *bb_message_new(bb_mem *mem, const bb_content *content)
{
    size_t payload_len = content->blob ? 0 : content->payload.len;
    bb_message *message =
        bb_mem_alloc(mem, sizeof *message + content->topic.len + content->properties.len + payload_len);
    if (!message)
        return NULL;
    *message = (bb_message){
        .refs = 1,
        .topic_len = (uint16_t)content->topic.len,
        .qos = content->qos,
        .retain = content->retain,
        .properties_len = (uint32_t)content->properties.len,
        .payload_len = (uint32_t)payload_len,
        .expiry_at = content->expiry_at,
        .blob = content->blob ? bb_blob_ref(content->blob) : NULL,
        .expires = content->expires,
        .topic_hash = content->topic_hash,
        .publisher = content->publisher,
    };
    bb_content_write(content, message->bytes);
    return message;
}

void bb_message_unref(bb_message *message, bb_mem *mem)
{
    BB_CHECK(message->refs > 0);
    if (--message->refs)
        return;
    if (message->blob)
        bb_blob_unref(message->blob, mem);
    bb_mem_free(mem, message, message_size(message));
}

bb_content bb_message_content(const bb_message *message)
{
    const uint8_t *properties = message->bytes + message->topic_len;
    return (bb_content){
        .topic = bb_span_of(message->bytes, message->topic_len),
        .properties = bb_span_of(properties, message->properties_len),
        .payload = bb_span_of(properties + message->properties_len, message->payload_len),
        .blob = message->blob,
        .expires = message->expires,
        .expiry_at = message->expiry_at,
        .qos = message->qos,
        .retain = message->retain,
        .topic_hash = message->topic_hash,
        .publisher = message->publisher,
    };
}

uint64_t bb_message_bytes(const bb_message *message)
{
    return message_size(message) + (message->blob ? bb_blob_size(message->blob) : 0);
}

/* Copy `raw` without the `cut_len` bytes at `cut_at`. */
static size_t copy_without(bb_span raw, size_t cut_at, size_t cut_len, uint8_t *out, uint32_t *expiry_at)
{
    if (cut_at)
        memcpy(out, raw.data, cut_at);
    if (raw.len > cut_at + cut_len)
        memcpy(out + cut_at, raw.data + cut_at + cut_len, raw.len - cut_at - cut_len);
    if (cut_len && *expiry_at > cut_at)
        *expiry_at -= (uint32_t)cut_len;
    return raw.len - cut_len;
}

size_t bb_properties_forwardable(const bb_properties *properties, uint8_t *out, uint32_t *expiry_at)
{
    enum { ALIAS_BYTES = 3 };
    bool has_alias = properties->present & BB_HAS(topic_alias);
    *expiry_at = properties->present & BB_HAS(message_expiry_s) ? properties->expiry_at : 0;
    return copy_without(properties->raw, has_alias ? properties->alias_at : 0, has_alias ? ALIAS_BYTES : 0, out,
                        expiry_at);
}

size_t bb_will_properties_forwardable(const bb_properties *properties, uint8_t *out, uint32_t *expiry_at)
{
    enum { DELAY_BYTES = 5 };
    bool has_delay = properties->present & BB_HAS(will_delay_s);
    *expiry_at = properties->present & BB_HAS(message_expiry_s) ? properties->expiry_at : 0;
    return copy_without(properties->raw, has_delay ? properties->delay_at : 0, has_delay ? DELAY_BYTES : 0, out,
                        expiry_at);
}

uint32_t bb_content_expiry_left_s(const bb_content *content, bb_time now)
{
    if (content->expires == BB_NEVER)
        return UINT32_MAX;
    return content->expires <= now ? 0 : (uint32_t)((content->expires - now + 999) / 1000);
}
