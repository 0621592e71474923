#include "tool/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/say.h"

bb_payload bb_payload_of(bb_span text)
{
    return (bb_payload){.size = (uint32_t)text.len, .text = text, .fd = -1};
}

static bool complain(const char *name)
{
    bb_say("%s: %s", name, strerror(errno));
    return false;
}

static bool set_size(bb_payload *payload, uint64_t size)
{
    payload->size = (uint32_t)size;
    if (size <= BB_PAYLOAD_MAX)
        return true;
    bb_say("%s: %llu bytes, but a payload may have %d", payload->name, (unsigned long long)size, BB_PAYLOAD_MAX);
    return false;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* Copy what comes from `from`, until its end, to the temporary file. */
static bool spool(bb_payload *payload, int from)
{
    uint64_t size = 0;
    for (;;) {
        ssize_t got = read(from, payload->buffer, BB_PAYLOAD_PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return complain(payload->name);
        if (got == 0)
            return true;
        if (!set_size(payload, size += (uint64_t)got))
            return false;
        if (!write_all(payload->fd, payload->buffer, (size_t)got))
            return complain("the temporary copy of standard input");
    }
}

static int open_temporary(void)
{
    FILE *file = tmpfile();
    int fd = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 3) : -1;
    if (file)
        fclose(file);
    return fd;
}

static bool copy_stream(bb_payload *payload, int from)
{
    payload->fd = open_temporary();
    payload->start = 0;
    if (payload->fd < 0)
        return complain("a temporary file");
    return spool(payload, from);
}

static bool is_file(int fd, uint64_t *start, uint64_t *left)
{
    struct stat facts;
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || at < 0)
        return false;
    *start = (uint64_t)at;
    *left = facts.st_size > at ? (uint64_t)(facts.st_size - at) : 0;
    return true;
}

/* Pipes, terminals and /proc have no size that can be known before. */
static bool take(bb_payload *payload, int fd)
{
    uint64_t left;
    if (!is_file(fd, &payload->start, &left) || left == 0) {
        bool copied = copy_stream(payload, fd);
        close(fd);
        return copied;
    }
    payload->fd = fd;
    return set_size(payload, left);
}

bool bb_payload_open(const char *path, bb_payload *out)
{
    *out = (bb_payload){.fd = -1, .name = path ? path : "standard input", .buffer = malloc(BB_PAYLOAD_PIECE)};
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || !out->buffer) {
        complain(out->name);
        if (fd >= 0)
            close(fd);
        bb_payload_close(out);
        return false;
    }
    if (take(out, fd))
        return true;
    bb_payload_close(out);
    return false;
}

bb_span bb_payload_read(bb_payload *payload, uint32_t offset)
{
    if (payload->fd < 0)
        return bb_span_from(payload->text, offset);
    uint32_t left = payload->size - offset;
    size_t wanted = left < BB_PAYLOAD_PIECE ? left : BB_PAYLOAD_PIECE;
    ssize_t got = pread(payload->fd, payload->buffer, wanted, (off_t)(payload->start + offset));
    if (got > 0)
        return bb_span_of(payload->buffer, (size_t)got);
    if (got == 0)
        bb_say("%s has become shorter while it was read", payload->name);
    else
        complain(payload->name);
    return BB_SPAN_NONE;
}

void bb_payload_close(bb_payload *payload)
{
    if (payload->fd >= 0)
        close(payload->fd);
    free(payload->buffer);
    payload->fd = -1;
    payload->buffer = NULL;
}
