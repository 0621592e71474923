/* inside.h - what the files of the ready connection share. Private to this folder; the doors are <busbar/net.h> and
 * net.h.
 *
 *     options.c ──► connection.c: opens what bb_client asks for, moves bytes, keeps time (poll style)
 *                       ▲   ├──► target.c, lookup.c: URL to addresses     error.c: what went wrong, in words
 *     blocking.c ───────┘   └──► store_memory.c, store_folder.c: messages that are not acknowledged
 *         └──► mailbox.c: messages that came while a call waited for something else */
#ifndef BB_NET_INSIDE_H
#define BB_NET_INSIDE_H

#include "base/mem.h"
#include "net/lookup.h"
#include "net/mailbox.h"
#include "net/net.h"
#include "net/store.h"

enum {
    BB_NET_ERROR_MAX = 768,
    BB_NET_LINGER_MS = 2000, /* for the server to close after our DISCONNECT */
    BB_NET_ASSIGNED_ID_MAX = 512,
    BB_NET_REDIRECT_MAX = 1024,
};

typedef enum bb_net_stage {
    BB_NET_IDLE,       /* no transport */
    BB_NET_LOOKING_UP, /* `lookup` is under way */
    BB_NET_DIALLING,   /* `dial` is */
    BB_NET_OPEN,       /* `transport` is open */
} bb_net_stage;

struct bb_net {
    bb_net_options options; /* texts that it names are owned where they are copied below */
    bb_client client;
    bb_client_store store;
    bb_memory_store *memory_store;
    bb_folder_store *folder_store;
    bb_mem mem;
    bb_tls_context *tls; /* NULL: no URL wants TLS */
    char *urls;          /* one behind the other, each with its zero */
    size_t urls_count;
    uint8_t *buffers; /* in and out of the client */
    uint8_t assigned_id[BB_NET_ASSIGNED_ID_MAX], redirect[BB_NET_REDIRECT_MAX];
    bool user_from_url;

    bb_net_stage stage;
    bb_net_target target; /* of the connection that is open, or being opened */
    bb_lookup *lookup;
    bb_dial dial;
    bb_transport transport;
    bb_time address_due; /* when the next address is tried */
    bool drained;        /* in this call: nothing more to read */
    bool has_more;       /* the last call ended although there may be more to do */
    bool full;           /* input waits for the application */
    bb_moved send_error; /* io BB_IO_ERROR: nothing can be sent any more, but what the server said last is still read */

    bb_transport closing; /* said good-bye, and is read until the server closes too */
    bb_time closing_due;
    bool holding; /* `held` is told once `closing` is closed */
    bb_client_event held;

    bool over; /* there is no connection and none will be tried: not begun, or at its end */
    char error[BB_NET_ERROR_MAX];
    uint8_t code;
    bb_client_result client_result;

    bb_mailbox mailbox;
    bb_client_event unread; /* blocking style: has no room in the mailbox; lives until the next bb_net_next */
    bool has_unread;
};

bb_time bb_net_now(void);

/* ---- target.c: bb_net_target_open in two steps, for those who find the addresses themselves */

BB_MUST_USE bool bb_net_target_parse(bb_net_target *out, const char *url, bb_text *error);
void bb_net_target_fill(bb_net_target *target, size_t addresses_count, bb_tls_context *tls);

/* ---- error.c: net->error */

bb_text bb_net_error_begin(bb_net *net);
void bb_net_error_end(bb_net *net, bb_text *text);
void bb_net_set_error(bb_net *net, const char *text);

/* From the event that ends a connection; keeps what is known already about a transport that failed. */
void bb_net_explain_end(bb_net *net, const bb_client_disconnected_event *event);

/* "not authorized (0x87): the reason string of the server" */
void bb_net_put_code(bb_text *text, uint8_t code, bb_span properties);

/* ---- connection.c */

/* Nothing is on its way from the client to the system any more. */
bool bb_net_all_sent(const bb_net *net);

#endif
