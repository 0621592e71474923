/* job.h - a command of the user that is given bytes, and whose output is gathered, beside everything else that goes on.
 *
 * What      A job is a child process in a group of its own, with pipes at its standard input and output. All its
 *           descriptors are in one epoll set of the caller; when that is readable, bb_job_turn goes on with each.
 * Memory    The struct is the caller's; input and output are malloc'ed.
 * Threads   One. The process must ignore SIGPIPE. */
#ifndef BB_TOOL_JOB_H
#define BB_TOOL_JOB_H

#include <sys/types.h>

#include "tool/gather.h"

typedef enum bb_job_end {
    BB_JOB_RUNS,
    BB_JOB_EXITED, /* `status` is its exit code */
    BB_JOB_KILLED, /* `status` is the signal */
    BB_JOB_LATE,   /* it took too long, and was killed */
    BB_JOB_LARGE,  /* it said too much, and was killed */
} bb_job_end;

typedef struct bb_job {
    pid_t pid;
    int epoll_fd, process_fd, in_fd, out_fd; /* -1: closed */
    bb_gather input, output;
    size_t written, output_max;
    uint64_t until_us;
    bb_job_end end;
    int status;
} bb_job;

/* Start `words` (ends with NULL) with this environment. `input` is taken over, also on failure. False: it could not be
 * started (errno). */
BB_MUST_USE bool bb_job_start(bb_job *job, int epoll_fd, const char *const *words, char *const *environment,
                              bb_gather *input, size_t output_max, uint64_t until_us);

/* Go on as far as possible. True: it has come to its end, and its output is complete. */
bool bb_job_turn(bb_job *job, uint64_t now_us);

/* Kill it if it still runs, and free everything. */
void bb_job_close(bb_job *job);

#endif
