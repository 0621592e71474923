/* websocket_inside.h - what the files of WebSocket share; private to this folder. websocket.c moves bytes,
 * websocket_open.c opens a connection, on either side. */
#ifndef BB_TRANSPORT_WEBSOCKET_INSIDE_H
#define BB_TRANSPORT_WEBSOCKET_INSIDE_H

#include <stdatomic.h>
#include <wslay/wslay.h>

#include "transport/http_upgrade.h"
#include "transport/websocket.h"

/* How bytes pass, once it is open:
 *
 *     send:  spans ─► message (copied, at most MESSAGE_BYTES) ─► wslay: frame, mask ─► out[] ─► the transport below
 *     recv:  the transport below ─► in[] ─► wslay: frames, fragments, pings ─► the caller's buffer
 *
 * A message is made only when out[] is empty, so it always fits; pongs and the closing frame have room beside it. Both
 * buffers are there only while something is in them. */
enum {
    BB_WEBSOCKET_MESSAGE_BYTES = 16 * 1024,
    BB_WEBSOCKET_OUT_BYTES = BB_WEBSOCKET_MESSAGE_BYTES + 1024, /* and frames that answer what came in */
    BB_WEBSOCKET_IN_BYTES = 16 * 1024,
    BB_WEBSOCKET_MASKS_BYTES = 256, /* random bytes that are fetched at once */
    BB_WEBSOCKET_ERROR_MAX = 256,
};

struct bb_websocket_rules {
    _Atomic unsigned references;
    char *path, *origins;
};

typedef enum bb_websocket_stage {
    BB_WEBSOCKET_REQUEST, /* the client sends it, the server reads it */
    BB_WEBSOCKET_RESPONSE,
    BB_WEBSOCKET_OPEN,
    BB_WEBSOCKET_CLOSED,
} bb_websocket_stage;

typedef struct bb_websocket {
    bb_mem *mem;
    bb_transport lower;
    wslay_event_context_ptr frames;
    bb_websocket_stage stage;
    bb_websocket_rules *rules; /* of a server; NULL: we are the client */
    bb_status reason;          /* why a server refuses */
    bool finished;             /* we have said our last word */
    char key[BB_UPGRADE_KEY_TEXT + 1];

    uint8_t *out;
    size_t out_start, out_end;
    size_t offered; /* bytes of the caller that are in out[], but that he was not told to be sent */

    uint8_t *in;
    size_t in_start, in_end;
    bool lower_drained;
    bb_moved lower_got; /* what the transport below said last */

    /* During one bb_websocket_recv: */
    uint8_t *into;
    size_t room, got;
    size_t feed;  /* bytes that wslay may have still: it hands on no more than it gets */
    bool control; /* the frame that is coming in is not data */
    bool text;    /* a text frame came */

    /* Of a server, which must see to it that frames are masked: where in a frame the bytes are that wslay gets. */
    uint64_t walk_left;   /* of its payload */
    uint8_t walk_head[2]; /* its first bytes */
    uint8_t walk_have;    /* how many bytes of its head have passed */
    bool unmasked;        /* a frame was not */

    uint8_t masks[BB_WEBSOCKET_MASKS_BYTES];
    size_t masks_left;
    uint32_t error_len;
    char error[BB_WEBSOCKET_ERROR_MAX];
} bb_websocket;

/* Have a buffer; false: no memory. Give it back, when nothing is in it. */
bool bb_websocket_need(bb_websocket *w, uint8_t **buffer, size_t size);
void bb_websocket_give(bb_websocket *w, uint8_t **buffer, size_t size);

/* Remember why it failed, unless something was remembered before; gives BB_IO_ERROR. The second says "the server" or
 * "the client" before its words. */
bb_moved bb_websocket_fail(bb_websocket *w, const char *why);
bb_moved bb_websocket_blame(bb_websocket *w, const char *what);

/* Give the transport below what is in out[], and what wslay has to say. BB_IO_OK: all is gone. */
bb_moved bb_websocket_send_queued(bb_websocket *w);

/* Go on with opening. */
bb_moved bb_websocket_open_on(bb_websocket *w);

extern const bb_transport_ops bb_websocket_ops;
extern const struct wslay_event_callbacks bb_websocket_callbacks;

#endif
