/* message_options.h - what a message carries beside its payload: QoS, retain flag, and the properties of 5.0.
 *
 * Memory    The settings own the encoded list; bb_cli_release frees it. */
#ifndef BB_TOOL_MESSAGE_OPTIONS_H
#define BB_TOOL_MESSAGE_OPTIONS_H

#include "tool/cli.h"

typedef struct bb_message_options {
    uint8_t qos;
    bool retain;
    uint32_t expiry_s; /* 0: none */
    const char *content_type, *response_topic, *correlation;
    bool is_text;
    bb_cli_words user_properties; /* NAME=VALUE */

    /* What follows is made of it. */
    bb_span properties; /* the encoded list */
    uint8_t *memory;    /* which lies here; malloc'ed */
} bb_message_options;

extern const bb_cli_group bb_message_group;

#endif
