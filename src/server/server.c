#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "server/config.h"
#include "server/inside.h"

enum { EXIT_TROUBLE = 1 };

/* ---- Starting. */

static void check_failed(const char *file, int line, const char *expression)
{
    char text[512];
    bb_text out = bb_text_on(text, sizeof text);
    bb_text_puts(&out, "busbard: a check failed at ");
    bb_text_puts(&out, file);
    bb_text_puts(&out, ":");
    bb_text_put_u64(&out, (uint64_t)line);
    bb_text_puts(&out, ": ");
    bb_text_puts(&out, expression);
    bb_text_puts(&out, "\n");
    (void)!write(STDERR_FILENO, text, out.len);
}

static void lock_stripe(void *context, unsigned stripe)
{
    pthread_mutex_lock(&((pthread_mutex_t *)context)[stripe]);
}

static void unlock_stripe(void *context, unsigned stripe)
{
    pthread_mutex_unlock(&((pthread_mutex_t *)context)[stripe]);
}

/* As many connections as the system lets us have. */
static uint64_t raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 0;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur;
}

static void set_memory_max(bb_server *server)
{
    uint64_t max = server->settings.limits.memory_bytes_max;
    atomic_store(&server->memory_bytes_max, max ? max : bb_memory_available() / 4 * 3);
}

static bool make_shared(bb_server *server, bb_mem *mem)
{
    if (getrandom(&server->seed, sizeof server->seed, 0) != sizeof server->seed)
        return false;
    bb_retained_init(&server->retained, server->workers_count);
    if (server->workers_count == 1)
        return true;
    server->interest_locks = calloc(BB_INTEREST_STRIPES + 1, sizeof *server->interest_locks);
    if (!server->interest_locks)
        return false;
    for (unsigned i = 0; i <= BB_INTEREST_STRIPES; i++)
        pthread_mutex_init(&server->interest_locks[i], NULL);
    bb_locks locks = {lock_stripe, unlock_stripe, server->interest_locks};
    server->interest = bb_interest_new(mem, &server->seed, server->workers_count, locks);
    return server->interest != NULL;
}

static bool make_workers(bb_server *server)
{
    server->workers = calloc(server->workers_count, sizeof(bb_worker *));
    if (!server->workers)
        return false;
    for (unsigned i = 0; i < server->workers_count; i++) {
        server->workers[i] = aligned_alloc(64, (sizeof(bb_worker) + 63) & ~(size_t)63);
        if (!server->workers[i] || !bb_worker_init(server->workers[i], server, i))
            return false;
    }
    if (!make_shared(server, &server->workers[0]->mem))
        return false;
    for (unsigned i = 0; i < server->workers_count; i++)
        if (!bb_worker_connect(server->workers[i]))
            return false;
    return true;
}

static bool check_uring(const bb_server *server)
{
    const bb_sender *sender = &server->workers[0]->sender;
    const char *state = bb_sender_batches(sender)                   ? "used"
                        : server->settings.io_uring == BB_URING_OFF ? "off"
                                                                    : "unavailable";
    bool wanted = server->settings.io_uring == BB_URING_ON && sender->why_not;
    bb_log_event(server->log, wanted ? BB_LOG_ERROR : BB_LOG_INFO, "io_uring", BB_KV_TEXT("state", state),
                 BB_KV_TEXT("why", sender->why_not ? sender->why_not : "batches sends"), BB_KV_END);
    return !wanted;
}

static bool start(bb_server *server)
{
    if (!bb_listeners_open(server) || !make_workers(server) || !check_uring(server))
        return false;
    for (unsigned i = 0; i < server->workers_count; i++) {
        if (!bb_worker_start(server->workers[i]))
            return false;
        server->workers_started++;
    }
    return true;
}

/* ---- Running: the main thread waits for signals. */

/* Returns how many there are. */
static size_t log_changes(bb_server *server, const bb_settings *next)
{
    static bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    size_t count = bb_config_changes(&server->settings, next, changes);
    for (size_t i = 0; i < count; i++)
        bb_log_event(server->log, changes[i].at_once ? BB_LOG_INFO : BB_LOG_WARNING,
                     changes[i].at_once ? "config.changed" : "config.needs_restart", BB_KV_TEXT("key", changes[i].key),
                     BB_KV_TEXT("before", changes[i].before), BB_KV_TEXT("after", changes[i].after), BB_KV_END);
    return count;
}

static void wake_all(const bb_server *server)
{
    for (unsigned i = 0; i < server->workers_started; i++)
        bb_worker_wake(server->workers[i]);
}

