/* text.h - small texts without stdio: append to a fixed buffer, never past its end.
 *
 * The buffer is the caller's. What does not fit is cut, and `cut` says so. No terminating zero is kept. */
#ifndef BB_BASE_TEXT_H
#define BB_BASE_TEXT_H

#include "base/span.h"

typedef struct bb_text {
    char *at;
    size_t len, cap;
    bool cut;
} bb_text;

static inline bb_text bb_text_on(char *buffer, size_t cap)
{
    return (bb_text){buffer, 0, cap, false};
}

/* A capital letter of ASCII as its small one; everything else as it is. */
static inline uint8_t bb_lower(uint8_t letter)
{
    return letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter - 'A' + 'a') : letter;
}

void bb_text_put(bb_text *text, bb_span bytes);
void bb_text_puts(bb_text *text, const char *zero_terminated);
void bb_text_put_u64(bb_text *text, uint64_t number);
/* `hundredths` / 100 with two decimals: 1234 -> "12.34". */
void bb_text_put_fixed2(bb_text *text, uint64_t hundredths);
void bb_text_put_hex(bb_text *text, uint64_t number, unsigned digits);

static inline bb_span bb_text_span(const bb_text *text)
{
    return bb_span_of(text->at, text->len);
}

#endif
