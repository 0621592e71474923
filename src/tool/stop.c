#include "tool/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t requested;
static int stop_fd = -1;

static void note(int number)
{
    int before = errno;
    requested = 1;
    (void)!write(stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    errno = before;
}

int bb_stop_fd(void)
{
    const struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
    if (stop_fd >= 0)
        return stop_fd;
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0)
        return -1;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    return stop_fd;
}

bool bb_stop_requested(void)
{
    return requested;
}
