/* blob.h - a large run of bytes in pieces, written once by one thread, then shared and never changed.
 *
 * What      A payload above some KB. It grows piece by piece as its bytes arrive, so an announced length allocates
 *           nothing; when it is complete any thread may hold references to it.
 * Memory    From the bb_mem passed in; it may be given back through another thread's.
 * Threads   Before bb_blob_ref was ever called, one thread; after that immutable, counted atomically. */
#ifndef BB_BASE_BLOB_H
#define BB_BASE_BLOB_H

#include "base/mem.h"
#include "base/span.h"

enum { BB_BLOB_PIECE = 256 * 1024 }; /* bytes of a full piece; the last one may be smaller */

typedef struct bb_blob bb_blob;

/* An empty blob with one reference, or NULL. */
BB_MUST_USE bb_blob *bb_blob_new(bb_mem *mem);

/* Room at the end of the blob: where the next bytes go and how many fit, `want` (not 0) at most. Adds a piece of
 * min(want, BB_BLOB_PIECE) bytes when the last one is full. False when there is no memory; the blob is then unchanged.
 * Only while the blob has one owner. */
BB_MUST_USE bool bb_blob_reserve(bb_blob *blob, bb_mem *mem, size_t want, uint8_t **at, size_t *room);
/* The first `n` bytes of the room now belong to the blob. */
void bb_blob_commit(bb_blob *blob, size_t n);

/* Append by copying. On failure (no memory) the blob holds a part of the bytes and must be given up. */
BB_MUST_USE bool bb_blob_append(bb_blob *blob, bb_mem *mem, bb_span bytes);

size_t bb_blob_size(const bb_blob *blob);

/* Up to `max` spans that cover the blob from `offset` on; returns how many. */
size_t bb_blob_peek(const bb_blob *blob, size_t offset, bb_span *spans, size_t max);

bb_blob *bb_blob_ref(bb_blob *blob);
void bb_blob_unref(bb_blob *blob, bb_mem *mem);

#endif
