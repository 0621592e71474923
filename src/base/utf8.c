#include "base/utf8.h"

#include "base/check.h"
#include "base/swar.h"

/* Decode the character at `at`: its length in bytes, or 0 when it is ill-formed. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *point)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: anything below is overlong */

    uint8_t lead = at[0];
    if (lead < 0x80) {
        *point = lead;
        return 1;
    }
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || size > left)
        return 0;

    uint32_t value = lead & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3Fu);
    }
    if (value < smallest[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *point = value;
    return size;
}

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

static bool is_noncharacter(uint32_t point)
{
    return (point & 0xFFFE) == 0xFFFE || (point >= 0xFDD0 && point <= 0xFDEF);
}

/* Length of the character at `at` when MQTT allows it, else 0. */
static size_t allowed(const uint8_t *at, size_t left)
{
    uint32_t point;
    size_t size = decode(at, left, &point);
    return size == 0 || is_control(point) || is_noncharacter(point) ? 0 : size;
}

static bool all_allowed(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        size_t size = allowed(at, (size_t)(end - at));
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

bool bb_utf8_valid(bb_span text)
{
    if (text.len == 0)
        return true;
    const uint8_t *at = text.data, *end = at + text.len;
    if (text.len < 8)
        return bb_swar_unprintable(bb_swar_load_short(at, text.len)) == 0 || all_allowed(at, end);

    while (end - at >= 8) {
        if (BB_LIKELY(bb_swar_unprintable(bb_swar_load(at)) == 0)) {
            at += 8;
            continue;
        }
        do {
            size_t size = allowed(at, (size_t)(end - at));
            if (size == 0)
                return false;
            at += size;
        } while (at < end && *at >= 0x80);
    }
    /* The rest, with bytes before it that were seen already: if those are ASCII, one more word answers. */
    return bb_swar_unprintable(bb_swar_load(end - 8)) == 0 || all_allowed(at, end);
}

bool bb_utf8_well_formed(bb_span bytes)
{
    for (size_t i = 0; i < bytes.len;) {
        if (bytes.len - i >= 8 && (bb_swar_load(bytes.data + i) & BB_SWAR_EACH(0x80)) == 0) {
            i += 8;
            continue;
        }
        uint32_t point;
        size_t size = decode(bytes.data + i, bytes.len - i, &point);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}
