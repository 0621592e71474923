/* auth.h - what may a client do, given what was proven about it; and the hook for methods of enhanced authentication.
 *
 * What      Verdicts, as statuses of the one reason table. No slow work: who proves a password does so elsewhere.
 * Used by   broker, for CONNECT, PUBLISH, will, SUBSCRIBE and delivery.
 * Memory    None of its own; settings are the caller's and outlive the broker, or are replaced between two calls. What
 *           the access rules take is said in rules.h.
 * Threads   Settings do not change while they are in use.
 * Start at  bb_auth; the access rules are in rules.h. */
#ifndef BB_AUTH_AUTH_H
#define BB_AUTH_AUTH_H

#include "auth/rules.h"
#include "base/reason.h"

/* One method of enhanced authentication (MQTT 5.0, 4.12). */
typedef enum bb_auth_step {
    BB_AUTH_SUCCESS,  /* proven; `reply` goes with the CONNACK or the last AUTH */
    BB_AUTH_CONTINUE, /* `reply` goes to the client, and its answer comes to `step` */
    BB_AUTH_FAILED,
} bb_auth_step;

typedef struct bb_auth_method {
    const char *name;
    void *context;
    /* A client starts (`*state` is NULL; set it to what the method keeps) or goes on. `reply` is written by the method
     * and valid until its next call. Called on the broker's thread; must not block. */
    bb_auth_step (*step)(void *context, void **state, bb_span data, bb_span *reply);
    /* The exchange is over, however it ended; `state` may be NULL. */
    void (*end)(void *context, void *state);
} bb_auth_method;

typedef struct bb_auth {
    bool anonymous; /* clients that prove nothing may connect */
    const bb_auth_method *methods;
    size_t methods_count;
    bb_rules *rules; /* NULL: everybody may do everything that is not the broker's own */
} bb_auth;

/* May this client connect without enhanced authentication? BB_E_NOT_AUTHORIZED. */
BB_MUST_USE bb_status bb_auth_connect(const bb_auth *auth, const bb_identity *identity);

/* The method of that name, or NULL: it is not offered [MQTT-4.12.0-1]. */
const bb_auth_method *bb_auth_method_find(const bb_auth *auth, bb_span name);

/* Topics that start with $ have one writer, the broker, whatever the rules say. */
static inline bool bb_auth_reserved(bb_span topic)
{
    return topic.len && topic.data[0] == '$';
}

#endif
