#include "transport/unix.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/socket.h"

static_assert(BB_UNIX_PATH_MAX == sizeof((struct sockaddr_un *)0)->sun_path - 1, "with a zero behind it");

static const bb_transport_ops unix_ops = {
    .name = "unix",
    .raw = true,
    .recv = bb_socket_recv,
    .send = bb_socket_send,
    .finish = bb_socket_finish,
    .close = bb_socket_close,
    .step = bb_socket_step,
    .wants = bb_socket_wants,
    .explain = bb_socket_explain,
};

static bool refuse(const char *path, const char *why, bb_text *error)
{
    bb_text_puts(error, path);
    bb_text_puts(error, ": ");
    bb_text_puts(error, why);
    return false;
}

static const char *text_of(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such socket";
    case EACCES:
    case EPERM:
        return "permission denied";
    case ECONNREFUSED:
        return "connection refused (nothing listens on this socket)";
    case EAGAIN: /* no event would come */
        return "too many connections wait to be accepted";
    default:
        return bb_socket_error_text(error);
    }
}

bool bb_unix_connect(const char *path, bb_transport *out, bb_text *error)
{
    size_t len = strlen(path);
    if (!len)
        return refuse(path, "a Unix socket needs a path", error);
    if (len > BB_UNIX_PATH_MAX)
        return refuse(path, "the path of a Unix socket has at most 107 bytes", error);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, len);
    socklen_t size = sizeof address;
    if (path[0] == '@') {
        address.sun_path[0] = 0;
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refuse(path, text_of(errno), error);
    if (connect(fd, (struct sockaddr *)&address, size) < 0) {
        refuse(path, text_of(errno), error);
        close(fd);
        return false;
    }
    *out = (bb_transport){.ops = &unix_ops, .fd = fd};
    return true;
}
