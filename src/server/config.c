#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/config_listener.h"
#include "server/config_yaml.h"

/* --- the command line */

static const bb_option *find_by_path(const char *path)
{
    const char *dot = strchr(path, '.');
    char section[BB_OPTION_PATH_MAX] = "";
    if (dot && (size_t)(dot - path) < sizeof section)
        memcpy(section, path, (size_t)(dot - path));
    return bb_option_find(section, bb_span_text(dot ? dot + 1 : path));
}

static void override_listeners(const bb_override *override, bb_settings *settings, bb_config_report *report)
{
    bb_config_listener listener;
    bb_config_listener_begin(&listener, (bb_config_place){override->option, 0, 0}, report);
    bb_config_listener_text(&listener, bb_span_text(override->value), report);
    bb_config_listener_end(&listener, settings, report);
}

static void override_value(const bb_override *override, const bb_option *option, bb_settings *settings,
                           bb_config_report *report)
{
    char shown[BB_CONFIG_SHOWN_MAX], allowed[BB_OPTION_TEXT_MAX];
    bb_span value = bb_span_text(override->value);
    const char *hint;
    if (!bb_option_set(option, settings, value, &hint))
        bb_config_problem_add(report, (bb_config_place){override->option, 0, 0}, "found '%s', allowed is %s",
                              bb_config_shown(value, shown), bb_option_allowed(option, allowed));
}

static void apply_overrides(const bb_override *overrides, size_t count, bb_settings *settings, bb_config_report *report)
{
    bool listeners_forgotten = false;
    for (size_t i = 0; i < count; i++) {
        const bb_option *option = find_by_path(overrides[i].key);
        BB_CHECK(option != NULL);
        if (option->type != BB_OPTION_LISTENERS) {
            override_value(&overrides[i], option, settings, report);
            continue;
        }
        if (!listeners_forgotten)
            bb_option_clear_listeners(settings);
        listeners_forgotten = true;
        override_listeners(&overrides[i], settings, report);
    }
    settings->overrides = overrides;
    settings->override_count = count;
}

/* --- the doors */

bool bb_config_parse(const char *name, bb_span yaml, const bb_override *overrides, size_t override_count,
                     bb_settings *out, bb_config_report *report)
{
    bb_settings settings;
    report->count = report->untold = 0;
    if (!bb_settings_init(&settings)) {
        bb_config_problem_add(report, (bb_config_place){name, 0, 0}, "there is no memory to read it");
        return false;
    }
    bb_config_read_yaml(name, yaml, &settings, report);
    apply_overrides(overrides, override_count, &settings, report);
    if (report->count) {
        bb_settings_deinit(&settings);
        return false;
    }
    *out = settings;
    return true;
}

/* The first bytes of the file, at most one more than we accept. Returns 0 or an errno. */
static int read_file(const char *path, uint8_t *bytes, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t got = 1;
    *len = 0;
    while (*len <= BB_CONFIG_BYTES_MAX && got > 0) {
        got = read(fd, bytes + *len, BB_CONFIG_BYTES_MAX + 1 - *len);
        if (got > 0)
            *len += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    int failure = got < 0 ? errno : 0;
    close(fd);
    return failure;
}

bool bb_config_load(const char *path, const bb_override *overrides, size_t override_count, bb_settings *out,
                    bb_config_report *report)
{
    if (!path)
        return bb_config_parse("defaults", BB_SPAN_NONE, overrides, override_count, out, report);

    size_t len = 0;
    uint8_t *bytes = malloc(BB_CONFIG_BYTES_MAX + 1);
    int failure = bytes ? read_file(path, bytes, &len) : ENOMEM;
    bool ok = false;
    if (failure) {
        report->count = report->untold = 0;
        bb_config_problem_add(report, (bb_config_place){path, 0, 0}, "cannot read the file: %s",
                              bb_log_errno_text(failure));
    } else {
        ok = bb_config_parse(path, bb_span_of(bytes, len), overrides, override_count, out, report);
    }
    free(bytes);
    return ok;
}

bool bb_config_reload(const bb_settings *running, const char *path, bb_settings *out, bb_config_report *report)
{
    return bb_config_load(path, running->overrides, running->override_count, out, report);
}
