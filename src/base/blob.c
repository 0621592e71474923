#include "base/blob.h"

enum { PIECES_INSIDE = 2 }; /* a payload of up to two pieces needs no table of its own */

typedef struct piece {
    uint8_t *bytes;
    size_t start; /* offset of its first byte in the blob */
    size_t cap;
} piece;

struct bb_blob {
    _Atomic uint32_t refs;
    uint32_t pieces_now, pieces_cap;
    size_t size;
    piece *pieces; /* in order; all but the last are full */
    piece inside[PIECES_INSIDE];
};

bb_blob *bb_blob_new(bb_mem *mem)
{
    bb_blob *blob = bb_mem_alloc(mem, sizeof *blob);
    if (!blob)
        return NULL;
    atomic_init(&blob->refs, 1);
    blob->pieces_now = 0;
    blob->pieces_cap = PIECES_INSIDE;
    blob->size = 0;
    blob->pieces = blob->inside;
    return blob;
}

static bool grow_table(bb_blob *blob, bb_mem *mem)
{
    size_t old = blob->pieces_cap * sizeof *blob->pieces;
    piece *larger = bb_mem_alloc(mem, 2 * old);
    if (!larger)
        return false;
    memcpy(larger, blob->pieces, old);
    if (blob->pieces != blob->inside)
        bb_mem_free(mem, blob->pieces, old);
    blob->pieces = larger;
    blob->pieces_cap *= 2;
    return true;
}

static bool add_piece(bb_blob *blob, bb_mem *mem, size_t cap)
{
    if (blob->pieces_now == blob->pieces_cap && !grow_table(blob, mem))
        return false;
    uint8_t *bytes = bb_mem_alloc(mem, cap);
    if (!bytes)
        return false;
    blob->pieces[blob->pieces_now++] = (piece){.bytes = bytes, .start = blob->size, .cap = cap};
    return true;
}

static size_t room_at_end(const bb_blob *blob)
{
    if (!blob->pieces_now)
        return 0;
    const piece *last = &blob->pieces[blob->pieces_now - 1];
    return last->start + last->cap - blob->size;
}

bool bb_blob_reserve(bb_blob *blob, bb_mem *mem, size_t want, uint8_t **at, size_t *room)
{
    BB_CHECK(want > 0);
    if (!room_at_end(blob) && !add_piece(blob, mem, want < BB_BLOB_PIECE ? want : BB_BLOB_PIECE))
        return false;
    const piece *last = &blob->pieces[blob->pieces_now - 1];
    size_t fits = room_at_end(blob);
    *at = last->bytes + (blob->size - last->start);
    *room = fits < want ? fits : want;
    return true;
}

void bb_blob_commit(bb_blob *blob, size_t n)
{
    BB_CHECK(n <= room_at_end(blob));
    blob->size += n;
}

bool bb_blob_append(bb_blob *blob, bb_mem *mem, bb_span bytes)
{
    while (bytes.len) {
        uint8_t *at;
        size_t room;
        if (!bb_blob_reserve(blob, mem, bytes.len, &at, &room))
            return false;
        memcpy(at, bytes.data, room);
        bb_blob_commit(blob, room);
        bytes = bb_span_from(bytes, room);
    }
    return true;
}

size_t bb_blob_size(const bb_blob *blob)
{
    return blob->size;
}

/* The piece that holds the byte at `offset`, which is inside the blob. */
static uint32_t find_piece(const bb_blob *blob, size_t offset)
{
    uint32_t low = 0, high = blob->pieces_now;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (blob->pieces[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

size_t bb_blob_peek(const bb_blob *blob, size_t offset, bb_span *spans, size_t max)
{
    if (offset >= blob->size)
        return 0;
    size_t n = 0;
    for (uint32_t i = find_piece(blob, offset); n < max && offset < blob->size; i++) {
        const piece *at = &blob->pieces[i];
        size_t end = at->start + at->cap < blob->size ? at->start + at->cap : blob->size;
        spans[n++] = bb_span_of(at->bytes + (offset - at->start), end - offset);
        offset = end;
    }
    return n;
}

bb_blob *bb_blob_ref(bb_blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    return blob;
}

void bb_blob_unref(bb_blob *blob, bb_mem *mem)
{
    if (atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < blob->pieces_now; i++)
        bb_mem_free(mem, blob->pieces[i].bytes, blob->pieces[i].cap);
    if (blob->pieces != blob->inside)
        bb_mem_free(mem, blob->pieces, blob->pieces_cap * sizeof *blob->pieces);
    bb_mem_free(mem, blob, sizeof *blob);
}
