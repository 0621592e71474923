#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/loop.h"

static void *alloc(void *context, size_t size)
{
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

static bb_mem mem = {alloc, release, NULL, 0};

/* One end of a socket pair, watched. What its watch does to others is up to the test. */
typedef struct end {
    bb_watch watch;
    bb_loop *loop;
    int peer;
    unsigned calls, events;
    struct end *kills; /* forgotten, closed and freed when this one is called */
    unsigned agains;   /* how often it asks for another turn */
} end;

static void end_close(end *l)
{
    bb_loop_forget(l->loop, &l->watch);
    close(l->watch.fd);
    close(l->peer);
    free(l);
}

static void end_called(bb_watch *watch, unsigned events)
{
    end *l = BB_CONTAINER_OF(watch, end, watch);
    l->calls++;
    l->events = events;
    if (l->agains) {
        l->agains--;
        bb_loop_again(l->loop, watch);
    }
    end *victim = l->kills;
    l->kills = NULL;
    if (victim)
        end_close(victim);
}

static end *end_open(bb_loop *loop)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    end *l = calloc(1, sizeof *l);
    l->loop = loop;
    l->peer = fds[1];
    assert_int_equal(bb_loop_add(loop, &l->watch, fds[0], end_called), BB_OK);
    return l;
}

static void turn(bb_loop *loop)
{
    bb_loop_wait(loop, 0);
    bb_loop_dispatch(loop);
}

static void poke(end *l)
{
    assert_int_equal(write(l->peer, "x", 1), 1);
}

static void an_edge_is_told_once(void **state)
{
    bb_loop loop;
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    end *l = end_open(&loop);
    turn(&loop);
    assert_int_equal(l->events, BB_WRITABLE);
    poke(l);
    turn(&loop);
    assert_int_equal(l->calls, 2);
    assert_int_equal(l->events, BB_READABLE | BB_WRITABLE);
    turn(&loop);
    assert_int_equal(l->calls, 2);
    shutdown(l->peer, SHUT_WR);
    turn(&loop);
    assert_true(l->events & BB_HANGUP);
    assert_true(l->events & BB_READABLE);
    end_close(l);
    bb_loop_deinit(&loop);
    assert_int_equal(mem.bytes_now, 0);
}

static bb_watch *loop_first(const bb_loop *loop)
{
    return loop->batch[0].data.ptr;
}

static void a_watch_that_is_freed_while_its_event_is_at_hand_is_not_called(void **state)
{
    bb_loop loop;
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    end *a = end_open(&loop), *b = end_open(&loop);
    turn(&loop);
    a->kills = b; /* whichever comes first kills the other one */
    b->kills = a;
    poke(a);
    poke(b);
    bb_loop_wait(&loop, 0);
    assert_int_equal(loop.batch_now, 2);
    bool a_is_first = loop_first(&loop) == &a->watch;
    bb_loop_dispatch(&loop); /* the address sanitizer watches over this */
    end *survivor = a_is_first ? a : b;
    assert_int_equal(survivor->calls, 2);
    survivor->kills = survivor; /* a watch may also end itself */
    poke(survivor);
    turn(&loop);
    turn(&loop);
    bb_loop_deinit(&loop);
}

static void a_watch_may_ask_for_the_next_turn(void **state)
{
    bb_loop loop;
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    end *a = end_open(&loop), *b = end_open(&loop);
    turn(&loop);
    a->agains = 3;
    b->agains = 1;
    poke(a);
    poke(b);
    bb_loop_wait(&loop, BB_NEVER);
    bb_loop_dispatch(&loop);
    assert_int_equal(a->calls + b->calls, 4);
    bb_loop_wait(&loop, BB_NEVER); /* returns at once */
    poke(a);                       /* too late for this turn */
    bb_loop_dispatch(&loop);
    assert_int_equal(a->calls + b->calls, 6);
    bb_loop_wait(&loop, BB_NEVER);
    bb_loop_dispatch(&loop); /* the event and the wish make one call */
    assert_int_equal(a->calls, 4);
    assert_int_equal(b->calls, 3);
    a->agains = 0;
    b->agains = 0;
    bb_loop_again(&loop, &b->watch);
    a->kills = NULL;
    end_close(b); /* while in the list */
    turn(&loop);
    end_close(a);
    bb_loop_deinit(&loop);
}

