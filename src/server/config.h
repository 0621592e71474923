/* config.h - from a YAML file and the command line to settings, and from one settings to the next.
 *
 * What      bb_config_load reads a file and says everything that is wrong with it, each problem with file, line,
 * column, key, what was found and what is allowed. bb_config_changes says what differs between running and reloaded
 *           settings, and bb_config_apply takes over what can change without a restart.
 * Memory    malloc, for the settings themselves and while the file is read. A report needs none.
 * Threads   One thread at a time for each struct.
 * Start at  bb_config_load; the keys stand in option.c. */
#ifndef BB_SERVER_CONFIG_H
#define BB_SERVER_CONFIG_H

#include "base/span.h"
#include "server/settings.h"

enum {
    BB_CONFIG_BYTES_MAX = 1024 * 1024, /* of a file */
    BB_CONFIG_PROBLEMS_MAX = 20,       /* that are told; more are only counted */
    BB_CONFIG_PROBLEM_TEXT_MAX = 512,
    BB_CONFIG_VALUE_TEXT_MAX = 160,
    BB_CONFIG_CHANGES_MAX = 64, /* at least the number of keys */
};

typedef struct bb_config_problem {
    uint32_t line, column;                 /* from 1; 0 where the problem is not in a line of the file */
    char text[BB_CONFIG_PROBLEM_TEXT_MAX]; /* the whole message: "busbard.yaml:3:12: limits.connections: ..." */
} bb_config_problem;

typedef struct bb_config_report {
    bb_config_problem problems[BB_CONFIG_PROBLEMS_MAX];
    size_t count;  /* of problems[] */
    size_t untold; /* further problems, for which there was no room */
} bb_config_report;

/* Settings from the file `path` (NULL: no file, only defaults), then from the overrides, which win and which `out`
 * keeps a pointer to. On failure false: `report` has at least one problem, and `out` is untouched. */
BB_MUST_USE bool bb_config_load(const char *path, const bb_override *overrides, size_t override_count, bb_settings *out,
                                bb_config_report *report);

/* The same from memory; `name` stands in messages where the file's path would. */
BB_MUST_USE bool bb_config_parse(const char *name, bb_span yaml, const bb_override *overrides, size_t override_count,
                                 bb_settings *out, bb_config_report *report);

/* Read `path` again with the overrides of the running settings. */
BB_MUST_USE bool bb_config_reload(const bb_settings *running, const char *path, bb_settings *out,
                                  bb_config_report *report);

/* One key whose value differs. */
typedef struct bb_config_change {
    char key[64]; /* "limits.connections" */
    bool at_once; /* bb_config_apply takes it over; else only a restart does */
    char before[BB_CONFIG_VALUE_TEXT_MAX], after[BB_CONFIG_VALUE_TEXT_MAX];
} bb_config_change;

/* What differs between `running` and `next`, in the order of the table; returns how many. */
size_t bb_config_changes(const bb_settings *running, const bb_settings *next,
                         bb_config_change changes[BB_CONFIG_CHANGES_MAX]);

/* Copy into `settings` all values of `next` that can change without a restart. False when there is no memory;
 * `settings` is then untouched. */
BB_MUST_USE bool bb_config_apply(bb_settings *settings, const bb_settings *next);

/* docs/configuration.md, whole, into a malloc'ed string (the caller frees it); NULL when there is no memory. */
BB_MUST_USE char *bb_config_help(void);

#endif
