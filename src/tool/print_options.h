/* print_options.h - how received messages are printed: the options that sub and request share. */
#ifndef BB_TOOL_PRINT_OPTIONS_H
#define BB_TOOL_PRINT_OPTIONS_H

#include "tool/cli.h"
#include "tool/output.h"

typedef struct bb_print_options {
    bool verbose, no_newline, json, pretty, hex, base64;
    const char *format; /* of the command line, or what the shorthands stand for; NULL: the payload as it is */
} bb_print_options;

extern const bb_cli_group bb_print_group;

/* An output to standard output that prints as told. */
bb_output bb_print_output(const bb_print_options *options);

#endif
