/* man.c - manual pages from the tables, in the man macros of roff. */
#include <ctype.h>

#include "tool/commands.h"
#include "tool/exit.h"
#include "tool/help.h"

/* Text for roff: a dash that must stay one, a backslash, and a dot or quote that would begin a request. `words` in
 * backquotes become bold. */
static void put_text(FILE *to, const char *text)
{
    bool bold = false;
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++)
        if (*text == '`') {
            fputs(bold ? "\\fR" : "\\fB", to);
            bold = !bold;
        } else if (*text == '-') {
            fputs("\\-", to);
        } else if (*text == '\\') {
            fputs("\\e", to);
        } else if (*text == '\n') {
            fputs("\n.br\n", to);
            if (text[1] == '.' || text[1] == '\'')
                fputs("\\&", to);
        } else {
            putc(*text, to);
        }
}

static void put_upper(FILE *to, const char *text)
{
    for (; *text; text++)
        putc(toupper((unsigned char)*text), to);
}

static void put_line(FILE *to, const char *before, const char *text, const char *after)
{
    fputs(before, to);
    put_text(to, text);
    fputs(after, to);
}

static void put_title(FILE *to, const char *name, const char *summary)
{
    fputs(".TH BUSBAR", to);
    if (name) {
        fputs("\\-", to);
        put_upper(to, name);
    }
    fputs(" 1 \"\" \"busbar " BB_VERSION "\" \"busbar\"\n.SH NAME\nbusbar", to);
    if (name)
        put_line(to, "\\-", name, "");
    put_line(to, " \\- ", summary, "\n");
}

static void put_option(FILE *to, const bb_cli_command *command, const bb_cli_option *option)
{
    char value[BB_HELP_VALUE_MAX];
    if (option->heading)
        put_line(to, ".SS ", option->heading, "\n");
    fputs(".TP\n", to);
    if (option->letter)
        fprintf(to, "\\fB\\-%c\\fR, ", option->letter);
    put_line(to, "\\fB\\-\\-", option->name, "\\fR");
    if (option->alias)
        put_line(to, ", \\fB\\-\\-", option->alias, "\\fR");
    if (bb_cli_has_value(option))
        put_line(to, " \\fI", bb_help_value(option, value), "\\fR");
    put_line(to, "\n", option->help, "\n");
    if (option->initial)
        put_line(to, "Default: ", option->initial, ".\n");
}

static void put_exit_codes(FILE *to)
{
    fputs(".SH EXIT STATUS\n", to);
#define X(name, code, text)                 \
    fprintf(to, ".TP\n\\fB%d\\fR\n", code); \
    put_line(to, "", text, "\n");
    BB_EXIT_MAP(X)
#undef X
}

static void put_see_also(FILE *to, const char *but)
{
    const char *before = "";
    fputs(".SH SEE ALSO\n", to);
    if (but) {
        fputs(".BR busbar (1)", to);
        before = ",\n";
    }
    for (size_t i = 0; bb_commands[i]; i++)
        if (!but || strcmp(but, bb_commands[i]->name) != 0) {
            fprintf(to, "%s.BR busbar\\-%s (1)", before, bb_commands[i]->name);
            before = ",\n";
        }
    fputs("\n", to);
}

static void put_paragraphs(FILE *to, const char *const *paragraphs)
{
    for (size_t i = 0; paragraphs[i]; i++)
        put_line(to, i ? ".PP\n" : "", paragraphs[i], "\n");
}

static void put_arguments(FILE *to, const bb_cli_command *command)
{
    if (!command->arguments || !command->arguments->name)
        return;
    fputs(".SH ARGUMENTS\n", to);
    for (const bb_cli_argument *row = command->arguments; row->name; row++) {
        put_line(to, ".TP\n\\fI", row->name, "\\fR\n");
        put_line(to, "", row->help, "\n");
    }
}

static void put_options(FILE *to, const bb_cli_command *command)
{
    fputs(".SH OPTIONS\n", to);
    for (const bb_cli_placed *placed = command->groups; placed && placed->group; placed++) {
        put_line(to, ".SS ", placed->group->title, "\n");
        for (size_t i = 0; i < placed->group->count; i++)
            put_option(to, command, &placed->group->options[i]);
    }
    fputs(".SS Help\n.TP\n\\fB\\-\\-help\\fR\nShow a short form of this page.\n", to);
}

static void put_manual(FILE *to, const bb_cli_command *command)
{
    for (size_t i = 0; command->manual && command->manual[i]; i += 2) {
        put_line(to, ".SH ", command->manual[i], "\n");
        put_line(to, "", command->manual[i + 1], "\n");
    }
}

static void put_examples(FILE *to, const bb_cli_command *command)
{
    fputs(".SH EXAMPLES\n", to);
    for (const bb_cli_example *example = command->examples; example->line; example++) {
        put_line(to, ".TP\n\\fB", example->line, "\\fR\n");
        put_line(to, "", example->what, "\n");
    }
}

void bb_man_print_command(FILE *to, const bb_cli_command *command)
{
    put_title(to, command->name, command->summary);
    fputs(".SH SYNOPSIS\n", to);
    for (size_t i = 0; command->synopsis[i]; i++) {
        put_line(to, i ? ".br\n\\fBbusbar " : "\\fBbusbar ", command->name, "\\fR ");
        put_line(to, "", command->synopsis[i], "\n");
    }
    fputs(".SH DESCRIPTION\n", to);
    put_paragraphs(to, command->description);
    put_arguments(to, command);
    put_options(to, command);
    put_manual(to, command);
    put_examples(to, command);
    put_exit_codes(to);
    put_see_also(to, command->name);
}

void bb_man_print(FILE *to)
{
    put_title(to, NULL, "MQTT for people: publish, subscribe, ask, look");
    fputs(".SH SYNOPSIS\n\\fBbusbar\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
          ".SH DESCRIPTION\n"
          "One program, many commands, for any MQTT 5.0 or 3.1.1 broker. "
          "Each command has a manual page of its own, and explains itself with \\fB\\-\\-help\\fR.\n"
          ".SH COMMANDS\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++) {
        put_line(to, ".TP\n\\fB", bb_commands[i]->name, "\\fR\n");
        put_line(to, "", bb_commands[i]->summary, "\n");
    }
    put_exit_codes(to);
    put_see_also(to, NULL);
}
