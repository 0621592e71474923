#include "tool/help.h"

#include "tool/commands.h"
#include "tool/exit.h"

enum { WIDTH = 80, OPTION_COLUMN = 30, TEXT_MAX = 2048 };

/* --- words */

void bb_help_plain(const char *help, char *text, size_t cap)
{
    size_t len = 0;
    for (; *help && len + 1 < cap; help++)
        if (*help != '`')
            text[len++] = *help;
    text[len] = '\0';
}

void bb_help_short(const char *help, char *text, size_t cap)
{
    bb_help_plain(help, text, cap);
    for (char *at = text; *at; at++)
        if ((*at == '.' && (at[1] == ' ' || at[1] == '\0')) || *at == ';' || (*at == ':' && at[1] == ' ')) {
            *at = '\0';
            return;
        }
}

const char *bb_help_value(const bb_cli_option *option, char text[BB_HELP_VALUE_MAX])
{
    if (!bb_cli_has_value(option))
        return "";
    if (option->value)
        return option->value;
    size_t len = 0;
    for (size_t i = 0; option->choices && option->choices[i].word && len < BB_HELP_VALUE_MAX; i++)
        len += (size_t)snprintf(text + len, BB_HELP_VALUE_MAX - len, "%s%s", i ? "|" : "", option->choices[i].word);
    return text;
}

void bb_help_each_option(const bb_cli_command *command,
                         void (*visit)(FILE *to, const bb_cli_command *command, const bb_cli_option *option), FILE *to)
{
    for (const bb_cli_placed *placed = command->groups; placed && placed->group; placed++)
        for (size_t i = 0; i < placed->group->count; i++)
            visit(to, command, &placed->group->options[i]);
}

/* Print `text` from column `at` on, broken between words; further lines start at column `indent`. */
static void print_wrapped(FILE *to, const char *text, size_t at, size_t indent)
{
    bool line_is_empty = true;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (!line_is_empty && at + 1 + len > WIDTH) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
            line_is_empty = true;
        }
        at += (size_t)fprintf(to, "%s%.*s", line_is_empty ? "" : " ", (int)len, text);
        line_is_empty = false;
        text += len;
        while (*text == ' ')
            text++;
    }
    putc('\n', to);
}

static void print_plain(FILE *to, const char *help, size_t at, size_t indent)
{
    char text[TEXT_MAX];
    bb_help_plain(help, text, sizeof text);
    print_wrapped(to, text, at, indent);
}

/* --- one command */

static void print_synopsis(FILE *to, const bb_cli_command *command)
{
    for (size_t i = 0; command->synopsis[i]; i++)
        fprintf(to, "%s busbar %s %s\n", i ? "      " : "Usage:", command->name, command->synopsis[i]);
}

static void print_head(FILE *to, const char *head, const char *help)
{
    int len = fprintf(to, "%s", head);
    if (len > OPTION_COLUMN - 2) {
        putc('\n', to);
        len = 0;
    }
    fprintf(to, "%*s", OPTION_COLUMN - len, "");
    print_plain(to, help, OPTION_COLUMN, OPTION_COLUMN);
}

static void print_option(FILE *to, const bb_cli_command *command, const bb_cli_option *option)
{
    if (option->heading)
        fprintf(to, "\n%s:\n", option->heading);
    char head[256], help[TEXT_MAX], value[BB_HELP_VALUE_MAX], letter[] = {'-', option->letter, ',', '\0'};
    snprintf(head, sizeof head, "  %3s --%s%s%s", option->letter ? letter : "", option->name,
             bb_cli_has_value(option) ? " " : "", bb_help_value(option, value));
    if (option->initial)
        snprintf(help, sizeof help, "%s (default: %s)", option->help, option->initial);
    else
        snprintf(help, sizeof help, "%s", option->help);
    print_head(to, head, help);
}

static void print_arguments(FILE *to, const bb_cli_command *command)
{
    char head[64];
    if (command->arguments && command->arguments->name)
        fputs("\nArguments:\n", to);
    for (const bb_cli_argument *row = command->arguments; row && row->name; row++) {
        snprintf(head, sizeof head, "  %s", row->name);
        print_head(to, head, row->help);
    }
}

static void print_examples(FILE *to, const bb_cli_command *command)
{
    fputs("\nExamples:\n", to);
    for (const bb_cli_example *example = command->examples; example->line; example++) {
        fprintf(to, "  %s\n", example->line);
        fputs("      ", to);
        print_plain(to, example->what, 6, 6);
    }
}

static void print_exit_codes(FILE *to)
{
    fputs("\nExit codes:\n", to);
#define X(name, code, text)      \
    fprintf(to, "  %d  ", code); \
    print_wrapped(to, text, 5, 5);
    BB_EXIT_MAP(X)
#undef X
}

void bb_help_print_command(FILE *to, const bb_cli_command *command)
{
    print_synopsis(to, command);
    for (size_t i = 0; command->description[i]; i++) {
        putc('\n', to);
        print_plain(to, command->description[i], 0, 0);
    }
    print_arguments(to, command);
    for (const bb_cli_placed *placed = command->groups; placed && placed->group; placed++) {
        fprintf(to, "\n%s:\n", placed->group->title);
        for (size_t i = 0; i < placed->group->count; i++)
            print_option(to, command, &placed->group->options[i]);
    }
    print_examples(to, command);
    print_exit_codes(to);
    fprintf(to, "\nMore: man busbar-%s, or busbar manual %s | man -l -\n", command->name, command->name);
}

/* --- all */

void bb_help_print(FILE *to)
{
    fputs("Usage: busbar COMMAND [OPTION]... [ARGUMENT]...\n"
          "\n"
          "MQTT for people: publish, subscribe, ask, look.\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++)
        fprintf(to, "  %-14s %s\n", bb_commands[i]->name, bb_commands[i]->summary);
    fputs("\n"
          "Options:\n"
          "  -h, --help     show this text\n"
          "      --version  show the version\n"
          "\n"
          "`busbar COMMAND --help` explains a command, with examples.\n",
          to);
}
