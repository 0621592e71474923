#include "base/check.h"
#include "base/utf8.h"

/* The answer of a reader that follows the table of well-formed byte sequences (Unicode, table 3-7), a byte at a time
 * and with no thought of speed. */
typedef struct byte_range {
    uint8_t lead_min, lead_max, second_min, second_max;
    size_t size;
} byte_range;

static const byte_range ranges[] = {
    {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool in_range(const byte_range *range, const uint8_t *at, size_t left)
{
    if (at[0] < range->lead_min || at[0] > range->lead_max || range->size > left)
        return false;
    if (range->size > 1 && (at[1] < range->second_min || at[1] > range->second_max))
        return false;
    for (size_t i = 2; i < range->size; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF)
            return false;
    }
    return true;
}

static size_t size_of_character(const uint8_t *at, size_t left)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (in_range(&ranges[i], at, left))
            return ranges[i].size;
    }
    return 0;
}

/* Control characters and non-characters, by their bytes. */
static bool is_refused(const uint8_t *at, size_t size)
{
    switch (size) {
    case 1:
        return at[0] < 0x20 || at[0] == 0x7F;
    case 2:
        return at[0] == 0xC2 && at[1] < 0xA0;
    case 3:
        return at[0] == 0xEF && ((at[1] == 0xBF && at[2] >= 0xBE) || (at[1] == 0xB7 && at[2] >= 0x90 && at[2] <= 0xAF));
    default:
        return (at[1] & 0x0F) == 0x0F && at[2] == 0xBF && at[3] >= 0xBE;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool well_formed = true, valid = true;
    for (size_t at = 0; at < size && well_formed;) {
        size_t len = size_of_character(data + at, size - at);
        well_formed = len > 0;
        valid = valid && well_formed && !is_refused(data + at, len);
        at += len;
    }
    BB_CHECK(bb_utf8_well_formed(bb_span_of(data, size)) == well_formed);
    BB_CHECK(bb_utf8_valid(bb_span_of(data, size)) == valid);
    return 0;
}
