#include "net/store_file.h"

#include <errno.h>
#include <unistd.h>

static bool write_one(int fd, uint64_t offset, bb_span bytes)
{
    while (bytes.len) {
        ssize_t n = pwrite(fd, bytes.data, bytes.len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = bb_span_from(bytes, (size_t)n);
        offset += (uint64_t)n;
    }
    return true;
}

bool bb_store_file_write(int fd, uint64_t offset, const bb_span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!write_one(fd, offset, parts[i]))
            return false;
        offset += parts[i].len;
    }
    return true;
}

size_t bb_store_file_read(int fd, uint64_t offset, uint8_t *out, size_t cap)
{
    size_t got = 0;
    while (got < cap) {
        ssize_t n = pread(fd, out + got, cap - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

size_t bb_store_parts_size(const bb_span *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].len;
    return size;
}
