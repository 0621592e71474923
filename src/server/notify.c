#include "server/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The address of NOTIFY_SOCKET. A leading '@' stands for the zero byte of Linux's abstract names. */
static int parse_address(const char *path, bb_notify *notify)
{
    size_t len = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || len < 2)
        return EINVAL;
    if (len >= sizeof notify->to.sun_path)
        return ENAMETOOLONG;

    notify->to.sun_family = AF_UNIX;
    memcpy(notify->to.sun_path, path, len);
    if (path[0] == '@')
        notify->to.sun_path[0] = '\0';
    notify->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

/* Zero when there is no watchdog, or when it is meant for another process. */
static uint64_t watchdog_us(void)
{
    const char *us = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (!us || (pid && strtoll(pid, NULL, 10) != (long long)getpid()))
        return 0;
    return strtoull(us, NULL, 10);
}

int bb_notify_open(bb_notify *notify)
{
    *notify = (bb_notify){.fd = -1};
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !*path)
        return 0;

    int failure = parse_address(path, notify);
    if (failure)
        return failure;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0)
        return errno;
    uint64_t half_ms = watchdog_us() / 2000;
    notify->watchdog_ms = half_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)half_ms;
    return 0;
}

void bb_notify_close(bb_notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
    notify->watchdog_ms = 0;
}

/* A service manager that does not listen any more is no reason to stop: what cannot be sent is lost. */
static void tell(const bb_notify *notify, const char *text)
{
    if (notify->fd >= 0)
        (void)!sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&notify->to,
                      notify->to_size);
}

void bb_notify_ready(const bb_notify *notify, const char *status)
{
    char text[256];
    snprintf(text, sizeof text, "READY=1%s%s", status ? "\nSTATUS=" : "", status ? status : "");
    tell(notify, text);
}

/* The time lets the service manager tell this reload from an earlier one. */
void bb_notify_reloading(const bb_notify *notify)
{
    char text[64];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned long long us = (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", us);
    tell(notify, text);
}

void bb_notify_stopping(const bb_notify *notify)
{
    tell(notify, "STOPPING=1");
}

void bb_notify_watchdog(const bb_notify *notify)
{
    tell(notify, "WATCHDOG=1");
}
