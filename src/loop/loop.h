/* loop.h - the event loop of one thread: which of its sockets have something to do, and what time it is.
 *
 * What      Edge-triggered epoll. A watch is registered once, for everything; after that the loop makes one system call
 *           a turn and none for each socket. A turn of a worker:
 *
 *               awake = !bb_inbox_sleep(inbox)            (nobody wakes a loop that is not asleep)
 *               bb_loop_wait(loop, awake ? 0 : deadline)  the one call that may block
 *               bb_inbox_awake(inbox)
 *               bb_loop_dispatch(loop)                    calls the watches that have events
 *               ... the inbox, the timers, and everything that has to be sent
 *
 * Deadlines A timer of the kernel's ends a wait. It is set when a deadline is earlier than the one it stands at, and
 * left alone otherwise, so that a turn does not pay for it: a deadline that moved away costs one turn for nothing.
 * Edges     An event is told once. Its owner reads until the socket is drained (a read that was shorter than its buffer
 *           will do, unless BB_HANGUP was told too), or calls bb_loop_again to go on in the next turn.
 * Memory    Watches live inside their owners; the loop's own memory is a fixed array from the bb_mem passed in.
 * Threads   A loop and its watches belong to one thread; bb_loop_wake may be called by any.
 * Start at  bb_loop_add, bb_loop_wait, bb_loop_dispatch. */
#ifndef BB_LOOP_LOOP_H
#define BB_LOOP_LOOP_H

#include "base/list.h"
#include "base/mem.h"
#include "base/reason.h"
#include "base/time.h"

struct epoll_event;

enum { BB_LOOP_EVENTS_MAX = 1024 }; /* events of one turn */

typedef enum bb_event {
    BB_READABLE = 1, /* bytes, or a connection to accept */
    BB_WRITABLE = 2, /* room again after a send would have blocked; also once, right after the watch was added */
    BB_HANGUP = 4,   /* the peer has closed its side or the connection failed: read until the end is seen */
} bb_event;

typedef struct bb_watch bb_watch;

/* `events` is a set of bb_event. The owner may remove and free any watch in here, this one included. */
typedef void (*bb_watch_call)(bb_watch *watch, unsigned events);

struct bb_watch {
    bb_watch_call call;
    bb_list again; /* in the loop's list of those that gave up their turn */
    int fd;
};

typedef struct bb_loop {
    bb_mem *mem;
    struct epoll_event *batch; /* the events of this turn */
    unsigned batch_now, batch_at;
    int epoll_fd, wake_fd, timer_fd;
    bb_time now;   /* read once per turn, by bb_loop_dispatch */
    bb_time alarm; /* when the timer goes off; BB_NEVER: it is not set */
    bb_list again;
} bb_loop;

/* BB_E_NO_FILES or BB_E_NO_MEMORY when the system has no more of them. */
BB_MUST_USE bb_status bb_loop_init(bb_loop *loop, bb_mem *mem);
void bb_loop_deinit(bb_loop *loop);

/* Call `call` whenever something happens at `fd`, a non-blocking one. BB_E_NO_MEMORY when the kernel refuses. */
BB_MUST_USE bb_status bb_loop_add(bb_loop *loop, bb_watch *watch, int fd, bb_watch_call call);

/* The same for a listening socket that several loops watch: one of them is woken for a new connection, not all. */
BB_MUST_USE bb_status bb_loop_add_shared(bb_loop *loop, bb_watch *watch, int fd, bb_watch_call call);

/* Forget `watch`, whose fd its owner closes now: the kernel forgets it by that, so no system call is made. It is not
 * called any more, even if its event is among those of this turn, and its memory may be freed at once. */
void bb_loop_forget(bb_loop *loop, bb_watch *watch);

/* Forget `watch` while its fd lives on, in another loop for instance. */
void bb_loop_remove(bb_loop *loop, bb_watch *watch);

/* Call `watch` with BB_READABLE in the next turn, whether or not the socket has an event: its owner has more to read
 * but used up its share of this turn. */
void bb_loop_again(bb_loop *loop, bb_watch *watch);

/* Wait for events until the time is `until` (BB_NEVER: for ever; 0: do not wait). Does not wait while watches are to be
 * called again. */
void bb_loop_wait(bb_loop *loop, bb_time until);

/* Read the clock, then call the watches that bb_loop_wait found. */
void bb_loop_dispatch(bb_loop *loop);

/* Make a bb_loop_wait that is under way or comes next return. Any thread. Inboxes do it; nobody else should need to. */
void bb_loop_wake(bb_loop *loop);

static inline bb_time bb_loop_now(const bb_loop *loop)
{
    return loop->now;
}

/* The clock itself, in microseconds: for measuring how long a piece of work took. */
uint64_t bb_clock_us(void);

#endif
