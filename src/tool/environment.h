/* environment.h - the environment of a command that answers a request: ours, and what the request says.
 *
 * What      BUSBAR_TOPIC, BUSBAR_RESPONSE_TOPIC, BUSBAR_QOS, BUSBAR_RETAIN; BUSBAR_CORRELATION_DATA in hexadecimal;
 *           BUSBAR_CONTENT_TYPE; and each user property as BUSBAR_PROPERTY_NAME, its name in capitals, with underscores
 *           for all that is neither letter nor digit. So no peer can set a variable that means something to others.
 * Memory    malloc'ed. */
#ifndef BB_TOOL_ENVIRONMENT_H
#define BB_TOOL_ENVIRONMENT_H

#include <busbar/client.h>

/* NULL: there is no memory. */
char **bb_environment_of(const bb_client_message_event *request);

void bb_environment_free(char **environment);

#endif
