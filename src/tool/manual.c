/* manual.c - `busbar manual`, `busbar help` and `busbar completion`: the tables as pages and scripts. */
#include <errno.h>
#include <stdlib.h>

#include "tool/commands.h"
#include "tool/exit.h"
#include "tool/help.h"
#include "tool/say.h"

enum { PATH_BYTES_MAX = 4096 };

static const char *const no_text[] = {NULL};

static int refuse(const char *name)
{
    const char *nearest = bb_command_nearest(name);
    char shown[BB_SAY_SHOWN_MAX];
    bb_say("there is no command %s%s%s%s", bb_say_shown(bb_span_text(name), shown), nearest ? "; did you mean " : "",
           nearest ? nearest : "", nearest ? "?" : "");
    return BB_EXIT_USAGE;
}

/* --- busbar manual */

typedef struct manual_settings {
    const char *folder, *command;
} manual_settings;

static const bb_cli_option manual_options[] = {
    {"folder", 0, BB_CLI_FOLDER, BB_CLI_AT(manual_settings, folder), .value = "FOLDER",
     .help = "Write the pages of all commands into this folder, as busbar.1, busbar-pub.1 and so on."},
};
static const bb_cli_group manual_group = {.title = "Pages", BB_CLI_ROWS(manual_options)};

static bool close_page(FILE *page, const char *path)
{
    bool failed = ferror(page);
    if (fclose(page) == 0 && !failed)
        return true;
    bb_say("%s: %s", path, strerror(errno));
    return false;
}

/* One page; `command` NULL for that of busbar itself. */
static bool write_page(const char *folder, const bb_cli_command *command)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/busbar%s%s.1", folder, command ? "-" : "", command ? command->name : "");
    FILE *page = fopen(path, "w");
    if (!page) {
        bb_say("%s: %s", path, strerror(errno));
        return false;
    }
    if (command)
        bb_man_print_command(page, command);
    else
        bb_man_print(page);
    return close_page(page, path);
}

static int write_pages(const char *folder)
{
    if (!write_page(folder, NULL))
        return BB_EXIT_FILE;
    for (size_t i = 0; bb_commands[i]; i++)
        if (!write_page(folder, bb_commands[i]))
            return BB_EXIT_FILE;
    return BB_EXIT_OK;
}

static int run_manual(void *context)
{
    const manual_settings *settings = context;
    if (settings->folder)
        return write_pages(settings->folder);
    if (!settings->command) {
        bb_man_print(stdout);
        return BB_EXIT_OK;
    }
    const bb_cli_command *command = bb_command_find(settings->command);
    if (!command)
        return refuse(settings->command);
    bb_man_print_command(stdout, command);
    return BB_EXIT_OK;
}

const bb_cli_command bb_command_manual = {
    .name = "manual",
    .summary = "print a manual page",
    .synopsis = (const char *const[]){"[COMMAND]", "--folder FOLDER", NULL},
    .description =
        (const char *const[]){"Prints the manual page of a command, or of `busbar` itself, for `man`.", NULL},
    .arguments = (const bb_cli_argument[]){{"COMMAND", BB_CLI_TEXT, offsetof(manual_settings, command),
                                            .help = "Whose page; without it, that of `busbar`."},
                                           {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&manual_group, 0}, {NULL, 0}},
    .examples =
        (const bb_cli_example[]){{"busbar manual sub | man -l -", "Read the page of busbar sub."}, {NULL, NULL}},
    .settings_size = sizeof(manual_settings),
    .run = run_manual,
};

/* --- busbar help */

typedef struct help_settings {
    const char *command;
} help_settings;

static int run_help(void *context)
{
    const help_settings *settings = context;
    if (!settings->command) {
        bb_help_print(stdout);
        return BB_EXIT_OK;
    }
    const bb_cli_command *command = bb_command_find(settings->command);
    if (!command)
        return refuse(settings->command);
    bb_help_print_command(stdout, command);
    return BB_EXIT_OK;
}

const bb_cli_command bb_command_help = {
    .name = "help",
    .summary = "explain a command",
    .synopsis = (const char *const[]){"[COMMAND]", NULL},
    .description = no_text,
    .arguments = (const bb_cli_argument[]){{"COMMAND", BB_CLI_TEXT, offsetof(help_settings, command),
                                            .help = "What to explain; without it, what commands there are."},
                                           {.name = NULL}},
    .examples = (const bb_cli_example[]){{"busbar help sub", "The same as `busbar sub --help`."}, {NULL, NULL}},
    .settings_size = sizeof(help_settings),
    .run = run_help,
};

/* --- busbar completion */

typedef struct completion_settings {
    const char *shell;
} completion_settings;

static const bb_cli_choice shells[] = {{"bash", 0}, {"zsh", 1}, {"fish", 2}, {NULL, 0}};

static int run_completion(void *context)
{
    static void (*const printers[])(FILE * to) = {bb_complete_bash, bb_complete_zsh, bb_complete_fish};
    const completion_settings *settings = context;
    for (size_t i = 0; shells[i].word && settings->shell; i++)
        if (strcmp(shells[i].word, settings->shell) == 0) {
            printers[shells[i].value](stdout);
            return BB_EXIT_OK;
        }
    bb_say("which shell? bash, zsh or fish");
    return BB_EXIT_USAGE;
}

const bb_cli_command bb_command_completion = {
    .name = "completion",
    .summary = "print a completion script for a shell",
    .synopsis = (const char *const[]){"SHELL", NULL},
    .description = (const char *const[]){"Prints a script that completes commands, options and their values. Packages "
                                         "install it; without a package, load it from the start file of the shell.",
                                         NULL},
    .arguments = (const bb_cli_argument[]){{"SHELL", BB_CLI_TEXT, offsetof(completion_settings, shell),
                                            .choices = shells, .help = "`bash`, `zsh` or `fish`."},
                                           {.name = NULL}},
    .examples = (const bb_cli_example[]){{"source <(busbar completion bash)", "For ~/.bashrc."},
                                         {"source <(busbar completion zsh)", "For ~/.zshrc, after compinit."},
                                         {"busbar completion fish | source", "For ~/.config/fish/config.fish."},
                                         {NULL, NULL}},
    .settings_size = sizeof(completion_settings),
    .run = run_completion,
};
