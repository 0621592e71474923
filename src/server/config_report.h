/* config_report.h - what is wrong with a configuration, collected for one telling. Private to this folder.
 *
 * What      Every problem becomes one line that stands alone. The first BB_CONFIG_PROBLEMS_MAX are kept.
 * Memory    The report is the caller's; nothing is allocated. */
#ifndef BB_SERVER_CONFIG_REPORT_H
#define BB_SERVER_CONFIG_REPORT_H

#include "server/config.h"
#include "server/option.h"

/* Where a problem is: a file and a place in it, or an option of the command line (line 0). */
typedef struct bb_config_place {
    const char *name;
    uint32_t line, column; /* from 1 */
} bb_config_place;

__attribute__((format(printf, 3, 4))) void bb_config_problem_add(bb_config_report *report, bb_config_place place,
                                                                 const char *format, ...);

enum { BB_CONFIG_SHOWN_MAX = 64 }; /* bytes of a key or value that a message shows */

/* `bytes` as a message shows them: made harmless, cut, with a terminating zero. */
const char *bb_config_shown(bb_span bytes, char text[BB_CONFIG_SHOWN_MAX]);

/* A value that is not allowed: `what` was found ("'abc'", "a list"), and `hint` may be NULL. */
void bb_config_problem_value(bb_config_report *report, bb_config_place place, const bb_option *option, const char *what,
                             const char *hint);

/* Add one listener to the settings, which then own its texts; false: reported why not. */
bool bb_config_add_listener(bb_settings *settings, bb_config_report *report, bb_config_place place,
                            const bb_listener_settings *listener);

#endif
