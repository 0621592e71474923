/* commands.h - the table of subcommands: one row, one file.
 *
 * To add `busbar NAME`: write NAME.c with `const bb_cli_command bb_command_NAME`, and give it a row here. Help, manual
 * pages and completions find it by that. Rows stand in the order in which `busbar --help` shows them. */
#ifndef BB_TOOL_COMMANDS_H
#define BB_TOOL_COMMANDS_H

#include "tool/cli.h"

#define BB_COMMAND_MAP(X) \
    X(pub)                \
    X(sub)                \
    X(request)            \
    X(respond)            \
    X(check)              \
    X(top)                \
    X(bench)              \
    X(completion)         \
    X(manual)             \
    X(help)

#define X(name) extern const bb_cli_command bb_command_##name;
BB_COMMAND_MAP(X)
#undef X

extern const bb_cli_command *const bb_commands[]; /* ends with NULL */

/* The command of this name, or NULL. */
const bb_cli_command *bb_command_find(const char *name);

/* The name that is nearest to `name`, or NULL. */
const char *bb_command_nearest(const char *name);

#endif
