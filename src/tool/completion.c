/* completion.c - scripts that complete commands, options and values, from the tables. */
#include "tool/commands.h"
#include "tool/help.h"

enum { TEXT_MAX = 512 };

/* Inside of single quotes of a POSIX shell. */
static void put_quoted(FILE *to, const char *text)
{
    putc('\'', to);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", to);
        else
            putc(*text, to);
    putc('\'', to);
}

static bool is_path(bb_cli_type type)
{
    return type == BB_CLI_FILE || type == BB_CLI_FILES;
}

static bool takes_path(const bb_cli_command *command)
{
    for (const bb_cli_argument *row = command->arguments; row && row->name; row++)
        if (is_path(row->type))
            return true;
    return false;
}

/* help and manual are followed by the name of a command. */
static bool takes_command(const bb_cli_command *command)
{
    for (const bb_cli_argument *row = command->arguments; row && row->name; row++)
        if (strcmp(row->name, "COMMAND") == 0)
            return true;
    return false;
}

static const bb_cli_choice *argument_choices(const bb_cli_command *command)
{
    for (const bb_cli_argument *row = command->arguments; row && row->name; row++)
        if (row->choices)
            return row->choices;
    return NULL;
}

static void put_choices(FILE *to, const bb_cli_choice *choices)
{
    for (size_t i = 0; choices && choices[i].word; i++)
        fprintf(to, "%s%s", i ? " " : "", choices[i].word);
}

static void put_command_names(FILE *to)
{
    for (size_t i = 0; bb_commands[i]; i++)
        fprintf(to, "%s%s", i ? " " : "", bb_commands[i]->name);
}

/* --- bash */

static void bash_names(FILE *to, const bb_cli_command *command, const bb_cli_option *option)
{
    fprintf(to, " --%s", option->name);
    if (option->letter)
        fprintf(to, " -%c", option->letter);
}

static void bash_value(FILE *to, const bb_cli_command *command, const bb_cli_option *option)
{
    if (!bb_cli_has_value(option))
        return;
    fprintf(to, "    %s:--%s", command->name, option->name);
    if (option->letter)
        fprintf(to, " | %s:-%c", command->name, option->letter);
    if (option->alias)
        fprintf(to, " | %s:--%s", command->name, option->alias);
    fputs(")\n        ", to);
    if (option->choices) {
        fputs("COMPREPLY=($(compgen -W '", to);
        put_choices(to, option->choices);
        fputs("' -- \"$word\"))", to);
    } else if (is_path(option->type)) {
        fputs("COMPREPLY=($(compgen -f -- \"$word\"))", to);
    } else if (option->type == BB_CLI_FOLDER) {
        fputs("COMPREPLY=($(compgen -d -- \"$word\"))", to);
    } else {
        fputs("COMPREPLY=()", to);
    }
    fputs("\n        return\n        ;;\n", to);
}

static void bash_arguments(FILE *to, const bb_cli_command *command)
{
    fprintf(to, "    %s)\n", command->name);
    if (takes_command(command)) {
        fputs("        words='", to);
        put_command_names(to);
        fputs("'\n", to);
    } else if (argument_choices(command)) {
        fputs("        words='", to);
        put_choices(to, argument_choices(command));
        fputs("'\n", to);
    }
    fputs("        options='--help", to);
    bb_help_each_option(command, bash_names, to);
    fputs("'\n", to);
    if (takes_path(command))
        fputs("        paths=yes\n", to);
    fputs("        ;;\n", to);
}

