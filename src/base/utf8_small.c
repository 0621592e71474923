/* utf8_small.c - utf8.h for devices whose flash is counted in kilobytes: one character at a time, and only what MQTT
 * says must be refused is (ill-formed text, surrogates, U+0000), not what may be. The build takes this file or utf8.c.
 */
#include "base/utf8.h"

/* Cut the character at the front of `text` off: what it is, or UINT32_MAX when it is ill-formed. */
static uint32_t take(bb_span *text)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000}; /* by the bytes that follow the first */
    const uint8_t *at = text->data;
    uint32_t point = *at++;
    size_t more = point < 0x80 ? 0 : point < 0xE0 ? 1 : point < 0xF0 ? 2 : 3;
    if (more >= text->len || (more > 0 && point - 0xC0 >= 0x38))
        return UINT32_MAX;
    if (more > 0)
        point &= 0x3Fu >> more;
    for (size_t i = 0; i < more; i++, at++) {
        if (*at >> 6 != 2)
            return UINT32_MAX;
        point = point << 6 | (*at & 0x3Fu);
    }
    text->data = at;
    text->len -= more + 1;
    return point < least[more] || point > 0x10FFFF || point >> 11 == 0xD800 >> 11 ? UINT32_MAX : point;
}

bool bb_utf8_valid(bb_span text)
{
    while (text.len > 0) {
        uint32_t point = take(&text);
        if (point == 0 || point == UINT32_MAX)
            return false;
    }
    return true;
}

bool bb_utf8_well_formed(bb_span bytes)
{
    while (bytes.len > 0) {
        if (take(&bytes) == UINT32_MAX)
            return false;
    }
    return true;
}
