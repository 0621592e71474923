/* message_json.h - a received message as a JSON object, with the keys that mosquitto_sub uses. */
#ifndef BB_TOOL_MESSAGE_JSON_H
#define BB_TOOL_MESSAGE_JSON_H

#include "tool/format.h"

typedef enum bb_json_payload {
    BB_JSON_QUOTED,   /* "payload":"text"; of a payload that is not UTF-8, "payload_base64" instead */
    BB_JSON_EMBEDDED, /* "payload":{...}: it is JSON itself */
} bb_json_payload;

/* False: the payload should be JSON and is not; nothing has been printed. `pretty`: over several lines, with tabs. */
bool bb_message_json(FILE *to, const bb_received *message, bb_json_payload payload, bool pretty);

#endif
