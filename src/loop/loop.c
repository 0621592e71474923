#include "loop/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static size_t batch_bytes(void)
{
    return BB_LOOP_EVENTS_MAX * sizeof(struct epoll_event);
}

uint64_t bb_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bb_status status_of(int error)
{
    return error == EMFILE || error == ENFILE ? BB_E_NO_FILES : BB_E_NO_MEMORY;
}

bb_status bb_loop_init(bb_loop *loop, bb_mem *mem)
{
    *loop = (bb_loop){
        .mem = mem, .epoll_fd = -1, .wake_fd = -1, .timer_fd = -1, .now = bb_clock_us() / 1000, .alarm = BB_NEVER};
    bb_list_init(&loop->again);
    bb_status status = BB_E_NO_MEMORY;
    loop->batch = bb_mem_alloc(mem, batch_bytes());
    if (!loop->batch)
        goto failed;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    status = status_of(errno);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || loop->timer_fd < 0)
        goto failed;
    /* Wake-up and timer have no watch. They are never read: each write, each time the timer goes off, is a new edge. */
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake) == 0 &&
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &wake) == 0)
        return BB_OK;
    status = status_of(errno);
failed:
    bb_loop_deinit(loop);
    return status;
}

void bb_loop_deinit(bb_loop *loop)
{
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    bb_mem_free(loop->mem, loop->batch, batch_bytes());
    loop->timer_fd = loop->wake_fd = loop->epoll_fd = -1;
    loop->batch = NULL;
}

static bb_status add(bb_loop *loop, bb_watch *watch, int fd, bb_watch_call call, uint32_t events)
{
    *watch = (bb_watch){.call = call, .fd = fd};
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? BB_OK : BB_E_NO_MEMORY;
}

bb_status bb_loop_add(bb_loop *loop, bb_watch *watch, int fd, bb_watch_call call)
{
    return add(loop, watch, fd, call, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

bb_status bb_loop_add_shared(bb_loop *loop, bb_watch *watch, int fd, bb_watch_call call)
{
    return add(loop, watch, fd, call, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
}

void bb_loop_forget(bb_loop *loop, bb_watch *watch)
{
    bb_list_remove(&watch->again);
    for (unsigned i = loop->batch_at; i < loop->batch_now; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

void bb_loop_remove(bb_loop *loop, bb_watch *watch)
{
    bb_loop_forget(loop, watch);
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void bb_loop_again(bb_loop *loop, bb_watch *watch)
{
    if (!bb_list_linked(&watch->again))
        bb_list_append(&loop->again, &watch->again);
}

static void set_alarm(bb_loop *loop, bb_time at)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000}};
    BB_CHECK(timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
    loop->alarm = at;
}

void bb_loop_wait(bb_loop *loop, bb_time until)
{
    bool wait = until > loop->now && bb_list_empty(&loop->again);
    if (wait && until < loop->alarm)
        set_alarm(loop, until);
    int n = epoll_wait(loop->epoll_fd, loop->batch, BB_LOOP_EVENTS_MAX, wait ? -1 : 0);
    BB_CHECK(n >= 0 || errno == EINTR);
    loop->batch_at = 0;
    loop->batch_now = n > 0 ? (unsigned)n : 0;
}

static unsigned events_of(uint32_t system)
{
    unsigned events = 0;
    if (system & EPOLLIN)
        events |= BB_READABLE;
    if (system & EPOLLOUT)
        events |= BB_WRITABLE;
    if (system & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        events |= BB_HANGUP | BB_READABLE;
    return events;
}

void bb_loop_dispatch(bb_loop *loop)
{
    loop->now = bb_clock_us() / 1000;
    if (loop->now >= loop->alarm)
        loop->alarm = BB_NEVER;
    bb_list again; /* those that ask for another turn during this one come in the next */
    bb_list_init(&again);
    bb_list_splice(&again, &loop->again);
    while (loop->batch_at < loop->batch_now) {
        const struct epoll_event *event = &loop->batch[loop->batch_at++];
        bb_watch *watch = event->data.ptr;
        if (!watch)
            continue;
        unsigned events = events_of(event->events);
        if (bb_list_linked(&watch->again)) { /* one call will do for both */
            bb_list_remove(&watch->again);
            events |= BB_READABLE;
        }
        watch->call(watch, events);
    }
    while (!bb_list_empty(&again)) {
        bb_watch *watch = BB_CONTAINER_OF(again.next, bb_watch, again);
        bb_list_remove(&watch->again);
        watch->call(watch, BB_READABLE);
    }
}

void bb_loop_wake(bb_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* it fails only when 2^64 wake-ups are pending */
}
