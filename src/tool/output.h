/* output.h - received messages on a stream: as they come where that is possible, so that a payload of 256 MB needs no
 * memory; gathered first where the format wants to see all of it.
 *
 * Memory    A gathered payload grows with the bytes that have arrived. */
#ifndef BB_TOOL_OUTPUT_H
#define BB_TOOL_OUTPUT_H

#include <busbar/client.h>

#include "tool/format.h"
#include "tool/gather.h"

typedef struct bb_output {
    FILE *to;
    const char *format; /* NULL: the payload, with `verbose` the topic before it */
    bool verbose, pretty, no_newline;
    bb_received message; /* the one that is arriving */
    bool partial;        /* some of it has come, and more will */
    bb_gather gathered;
} bb_output;

/* Take one piece of a message. True: it was the last one, and the message has been printed. */
bool bb_output_take(bb_output *output, const bb_client_message_event *piece);

/* The connection is gone: a message of which not all has come is not continued. */
void bb_output_cut(bb_output *output);

void bb_output_free(bb_output *output); /* what was gathered; the stream stays open */

#endif
