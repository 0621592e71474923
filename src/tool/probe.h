/* probe.h - one connection that is made to learn what a broker does, and the harmless things that are tried on it.
 *
 * Topics    All are below busbar-check/, with a part that nobody else uses. The one retained message is removed again,
 *           and expires by itself where that fails. */
#ifndef BB_TOOL_PROBE_H
#define BB_TOOL_PROBE_H

#include "tool/connection.h"

enum { BB_PROBE_ERROR_MAX = 640, BB_PROBE_TEXT_MAX = 128, BB_PROBE_TOPIC_MAX = 64 };

typedef struct bb_probe {
    bb_connection connection;
    bb_net *net; /* NULL: not open */
    bb_client_server server;
    bool has_response_info;
    bb_client_cause cause; /* why it could not be opened */
    char error[BB_PROBE_ERROR_MAX];
    char url[BB_URL_MAX];
    char topic[BB_PROBE_TOPIC_MAX]; /* "busbar-check/1a2b3c4d" */
    uint8_t alias_memory[256];
    bb_client_aliases aliases;
} bb_probe;

/* Connect. False: `error` says why not. Whatever comes out, close it. `asked` must live until then. */
bool bb_probe_open(bb_probe *probe, const bb_connection_options *asked, uint8_t version);
void bb_probe_close(bb_probe *probe);

/* What the broker calls itself in $SYS; "" where it does not. */
void bb_probe_broker_version(bb_probe *probe, char text[BB_PROBE_TEXT_MAX]);

typedef enum bb_tried {
    BB_TRIED_NOT, /* the broker said that it does not have it, or nothing could be tried */
    BB_TRIED_WORKS,
    BB_TRIED_FAILS,
    BB_TRIED_FORBIDDEN, /* by access rules */
} bb_tried;

typedef struct bb_tries {
    bool forbidden; /* this user may not publish or subscribe below busbar-check/ at all */
    int qos_works;  /* the highest; -1: none */
    bb_tried retain, wildcard, shared, subscription_id, alias;
    uint64_t round_trip_us; /* of a message of QoS 0; 0: none came back */
} bb_tries;

void bb_probe_try(bb_probe *probe, bb_tries *out);

#endif
