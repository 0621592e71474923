/* Any response is accepted or refused with a reason; one that is accepted has the proof in it. */
#include <stdlib.h>

#include "transport/http_upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bb_span key = {(const uint8_t *)"dGhlIHNhbXBsZSBub25jZQ==", BB_UPGRADE_KEY_TEXT};
    char buffer[256], accept[BB_UPGRADE_ACCEPT_TEXT + 1];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    size_t len = bb_upgrade_response_length(bb_span_of(data, size));
    BB_CHECK(len <= size);
    if (!len)
        return 0;
    uint8_t *response = malloc(len); /* of its own size, so that the sanitizer sees who reads beyond */
    if (!response)
        abort();
    memcpy(response, data, len);
    bool accepted = bb_upgrade_check(bb_span_of(response, len), key, &error);
    bb_upgrade_accept(key, accept);
    BB_CHECK(accepted ? memmem(response, len, accept, BB_UPGRADE_ACCEPT_TEXT) != NULL : error.len > 0);
    free(response);
    return 0;
}
