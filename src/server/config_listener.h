/* config_listener.h - one listener of the configuration: a map of keys in the file, or one text, in the file or on the
 * command line.
 *
 * What      bb_config_listener_begin, then its keys or its text, then bb_config_listener_end, which sees whether it all
 *           fits together and adds it to the settings. A text is ADDRESS:PORT, or a URL whose query has further keys:
 *           tls://0.0.0.0:8883?certificate=/etc/busbar/server.pem. Private to this folder.
 * Memory    What was read belongs to the struct until bb_config_listener_end, which must be called. */
#ifndef BB_SERVER_CONFIG_LISTENER_H
#define BB_SERVER_CONFIG_LISTENER_H

#include "server/config_report.h"
#include "server/option.h"

enum { BB_LISTENER_OPTIONS_MAX = 32 };

typedef struct bb_config_listener {
    bb_listener_settings settings;
    bb_config_place place;                         /* of the whole */
    bb_config_place keys[BB_LISTENER_OPTIONS_MAX]; /* where each was given; its name is NULL: nowhere */
    size_t problems;                               /* in the report when it began */
    bool from_text;
} bb_config_listener;

void bb_config_listener_begin(bb_config_listener *listener, bb_config_place place, const bb_config_report *report);

/* The row of a key that is given at `place`, to be set in `listener->settings`; NULL, and reported, where it was given
 * before. `row` is one of bb_listener_options. */
bool bb_config_listener_key(bb_config_listener *listener, const bb_option *row, bb_config_place place,
                            bb_config_report *report);

/* The whole listener as a text. */
void bb_config_listener_text(bb_config_listener *listener, bb_span text, bb_config_report *report);

/* `what` ("a list", for instance) stands where a listener should; `hint` may be NULL. */
void bb_config_listener_refuse(const bb_config_listener *listener, const char *what, const char *hint,
                               bb_config_report *report);

/* Add it to the settings, unless something is wrong with it; and forget it. */
void bb_config_listener_end(bb_config_listener *listener, bb_settings *settings, bb_config_report *report);

#endif