static void a_removed_watch_can_move_to_another_loop(void **state)
{
    bb_loop one, two;
    assert_int_equal(bb_loop_init(&one, &mem), BB_OK);
    assert_int_equal(bb_loop_init(&two, &mem), BB_OK);
    end *l = end_open(&one);
    turn(&one);
    poke(l); /* came before the move: the new loop tells it too */
    bb_loop_remove(&one, &l->watch);
    turn(&one);
    assert_int_equal(l->calls, 1);
    l->loop = &two;
    assert_int_equal(bb_loop_add(&two, &l->watch, l->watch.fd, end_called), BB_OK);
    turn(&two);
    assert_int_equal(l->calls, 2);
    assert_true(l->events & BB_READABLE);
    end_close(l);
    bb_loop_deinit(&one);
    bb_loop_deinit(&two);
}

static void waiting_ends_at_the_deadline(void **state)
{
    bb_loop loop;
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    bb_time start = bb_loop_now(&loop);
    bb_loop_wait(&loop, start + 20);
    bb_loop_dispatch(&loop); /* reads the clock */
    assert_true(bb_loop_now(&loop) >= start + 20);
    bb_loop_wait(&loop, start); /* has passed */
    bb_time next = bb_loop_now(&loop) + 20;
    bb_loop_wait(&loop, next); /* the timer was never read, and goes off again all the same */
    bb_loop_dispatch(&loop);
    assert_true(bb_loop_now(&loop) >= next);
    bb_loop_deinit(&loop);
}

/* Wait until `until` as a worker does: turn by turn. Returns how many turns there were. */
static unsigned turns_until(bb_loop *loop, bb_time until)
{
    unsigned turns = 0;
    for (; bb_loop_now(loop) < until; turns++) {
        bb_loop_wait(loop, until);
        bb_loop_dispatch(loop);
    }
    return turns;
}

static void a_deadline_that_moved_away_costs_one_turn(void **state)
{
    bb_loop loop;
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    bb_time start = bb_loop_now(&loop);
    bb_loop_wake(&loop);
    bb_loop_wait(&loop, start + 20); /* is woken long before */
    bb_loop_dispatch(&loop);
    assert_in_range(turns_until(&loop, start + 60), 1, 2);
    assert_in_range(turns_until(&loop, bb_loop_now(&loop) + 10), 1, 1);
    bb_loop_deinit(&loop);
}

enum { WAKES = 1000 };

static void *wake_often(void *context)
{
    for (unsigned i = 0; i < WAKES; i++)
        bb_loop_wake(context);
    return NULL;
}

static void any_thread_can_wake_the_loop(void **state)
{
    bb_loop loop;
    assert_int_equal(bb_loop_init(&loop, &mem), BB_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_often, &loop), 0);
    bb_loop_wait(&loop, BB_NEVER);
    bb_loop_dispatch(&loop);
    pthread_join(thread, NULL);
    turn(&loop);
    bb_loop_wake(&loop); /* it was never read, and is an edge all the same */
    bb_loop_wait(&loop, BB_NEVER);
    bb_loop_deinit(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edge_is_told_once),
        cmocka_unit_test(a_watch_that_is_freed_while_its_event_is_at_hand_is_not_called),
        cmocka_unit_test(a_watch_may_ask_for_the_next_turn),
        cmocka_unit_test(a_removed_watch_can_move_to_another_loop),
        cmocka_unit_test(waiting_ends_at_the_deadline),
        cmocka_unit_test(a_deadline_that_moved_away_costs_one_turn),
        cmocka_unit_test(any_thread_can_wake_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
