/* profile.h - a file with the options that people do not want to repeat.
 *
 *     default:                         used where no other profile is named
 *       host: localhost
 *     site:                            --profile site
 *       url: mqtts://broker.example
 *       username: operator
 *       password-file: /home/me/.config/busbar/site.password
 *
 * What      Keys are the long names of options; a word that is given on the command line wins. The file is
 *           $XDG_CONFIG_HOME/busbar/profiles.yaml, or ~/.config/busbar/profiles.yaml.
 * Memory    The profile holds the document; what it has set in the settings points into it. */
#ifndef BB_TOOL_PROFILE_H
#define BB_TOOL_PROFILE_H

#include "tool/cli.h"

typedef struct bb_profiles bb_profiles;

/* Read the file. `*out` is NULL when there is none, which is no error. False: it cannot be read or is no such file;
 * `error` has its name, line and column. */
bool bb_profiles_open(bb_profiles **out, char error[BB_CLI_ERROR_MAX]);

/* The same of the file at `path`. */
bool bb_profiles_open_file(const char *path, bb_profiles **out, char error[BB_CLI_ERROR_MAX]);

/* Does the file have this profile? */
bool bb_profiles_have(const bb_profiles *profiles, const char *name);

/* Set what the profile `name` says, but for the rows that are `given`. Adds to `given` what was set. False: there is no
 * such profile, or one of its lines is wrong. */
bool bb_profiles_apply(const bb_profiles *profiles, const char *name, const bb_cli_group *group, bool *given,
                       void *settings, char error[BB_CLI_ERROR_MAX]);

/* Where the file is expected, for messages. */
enum { BB_PROFILES_PATH_MAX = 4096 };
const char *bb_profiles_path(char path[BB_PROFILES_PATH_MAX]);

void bb_profiles_close(bb_profiles *profiles); /* NULL is allowed */

#endif
