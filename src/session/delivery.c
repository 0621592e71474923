#include "session/delivery.h"

static bb_origin_list *list_of(bb_origin origin)
{
    return origin && !(origin & 1) ? (bb_origin_list *)(uintptr_t)origin : NULL;
}

bb_origin bb_origin_new(bb_mem *mem, const uint32_t *ids, uint32_t count, uint64_t group)
{
    if (!group && count <= 1)
        return count ? bb_origin_single(ids[0]) : 0;
    bb_origin_list *list = bb_mem_alloc(mem, sizeof *list + count * sizeof *ids);
    if (!list)
        return 0;
    *list = (bb_origin_list){.refs = 1, .count = count, .group = group};
    if (count)
        memcpy(list->ids, ids, count * sizeof *ids);
    return (bb_origin)(uintptr_t)list;
}

bb_origin bb_origin_ref(bb_origin origin)
{
    bb_origin_list *list = list_of(origin);
    if (list)
        list->refs++;
    return origin;
}

void bb_origin_unref(bb_origin origin, bb_mem *mem)
{
    bb_origin_list *list = list_of(origin);
    if (list && --list->refs == 0)
        bb_mem_free(mem, list, sizeof *list + list->count * sizeof *list->ids);
}

const uint32_t *bb_origin_ids(bb_origin origin, uint32_t *single, size_t *count)
{
    bb_origin_list *list = list_of(origin);
    if (list) {
        *count = list->count;
        return list->ids;
    }
    *single = (uint32_t)(origin >> 1);
    *count = origin != 0;
    return single;
}

uint64_t bb_origin_group(bb_origin origin)
{
    bb_origin_list *list = list_of(origin);
    return list ? list->group : 0;
}

void bb_delivery_drop(bb_delivery *delivery, bb_mem *mem)
{
    if (delivery->message)
        bb_message_unref(delivery->message, mem);
    bb_origin_unref(delivery->origin, mem);
    delivery->message = NULL;
    delivery->origin = 0;
}
