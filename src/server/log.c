#include "server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/printable.h"

/* --- one line */

enum { LINE_END_MAX = 2 }; /* "}\n" */

/* A line in the making; room for its end is kept free. */
typedef struct line {
    char *at;
    size_t len;
    bb_log_format format;
    bool full; /* something did not fit: nothing more is written */
} line;

static size_t room(const line *out)
{
    return out->full ? 0 : BB_LOG_LINE_MAX - LINE_END_MAX - out->len;
}

static void put(line *out, bb_span bytes)
{
    if (bytes.len > room(out)) {
        out->full = true;
        return;
    }
    memcpy(out->at + out->len, bytes.data, bytes.len);
    out->len += bytes.len;
}

static void puts_line(line *out, const char *text)
{
    put(out, bb_span_text(text));
}

static bool must_be_quoted(bb_span value)
{
    return value.len == 0 || memchr(value.data, ' ', value.len) || memchr(value.data, '=', value.len) ||
           !bb_printable_as_is(value);
}

static void put_quoted(line *out, bb_span value)
{
    char text[BB_LOG_VALUE_MAX];
    bool whole;
    bb_printable_style style = out->format == BB_LOG_JSON ? BB_PRINTABLE_JSON : BB_PRINTABLE_TEXT;
    size_t len = bb_printable(text, sizeof text, value, style, &whole);
    if (len + sizeof "\"...\"" > room(out)) {
        out->full = true;
        return;
    }
    puts_line(out, "\"");
    put(out, bb_span_of(text, len));
    puts_line(out, whole ? "\"" : "...\"");
}

static void put_text(line *out, bb_span value)
{
    bool plain = out->format == BB_LOG_TEXT && value.len <= BB_LOG_VALUE_MAX && !must_be_quoted(value);
    if (plain)
        put(out, value);
    else
        put_quoted(out, value);
}

static void put_value(line *out, const bb_kv *pair)
{
    char number[24];
    switch (pair->type) {
    case BB_KV_IS_TEXT:
        put_text(out, pair->text);
        return;
    case BB_KV_IS_U64:
        snprintf(number, sizeof number, "%llu", (unsigned long long)pair->u64);
        puts_line(out, number);
        return;
    case BB_KV_IS_I64:
        snprintf(number, sizeof number, "%lld", (long long)pair->i64);
        puts_line(out, number);
        return;
    case BB_KV_IS_BOOL:
        puts_line(out, pair->boolean ? "true" : "false");
        return;
    }
}

/* All of the pair or nothing of it. */
static void put_pair(line *out, const bb_kv *pair)
{
    size_t before = out->len;
    bool json = out->format == BB_LOG_JSON;
    puts_line(out, json ? ",\"" : " ");
    puts_line(out, pair->key);
    puts_line(out, json ? "\":" : "=");
    put_value(out, pair);
    if (out->full)
        out->len = before;
}

static const char *level_name(bb_log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return names[level];
}

static void put_head(line *out, int64_t now_ms, bb_log_level level, const char *event)
{
    struct tm when;
    char text[160];
    time_t seconds = (time_t)(now_ms / 1000);
    gmtime_r(&seconds, &when);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &when);
    snprintf(text + len, sizeof text - len, ".%03dZ", (int)(now_ms % 1000));

    bool json = out->format == BB_LOG_JSON;
    puts_line(out, json ? "{\"time\":\"" : "");
    puts_line(out, text);
    puts_line(out, json ? "\",\"level\":\"" : " ");
    puts_line(out, level_name(level));
    puts_line(out, json ? "\",\"event\":\"" : " ");
    puts_line(out, event);
    puts_line(out, json ? "\"" : "");
}

static bool is_end(const bb_kv *pair)
{
    return pair->key == NULL;
}

size_t bb_log_render(char *text, int64_t now_ms, bb_log_format format, bb_log_level level, const char *event,
                     const bb_kv *pairs, size_t pairs_max)
{
    line out = {.at = text, .format = format};
    put_head(&out, now_ms, level, event);
    for (size_t i = 0; i < pairs_max && !is_end(&pairs[i]) && !out.full; i++)
        put_pair(&out, &pairs[i]);

    if (format == BB_LOG_JSON)
        text[out.len++] = '}';
    text[out.len++] = '\n';
    return out.len;
}

/* --- where lines go */

static int64_t system_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether a write waits is up to the open file, which others may share; so pipes and terminals are opened anew. */
static int open_stderr(void)
{
    struct stat about;
    int fresh = -1;
    if (fstat(STDERR_FILENO, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)))
        fresh = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return fresh >= 0 ? fresh : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int open_destination(const char *file)
{
    return file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640) : open_stderr();
}

static bool is_socket(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode);
}

static void take_options(bb_log *log, const bb_log_options *options)
{
    atomic_store_explicit(&log->level, (int)options->level, memory_order_relaxed);
    atomic_store_explicit(&log->format, (int)options->format, memory_order_relaxed);
    atomic_store_explicit(&log->rate_max, options->rate_max, memory_order_relaxed);
}

