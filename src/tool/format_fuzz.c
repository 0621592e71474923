/* format_fuzz.c - any format, and any message that a peer may send: the first byte says how much of the input is the
 * format; of the rest, topic, properties and payload are cut. */
#include "tool/format.h"

#include "wire/wire.h"

enum { FORMAT_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Properties reach the tool through the client, which has checked them. */
static bb_span checked(bb_span list)
{
    bb_properties properties;
    bb_span none = BB_SPAN_NONE;
    size_t used;
    return bb_properties_decode(list, BB_IN_PUBLISH, &properties, &used, NULL) == BB_OK ? properties.raw : none;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    char format[FORMAT_MAX + 1], error[BB_FORMAT_ERROR_MAX];
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    if (size < 2 || !nowhere)
        return 0;
    size_t format_len = data[0] % FORMAT_MAX < size - 2 ? data[0] % FORMAT_MAX : size - 2;
    memcpy(format, data + 2, format_len);
    format[format_len] = '\0';
    bb_span rest = bb_span_of(data + 2 + format_len, size - 2 - format_len);
    size_t cut = data[1] < rest.len ? data[1] : rest.len;
    const bb_received message = {.topic = bb_span_of(rest.data, cut),
                                 .payload = bb_span_from(rest, cut),
                                 .properties = checked(rest),
                                 .qos = data[1] % 3,
                                 .retain = data[1] & 4};
    if (bb_format_check(format, error))
        (void)bb_format_print(nowhere, format, &message, data[0] & 64);
    (void)bb_format_print(nowhere, "%j %J %x %{base64} %P", &message, true);
    return 0;
}
