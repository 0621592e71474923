/* usage.h - what the system says about CPU time and memory: of the broker, of this process, of the whole machine.
 *
 * What      Readings at one moment; the difference of two is what happened between. The broker's CPU time is that of
 *           all of its threads, from the scheduler's count of nanoseconds (/proc/PID/task/TID/schedstat), which hardly
 *           depends on what else the machine does.
 * Errors    What cannot be read is 0. */
#ifndef BB_BENCH_USAGE_H
#define BB_BENCH_USAGE_H

#include <stdint.h>

typedef struct bb_usage {
    double broker_cpu_s, broker_user_s, broker_sys_s;
    double own_cpu_s, machine_cpu_s;
    uint64_t rss_kb, rss_peak_kb, threads, context_switches;
} bb_usage;

/* `proc` is where the system shows it: "/proc"; `broker_pid` 0: no broker. */
bb_usage bb_usage_read(const char *proc, uint32_t broker_pid);

/* Cores that other processes used between two readings `seconds` apart, at least 0. Meaningful with a broker only: else
 * it is one of the others. */
double bb_usage_other_cores(const bb_usage *before, const bb_usage *after, double seconds);

/* The machine for people: cores, processor, memory, system. */
void bb_usage_machine(char *text, unsigned cap);

#endif