int bb_log_open(bb_log *log, const bb_log_options *options)
{
    *log = (bb_log){.fd = open_destination(options->file), .now_ms = system_now_ms};
    int failure = log->fd < 0 ? errno : 0;
    if (failure && options->file)
        log->fd = open_destination(NULL);
    log->is_socket = is_socket(log->fd);
    pthread_mutex_init(&log->mutex, NULL);
    take_options(log, options);
    return failure;
}

/* dup3 puts the new file behind the number that other threads write to: none of them ever sees it closed. */
int bb_log_reopen(bb_log *log, const bb_log_options *options)
{
    int fresh = open_destination(options->file);
    if (fresh < 0)
        return errno;
    int failure = 0;
    if (log->fd < 0)
        log->fd = fresh;
    else if (dup3(fresh, log->fd, O_CLOEXEC) < 0)
        failure = errno;
    if (fresh != log->fd)
        close(fresh);
    log->is_socket = is_socket(log->fd);
    if (!failure)
        take_options(log, options);
    return failure;
}

void bb_log_close(bb_log *log)
{
    bb_log_flush_suppressed(log);
    if (log->fd >= 0)
        close(log->fd);
    pthread_mutex_destroy(&log->mutex);
    log->fd = -1;
}

/* False: nobody takes it, or there is no room on the disk. */
static bool put_line(bb_log *log, bb_log_level level, const char *event, const bb_kv *pairs, size_t pairs_max)
{
    char text[BB_LOG_LINE_MAX];
    bb_log_format format = (bb_log_format)atomic_load_explicit(&log->format, memory_order_relaxed);
    size_t len = bb_log_render(text, log->now_ms(), format, level, event, pairs, pairs_max);
    ssize_t written;
    do
        written = log->is_socket ? send(log->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(log->fd, text, len);
    while (written < 0 && errno == EINTR);
    return written >= 0;
}

static void tell_lost(bb_log *log)
{
    uint64_t lost = atomic_exchange(&log->lost, 0);
    bb_kv pairs[] = {BB_KV_U64("lines", lost), BB_KV_END};
    if (lost && !put_line(log, BB_LOG_WARNING, "log.lost", pairs, 1))
        atomic_fetch_add(&log->lost, lost);
}

/* A log that cannot be written must not stop the server, nor make it wait: the line is lost, and that is told later. */
void bb_log_write(bb_log *log, bb_log_level level, const char *event, const bb_kv *pairs, size_t pairs_max)
{
    if (atomic_load_explicit(&log->lost, memory_order_relaxed))
        tell_lost(log);
    if (!put_line(log, level, event, pairs, pairs_max))
        atomic_fetch_add(&log->lost, 1);
}

const char *bb_log_errno_text(int number)
{
    const char *text = strerrordesc_np(number);
    return text ? text : "unknown error";
}

/* --- what a peer could flood */

/* The count of `event`; the last slot is shared by all that come when the others are taken. Event names are literals,
 * but the same literal may have several addresses. */
static bb_log_count *find_count(bb_log *log, const char *event)
{
    bb_log_count *count = log->counts;
    bb_log_count *last = log->counts + BB_LOG_LIMITED_EVENTS - 1;
    while (count < last && count->event && count->event != event && strcmp(count->event, event) != 0)
        count++;
    return count;
}

/* Start a new second; returns what the old one had suppressed, for a line to be written outside of the lock. */
static bb_log_count start_second(bb_log_count *count, int64_t second)
{
    bb_log_count old = *count;
    count->second = second;
    count->written = 0;
    count->suppressed = 0;
    return old;
}

static void tell_suppressed(bb_log *log, const bb_log_count *count)
{
    if (count->suppressed)
        bb_log_event(log, count->level, "log.suppressed", BB_KV_TEXT("of", count->event),
                     BB_KV_U64("lines", count->suppressed));
}

bool bb_log_admit(bb_log *log, bb_log_level level, const char *event)
{
    uint32_t rate_max = atomic_load_explicit(&log->rate_max, memory_order_relaxed);
    if (rate_max == 0)
        return true;

    int64_t second = log->now_ms() / 1000;
    bb_log_count old = {.suppressed = 0};
    pthread_mutex_lock(&log->mutex);
    bb_log_count *count = find_count(log, event);
    if (!count->event)
        *count = (bb_log_count){.event = event, .second = second};
    if (count->second != second)
        old = start_second(count, second);
    count->level = level;
    bool admitted = count->written < rate_max;
    if (admitted)
        count->written++;
    else
        count->suppressed++;
    pthread_mutex_unlock(&log->mutex);

    tell_suppressed(log, &old);
    return admitted;
}

void bb_log_flush_suppressed(bb_log *log)
{
    int64_t second = log->now_ms() / 1000;
    for (size_t i = 0; i < BB_LOG_LIMITED_EVENTS; i++) {
        bb_log_count old = {.suppressed = 0};
        pthread_mutex_lock(&log->mutex);
        if (log->counts[i].suppressed && log->counts[i].second != second)
            old = start_second(&log->counts[i], second);
        pthread_mutex_unlock(&log->mutex);
        tell_suppressed(log, &old);
    }
}
