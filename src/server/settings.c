#include "server/settings.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *address;
    bool optional;
} default_listeners[] = {{"127.0.0.1", false}, {"::1", true}};

static bb_listener_settings *make_default_listeners(size_t count)
{
    bb_listener_settings *listeners = calloc(count, sizeof *listeners);
    for (size_t i = 0; listeners && i < count; i++) {
        bb_listener_init(&listeners[i], BB_PROTOCOL_TCP);
        strcpy(listeners[i].address, default_listeners[i].address);
        listeners[i].optional = default_listeners[i].optional;
    }
    return listeners;
}

static void free_listeners(bb_listener_settings *listeners, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bb_listener_deinit(&listeners[i]);
    free(listeners);
}

static bb_listener_settings *copy_listeners(const bb_listener_settings *listeners, size_t count)
{
    bb_listener_settings *copy = calloc(count ? count : 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (!bb_listener_copy(&listeners[i], &copy[i])) {
            free_listeners(copy, i);
            return NULL;
        }
    return copy;
}

bool bb_settings_init(bb_settings *settings)
{
    size_t count = sizeof default_listeners / sizeof default_listeners[0];
    *settings = (bb_settings){
        .listeners = make_default_listeners(count),
        .listener_count = count,
        .listeners_are_default = true,
        .workers = 0,
        .io_uring = BB_URING_AUTO,
        .anonymous = true,
        .shutdown_timeout_s = 5,
        .sys_interval_s = 10,
        .tcp = {.keep_idle_s = 60, .keep_interval_s = 15, .keep_count = 4, .user_timeout_ms = 60 * 1000},
        .log = {.level = BB_LOG_INFO, .format = BB_LOG_TEXT, .file = NULL, .rate_max = 10},
    };
    bb_limits_default(&settings->limits);
    return settings->listeners != NULL;
}

void bb_settings_deinit(bb_settings *settings)
{
    free_listeners(settings->listeners, settings->listener_count);
    free(settings->log.file);
    bb_rules_unref(settings->rules);
    *settings = (bb_settings){.listeners = NULL};
}

bool bb_settings_copy(const bb_settings *settings, bb_settings *out)
{
    bb_settings copy = *settings;
    copy.listeners = copy_listeners(settings->listeners, settings->listener_count);
    copy.rules = bb_rules_ref(settings->rules);
    copy.log.file = settings->log.file ? strdup(settings->log.file) : NULL;
    if (!copy.listeners)
        copy.listener_count = 0;
    if (!copy.listeners || (settings->log.file && !copy.log.file)) {
        bb_settings_deinit(&copy);
        return false;
    }
    *out = copy;
    return true;
}

/* A machine may have more cores than fit a cpu_set_t; sched_getaffinity then fails, and we count those online. */
static unsigned cores_for_us(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

unsigned bb_settings_workers(const bb_settings *settings)
{
    unsigned workers = settings->workers ? settings->workers : cores_for_us();
    return workers > BB_WORKERS_MAX ? BB_WORKERS_MAX : workers;
}