static void reload(bb_server *server, const char *path)
{
    static bb_config_report report;
    bb_settings next;
    memset(&report, 0, sizeof report);
    if (!bb_config_reload(&server->settings, path, &next, &report)) {
        for (size_t i = 0; i < report.count; i++)
            bb_log_event(server->log, BB_LOG_ERROR, "config.refused", BB_KV_TEXT("problem", report.problems[i].text),
                         BB_KV_END);
        bb_log_event(server->log, BB_LOG_ERROR, "config.kept", BB_KV_TEXT("text", "the settings stay as they were"),
                     BB_KV_END);
        return;
    }
    size_t changes = log_changes(server, &next);
    pthread_mutex_lock(&server->settings_mutex);
    bool applied = bb_config_apply(&server->settings, &next);
    pthread_mutex_unlock(&server->settings_mutex);
    bb_settings_deinit(&next);
    if (applied)
        bb_listeners_update(server);
    set_memory_max(server);
    int error = applied ? bb_log_reopen(server->log, &server->settings.log) : ENOMEM;
    if (error)
        bb_log_event(server->log, BB_LOG_ERROR, "config.failed", BB_KV_ERRNO(error), BB_KV_END);
    atomic_fetch_add(&server->settings_number, 1);
    wake_all(server);
    bb_log_event(server->log, BB_LOG_INFO, "config.reloaded", BB_KV_U64("changes", changes), BB_KV_END);
}

static void wait_for_stop(bb_server *server, const sigset_t *signals, const char *path, bb_notify *notify)
{
    for (;;) {
        uint32_t wait_ms = notify->watchdog_ms && notify->watchdog_ms < 1000 ? notify->watchdog_ms : 1000;
        const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000l};
        int signal = sigtimedwait(signals, NULL, &wait);
        bb_notify_watchdog(notify);
        bb_log_flush_suppressed(server->log);
        if (signal == SIGHUP) {
            bb_notify_reloading(notify);
            reload(server, path);
            bb_notify_ready(notify, NULL);
        } else if (signal == SIGTERM || signal == SIGINT) {
            bb_log_event(server->log, BB_LOG_INFO, "server.stopping",
                         BB_KV_TEXT("signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"),
                         BB_KV_I64("links", atomic_load(&server->links_all)), BB_KV_END);
            return;
        }
    }
}

/* ---- Stopping. */

static void free_server(bb_server *server)
{
    atomic_store(&server->stopping, true);
    wake_all(server);
    for (unsigned i = 0; i < server->workers_started; i++)
        pthread_join(server->workers[i]->thread, NULL);
    for (unsigned round = 0; round < 2; round++) /* what settling one worker posts to another is dropped there */
        for (unsigned i = 0; server->workers && i < server->workers_count; i++)
            if (server->workers[i])
                bb_worker_settle(server->workers[i]);
    bb_worker *first = server->workers ? server->workers[0] : NULL;
    for (unsigned i = server->workers_count; server->workers && i-- > 0;)
        if (server->workers[i] && server->workers[i]->broker)
            bb_worker_deinit(server->workers[i]);
    if (first && first->broker) {
        bb_retained_deinit(&server->retained, &first->mem);
        if (server->interest)
            bb_interest_free(server->interest, &first->mem);
        for (unsigned i = 0; i < server->workers_count; i++)
            bb_batch_pool_deinit(&server->workers[i]->batches);
    }
    for (unsigned i = 0; server->workers && i < server->workers_count; i++)
        free(server->workers[i]);
    free(server->workers);
    free(server->interest_locks);
    bb_listeners_close(server);
    bb_settings_deinit(&server->settings);
    bb_large_deinit(&server->large);
}

static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigset_t all = *signals;
    sigaddset(&all, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

int bb_server_run(const bb_settings *settings, const char *config_path, bb_log *log)
{
    static bb_server server;
    sigset_t signals;
    bb_notify notify;
    int code = EXIT_TROUBLE;
    server.log = log;
    bb_check_report = check_failed;
    if (!bb_settings_copy(settings, &server.settings))
        return EXIT_TROUBLE;
    pthread_mutex_init(&server.settings_mutex, NULL);
    bb_large_init(&server.large);
    server.workers_count = bb_settings_workers(settings);
    server.started = bb_clock_us() / 1000;
    set_memory_max(&server);
    block_signals(&signals);
    uint64_t files = raise_file_limit();
    (void)bb_notify_open(&notify);
    if (start(&server)) {
        bb_log_event(log, BB_LOG_INFO, "server.ready", BB_KV_TEXT("version", BB_VERSION),
                     BB_KV_U64("workers", server.workers_count), BB_KV_U64("files", files),
                     BB_KV_U64("memory", atomic_load(&server.memory_bytes_max)), BB_KV_END);
        bb_notify_ready(&notify, "serving");
        wait_for_stop(&server, &signals, config_path, &notify);
        bb_notify_stopping(&notify);
        code = 0;
    }
    free_server(&server);
    bb_notify_close(&notify);
    bb_log_event(log, BB_LOG_INFO, "server.stopped", BB_KV_I64("code", code), BB_KV_END);
    return code;
}
