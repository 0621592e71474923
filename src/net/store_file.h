/* store_file.h - what both stores do with files. Private to this folder. */
#ifndef BB_NET_STORE_FILE_H
#define BB_NET_STORE_FILE_H

#include "base/span.h"

/* Write all `parts` at `offset`; false: not all of it could be written. */
bool bb_store_file_write(int fd, uint64_t offset, const bb_span *parts, size_t count);

/* Read at most `cap` bytes from `offset`; returns how many: fewer only at the end or where reading fails. */
size_t bb_store_file_read(int fd, uint64_t offset, uint8_t *out, size_t cap);

size_t bb_store_parts_size(const bb_span *parts, size_t count);

#endif
