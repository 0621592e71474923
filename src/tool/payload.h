/* payload.h - where a payload comes from: a text, a file, standard input; read piece by piece.
 *
 * What      MQTT wants to know the size of a payload before its first byte. A file has one; of standard input that is
 *           not a file, a copy is made in a temporary file first. So payloads of 256 MB need a buffer and no more.
 * Errors    Said by the functions themselves, as the command's. */
#ifndef BB_TOOL_PAYLOAD_H
#define BB_TOOL_PAYLOAD_H

#include "base/span.h"

enum { BB_PAYLOAD_MAX = 268435455, BB_PAYLOAD_PIECE = 65536 };

typedef struct bb_payload {
    uint32_t size;
    bb_span text; /* the payload, where fd is -1 */
    int fd;
    uint64_t start; /* of the payload in the file */
    const char *name;
    uint8_t *buffer; /* BB_PAYLOAD_PIECE bytes; malloc'ed */
} bb_payload;

/* A payload in memory; `text` must live as long as it. Nothing needs to be closed. */
bb_payload bb_payload_of(bb_span text);

/* Open a file, or with NULL standard input, whole. False: it cannot be read, or is larger than a payload may be. */
bool bb_payload_open(const char *path, bb_payload *out);

/* The bytes from `offset` on, at least one and as many as are at hand. They live until the next call. Empty: the file
 * has become shorter, or cannot be read. */
bb_span bb_payload_read(bb_payload *payload, uint32_t offset);

void bb_payload_close(bb_payload *payload);

#endif
