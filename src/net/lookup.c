#include "net/lookup.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HOST_MAX = 253, ERROR_MAX = 384, STACK_BYTES = 256 * 1024 };

/* Shared by its owner and its thread; the last of the two gives it back. The thread writes the result, sets `ended`,
 * and does not look at it again. */
struct bb_lookup {
    atomic_uint users;
    atomic_bool ended;
    int event_fd;
    uint16_t port;
    char host[HOST_MAX + 1];
    bb_address addresses[BB_RESOLVE_MAX];
    size_t count;
    char error[ERROR_MAX];
    size_t error_len;
};

static void unref(bb_lookup *lookup)
{
    if (atomic_fetch_sub_explicit(&lookup->users, 1, memory_order_acq_rel) > 1)
        return;
    close(lookup->event_fd);
    free(lookup);
}

static void *run(void *argument)
{
    bb_lookup *lookup = argument;
    const uint64_t one = 1;
    bb_text error = bb_text_on(lookup->error, sizeof lookup->error);
    lookup->count = bb_resolve(lookup->host, lookup->port, lookup->addresses, BB_RESOLVE_MAX, &error);
    lookup->error_len = error.len;
    atomic_store_explicit(&lookup->ended, true, memory_order_release);
    ssize_t written = write(lookup->event_fd, &one, sizeof one); /* cannot fail: the counter is 0 */
    (void)written;
    unref(lookup);
    return NULL;
}

static bool start_thread(bb_lookup *lookup)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&all);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it: signals are for the program's own */
    bool started = pthread_create(&thread, &attributes, run, lookup) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

bb_lookup *bb_lookup_begin(const char *host, uint16_t port)
{
    bb_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return NULL;
    bb_text name = bb_text_on(lookup->host, HOST_MAX);
    bb_text_puts(&name, host);
    lookup->port = port;
    lookup->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&lookup->users, 2);
    atomic_init(&lookup->ended, false);
    if (!name.cut && lookup->event_fd >= 0 && start_thread(lookup))
        return lookup;
    if (lookup->event_fd >= 0)
        close(lookup->event_fd);
    free(lookup);
    return NULL;
}

int bb_lookup_fd(const bb_lookup *lookup)
{
    return lookup->event_fd;
}

bool bb_lookup_has_ended(const bb_lookup *lookup)
{
    return atomic_load_explicit(&lookup->ended, memory_order_acquire);
}

size_t bb_lookup_finish(bb_lookup *lookup, bb_address *out, bb_text *error)
{
    BB_CHECK(bb_lookup_has_ended(lookup));
    size_t count = lookup->count;
    memcpy(out, lookup->addresses, count * sizeof *out);
    bb_text_put(error, bb_span_of(lookup->error, lookup->error_len));
    unref(lookup);
    return count;
}

void bb_lookup_cancel(bb_lookup *lookup)
{
    if (lookup)
        unref(lookup);
}
