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
