#include "base/text.h"

enum { DIGITS_MAX = 20 }; /* of a 64-bit number */

void bb_text_put(bb_text *text, bb_span bytes)
{
    size_t room = text->cap - text->len;
    size_t n = bytes.len <= room ? bytes.len : room;
    if (n)
        memcpy(text->at + text->len, bytes.data, n);
    text->len += n;
    text->cut |= n < bytes.len;
}

void bb_text_puts(bb_text *text, const char *zero_terminated)
{
    bb_text_put(text, bb_span_text(zero_terminated));
}

void bb_text_put_u64(bb_text *text, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    bb_text_put(text, bb_span_of(digits + at, sizeof digits - at));
}

void bb_text_put_fixed2(bb_text *text, uint64_t hundredths)
{
    char fraction[3] = {'.', (char)('0' + hundredths / 10 % 10), (char)('0' + hundredths % 10)};
    bb_text_put_u64(text, hundredths / 100);
    bb_text_put(text, bb_span_of(fraction, sizeof fraction));
}

void bb_text_put_hex(bb_text *text, uint64_t number, unsigned digits)
{
    for (unsigned i = digits; i-- > 0;) {
        unsigned shift = i * 4;
        char digit = shift < 64 ? "0123456789abcdef"[number >> shift & 15] : '0';
        bb_text_put(text, bb_span_of(&digit, 1));
    }
}
