#include "tool/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 65536 };

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- starting */

/* The child gets a process group of its own, so that what it starts can be killed with it, and signals as they are by
 * default. */
static int spawn(bb_job *job, const char *const *words, char *const *environment, int child_in, int child_out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, child_in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, child_out, STDOUT_FILENO);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setsigdefault(&how, &defaults);
    int failure = posix_spawnp(&job->pid, words[0], &files, &how, (char *const *)words, environment);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return failure;
}

static bool watch(const bb_job *job, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    return epoll_ctl(job->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool set_up(bb_job *job)
{
    job->process_fd = pidfd_open(job->pid, 0);
    return job->process_fd >= 0 && fcntl(job->in_fd, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(job->out_fd, F_SETFL, O_NONBLOCK) == 0 && watch(job, job->process_fd, EPOLLIN) &&
           watch(job, job->out_fd, EPOLLIN) && watch(job, job->in_fd, EPOLLOUT | EPOLLET);
}

bool bb_job_start(bb_job *job, int epoll_fd, const char *const *words, char *const *environment, bb_gather *input,
                  size_t output_max, uint64_t until_us)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, failure = 0;
    *job = (bb_job){.epoll_fd = epoll_fd,
                    .process_fd = -1,
                    .in_fd = -1,
                    .out_fd = -1,
                    .input = *input,
                    .output_max = output_max,
                    .until_us = until_us};
    *input = (bb_gather){NULL, 0, 0};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        failure = errno;
    else
        failure = spawn(job, words, environment, in[0], out[1]);
    job->in_fd = in[1];
    job->out_fd = out[0];
    shut(&in[0]);
    shut(&out[1]);
    if (!failure && !set_up(job))
        failure = errno;
    if (!failure)
        return true;
    bb_job_close(job);
    errno = failure;
    return false;
}

/* --- going on */

/* A command that does not want its input may leave it. */
static void feed(bb_job *job)
{
    while (job->in_fd >= 0 && job->written < job->input.len) {
        ssize_t n = write(job->in_fd, job->input.at + job->written, job->input.len - job->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break;
        job->written += (size_t)n;
    }
    shut(&job->in_fd);
}

static void stop(bb_job *job, bb_job_end why)
{
    job->end = why;
    kill(-job->pid, SIGKILL);
    shut(&job->out_fd);
}

static void drain(bb_job *job)
{
    uint8_t piece[PIECE];
    while (job->out_fd >= 0) {
        ssize_t n = read(job->out_fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            shut(&job->out_fd);
        else if (job->output.len + (size_t)n > job->output_max ||
                 !bb_gather_add(&job->output, job->output.len, bb_span_of(piece, (size_t)n)))
            stop(job, BB_JOB_LARGE);
    }
}

static void reap(bb_job *job)
{
    int status;
    if (job->pid <= 0 || waitpid(job->pid, &status, WNOHANG) != job->pid)
        return;
    job->pid = 0;
    shut(&job->process_fd);
    if (job->end != BB_JOB_RUNS)
        return;
    job->end = WIFEXITED(status) ? BB_JOB_EXITED : BB_JOB_KILLED;
    job->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

bool bb_job_turn(bb_job *job, uint64_t now_us)
{
    feed(job);
    drain(job);
    if (now_us >= job->until_us && job->pid > 0 && job->end == BB_JOB_RUNS)
        stop(job, BB_JOB_LATE);
    reap(job);
    if (now_us >= job->until_us)
        shut(&job->out_fd); /* what it has left behind still holds the pipe */
    return job->pid <= 0 && job->out_fd < 0;
}

void bb_job_close(bb_job *job)
{
    if (job->pid > 0) {
        kill(-job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
        job->pid = 0;
    }
    shut(&job->in_fd);
    shut(&job->out_fd);
    shut(&job->process_fd);
    bb_gather_free(&job->input);
    bb_gather_free(&job->output);
}
