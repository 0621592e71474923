/* reason_code.c - the codes of the reasons, apart from their texts: a small device needs only these. */
#include "base/check.h"
#include "base/reason.h"

static const uint8_t codes[BB_STATUS_COUNT] = {
#define X(name, lower, code, text) [BB_E_##name] = code,
    BB_REASON_MAP(X)
#undef X
};

uint8_t bb_status_code(bb_status status)
{
    BB_CHECK(status < BB_STATUS_COUNT);
    return codes[status];
}
