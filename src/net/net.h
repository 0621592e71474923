/* net.h - from a URL to a transport, and what the ready connection (<busbar/net.h>) is made of.
 *
 * What      The public door is <busbar/net.h>. This one is for programs of ours that drive transports themselves: they
 *           dial a URL without a client.
 * Threads   bb_net_target_open looks up names, which BLOCKS. */
#ifndef BB_NET_NET_H
#define BB_NET_NET_H

#include <busbar/net.h>

#include "transport/dial.h"
#include "transport/resolve.h"

/* A server that can be dialled: bb_dial_begin with `dial`, as often as wanted. */
typedef struct bb_net_target {
    bb_url url;
    bb_address addresses[BB_RESOLVE_MAX];
    bb_dial_options dial; /* points into this struct: do not copy it */
} bb_net_target;

/* Parse `url`, look its host up, and fill `out`. `tls` is used where the URL wants TLS, and must then not be NULL; it
 * stays the caller's. On failure appends what is wrong to `error` and returns false. */
BB_MUST_USE bool bb_net_target_open(bb_net_target *out, const char *url, bb_tls_context *tls, bb_text *error);

/* The context for the TLS options of the public interface. On failure appends what is wrong and returns NULL. */
BB_MUST_USE bb_tls_context *bb_net_tls_context_new(const bb_net_tls *options, bb_text *error);

/* The transport that `net` has now; closed (fd -1) where it has none. For looking only. */
const bb_transport *bb_net_transport(const bb_net *net);

#endif
