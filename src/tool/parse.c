/* parse.c - reads a command line along the tables of its command.
 *
 * Words are taken from left to right: `--name value`, `--name=value`, `-n value`, `-nvalue`, and flags of one letter
 * may share a dash (`-vN`). What stands without a dash is an argument, and so is everything after `--`, a dash alone,
 * and a negative number: `busbar pub site/outside -5` is what people type. Arguments are placed when all options are
 * known. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/suggest.h"
#include "tool/cli.h"
#include "tool/say.h"

typedef struct parser {
    const bb_cli_command *command;
    uint8_t *settings;
    const char *const *words;
    size_t count, at;
    const char **arguments; /* as many as there are words at most */
    size_t arguments_count;
    bool given[BB_CLI_GROUPS_MAX][BB_CLI_OPTIONS_MAX];
    char *error;
} parser;

/* Where an option stands in the tables; `option` NULL: nowhere. */
typedef struct place {
    const bb_cli_option *option;
    size_t group, row;
} place;

static const bb_cli_placed no_groups[] = {{NULL, 0}};

static const bb_cli_placed *groups_of(const bb_cli_command *command)
{
    return command->groups ? command->groups : no_groups;
}

static bool is_name(const char *name, bb_span word)
{
    return name && bb_span_equal(bb_span_text(name), word);
}

static place find_long(const bb_cli_command *command, bb_span name)
{
    const bb_cli_placed *groups = groups_of(command);
    for (size_t g = 0; groups[g].group; g++)
        for (size_t i = 0; i < groups[g].group->count; i++) {
            const bb_cli_option *option = &groups[g].group->options[i];
            if (is_name(option->name, name) || is_name(option->alias, name))
                return (place){option, g, i};
        }
    return (place){NULL, 0, 0};
}

static place find_letter(const bb_cli_command *command, char letter)
{
    const bb_cli_placed *groups = groups_of(command);
    for (size_t g = 0; groups[g].group; g++)
        for (size_t i = 0; i < groups[g].group->count; i++)
            if (groups[g].group->options[i].letter == letter)
                return (place){&groups[g].group->options[i], g, i};
    return (place){NULL, 0, 0};
}

static uint8_t *base_of(const parser *p, const place *at)
{
    return p->settings + groups_of(p->command)[at->group].offset;
}

/* --- options */

static const char *nearest_option(const bb_cli_command *command, bb_span name)
{
    bb_suggestion nearest = {.wanted = name};
    const bb_cli_placed *groups = groups_of(command);
    for (size_t g = 0; groups[g].group; g++)
        for (size_t i = 0; i < groups[g].group->count; i++) {
            const bb_cli_option *option = &groups[g].group->options[i];
            if (is_name(option->guess, name))
                return option->name;
            bb_suggestion_offer(&nearest, option->name);
            if (option->alias)
                bb_suggestion_offer(&nearest, option->alias);
        }
    bb_suggestion_offer(&nearest, "help");
    return nearest.best;
}

