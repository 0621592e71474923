/* cli.h - what a command line may hold, as tables: one row, one option.
 *
 * What      A command is described once: its options in groups, its arguments, its examples. The parser, --help, the
 *           manual page and the completions of bash, zsh and fish all read the same rows, so they cannot drift apart.
 *           A row says where the value goes in the command's settings struct, as a place in bytes.
 * Memory    Text values point into argv. Lists (BB_CLI_WORDS) are allocated by the parser; bb_cli_release frees them.
 * Errors    In words, with what was found and what was expected, into the caller's buffer.
 * Start at  bb_cli_command; pub.c for a use of all of it; commands.h for where a new command is hung in. */
#ifndef BB_TOOL_CLI_H
#define BB_TOOL_CLI_H

#include "base/span.h"

typedef enum bb_cli_type {
    BB_CLI_FLAG,    /* bool: an option without a value */
    BB_CLI_NUMBER,  /* a whole number, of the unsigned type that the field has */
    BB_CLI_DECIMAL, /* double */
    BB_CLI_SIZE,    /* bytes, of the unsigned type that the field has: 64, 2KB, 256MB */
    BB_CLI_TIME,    /* uint64_t, microseconds: 5 (seconds), 1.5, 500ms, 2min */
    BB_CLI_CHOICE,  /* one of a few words: its value, of the unsigned type that the field has */
    BB_CLI_TEXT,    /* const char *, not copied */
    BB_CLI_FILE,    /* the same: a path, which shells complete */
    BB_CLI_FOLDER,  /* the same: a folder */
    BB_CLI_WORDS,   /* bb_cli_words: may be repeated, all are kept */
    BB_CLI_FILES,   /* the same: paths */
} bb_cli_type;

typedef struct bb_cli_words {
    const char **at;
    size_t count;
} bb_cli_words;

typedef struct bb_cli_choice {
    const char *word; /* several words may stand for one value */
    uint8_t value;
} bb_cli_choice;

typedef struct bb_cli_option {
    const char *name; /* without its dashes */
    char letter;      /* 0: none */
    bb_cli_type type;
    uint16_t offset, width;       /* of the value, in the struct of the group */
    double min, max;              /* of a number, size (bytes) or time (seconds); max 0: as much as the field holds */
    const bb_cli_choice *choices; /* ends with a NULL word */
    const char *value;            /* what stands for the value in the help: "HOST" */
    const char *initial;          /* the default, as one would type it; NULL: all zero */
    const char *alias;            /* a second long name, or NULL */
    const char *guess;   /* a name that people may expect instead: not taken, but answered with `name`; or NULL */
    const char *heading; /* rows from this one on stand under a heading of their own; NULL: as before */
    const char *help;    /* one or two sentences without a line break; `words` in quotes like these are bold */
} bb_cli_option;

/* For rows: BB_CLI_AT(settings_struct, member), BB_CLI_BETWEEN(1, 10). */
#define BB_CLI_AT(type, member) .offset = offsetof(type, member), .width = sizeof(((type *)0)->member)
#define BB_CLI_BETWEEN(low, high) .min = (low), .max = (high)
#define BB_CLI_ROWS(rows) .options = (rows), .count = sizeof(rows) / sizeof *(rows)

/* Options that belong together; several commands may have the same group, each at a place of its own. */
typedef struct bb_cli_group {
    const char *title;
    const bb_cli_option *options;
    size_t count;
    /* May be NULL. Called when everything was read: checks what no single row can, and fills what depends on other
     * options. `given` says of each row whether it was on the command line. False with a text in `error`. */
    bool (*finish)(void *settings, const bool *given, char *error);
    void (*release)(void *settings); /* frees what finish made; may be NULL */
} bb_cli_group;

typedef struct bb_cli_placed {
    const bb_cli_group *group;
    size_t offset; /* of the group's struct in the settings of the command */
} bb_cli_placed;

/* What stands on the command line without dashes: each argument goes to the first row whose place is still empty and
 * that takes it. A row may share its place with an option: where the option was given, the argument is not awaited. */
typedef struct bb_cli_argument {
    const char *name;                /* "TOPIC" */
    bb_cli_type type;                /* TEXT, FILE, FOLDER, WORDS or FILES */
    uint16_t offset;                 /* in the settings of the command */
    bool (*takes)(const char *word); /* NULL: any word */
    const bb_cli_choice *choices;    /* the words that are allowed; NULL: any. Ends with a NULL word */
    const char *help;
} bb_cli_argument;

typedef struct bb_cli_example {
    const char *line, *what;
} bb_cli_example;

typedef struct bb_cli_command {
    const char *name;
    const char *summary;              /* completes "busbar pub - ..." */
    const char *const *synopsis;      /* what follows "busbar NAME", one line each; ends with NULL */
    const char *const *description;   /* paragraphs, for the manual and --help; ends with NULL */
    const bb_cli_argument *arguments; /* ends with a NULL name; may be NULL */
    const bb_cli_placed *groups;      /* ends with a NULL group; may be NULL */
    const bb_cli_example *examples;   /* ends with a NULL line */
    const char *const *manual;  /* further sections for the manual: title, text, title, text ...; ends with NULL */
    size_t settings_size;       /* of the struct that `run` is given */
    int (*run)(void *settings); /* returns an exit code of exit.h */
} bb_cli_command;

enum {
    BB_CLI_ERROR_MAX = 512,  /* bytes of an error text, with the terminating zero */
    BB_CLI_GROUPS_MAX = 12,  /* of a command */
    BB_CLI_OPTIONS_MAX = 64, /* of a group */
};

typedef enum bb_cli_outcome {
    BB_CLI_PARSED,
    BB_CLI_HELP,  /* --help was given */
    BB_CLI_WRONG, /* `error` says what */
} bb_cli_outcome;

/* Read the words after "busbar NAME" into `settings` (settings_size bytes, any content). What was parsed, whatever the
 * outcome, must be released. `words` must live as long as the settings. */
bb_cli_outcome bb_cli_parse(const bb_cli_command *command, const char *const *words, size_t count, void *settings,
                            char error[BB_CLI_ERROR_MAX]);
void bb_cli_release(const bb_cli_command *command, void *settings);

/* Set one value from text, as the parser does; `base` is the struct of the row's group. False with a text in `error`,
 * which names what was found and what is expected, but not the option. */
bool bb_cli_set(const bb_cli_option *option, void *base, const char *text, char error[BB_CLI_ERROR_MAX]);

/* Does a value follow the option? */
static inline bool bb_cli_has_value(const bb_cli_option *option)
{
    return option->type != BB_CLI_FLAG;
}

#endif
