#include "tool/tool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tool/commands.h"
#include "tool/exit.h"
#include "tool/help.h"
#include "tool/say.h"

/* What was printed must have arrived: a full disk at the end of a pipe is an error, and not silence. */
static int flush(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    bb_say("standard output could not be written");
    return code == BB_EXIT_OK ? BB_EXIT_FILE : code;
}

static int refuse_command(const char *name)
{
    char shown[BB_SAY_SHOWN_MAX];
    const char *nearest = bb_command_nearest(name);
    bb_say("there is no command %s%s%s%s", bb_say_shown(bb_span_text(name), shown), nearest ? "; did you mean " : "",
           nearest ? nearest : "", nearest ? "?" : "");
    fputs("Try 'busbar --help'.\n", stderr);
    return BB_EXIT_USAGE;
}

static int run(const bb_cli_command *command, const char *const *words, size_t count)
{
    char error[BB_CLI_ERROR_MAX];
    int code = BB_EXIT_OK;
    void *settings = calloc(1, command->settings_size ? command->settings_size : 1);
    bb_say_as(command->name);
    if (!settings) {
        bb_say("there is no memory");
        return BB_EXIT_FILE;
    }
    switch (bb_cli_parse(command, words, count, settings, error)) {
    case BB_CLI_PARSED:
        code = command->run(settings);
        break;
    case BB_CLI_HELP:
        bb_help_print_command(stdout, command);
        break;
    case BB_CLI_WRONG:
        bb_say("%s", error);
        fprintf(stderr, "Try 'busbar %s --help'.\n", command->name);
        code = BB_EXIT_USAGE;
        break;
    }
    bb_cli_release(command, settings);
    free(settings);
    return code;
}

static void report_check(const char *file, int line, const char *expression)
{
    fprintf(stderr, "busbar: %s:%d: this should be true, please report it: %s\n", file, line, expression);
}

int bb_tool_main(int argc, char **argv)
{
    bb_check_report = report_check;
    if (argc < 2) {
        bb_help_print(stderr);
        return BB_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        bb_help_print(stdout);
        return flush(BB_EXIT_OK);
    }
    if (strcmp(word, "--version") == 0) {
        puts("busbar " BB_VERSION);
        return flush(BB_EXIT_OK);
    }
    const bb_cli_command *command = bb_command_find(word);
    return command ? flush(run(command, (const char *const *)argv + 2, (size_t)argc - 2)) : refuse_command(word);
}
