#include "tool/profile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/quantity.h"
#include "base/suggest.h"
#include "tool/say.h"

struct bb_profiles {
    yaml_document_t document;
    char path[BB_PROFILES_PATH_MAX];
    bool private; /* nobody but its owner can read the file */
};

const char *bb_profiles_path(char path[BB_PROFILES_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config)
        snprintf(path, BB_PROFILES_PATH_MAX, "%s/busbar/profiles.yaml", config);
    else
        snprintf(path, BB_PROFILES_PATH_MAX, "%s/.config/busbar/profiles.yaml", home ? home : "");
    return path;
}

/* --- messages */

/* "FILE:LINE:COLUMN: ..." */
__attribute__((format(printf, 4, 5))) static bool complain(const bb_profiles *p, yaml_mark_t mark, char *error,
                                                           const char *format, ...)
{
    va_list arguments;
    int len = snprintf(error, BB_CLI_ERROR_MAX, "%.300s:%zu:%zu: ", p->path, mark.line + 1, mark.column + 1);
    va_start(arguments, format);
    vsnprintf(error + len, BB_CLI_ERROR_MAX - (size_t)len, format, arguments);
    va_end(arguments);
    return false;
}

static const char *shown(const yaml_node_t *node, char text[BB_SAY_SHOWN_MAX])
{
    if (node->type == YAML_MAPPING_NODE)
        return "a map";
    if (node->type == YAML_SEQUENCE_NODE)
        return "a list";
    return bb_say_shown(bb_span_of(node->data.scalar.value, node->data.scalar.length), text);
}

/* --- the document */

static yaml_node_t *node_of(const bb_profiles *p, int index)
{
    return yaml_document_get_node((yaml_document_t *)&p->document, index);
}

static bool is_text(const yaml_node_t *node, bb_span text)
{
    return node && node->type == YAML_SCALAR_NODE &&
           bb_span_equal(bb_span_of(node->data.scalar.value, node->data.scalar.length), text);
}

static bool load(FILE *file, bb_profiles *p, char *error)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(error, BB_CLI_ERROR_MAX, "there is no memory");
        return false;
    }
    yaml_parser_set_input_file(&parser, file);
    bool loaded = yaml_parser_load(&parser, &p->document);
    if (!loaded)
        complain(p, parser.problem_mark, error, "this is not valid YAML: %s",
                 parser.problem ? parser.problem : "it cannot be read");
    yaml_parser_delete(&parser);
    return loaded;
}

static bool check_top(const bb_profiles *p, char *error)
{
    char text[BB_SAY_SHOWN_MAX];
    yaml_node_t *top = yaml_document_get_root_node((yaml_document_t *)&p->document);
    if (!top || top->type == YAML_MAPPING_NODE || is_text(top, BB_SPAN_NONE))
        return true;
    return complain(p, top->start_mark, error,
                    "found '%s', expected the name of a profile, a colon, and its options below", shown(top, text));
}

static bool is_private(FILE *file)
{
    struct stat facts;
    return fstat(fileno(file), &facts) == 0 && (facts.st_mode & (S_IRGRP | S_IROTH)) == 0;
}

bool bb_profiles_open_file(const char *path, bb_profiles **out, char error[BB_CLI_ERROR_MAX])
{
    *out = NULL;
    FILE *file = fopen(path, "r");
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return true;
    bb_profiles *p = calloc(1, sizeof *p);
    if (!file || !p) {
        snprintf(error, BB_CLI_ERROR_MAX, "%.300s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        free(p);
        return false;
    }
    snprintf(p->path, sizeof p->path, "%s", path);
    p->private = is_private(file);
    bool loaded = load(file, p, error);
    fclose(file);
    if (!loaded) {
        free(p);
        return false;
    }
    if (!check_top(p, error)) {
        bb_profiles_close(p);
        return false;
    }
    *out = p;
    return true;
}

bool bb_profiles_open(bb_profiles **out, char error[BB_CLI_ERROR_MAX])
{
    char path[BB_PROFILES_PATH_MAX];
    return bb_profiles_open_file(bb_profiles_path(path), out, error);
}

void bb_profiles_close(bb_profiles *profiles)
{
    if (!profiles)
        return;
    yaml_document_delete(&profiles->document);
    free(profiles);
}

/* The pairs of a map: from `*pair` up to the returned end. */
static yaml_node_pair_t *pairs_of(const yaml_node_t *map, yaml_node_pair_t **end)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return *end = NULL;
    *end = map->data.mapping.pairs.top;
    return map->data.mapping.pairs.start;
}

static yaml_node_t *find_profile(const bb_profiles *p, const char *name, bb_suggestion *nearest)
{
    yaml_node_pair_t *end, *pair = pairs_of(yaml_document_get_root_node((yaml_document_t *)&p->document), &end);
    for (; pair < end; pair++) {
        yaml_node_t *key = node_of(p, pair->key);
        if (is_text(key, bb_span_text(name)))
            return node_of(p, pair->value);
        if (nearest && key->type == YAML_SCALAR_NODE)
            bb_suggestion_offer(nearest, (const char *)key->data.scalar.value);
    }
    return NULL;
}