static bool refuse_unknown(parser *p, bb_span name)
{
    char shown[BB_SAY_SHOWN_MAX];
    const char *nearest = nearest_option(p->command, name);
    snprintf(p->error, BB_CLI_ERROR_MAX, "there is no option --%s%s%s%s", bb_say_shown(name, shown),
             nearest ? "; did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "");
    return false;
}

/* Put the option's name before what bb_cli_set said. */
static bool refuse_value(parser *p, const bb_cli_option *option)
{
    char why[BB_CLI_ERROR_MAX];
    memcpy(why, p->error, sizeof why);
    snprintf(p->error, BB_CLI_ERROR_MAX, "--%s: %.400s", option->name, why);
    return false;
}

static bool take(parser *p, const place *at, const char *value)
{
    p->given[at->group][at->row] = true;
    return bb_cli_set(at->option, base_of(p, at), value, p->error) || refuse_value(p, at->option);
}

/* The option's value is the next word. */
static bool take_next(parser *p, const place *at)
{
    if (p->at == p->count) {
        snprintf(p->error, BB_CLI_ERROR_MAX, "--%s needs a value: %s", at->option->name, at->option->value);
        return false;
    }
    return take(p, at, p->words[p->at++]);
}

static bool parse_long(parser *p, const char *word)
{
    const char *equals = strchr(word, '=');
    bb_span name = equals ? bb_span_of(word, (size_t)(equals - word)) : bb_span_text(word);
    place at = find_long(p->command, name);
    if (!at.option)
        return refuse_unknown(p, name);
    if (!bb_cli_has_value(at.option) && equals) {
        snprintf(p->error, BB_CLI_ERROR_MAX, "--%s takes no value", at.option->name);
        return false;
    }
    if (equals)
        return take(p, &at, equals + 1);
    return bb_cli_has_value(at.option) ? take_next(p, &at) : take(p, &at, "");
}

static bool parse_letters(parser *p, const char *letters)
{
    for (; *letters; letters++) {
        place at = find_letter(p->command, *letters);
        if (!at.option) {
            char shown[BB_SAY_SHOWN_MAX];
            snprintf(p->error, BB_CLI_ERROR_MAX, "there is no option -%s", bb_say_shown(bb_span_of(letters, 1), shown));
            return false;
        }
        if (bb_cli_has_value(at.option))
            return letters[1] ? take(p, &at, letters + 1) : take_next(p, &at);
        if (!take(p, &at, ""))
            return false;
    }
    return true;
}

/* --- arguments */

static bool is_argument(const char *word)
{
    bool is_number = (word[1] >= '0' && word[1] <= '9') || word[1] == '.';
    return word[0] != '-' || word[1] == '\0' || is_number;
}

static bool is_list(const bb_cli_argument *row)
{
    return row->type == BB_CLI_WORDS || row->type == BB_CLI_FILES;
}

static bool is_filled(const parser *p, const bb_cli_argument *row)
{
    const char *text;
    memcpy(&text, p->settings + row->offset, sizeof text);
    return !is_list(row) && text;
}

static bool takes(const bb_cli_argument *row, const char *word)
{
    return !row->takes || row->takes(word);
}

static bool refuse_choice(parser *p, const bb_cli_argument *row, const char *word)
{
    char shown[BB_SAY_SHOWN_MAX];
    bb_suggestion nearest = {.wanted = bb_span_text(word)};
    for (size_t i = 0; row->choices[i].word; i++)
        bb_suggestion_offer(&nearest, row->choices[i].word);
    int len =
        snprintf(p->error, BB_CLI_ERROR_MAX, "%s: found '%s', ", row->name, bb_say_shown(bb_span_text(word), shown));
    if (nearest.best) {
        snprintf(p->error + len, BB_CLI_ERROR_MAX - (size_t)len, "did you mean %s?", nearest.best);
        return false;
    }
    len += snprintf(p->error + len, BB_CLI_ERROR_MAX - (size_t)len, "expected one of:");
    for (size_t i = 0; row->choices[i].word && len < BB_CLI_ERROR_MAX; i++)
        len += snprintf(p->error + len, BB_CLI_ERROR_MAX - (size_t)len, " %s", row->choices[i].word);
    return false;
}

static bool is_chosen(const bb_cli_argument *row, const char *word)
{
    for (size_t i = 0; row->choices[i].word; i++)
        if (strcmp(row->choices[i].word, word) == 0)
            return true;
    return false;
}

static bool place_argument(parser *p, const char *word)
{
    for (const bb_cli_argument *row = p->command->arguments; row && row->name; row++) {
        if (is_filled(p, row) || !takes(row, word))
            continue;
        if (row->choices && !is_chosen(row, word))
            return refuse_choice(p, row, word);
        bb_cli_option as_option = {.type = row->type, .offset = row->offset, .width = sizeof word};
        return bb_cli_set(&as_option, p->settings, word, p->error);
    }
    char shown[BB_SAY_SHOWN_MAX];
    snprintf(p->error, BB_CLI_ERROR_MAX, "there is no place for the argument '%s'",
             bb_say_shown(bb_span_text(word), shown));
    return false;
}

/* --- the whole */

static bool set_defaults(parser *p)
{
    const bb_cli_placed *groups = groups_of(p->command);
    for (size_t g = 0; groups[g].group; g++) {
        BB_CHECK(g < BB_CLI_GROUPS_MAX && groups[g].group->count <= BB_CLI_OPTIONS_MAX);
        for (size_t i = 0; i < groups[g].group->count; i++) {
            const bb_cli_option *option = &groups[g].group->options[i];
            if (option->initial && !bb_cli_set(option, p->settings + groups[g].offset, option->initial, p->error))
                return refuse_value(p, option);
        }
    }
    return true;
}

static bool finish(parser *p)
{
    for (size_t i = 0; i < p->arguments_count; i++)
        if (!place_argument(p, p->arguments[i]))
            return false;
    const bb_cli_placed *groups = groups_of(p->command);
    for (size_t g = 0; groups[g].group; g++)
        if (groups[g].group->finish && !groups[g].group->finish(p->settings + groups[g].offset, p->given[g], p->error))
            return false;
    return true;
}

static bb_cli_outcome parse_words(parser *p)
{
    bool only_arguments = false;
    while (p->at < p->count) {
        const char *word = p->words[p->at++];
        if (only_arguments || is_argument(word)) {
            p->arguments[p->arguments_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (strcmp(word, "--help") == 0) {
            return BB_CLI_HELP;
        } else if (word[1] == '-' ? !parse_long(p, word + 2) : !parse_letters(p, word + 1)) {
            return BB_CLI_WRONG;
        }
    }
    return finish(p) ? BB_CLI_PARSED : BB_CLI_WRONG;
}

bb_cli_outcome bb_cli_parse(const bb_cli_command *command, const char *const *words, size_t count, void *settings,
                            char error[BB_CLI_ERROR_MAX])
{
    parser p = {.command = command, .settings = settings, .words = words, .count = count, .error = error};
    memset(settings, 0, command->settings_size);
    error[0] = '\0';
    p.arguments = calloc(count + 1, sizeof *p.arguments);
    if (!p.arguments) {
        snprintf(error, BB_CLI_ERROR_MAX, "there is no memory");
        return BB_CLI_WRONG;
    }
    bb_cli_outcome outcome = set_defaults(&p) ? parse_words(&p) : BB_CLI_WRONG;
    free(p.arguments);
    return outcome;
}

static void release_list(uint8_t *at)
{
    bb_cli_words *words = (bb_cli_words *)(void *)at;
    free(words->at);
    *words = (bb_cli_words){NULL, 0};
}

void bb_cli_release(const bb_cli_command *command, void *settings)
{
    const bb_cli_placed *groups = groups_of(command);
    for (size_t g = 0; groups[g].group; g++) {
        uint8_t *base = (uint8_t *)settings + groups[g].offset;
        if (groups[g].group->release)
            groups[g].group->release(base);
        for (size_t i = 0; i < groups[g].group->count; i++) {
            bb_cli_type type = groups[g].group->options[i].type;
            if (type == BB_CLI_WORDS || type == BB_CLI_FILES)
                release_list(base + groups[g].group->options[i].offset);
        }
    }
    for (const bb_cli_argument *row = command->arguments; row && row->name; row++)
        if (is_list(row))
            release_list((uint8_t *)settings + row->offset);
}
