/* option.h - the table of everything that people can set: one row, one key.
 *
 * What      A row says where a key stands in the file, what it may hold, where its value goes in the settings, whether
 * a reload can change it, and one line of help. The YAML reader, the command line, messages, the comparison at a reload
 * and the manual all read the same rows. Defaults are not here: they are what bb_settings_init sets. Used by config.c,
 * config_change.c, config_help.c; private to this folder. Start at  the table in option.c, then bb_option_set. */
#ifndef BB_SERVER_OPTION_H
#define BB_SERVER_OPTION_H

#include "base/span.h"
#include "server/settings.h"

typedef enum bb_option_type {
    BB_OPTION_YES_NO,
    BB_OPTION_NUMBER,
    BB_OPTION_SIZE,      /* bytes: "64 KB" */
    BB_OPTION_TIME_S,    /* seconds: "5 min" */
    BB_OPTION_TIME_MS,   /* milliseconds: "1500 ms" */
    BB_OPTION_CHOICE,    /* one of a few words; the value is the index */
    BB_OPTION_PATH,      /* char *, malloc'ed; NULL stands for the row's word */
    BB_OPTION_PATHS,     /* the same, several of them: a line for each */
    BB_OPTION_TEXT,      /* the same, any text */
    BB_OPTION_TEXTS,     /* the same, several of them: a line for each */
    BB_OPTION_MODE,      /* permissions of a file, in octal: 0660 */
    BB_OPTION_ADDRESS,   /* char[BB_ADDRESS_MAX]: a numeric address */
    BB_OPTION_LISTENERS, /* the list of listeners; each element has rows of its own */
    BB_OPTION_ACCESS,    /* bb_rules *, counted: the list of access rules; each element has rows of its own */
    BB_OPTION_GROUPS,    /* groups of users: a part of what BB_OPTION_ACCESS stands for */
    BB_OPTION_ACTIONS,   /* from here on: of an access rule, one or a list */
    BB_OPTION_NAMES,
    BB_OPTION_PREFIXES,
    BB_OPTION_TOPICS,
} bb_option_type;

typedef struct bb_option {
    const char *section; /* "" for the top of the file */
    const char *name;
    bb_option_type type;
    bool at_once;               /* a reload can change it */
    uint16_t offset;            /* of the value, in bb_settings (or in bb_listener_settings) */
    uint16_t width;             /* bytes of the value */
    uint64_t min, max;          /* of a number, size or time */
    const char *word;           /* stands for a special value, for instance "never"; may be NULL */
    uint64_t word_value;        /* which may lie outside of the bounds */
    const char *const *choices; /* ends with NULL */
    unsigned protocols;         /* of a listener's key: a bit for each bb_protocol that it is for */
    const char *help;
} bb_option;

typedef struct bb_option_section {
    const char *name, *help;
} bb_option_section;

extern const bb_option bb_options[];
extern const size_t bb_option_count;
extern const bb_option bb_listener_options[]; /* keys of one listener */
extern const size_t bb_listener_option_count;
extern const bb_option bb_rule_options[]; /* keys of one access rule */
extern const size_t bb_rule_option_count;
extern const bb_option_section bb_option_sections[]; /* all but the top of the file */
extern const size_t bb_option_section_count;

enum {
    BB_OPTION_TEXT_MAX = 256, /* bytes of what is allowed, with the terminating zero */
    BB_OPTION_PATH_MAX = 64,  /* bytes of a key with its section, with the terminating zero */
};

/* It may be given several times, or as a list. */
static inline bool bb_option_is_list(const bb_option *option)
{
    return option->type == BB_OPTION_PATHS || option->type == BB_OPTION_TEXTS;
}

/* Its value is a malloc'ed text, or NULL. */
static inline bool bb_option_is_text(const bb_option *option)
{
    return option->type == BB_OPTION_PATH || option->type == BB_OPTION_TEXT || bb_option_is_list(option);
}

/* The row of `section`.`name`, or NULL. */
const bb_option *bb_option_find(const char *section, bb_span name);

/* "limits.connections" */
char *bb_option_path(const bb_option *option, char text[BB_OPTION_PATH_MAX]);

/* What the row allows, for people: "a number from 1 to 65535". */
char *bb_option_allowed(const bb_option *option, char text[BB_OPTION_TEXT_MAX]);

/* Put `value` into the struct at `base` that the row's offset counts from. Any type but the
 * listeners. On failure false, and `hint` may be set to a static text that says more than bb_option_allowed. */
BB_MUST_USE bool bb_option_set(const bb_option *option, void *base, bb_span value, const char **hint);

/* The value at `base`, as people would write it; cut with "..." where it is longer than `cap`. */
char *bb_option_value(const bb_option *option, const void *base, char *text, size_t cap);

/* `a` and `b` are what the row's offset counts from. */
bool bb_option_equal(const bb_option *option, const void *a, const void *b);

/* Copy one value. False when there is no memory. */
BB_MUST_USE bool bb_option_copy(const bb_option *option, bb_settings *to, const bb_settings *from);

/* Add one listener to the end of the list, which then owns its texts. NULL, or why not: static text that goes on after
 * the listener's own. */
BB_MUST_USE const char *bb_option_add_listener(bb_settings *settings, const bb_listener_settings *listener);

/* The list is given anew: forget the default, or what the file said. */
void bb_option_clear_listeners(bb_settings *settings);

#endif
