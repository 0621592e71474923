/* value.c - one value of a command line: from text into the settings. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/field.h"
#include "base/quantity.h"
#include "tool/cli.h"
#include "tool/say.h"

enum { US_PER_S = 1000000, EXPECTED_MAX = 256, DIGITS_MAX = 32 };

/* --- what is expected, for people */

/* A bound as it is shown: whole numbers without a point. */
static const char *bound(double number, char text[DIGITS_MAX])
{
    snprintf(text, DIGITS_MAX, number < 1e15 ? "%.12g" : "%.0f", number);
    return text;
}

static double max_of(const bb_cli_option *option)
{
    if (option->max > 0)
        return option->max;
    if (option->type == BB_CLI_DECIMAL)
        return DBL_MAX;
    if (option->type == BB_CLI_TIME)
        return 1e9; /* some 30 years; microseconds fit 64 bits */
    return option->width == 8 ? 18446744073709549568.0 : (double)((UINT64_C(1) << (8 * option->width)) - 1);
}

static void expect_bounds(const bb_cli_option *option, const char *what, char text[EXPECTED_MAX])
{
    char low[DIGITS_MAX], high[DIGITS_MAX];
    if (option->max > 0 || option->width < 8)
        snprintf(text, EXPECTED_MAX, "%s from %s to %s", what, bound(option->min, low), bound(max_of(option), high));
    else if (option->min > 0)
        snprintf(text, EXPECTED_MAX, "%s, %s or more", what, bound(option->min, low));
    else
        snprintf(text, EXPECTED_MAX, "%s", what);
}

static void expect_choices(const bb_cli_choice *choices, char text[EXPECTED_MAX])
{
    size_t len = 0;
    for (size_t i = 0; choices[i].word && len < EXPECTED_MAX; i++) {
        const char *before = i == 0 ? "" : choices[i + 1].word ? ", " : " or ";
        len += (size_t)snprintf(text + len, EXPECTED_MAX - len, "%s%s", before, choices[i].word);
    }
}

static void expected(const bb_cli_option *option, char text[EXPECTED_MAX])
{
    switch (option->type) {
    case BB_CLI_NUMBER:
        expect_bounds(option, "a whole number", text);
        return;
    case BB_CLI_DECIMAL:
        expect_bounds(option, "a number", text);
        return;
    case BB_CLI_SIZE:
        expect_bounds(option, "a size in bytes, KB, MB or GB", text);
        return;
    case BB_CLI_TIME:
        expect_bounds(option, "a time in seconds, or with the unit ms, s, min or h", text);
        return;
    case BB_CLI_CHOICE:
        expect_choices(option->choices, text);
        return;
    default:
        snprintf(text, EXPECTED_MAX, "a text");
        return;
    }
}

/* --- numbers */

/* A number with or without a fraction, and what stands behind it. Only digits and one point: no sign, no hex, no inf.
 */
static bool parse_decimal(const char *text, double *out, bb_span *rest)
{
    size_t digits = strspn(text, "0123456789");
    size_t fraction = text[digits] == '.' ? strspn(text + digits + 1, "0123456789") : 0;
    size_t len = digits + (text[digits] == '.') + fraction;
    char copy[DIGITS_MAX];
    if (digits + fraction == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *out = strtod(copy, NULL);
    *rest = bb_span_text(text + len);
    while (rest->len && rest->data[0] == ' ')
        *rest = bb_span_from(*rest, 1);
    return true;
}

static bool parse_time(const char *text, double *seconds)
{
    bb_span unit_name;
    if (!parse_decimal(text, seconds, &unit_name))
        return false;
    if (unit_name.len == 0)
        return true;
    if (bb_is_word(unit_name, "us")) {
        *seconds /= US_PER_S;
        return true;
    }
    const bb_unit *unit = bb_unit_find(&bb_time_units, unit_name);
    if (unit)
        *seconds *= (double)unit->factor / 1000;
    return unit != NULL;
}

static bool within(const bb_cli_option *option, double number)
{
    return number >= option->min && number <= max_of(option);
}

static void store(const bb_cli_option *option, void *base, uint64_t value)
{
    bb_field_store((uint8_t *)base + option->offset, option->width, value);
}

static bool set_whole(const bb_cli_option *option, void *base, const char *text)
{
    uint64_t number;
    static const bb_units none = {NULL, 0};
    const bb_units *units = option->type == BB_CLI_SIZE ? &bb_size_units : &none;
    if (!bb_quantity_parse(bb_span_text(text), units, 1, &number) || !within(option, (double)number))
        return false;
    store(option, base, number);
    return true;
}

static bool set_decimal(const bb_cli_option *option, void *base, const char *text)
{
    double number;
    bb_span rest;
    if (!parse_decimal(text, &number, &rest) || rest.len || !within(option, number))
        return false;
    memcpy((uint8_t *)base + option->offset, &number, sizeof number);
    return true;
}

static bool set_time(const bb_cli_option *option, void *base, const char *text)
{
    double seconds;
    if (!parse_time(text, &seconds) || !within(option, seconds))
        return false;
    store(option, base, (uint64_t)(seconds * US_PER_S + 0.5));
    return true;
}

static bool set_choice(const bb_cli_option *option, void *base, const char *text)
{
    for (size_t i = 0; option->choices[i].word; i++)
        if (strcmp(option->choices[i].word, text) == 0) {
            store(option, base, option->choices[i].value);
            return true;
        }
    return false;
}

/* --- texts */

static bool add_word(const bb_cli_option *option, void *base, const char *text)
{
    bb_cli_words *words = (bb_cli_words *)(void *)((uint8_t *)base + option->offset);
    const char **grown = realloc(words->at, (words->count + 1) * sizeof *grown);
    if (!grown)
        return false;
    grown[words->count++] = text;
    words->at = grown;
    return true;
}

static bool set(const bb_cli_option *option, void *base, const char *text)
{
    switch (option->type) {
    case BB_CLI_FLAG:
        *(bool *)((uint8_t *)base + option->offset) = true;
        return true;
    case BB_CLI_NUMBER:
    case BB_CLI_SIZE:
        return set_whole(option, base, text);
    case BB_CLI_DECIMAL:
        return set_decimal(option, base, text);
    case BB_CLI_TIME:
        return set_time(option, base, text);
    case BB_CLI_CHOICE:
        return set_choice(option, base, text);
    case BB_CLI_TEXT:
    case BB_CLI_FILE:
    case BB_CLI_FOLDER:
        memcpy((uint8_t *)base + option->offset, &text, sizeof text);
        return true;
    case BB_CLI_WORDS:
    case BB_CLI_FILES:
        return add_word(option, base, text);
    }
    return false;
}

bool bb_cli_set(const bb_cli_option *option, void *base, const char *text, char error[BB_CLI_ERROR_MAX])
{
    char what[EXPECTED_MAX], shown[BB_SAY_SHOWN_MAX];
    if (set(option, base, text))
        return true;
    expected(option, what);
    snprintf(error, BB_CLI_ERROR_MAX, "found '%s', expected %s", bb_say_shown(bb_span_text(text), shown), what);
    return false;
}
