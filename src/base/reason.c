#include "base/reason.h"

#include "base/check.h"

typedef struct row {
    const char *name;
    const char *text;
} row;

static const row rows[BB_STATUS_COUNT] = {[BB_OK] = {"ok", "success"},
                                          [BB_MORE] = {"more", "more bytes are needed"},
#define X(name, lower, code, text) [BB_E_##name] = {lower, text},
                                          BB_REASON_MAP(X)
#undef X
};

const char *bb_status_name(bb_status status)
{
    BB_CHECK(status < BB_STATUS_COUNT);
    return rows[status].name;
}

const char *bb_status_text(bb_status status)
{
    BB_CHECK(status < BB_STATUS_COUNT);
    return rows[status].text;
}
