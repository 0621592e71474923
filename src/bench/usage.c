#include "bench/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PATH_BYTES = 512, FILE_BYTES = 16384 };

/* The start of a file, with a terminating zero. */
static bool read_file(const char *path, char text[FILE_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, FILE_BYTES - 1);
    close(fd);
    text[len > 0 ? len : 0] = 0;
    return len > 0;
}

/* What follows `name` at the start of a line. */
static const char *find_line(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0)
            return line + len;
    }
    return NULL;
}

static uint64_t number_of(const char *text, const char *name)
{
    const char *value = find_line(text, name);
    return value ? strtoull(value, NULL, 10) : 0;
}

static double ticks_s(unsigned long long ticks)
{
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double machine_cpu_s(const char *proc)
{
    char path[PATH_BYTES], text[FILE_BYTES];
    unsigned long long user, nice, system, idle, wait, irq, softirq;
    snprintf(path, sizeof path, "%s/stat", proc);
    if (!read_file(path, text) || sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                                         &wait, &irq, &softirq) != 7)
        return 0;
    return ticks_s(user + nice + system + irq + softirq);
}

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
           (double)usage.ru_stime.tv_usec / 1e6;
}

/* In ticks, and split: the 14th and 15th field; the name in parentheses before them may hold anything. */
static void read_split_cpu(const char *folder, bb_usage *usage)
{
    char path[PATH_BYTES], text[FILE_BYTES];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "%s/stat", folder);
    const char *behind_name = read_file(path, text) ? strrchr(text, ')') : NULL;
    if (behind_name &&
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2) {
        usage->broker_user_s = ticks_s(user);
        usage->broker_sys_s = ticks_s(system);
    }
}

static uint64_t read_thread(const char *folder, const char *thread, bb_usage *usage)
{
    char path[PATH_BYTES], text[FILE_BYTES];
    uint64_t run_ns = 0;
    snprintf(path, sizeof path, "%s/task/%.20s/schedstat", folder, thread);
    if (read_file(path, text))
        run_ns = strtoull(text, NULL, 10);
    snprintf(path, sizeof path, "%s/task/%.20s/status", folder, thread);
    if (read_file(path, text))
        usage->context_switches +=
            number_of(text, "voluntary_ctxt_switches:") + number_of(text, "nonvoluntary_ctxt_switches:");
    return run_ns;
}

static void read_threads(const char *folder, bb_usage *usage)
{
    char path[PATH_BYTES];
    uint64_t run_ns = 0;
    snprintf(path, sizeof path, "%s/task", folder);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && (entry = readdir(threads));)
        if (entry->d_name[0] != '.')
            run_ns += read_thread(folder, entry->d_name, usage);
    if (threads)
        closedir(threads);
    /* Kernels without schedstat: in ticks. */
    usage->broker_cpu_s = run_ns ? (double)run_ns / 1e9 : usage->broker_user_s + usage->broker_sys_s;
}

static void read_memory(const char *folder, bb_usage *usage)
{
    char path[PATH_BYTES], text[FILE_BYTES];
    snprintf(path, sizeof path, "%s/status", folder);
    if (!read_file(path, text))
        return;
    usage->rss_kb = number_of(text, "VmRSS:");
    usage->rss_peak_kb = number_of(text, "VmHWM:");
    usage->threads = number_of(text, "Threads:");
}

bb_usage bb_usage_read(const char *proc, uint32_t broker_pid)
{
    char folder[PATH_BYTES / 2];
    bb_usage usage = {.own_cpu_s = own_cpu_s(), .machine_cpu_s = machine_cpu_s(proc)};
    if (broker_pid == 0)
        return usage;
    snprintf(folder, sizeof folder, "%s/%u", proc, broker_pid);
    read_split_cpu(folder, &usage);
    read_threads(folder, &usage);
    read_memory(folder, &usage);
    return usage;
}

double bb_usage_other_cores(const bb_usage *before, const bb_usage *after, double seconds)
{
    double ours_s = after->broker_cpu_s - before->broker_cpu_s + after->own_cpu_s - before->own_cpu_s;
    double others_s = after->machine_cpu_s - before->machine_cpu_s - ours_s;
    return seconds > 0 && others_s > 0 ? others_s / seconds : 0;
}

/* The value of `name` in a file of the form `name<separator>value`, without quotes, cut to fit. */
static void value_in(const char *path, const char *name, const char *otherwise, char *out, size_t cap)
{
    char text[FILE_BYTES];
    const char *value = read_file(path, text) ? find_line(text, name) : NULL;
    if (!value)
        value = otherwise;
    value += strspn(value, " \t:=\"");
    snprintf(out, cap, "%.*s", (int)strcspn(value, "\"\n"), value);
}

void bb_usage_machine(char *text, unsigned cap)
{
    char processor[128], memory[64], name[128];
    cpu_set_t cores;
    struct utsname system;
    uname(&system);
    value_in("/proc/cpuinfo", "model name", system.machine, processor, sizeof processor);
    value_in("/proc/meminfo", "MemTotal", "0", memory, sizeof memory);
    value_in("/etc/os-release", "PRETTY_NAME", system.sysname, name, sizeof name);
    CPU_ZERO(&cores);
    sched_getaffinity(0, sizeof cores, &cores);
    snprintf(text, cap, "%d cores of %s, %.0f GB of memory, %s, Linux %s", CPU_COUNT(&cores), processor,
             strtod(memory, NULL) / (1 << 20), name, system.release);
}
