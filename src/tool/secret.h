/* secret.h - passwords from where other people cannot see them. */
#ifndef BB_TOOL_SECRET_H
#define BB_TOOL_SECRET_H

#include "tool/cli.h"

enum { BB_SECRET_MAX = 65536 }; /* bytes of a password with its terminating zero: what MQTT allows */

/* Ask on the terminal, without showing what is typed. malloc'ed; NULL with a text in `error`. */
char *bb_secret_ask(const char *prompt, char error[BB_CLI_ERROR_MAX]);

/* The first line of a file, without its end. malloc'ed; NULL with a text in `error`. */
char *bb_secret_read(const char *path, char error[BB_CLI_ERROR_MAX]);

/* Wipe and free; NULL is allowed. */
void bb_secret_free(char *secret);

#endif
