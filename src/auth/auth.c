#include "auth/auth.h"

bb_status bb_auth_connect(const bb_auth *auth, const bb_identity *identity)
{
    (void)identity;
    return auth->anonymous ? BB_OK : BB_E_NOT_AUTHORIZED;
}

const bb_auth_method *bb_auth_method_find(const bb_auth *auth, bb_span name)
{
    for (size_t i = 0; i < auth->methods_count; i++)
        if (bb_span_equal(name, bb_span_text(auth->methods[i].name)))
            return &auth->methods[i];
    return NULL;
}

bb_status bb_auth_publish(const bb_auth *auth, const bb_identity *identity, bb_span topic)
{
    (void)auth;
    (void)identity;
    return topic.len && topic.data[0] == '$' ? BB_E_SYS_TOPIC : BB_OK;
}

bb_status bb_auth_subscribe(const bb_auth *auth, const bb_identity *identity, bb_span filter)
{
    (void)auth;
    (void)identity;
    (void)filter;
    return BB_OK;
}
