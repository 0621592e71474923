#include "base/printable.h"

#include "base/utf8.h"

enum { ESCAPE_MAX = 16 }; /* the longest escape: a character of four bytes, each as \xff */

/* One character at the front of the rest of the text, or one byte that is none. */
typedef struct character {
    size_t len;
    bool well_formed;
    uint32_t code;
} character;

static size_t length_by_first_byte(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xF0)
        return 4;
    return first >= 0xE0 ? 3 : 2;
}

static character first_character(bb_span rest)
{
    static const uint8_t first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t len = length_by_first_byte(rest.data[0]);
    if (len > rest.len || !bb_utf8_well_formed(bb_span_of(rest.data, len)))
        return (character){.len = 1, .well_formed = false, .code = rest.data[0]};

    uint32_t code = rest.data[0] & first_bits[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (rest.data[i] & 0x3F);
    return (character){.len = len, .well_formed = true, .code = code};
}

/* Characters that are not shown but change how what is around them is shown. */
static bool misleads(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C /* Arabic letter mark */ ||
           (code >= 0x200B && code <= 0x200F) /* zero width, direction marks */ ||
           (code >= 0x2028 && code <= 0x202E) /* line separators, direction overrides */ ||
           (code >= 0x2060 && code <= 0x206F) /* joiners, direction isolates */ ||
           code == 0xFEFF /* byte order mark */ ||
           (code >= 0xFFF9 && code <= 0xFFFF) /* annotations, non-characters */ ||
           (code >= 0xE0000 && code <= 0xE0FFF) /* tags */;
}

static bool needs_escape(const character *c)
{
    return !c->well_formed || misleads(c->code) || c->code == '"' || c->code == '\\';
}

static char short_escape(uint32_t code)
{
    switch (code) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static size_t put_hex(char *out, char letter, uint32_t number, unsigned digits)
{
    out[0] = '\\';
    out[1] = letter;
    for (unsigned i = 0; i < digits; i++)
        out[2 + i] = "0123456789abcdef"[number >> (4 * (digits - 1 - i)) & 0xF];
    return 2 + digits;
}

static size_t put_json_escape(char *out, const character *c)
{
    if (!c->well_formed)
        return put_hex(out, 'u', 0xFFFD, 4);
    if (c->code < 0x10000)
        return put_hex(out, 'u', c->code, 4);
    size_t len = put_hex(out, 'u', 0xD800 + ((c->code - 0x10000) >> 10), 4);
    return len + put_hex(out + len, 'u', 0xDC00 + (c->code & 0x3FF), 4);
}

static size_t put_escape(char out[ESCAPE_MAX], const character *c, const uint8_t *bytes, bb_printable_style style)
{
    if (c->well_formed && short_escape(c->code)) {
        out[0] = '\\';
        out[1] = short_escape(c->code);
        return 2;
    }
    if (style == BB_PRINTABLE_JSON)
        return put_json_escape(out, c);
    size_t len = 0;
    for (size_t i = 0; i < c->len; i++)
        len += put_hex(out + len, 'x', bytes[i], 2);
    return len;
}

size_t bb_printable(char *out, size_t cap, bb_span bytes, bb_printable_style style, bool *whole)
{
    size_t used = 0, at = 0;
    while (at < bytes.len) {
        char escape[ESCAPE_MAX];
        character c = first_character(bb_span_from(bytes, at));
        bool escaped = needs_escape(&c);
        size_t len = escaped ? put_escape(escape, &c, bytes.data + at, style) : c.len;
        if (len > cap - used)
            break;
        memcpy(out + used, escaped ? escape : (const char *)bytes.data + at, len);
        used += len;
        at += c.len;
    }
    if (whole)
        *whole = at == bytes.len;
    return used;
}

bool bb_printable_as_is(bb_span bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        character c = first_character(bb_span_from(bytes, at));
        if (needs_escape(&c))
            return false;
        at += c.len;
    }
    return true;
}
