/* log.h - what the server tells the people who run it: one event, one line.
 *
 * What      Each line has a time (ISO 8601, UTC, milliseconds), a level, a fixed event name and key=value pairs; or the
 *           same as one JSON object:
 *
 *             2026-03-01T12:00:00.123Z info listener.open address=127.0.0.1 port=1883
 *             {"time":"2026-03-01T12:00:00.123Z","level":"info","event":"listener.open","address":"127.0.0.1",...}
 *
 * Trust     Values come from peers. What could forge a line or drive a terminal (control characters, bytes that are not
 *           UTF-8, marks that turn the direction of writing) is escaped, a value is cut at BB_LOG_VALUE_MAX bytes and a
 *           line at BB_LOG_LINE_MAX. Event names and keys are literals of ours and are written as they are.
 * Waiting   Nobody waits for a log: where its reader does not keep up (a full pipe, a terminal that was stopped), lines
 * are lost, counted, and told of by a line "log.lost" once there is room again. Threads   Any thread may write at any
 * time: a line is built on the stack and goes out in one write(). Only bb_log_limited takes a lock, and only for the
 * count. Start at  bb_log_event. */
#ifndef BB_SERVER_LOG_H
#define BB_SERVER_LOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/reason.h"
#include "base/span.h"

enum {
    BB_LOG_LINE_MAX = 4096,     /* bytes of a line with its newline: a pipe takes so many in one piece */
    BB_LOG_VALUE_MAX = 512,     /* bytes of one value that are shown */
    BB_LOG_LIMITED_EVENTS = 64, /* different event names that bb_log_limited can tell apart */
};

typedef enum bb_log_level {
    BB_LOG_ERROR,   /* something that was asked for does not work */
    BB_LOG_WARNING, /* somebody should look at it */
    BB_LOG_INFO,    /* what the server as a whole does */
    BB_LOG_DEBUG,   /* what happens to single clients and packets */
} bb_log_level;

typedef enum bb_log_format {
    BB_LOG_TEXT,
    BB_LOG_JSON,
} bb_log_format;

typedef struct bb_log_options {
    bb_log_level level; /* events of this level and those above it are written */
    bb_log_format format;
    char *file;        /* path of a file to append to; NULL: standard error */
    uint32_t rate_max; /* lines a second of one event through bb_log_limited; 0: no limit */
} bb_log_options;

/* One key=value pair; make it with the BB_KV_ macros. */
typedef struct bb_kv {
    const char *key; /* a literal; NULL ends the list */
    enum { BB_KV_IS_TEXT, BB_KV_IS_U64, BB_KV_IS_I64, BB_KV_IS_BOOL } type;
    union {
        bb_span text;
        uint64_t u64;
        int64_t i64;
        bool boolean;
    };
} bb_kv;

#define BB_KV_END ((bb_kv){.key = NULL})
#define BB_KV_SPAN(name, value) ((bb_kv){.key = (name), .type = BB_KV_IS_TEXT, .text = (value)})
#define BB_KV_TEXT(name, value) BB_KV_SPAN(name, bb_span_text(value)) /* a zero-terminated string, not NULL */
#define BB_KV_U64(name, value) ((bb_kv){.key = (name), .type = BB_KV_IS_U64, .u64 = (value)})
#define BB_KV_I64(name, value) ((bb_kv){.key = (name), .type = BB_KV_IS_I64, .i64 = (value)})
#define BB_KV_BOOL(name, value) ((bb_kv){.key = (name), .type = BB_KV_IS_BOOL, .boolean = (value)})
#define BB_KV_REASON(status) BB_KV_TEXT("reason", bb_status_name(status)) /* a row of the table of reasons */
#define BB_KV_ERRNO(number) BB_KV_TEXT("error", bb_log_errno_text(number))

/* How often one event was written in the current second. */
typedef struct bb_log_count {
    const char *event;
    bb_log_level level;
    int64_t second;
    uint32_t written;
    uint64_t suppressed; /* since the last line that said so */
} bb_log_count;

typedef struct bb_log {
    int fd; /* ours; reopening puts another file behind the same number */
    _Atomic bool is_socket;
    _Atomic uint64_t lost; /* lines that nobody took, and that have not been told of yet */
    _Atomic int level;
    _Atomic int format;
    _Atomic uint32_t rate_max;
    int64_t (*now_ms)(void); /* milliseconds since 1970; a test sets its own */
    pthread_mutex_t mutex;   /* guards `counts` */
    bb_log_count counts[BB_LOG_LIMITED_EVENTS];
} bb_log;

/* Start logging as `options` say. Returns 0, or the errno of opening options->file; the log then goes to standard
 * error, and bb_log_close is still due. */
int bb_log_open(bb_log *log, const bb_log_options *options);

/* Take on `options` (level, format, destination) and open the file anew, as after its rotation. On failure returns the
 * errno and keeps writing where it did. Other threads may go on logging meanwhile. One thread at a time. */
int bb_log_reopen(bb_log *log, const bb_log_options *options);

void bb_log_close(bb_log *log);

/* Is anybody interested? One load: cheap enough for every packet. */
static inline bool bb_log_enabled(const bb_log *log, bb_log_level level)
{
    return (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* Write one event: bb_log_event(log, BB_LOG_INFO, "listener.open", BB_KV_U64("port", 1883), BB_KV_END);
 * The pairs are not evaluated when the level is off. */
#define bb_log_event(log, level, event, ...)                                                        \
    (bb_log_enabled(log, level)                                                                     \
         ? bb_log_write(log, level, event, (const bb_kv[]){__VA_ARGS__}, BB_LOG_PAIRS(__VA_ARGS__)) \
         : (void)0)

/* The same for what a peer can cause as often as it likes: at most rate_max lines a second are written for each event
 * name, and when the next second comes, one line "log.suppressed" says how many were not. */
#define bb_log_limited(log, level, event, ...)                                                      \
    (bb_log_enabled(log, level) && bb_log_admit(log, level, event)                                  \
         ? bb_log_write(log, level, event, (const bb_kv[]){__VA_ARGS__}, BB_LOG_PAIRS(__VA_ARGS__)) \
         : (void)0)

/* Call it about once a second: says what was suppressed of events that have stopped coming. */
void bb_log_flush_suppressed(bb_log *log);

/* --- what the macros call */

#define BB_LOG_PAIRS(...) (sizeof((const bb_kv[]){__VA_ARGS__}) / sizeof(bb_kv))

void bb_log_write(bb_log *log, bb_log_level level, const char *event, const bb_kv *pairs, size_t pairs_max);
bool bb_log_admit(bb_log *log, bb_log_level level, const char *event);
const char *bb_log_errno_text(int number);

/* One line, newline included, into `line` of BB_LOG_LINE_MAX bytes; returns its length. Pure, for tests and for
 * bb_log_write. */
size_t bb_log_render(char *line, int64_t now_ms, bb_log_format format, bb_log_level level, const char *event,
                     const bb_kv *pairs, size_t pairs_max);

#endif
