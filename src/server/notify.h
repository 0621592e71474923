/* notify.h - tell the service manager how we are: the protocol of sd_notify(3), without its library.
 *
 * What      One datagram for each piece of news to the socket named by NOTIFY_SOCKET (a path, or '@' and an abstract
 *           name). Where nobody asked for news, everything here does nothing.
 * Threads   bb_notify_open before threads start; the rest from any thread. */
#ifndef BB_SERVER_NOTIFY_H
#define BB_SERVER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct bb_notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_size;
    uint32_t watchdog_ms; /* call bb_notify_watchdog this often (half of what we were given); 0: no watchdog */
} bb_notify;

/* Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Returns 0, also when nobody listens, or an errno; `notify` is
 * usable either way. */
int bb_notify_open(bb_notify *notify);
void bb_notify_close(bb_notify *notify);

/* Ready to serve; also ends what bb_notify_reloading began. `status` is a line for `systemctl status`, or NULL. */
void bb_notify_ready(const bb_notify *notify, const char *status);
void bb_notify_reloading(const bb_notify *notify);
void bb_notify_stopping(const bb_notify *notify);
void bb_notify_watchdog(const bb_notify *notify);

#endif