void bb_complete_bash(FILE *to)
{
    fputs("# bash completion for busbar; made by: busbar completion bash\n"
          "_busbar()\n"
          "{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
          "    local options= words= paths=\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '--help --version ",
          to);
    put_command_names(to);
    fputs("' -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case $command:$before in\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++)
        bb_help_each_option(bb_commands[i], bash_value, to);
    fputs("    esac\n"
          "    case $command in\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++)
        bash_arguments(to, bb_commands[i]);
    fputs("    esac\n"
          "    case $word in\n"
          "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
          "    *)\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "        [ -z \"$paths\" ] || COMPREPLY+=($(compgen -f -- \"$word\"))\n"
          "        ;;\n"
          "    esac\n"
          "}\n"
          "complete -o filenames -F _busbar busbar\n",
          to);
}

/* --- zsh */

/* What _arguments reads of a description: brackets and colons have a meaning there. */
static void zsh_escaped(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (; *text && len + 2 < cap; text++) {
        if (strchr("[]:\\", *text))
            out[len++] = '\\';
        out[len++] = *text;
    }
    out[len] = '\0';
}

static void zsh_spec(FILE *to, const char *dashed, const bb_cli_option *option)
{
    char spec[2 * TEXT_MAX], help[TEXT_MAX], escaped[TEXT_MAX], value[BB_HELP_VALUE_MAX];
    bb_help_short(option->help, help, sizeof help);
    zsh_escaped(help, escaped, sizeof escaped);
    size_t len = (size_t)snprintf(spec, sizeof spec, "*%s[%s]", dashed, escaped);
    if (bb_cli_has_value(option)) {
        zsh_escaped(bb_help_value(option, value), escaped, sizeof escaped);
        len += (size_t)snprintf(spec + len, sizeof spec - len, ":%s:", escaped);
    }
    if (is_path(option->type))
        snprintf(spec + len, sizeof spec - len, "_files");
    else if (option->type == BB_CLI_FOLDER)
        snprintf(spec + len, sizeof spec - len, "_files -/");
    else if (option->choices) {
        len += (size_t)snprintf(spec + len, sizeof spec - len, "(");
        for (size_t i = 0; option->choices[i].word && len < sizeof spec; i++)
            len += (size_t)snprintf(spec + len, sizeof spec - len, "%s%s", i ? " " : "", option->choices[i].word);
        if (len < sizeof spec)
            snprintf(spec + len, sizeof spec - len, ")");
    }
    fputs(" \\\n            ", to);
    put_quoted(to, spec);
}

static void zsh_option(FILE *to, const bb_cli_command *command, const bb_cli_option *option)
{
    char dashed[TEXT_MAX];
    snprintf(dashed, sizeof dashed, "--%s", option->name);
    zsh_spec(to, dashed, option);
    if (option->letter) {
        snprintf(dashed, sizeof dashed, "-%c", option->letter);
        zsh_spec(to, dashed, option);
    }
}

static void zsh_arguments(FILE *to, const bb_cli_command *command)
{
    fputs(" \\\n            ", to);
    if (takes_path(command)) {
        put_quoted(to, "*:file:_files");
    } else if (takes_command(command)) {
        fputs("'1:command:(", to);
        put_command_names(to);
        fputs(")'", to);
    } else if (argument_choices(command)) {
        fputs("'1:argument:(", to);
        put_choices(to, argument_choices(command));
        fputs(")'", to);
    } else {
        put_quoted(to, "*:argument:");
    }
}

static void zsh_command(FILE *to, const bb_cli_command *command)
{
    fprintf(to, "    %s)\n        _arguments -s -S '--help[show help]'", command->name);
    bb_help_each_option(command, zsh_option, to);
    zsh_arguments(to, command);
    fputs("\n        ;;\n", to);
}

void bb_complete_zsh(FILE *to)
{
    char escaped[TEXT_MAX], line[2 * TEXT_MAX];
    fputs("#compdef busbar\n"
          "# zsh completion for busbar; made by: busbar completion zsh\n"
          "_busbar()\n"
          "{\n"
          "    local -a commands\n"
          "    commands=(\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++) {
        zsh_escaped(bb_commands[i]->summary, escaped, sizeof escaped);
        snprintf(line, sizeof line, "%s:%s", bb_commands[i]->name, escaped);
        fputs("        ", to);
        put_quoted(to, line);
        putc('\n', to);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $command in\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++)
        zsh_command(to, bb_commands[i]);
    fputs("    esac\n"
          "}\n"
          "if [[ $funcstack[1] == _busbar ]]; then\n"
          "    _busbar \"$@\"\n"
          "else\n"
          "    compdef _busbar busbar\n"
          "fi\n",
          to);
}

/* --- fish */

static void fish_quoted(FILE *to, const char *text)
{
    putc('\'', to);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putc('\\', to);
        putc(*text, to);
    }
    putc('\'', to);
}

static void fish_option(FILE *to, const bb_cli_command *command, const bb_cli_option *option)
{
    char help[TEXT_MAX];
    fprintf(to, "complete -c busbar -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (option->letter)
        fprintf(to, " -s %c", option->letter);
    if (bb_cli_has_value(option))
        fputs(is_path(option->type) || option->type == BB_CLI_FOLDER ? " -r -F" : " -x", to);
    if (option->choices) {
        fputs(" -a '", to);
        put_choices(to, option->choices);
        putc('\'', to);
    }
    bb_help_short(option->help, help, sizeof help);
    fputs(" -d ", to);
    fish_quoted(to, help);
    putc('\n', to);
}

static void fish_arguments(FILE *to, const bb_cli_command *command)
{
    if (takes_path(command)) {
        fprintf(to, "complete -c busbar -n '__fish_seen_subcommand_from %s' -F\n", command->name);
    } else if (takes_command(command) || argument_choices(command)) {
        fprintf(to, "complete -c busbar -n '__fish_seen_subcommand_from %s' -f -a '", command->name);
        if (takes_command(command))
            put_command_names(to);
        else
            put_choices(to, argument_choices(command));
        fputs("'\n", to);
    }
}

void bb_complete_fish(FILE *to)
{
    fputs("# fish completion for busbar; made by: busbar completion fish\n"
          "complete -c busbar -f\n"
          "complete -c busbar -n __fish_use_subcommand -s h -l help -d 'show help'\n"
          "complete -c busbar -n __fish_use_subcommand -l version -d 'show the version'\n",
          to);
    for (size_t i = 0; bb_commands[i]; i++) {
        fprintf(to, "complete -c busbar -n __fish_use_subcommand -a %s -d ", bb_commands[i]->name);
        fish_quoted(to, bb_commands[i]->summary);
        putc('\n', to);
        bb_help_each_option(bb_commands[i], fish_option, to);
        fish_arguments(to, bb_commands[i]);
    }
}
