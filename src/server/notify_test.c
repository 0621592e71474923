#include "server/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the four before it */
#include <cmocka.h>

/* The service manager's end: a socket with an abstract name that names this process. */
static int listen_as_manager(void)
{
    char name[64];
    int len = snprintf(name, sizeof name, "@bb_notify_test_%d", (int)getpid());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect_news(int manager, const char *expected)
{
    char text[512];
    ssize_t len = recv(manager, text, sizeof text - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    assert_string_equal(text, expected);
}

static int forget_environment(void **state)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void without_a_manager_nothing_happens(void **state)
{
    bb_notify notify;
    assert_int_equal(bb_notify_open(&notify), 0);
    assert_int_equal(notify.fd, -1);
    bb_notify_ready(&notify, "serving");
    bb_notify_close(&notify);
}

static void news_reach_the_manager(void **state)
{
    bb_notify notify;
    int manager = listen_as_manager();
    assert_int_equal(bb_notify_open(&notify), 0);
    bb_notify_ready(&notify, NULL);
    expect_news(manager, "READY=1");
    bb_notify_ready(&notify, "2 workers");
    expect_news(manager, "READY=1\nSTATUS=2 workers");
    bb_notify_watchdog(&notify);
    expect_news(manager, "WATCHDOG=1");
    bb_notify_stopping(&notify);
    expect_news(manager, "STOPPING=1");

    char text[128] = "";
    unsigned long long us = 0;
    bb_notify_reloading(&notify);
    assert_true(recv(manager, text, sizeof text - 1, 0) > 0);
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
    assert_true(us > 0);
    close(manager);
    bb_notify_ready(&notify, "nobody hears this");
    bb_notify_close(&notify);
}

static void the_watchdog_is_fed_at_half_its_time(void **state)
{
    bb_notify notify;
    int manager = listen_as_manager();
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(bb_notify_open(&notify), 0);
    assert_int_equal(notify.watchdog_ms, 15000);
    bb_notify_close(&notify);

    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(bb_notify_open(&notify), 0);
    assert_int_equal(notify.watchdog_ms, 0);
    bb_notify_close(&notify);
    close(manager);
}

static void a_name_that_is_no_socket_is_refused(void **state)
{
    char name[200];
    bb_notify notify;
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(bb_notify_open(&notify), EINVAL);
    assert_int_equal(notify.fd, -1);
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(bb_notify_open(&notify), ENAMETOOLONG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_manager_nothing_happens, forget_environment),
        cmocka_unit_test_setup(news_reach_the_manager, forget_environment),
        cmocka_unit_test_setup(the_watchdog_is_fed_at_half_its_time, forget_environment),
        cmocka_unit_test_setup(a_name_that_is_no_socket_is_refused, forget_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
