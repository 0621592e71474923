#include "server/config_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/printable.h"

static size_t write_place(char *text, size_t cap, const bb_config_place *place)
{
    int len = place->line ? snprintf(text, cap, "%.200s:%u:%u: ", place->name, place->line, place->column)
                          : snprintf(text, cap, "%.200s: ", place->name);
    return len > 0 ? (size_t)len : 0;
}

void bb_config_problem_add(bb_config_report *report, bb_config_place place, const char *format, ...)
{
    if (report->count == BB_CONFIG_PROBLEMS_MAX) {
        report->untold++;
        return;
    }
    bb_config_problem *problem = &report->problems[report->count++];
    problem->line = place.line;
    problem->column = place.column;
    size_t len = write_place(problem->text, sizeof problem->text, &place);

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text + len, sizeof problem->text - len, format, arguments);
    va_end(arguments);
}

const char *bb_config_shown(bb_span bytes, char text[BB_CONFIG_SHOWN_MAX])
{
    bool whole;
    size_t len = bb_printable(text, BB_CONFIG_SHOWN_MAX - sizeof "...", bytes, BB_PRINTABLE_TEXT, &whole);
    memcpy(text + len, whole ? "" : "...", whole ? 1 : sizeof "...");
    return text;
}

void bb_config_problem_value(bb_config_report *report, bb_config_place place, const bb_option *option, const char *what,
                             const char *hint)
{
    char path[BB_OPTION_PATH_MAX], allowed[BB_OPTION_TEXT_MAX];
    bb_config_problem_add(report, place, "%s: found %s, allowed is %s%s%s", bb_option_path(option, path), what,
                          bb_option_allowed(option, allowed), hint ? "; " : "", hint ? hint : "");
}

bool bb_config_add_listener(bb_settings *settings, bb_config_report *report, bb_config_place place,
                            const bb_listener_settings *listener)
{
    char text[BB_ENDPOINT_TEXT_MAX];
    const char *problem = bb_option_add_listener(settings, listener);
    if (problem)
        bb_config_problem_add(report, place, "listeners: %s %s", bb_listener_text(listener, text), problem);
    return !problem;
}
