#include "tool/print_options.h"

#include <stdio.h>

#define IN(member) BB_CLI_AT(bb_print_options, member)

// clang-format off
static const bb_cli_option rows[] = {
    {"verbose", 'v', BB_CLI_FLAG, IN(verbose),
     .help = "Print the topic before the payload."},
    {"format", 'F', BB_CLI_TEXT, IN(format), .value = "FORMAT",
     .help = "Print each message like this: `%t` is the topic, `%p` the payload, `%{user-properties}` what its name "
             "says; the manual of `busbar sub` lists all."},
    {"json", 0, BB_CLI_FLAG, IN(json),
     .help = "Print each message as a JSON object; the same as `-F %j`."},
    {"pretty", 0, BB_CLI_FLAG, IN(pretty),
     .help = "Print JSON over several lines."},
    {"hex", 0, BB_CLI_FLAG, IN(hex),
     .help = "Print the payload as hexadecimal numbers."},
    {"base64", 0, BB_CLI_FLAG, IN(base64),
     .help = "Print the payload in base64."},
    {"no-newline", 'N', BB_CLI_FLAG, IN(no_newline),
     .help = "No end of line after a message; with one message, the payload as it is."},
};
// clang-format on

/* The shorthands, as formats. */
static bool finish(void *settings, const bool *given, char *error)
{
    bb_print_options *o = settings;
    char why[BB_FORMAT_ERROR_MAX];
    if ((o->format != NULL) + o->json + o->hex + o->base64 > 1) {
        snprintf(error, BB_CLI_ERROR_MAX, "only one of --format, --json, --hex and --base64 is possible");
        return false;
    }
    if (o->json)
        o->format = "%j";
    else if (o->hex)
        o->format = o->verbose ? "%t %x" : "%x";
    else if (o->base64)
        o->format = o->verbose ? "%t %{base64}" : "%{base64}";
    if (!o->format || bb_format_check(o->format, why))
        return true;
    snprintf(error, BB_CLI_ERROR_MAX, "--format: %s", why);
    return false;
}

const bb_cli_group bb_print_group = {.title = "How it is printed", BB_CLI_ROWS(rows), .finish = finish};

bb_output bb_print_output(const bb_print_options *options)
{
    return (bb_output){.to = stdout,
                       .format = options->format,
                       .verbose = options->verbose,
                       .pretty = options->pretty,
                       .no_newline = options->no_newline};
}
