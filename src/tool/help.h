/* help.h - what the tables say, for people and for shells. All of it is made from commands.h.
 *
 * Errors    None here: who prints to stdout looks at the stream afterwards. */
#ifndef BB_TOOL_HELP_H
#define BB_TOOL_HELP_H

#include <stdio.h>

#include "tool/cli.h"

/* `busbar --help`, and `busbar NAME --help`. */
void bb_help_print(FILE *to);
void bb_help_print_command(FILE *to, const bb_cli_command *command);

/* Manual pages in roff: busbar(1), and busbar-NAME(1). */
void bb_man_print(FILE *to);
void bb_man_print_command(FILE *to, const bb_cli_command *command);

/* Completion scripts. */
void bb_complete_bash(FILE *to);
void bb_complete_zsh(FILE *to);
void bb_complete_fish(FILE *to);

/* A row's help as plain text: without the marks of bold words; quotes, dollars and so on are left to the caller. */
void bb_help_plain(const char *help, char *text, size_t cap);

/* The first sentence of it, without its end: what a shell shows beside a completion. */
void bb_help_short(const char *help, char *text, size_t cap);

/* What stands for the value of an option: its own word, or the choices "a|b|c". "" for a flag. */
enum { BB_HELP_VALUE_MAX = 96 };
const char *bb_help_value(const bb_cli_option *option, char text[BB_HELP_VALUE_MAX]);

/* Run `visit` for every option of a command. */
void bb_help_each_option(const bb_cli_command *command,
                         void (*visit)(FILE *to, const bb_cli_command *command, const bb_cli_option *option), FILE *to);

#endif