bool bb_profiles_have(const bb_profiles *profiles, const char *name)
{
    return profiles && find_profile(profiles, name, NULL);
}

/* --- options */

static bool is_row(const char *name, const yaml_node_t *key)
{
    return name && is_text(key, bb_span_text(name));
}

static const bb_cli_option *find_row(const bb_profiles *p, const bb_cli_group *group, const yaml_node_t *key,
                                     char *error)
{
    char text[BB_SAY_SHOWN_MAX];
    bb_suggestion nearest = {.wanted = bb_span_of(key->data.scalar.value, key->data.scalar.length)};
    for (size_t i = 0; i < group->count; i++) {
        if (is_row(group->options[i].name, key) || is_row(group->options[i].alias, key))
            return &group->options[i];
        bb_suggestion_offer(&nearest, group->options[i].name);
    }
    complain(p, key->start_mark, error, "there is no option %s%s%s%s", shown(key, text),
             nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "", nearest.best ? "?" : "");
    return NULL;
}

static bool set_flag(const bb_profiles *p, const bb_cli_option *row, const yaml_node_t *value, void *settings,
                     char *error)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    char text[BB_SAY_SHOWN_MAX];
    bb_span found = bb_span_of(value->data.scalar.value, value->data.scalar.length);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bb_is_word(found, words[i])) {
            bool on = i % 2;
            memcpy((uint8_t *)settings + row->offset, &on, sizeof on);
            return true;
        }
    return complain(p, value->start_mark, error, "%s: found '%s', expected yes or no", row->name, shown(value, text));
}

static bool set_value(const bb_profiles *p, const bb_cli_option *row, const yaml_node_t *value, void *settings,
                      char *error)
{
    char text[BB_SAY_SHOWN_MAX], why[BB_CLI_ERROR_MAX];
    if (value->type != YAML_SCALAR_NODE)
        return complain(p, value->start_mark, error, "%s: found %s, expected one value", row->name, shown(value, text));
    if (strlen((const char *)value->data.scalar.value) != value->data.scalar.length)
        return complain(p, value->start_mark, error, "%s: found a zero byte, which no option can hold", row->name);
    if (row->type == BB_CLI_FLAG)
        return set_flag(p, row, value, settings, error);
    if (bb_cli_set(row, settings, (const char *)value->data.scalar.value, why))
        return true;
    return complain(p, value->start_mark, error, "%s: %.200s", row->name, why);
}

static void warn_of_password(const bb_profiles *p, const bb_cli_option *row)
{
    if (!p->private && strcmp(row->name, "pw") == 0)
        bb_say("%s holds a password and can be read by others; chmod 600 would change that", p->path);
}

/* One line of a profile; `seen` has the lines of earlier ones. */
static bool apply_pair(const bb_profiles *p, const yaml_node_pair_t *pair, const bb_cli_group *group, bool *given,
                       size_t *seen, void *settings, char *error)
{
    char text[BB_SAY_SHOWN_MAX];
    yaml_node_t *key = node_of(p, pair->key), *value = node_of(p, pair->value);
    if (key->type != YAML_SCALAR_NODE)
        return complain(p, key->start_mark, error, "found %s, expected the name of an option", shown(key, text));
    const bb_cli_option *row = find_row(p, group, key, error);
    if (!row)
        return false;
    size_t at = (size_t)(row - group->options);
    if (seen[at])
        return complain(p, key->start_mark, error, "%s was there before, in line %zu", row->name, seen[at]);
    seen[at] = key->start_mark.line + 1;
    warn_of_password(p, row);
    if (given[at])
        return true;
    given[at] = true;
    return set_value(p, row, value, settings, error);
}

bool bb_profiles_apply(const bb_profiles *profiles, const char *name, const bb_cli_group *group, bool *given,
                       void *settings, char error[BB_CLI_ERROR_MAX])
{
    size_t seen[BB_CLI_OPTIONS_MAX] = {0};
    char text[BB_SAY_SHOWN_MAX];
    bb_suggestion nearest = {.wanted = bb_span_text(name)};
    const yaml_node_t *profile = find_profile(profiles, name, &nearest);
    if (!profile) {
        snprintf(error, BB_CLI_ERROR_MAX, "%.200s has no profile %s%s%s%s", profiles->path,
                 bb_say_shown(bb_span_text(name), text), nearest.best ? "; did you mean " : "",
                 nearest.best ? nearest.best : "", nearest.best ? "?" : "");
        return false;
    }
    if (profile->type != YAML_MAPPING_NODE && !is_text(profile, BB_SPAN_NONE))
        return complain(profiles, profile->start_mark, error, "%.60s: found '%s', expected options, one on a line",
                        name, shown(profile, text));
    yaml_node_pair_t *end, *pair = pairs_of(profile, &end);
    for (; pair < end; pair++)
        if (!apply_pair(profiles, pair, group, given, seen, settings, error))
            return false;
    return true;
}
