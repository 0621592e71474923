/* tool.h - busbar, the tool for people: one program, many subcommands.
 *
 * What      `busbar pub`, `busbar sub` and so on: each is one file with one table of its options (cli.h), hung into the
 *           table of commands.h.
 * Used by   cmd/busbar.c.
 * Memory    From malloc; released before the program ends.
 * Threads   The main thread, unless a command says otherwise.
 * Start at  tool.c, then pub.c. */
#ifndef BB_TOOL_TOOL_H
#define BB_TOOL_TOOL_H

/* What main() does; returns the exit code (exit.h). */
int bb_tool_main(int argc, char **argv);

#endif
