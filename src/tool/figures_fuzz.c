/* figures_fuzz.c - a broker that publishes anything below $SYS: lines of topic, a blank, payload. */
#include "tool/figures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_line(bb_figures *figures, bb_span line)
{
    const uint8_t *blank = line.len ? memchr(line.data, ' ', line.len) : NULL;
    size_t cut = blank ? (size_t)(blank - line.data) : line.len;
    char topic[512];
    bb_text text = bb_text_on(topic, sizeof topic);
    bb_text_puts(&text, "$SYS/broker/");
    bb_text_put(&text, bb_span_of(line.data, cut));
    bb_figures_take(figures, bb_text_span(&text), bb_span_from(line, blank ? cut + 1 : cut));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bb_figures figures;
    bb_span rest = bb_span_of(data, size);
    bb_figures_init(&figures);
    while (rest.len) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.data) : rest.len;
        if (len)
            take_line(&figures, bb_span_of(rest.data, len));
        else
            bb_figures_end_round(&figures);
        rest = bb_span_from(rest, end ? len + 1 : len);
    }
    return 0;
}
