#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/usage.h"

/* A folder that looks like /proc with one process. */
static char root[] = "/tmp/bb_usage_XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int make_proc(void **state)
{
    const char *const folders[] = {"42", "42/task", "42/task/42", "42/task/43"};
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < 4; i++)
        make_folder(folders[i]);
    write_file("stat", "cpu  100 10 200 5000 7 3 4 0 0 0\ncpu0 1 2 3\n");
    write_file("42/stat", "42 (a name) (x) S 1 2 3 4 5 6 7 8 9 10 300 150 0 0\n");
    write_file("42/status", "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t2\n");
    write_file("42/task/42/schedstat", "1500000000 7 8\n");
    write_file("42/task/43/schedstat", "250000000 7 8\n");
    write_file("42/task/42/status", "Name:\tx\nvoluntary_ctxt_switches:\t10\nnonvoluntary_ctxt_switches:\t3\n");
    write_file("42/task/43/status", "Name:\tx\nvoluntary_ctxt_switches:\t100\nnonvoluntary_ctxt_switches:\t30\n");
    return 0;
}

static int remove_proc(void **state)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static void all_threads_of_the_broker_are_counted(void **state)
{
    bb_usage usage = bb_usage_read(root, 42);
    assert_true(usage.broker_cpu_s > 1.7499 && usage.broker_cpu_s < 1.7501);
    assert_int_equal(usage.context_switches, 143);
    assert_int_equal(usage.rss_kb, 1024);
    assert_int_equal(usage.rss_peak_kb, 2048);
    assert_int_equal(usage.threads, 2);
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    assert_true(usage.broker_user_s == 300 * tick_s && usage.broker_sys_s == 150 * tick_s);
    assert_true(usage.machine_cpu_s > 316.9 * tick_s && usage.machine_cpu_s < 317.1 * tick_s);
}

static void what_is_not_there_is_zero(void **state)
{
    bb_usage usage = bb_usage_read(root, 4711);
    assert_true(usage.broker_cpu_s == 0 && usage.rss_kb == 0);
    usage = bb_usage_read("/nowhere", 0);
    assert_true(usage.machine_cpu_s == 0);
}

static void this_process_is_seen(void **state)
{
    bb_usage usage = bb_usage_read("/proc", (uint32_t)getpid());
    assert_true(usage.rss_kb > 0 && usage.threads >= 1 && usage.machine_cpu_s > 0);
}

static void others_are_what_is_left(void **state)
{
    bb_usage before = {0}, after = {.machine_cpu_s = 5, .broker_cpu_s = 2, .own_cpu_s = 1};
    assert_true(bb_usage_other_cores(&before, &after, 4) == 0.5);
    after.own_cpu_s = 4;
    assert_true(bb_usage_other_cores(&before, &after, 4) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_threads_of_the_broker_are_counted),
        cmocka_unit_test(what_is_not_there_is_zero),
        cmocka_unit_test(this_process_is_seen),
        cmocka_unit_test(others_are_what_is_left),
    };
    return cmocka_run_group_tests(tests, make_proc, remove_proc);
}
