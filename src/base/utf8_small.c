/* utf8_small.c - utf8.h for devices whose flash is counted in kilobytes: the same answers, one character at a time. The
 * build takes this file or utf8.c. */
#include "base/utf8.h"

/* Decode the character at the front of `text` and cut it off; UINT32_MAX when it is ill-formed. */
static uint32_t take(bb_span *text)
{
    uint32_t lead = text->data[0], point = lead;
    size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || more >= text->len)
        return UINT32_MAX;
    if (more > 0)
        point &= 0x3Fu >> more;
    for (size_t i = 1; i <= more; i++) {
        uint32_t byte = text->data[i];
        if (byte >> 6 != 2)
            return UINT32_MAX;
        point = point << 6 | (byte & 0x3F);
    }
    text->data += more + 1;
    text->len -= more + 1;
    bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
    return overlong || point >> 11 == 0xD800 >> 11 || point > 0x10FFFF ? UINT32_MAX : point;
}

bool bb_utf8_valid(bb_span text)
{
    while (text.len > 0) {
        uint32_t point = take(&text);
        bool control = (point & ~UINT32_C(0x80)) < 0x20 || point == 0x7F;
        if (control || (point & 0xFFFE) == 0xFFFE || point - 0xFDD0 < 0x20) /* UINT32_MAX is among them */
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
