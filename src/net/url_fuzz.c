/* Any text is taken apart or refused, within its memory; what was taken apart is whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <busbar/url.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    bb_url *url = malloc(sizeof *url); /* the sanitizer sees who goes beyond its end */
    char error[BB_URL_ERROR_MAX];
    if (!text || !url)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    if (bb_url_parse(text, url, error, sizeof error)) {
        BB_CHECK(strlen(url->host) <= BB_URL_HOST_MAX && strlen(url->path) <= BB_URL_MAX);
        BB_CHECK((url->scheme == BB_URL_UNIX) == (url->port == 0));
        BB_CHECK(!url->password || url->user);
    } else {
        BB_CHECK(strncmp(error, "character ", 10) == 0 && strlen(error) < sizeof error - 1);
    }
    free(url);
    free(text);
    return 0;
}
