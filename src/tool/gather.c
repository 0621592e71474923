#include "tool/gather.h"

#include <stdlib.h>

bool bb_gather_add(bb_gather *gather, size_t offset, bb_span piece)
{
    size_t len = offset + piece.len;
    if (len > gather->cap) {
        size_t cap = len > 2 * gather->cap ? len : 2 * gather->cap;
        uint8_t *grown = realloc(gather->at, cap);
        if (!grown)
            return false;
        gather->at = grown;
        gather->cap = cap;
    }
    if (piece.len)
        memcpy(gather->at + offset, piece.data, piece.len);
    gather->len = len;
    return true;
}

void bb_gather_free(bb_gather *gather)
{
    free(gather->at);
    *gather = (bb_gather){NULL, 0, 0};
}
