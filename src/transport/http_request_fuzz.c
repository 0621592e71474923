/* Any request is accepted or refused with a reason; one that is accepted offers what it must, and every answer fits. */
#include <stdlib.h>

#include "transport/http_request.h"
#include "transport/http_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bb_websocket_rules *rules;
    char answer[BB_REQUEST_RESPONSE_MAX], why[256];
    bb_text response = bb_text_on(answer, sizeof answer), error = bb_text_on(why, sizeof why);
    if (!rules)
        rules = bb_websocket_rules_new("/mqtt", "https://a.example\nhttps://b.example");
    (void)bb_request_foreign(bb_span_of(data, size));
    size_t len = bb_http_head_length(bb_span_of(data, size));
    BB_CHECK(len <= size);
    if (!len || !rules)
        return 0;
    uint8_t *request = malloc(len); /* of its own size, so that the sanitizer sees who reads beyond */
    if (!request)
        abort();
    memcpy(request, data, len);
    bb_status status = bb_request_answer(bb_span_of(request, len), rules, &response, &error);
    BB_CHECK(!response.cut);
    BB_CHECK((status == BB_OK) == (memcmp(answer, "HTTP/1.1 101 ", 13) == 0));
    BB_CHECK(status == BB_OK ? memmem(request, len, "mqtt", 4) != NULL : error.len > 0);
    free(request);
    return 0;
}
