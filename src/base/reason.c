#include "base/reason.h"

#include "base/check.h"

typedef struct row {
    uint8_t code;
    const char *name;
    const char *text;
} row;

static const row rows[BB_STATUS_COUNT] = {[BB_OK] = {0x00, "ok", "success"},
                                          [BB_MORE] = {0x00, "more", "more bytes are needed"},
#define X(name, lower, code, text) [BB_E_##name] = {code, lower, text},
                                          BB_REASON_MAP(X)
#undef X
};

const char *bb_status_name(bb_status status)
{
    BB_CHECK(status < BB_STATUS_COUNT);
    return rows[status].name;
}

uint8_t bb_status_code(bb_status status)
{
    BB_CHECK(status < BB_STATUS_COUNT);
    return rows[status].code;
}

const char *bb_status_text(bb_status status)
{
    BB_CHECK(status < BB_STATUS_COUNT);
    return rows[status].text;
}
