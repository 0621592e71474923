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

/* False: no socket can have this path, and `error` says why. */
static bool make_address(const char *path, struct sockaddr_un *out, socklen_t *size, bb_text *error)
{
    size_t len = strlen(path);
    if (!len)
        return refuse(path, "a Unix socket needs a path", error);
    if (len > BB_UNIX_PATH_MAX)
        return refuse(path, "the path of a Unix socket has at most 107 bytes", error);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, path, len);
    *size = sizeof *out;
    if (path[0] == '@') {
        out->sun_path[0] = 0;
        *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    return true;
}

static int open_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

bool bb_unix_connect(const char *path, bb_transport *out, bb_text *error)
{
    struct sockaddr_un address;
    socklen_t size;
    if (!make_address(path, &address, &size, error))
        return false;
    int fd = open_socket();
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

/* --- listening */

static const char *listening_text_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "somebody listens on this socket already";
    case ENOTSOCK:
        return "there is a file of this name, which is not a socket";
    case ENOENT:
        return "the folder does not exist";
    case EACCES:
    case EPERM:
        return "permission denied: busbard may not make a file in this folder";
    default:
        return bb_socket_error_text(error);
    }
}

/* What lies at the path of an address that is in use: 0 when it was a socket that nobody listens on, and is gone now;
 * else an errno. */
static int remove_stale(const struct sockaddr_un *address, socklen_t size)
{
    struct stat file;
    if (!address->sun_path[0])
        return EADDRINUSE;
    if (lstat(address->sun_path, &file) != 0)
        return errno == ENOENT ? 0 : errno; /* whose it was has just removed it */
    if (!S_ISSOCK(file.st_mode))
        return ENOTSOCK;
    int probe = open_socket();
    if (probe < 0)
        return errno;
    bool stale = connect(probe, (const struct sockaddr *)address, size) != 0 && errno == ECONNREFUSED;
    close(probe);
    if (!stale)
        return EADDRINUSE;
    return unlink(address->sun_path) == 0 ? 0 : errno;
}

/* The permissions are set before, so that there is no moment in which more is allowed, and again behind, because the
 * process's umask has taken from them. */
static int bind_and_listen(int fd, const struct sockaddr_un *address, socklen_t size, mode_t mode)
{
    bool named = address->sun_path[0] != 0;
    if (named && fchmod(fd, mode) != 0)
        return errno;
    if (bind(fd, (const struct sockaddr *)address, size) != 0)
        return errno;
    if (named && chmod(address->sun_path, mode) != 0)
        return errno;
    return listen(fd, BB_TCP_BACKLOG) == 0 ? 0 : errno;
}

bool bb_unix_listen(const char *path, mode_t mode, bb_unix_listener *out, bb_text *error)
{
    struct sockaddr_un address;
    struct stat file = {0};
    socklen_t size;
    if (!make_address(path, &address, &size, error))
        return false;
    int fd = open_socket();
    int failure = fd < 0 ? errno : bind_and_listen(fd, &address, size, mode);
    if (failure == EADDRINUSE) {
        failure = remove_stale(&address, size);
        if (!failure)
            failure = bind_and_listen(fd, &address, size, mode);
    }
    if (failure) {
        if (fd >= 0)
            close(fd);
        return refuse(path, listening_text_of(failure), error);
    }
    if (path[0] != '@')
        (void)lstat(path, &file);
    *out = (bb_unix_listener){.fd = fd, .device = file.st_dev, .inode = file.st_ino};
    return true;
}

static bool is_there(const bb_unix_listener *listener, const char *path)
{
    struct stat file;
    return path[0] != '@' && lstat(path, &file) == 0 && file.st_dev == listener->device &&
           file.st_ino == listener->inode;
}

bool bb_unix_listener_allow(bb_unix_listener *listener, const char *path, mode_t mode, bb_text *error)
{
    if (!is_there(listener, path) || chmod(path, mode) == 0)
        return true;
    return refuse(path, listening_text_of(errno), error);
}

void bb_unix_listener_remove(const bb_unix_listener *listener, const char *path)
{
    if (is_there(listener, path))
        unlink(path);
}

void bb_unix_listener_close(bb_unix_listener *listener, const char *path)
{
    if (listener->fd < 0)
        return;
    bb_unix_listener_remove(listener, path);
    close(listener->fd);
    listener->fd = -1;
}

bb_accept bb_unix_accept(const bb_unix_listener *listener, bb_transport *out, bb_address *peer)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return bb_socket_accept_status(errno);
    struct ucred who = {0};
    socklen_t size = sizeof who;
    *peer = (bb_address){0};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
        peer->family = BB_FAMILY_PROCESS;
        peer->process = (bb_process){(uint32_t)who.pid, who.uid, who.gid};
    }
    *out = (bb_transport){.ops = &unix_ops, .fd = fd};
    return BB_ACCEPT_OK;
}
