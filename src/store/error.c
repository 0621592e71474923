#include "store/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bb_store_status bb_store_fail(bb_store_error *error, bb_store_status status, const char *file, uint64_t offset,
                              const char *format, ...)
{
    va_list arguments;
    error->status = status;
    error->offset = offset;
    snprintf(error->file, sizeof error->file, "%s", file ? file : "");
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

bb_store_status bb_store_fail_system(bb_store_error *error, int number, const char *doing, const char *file)
{
    char words[128];
    const char *why = strerror_r(number, words, sizeof words); /* the GNU one: it returns the text */
    bb_store_status status = number == ENOSPC || number == EDQUOT ? BB_STORE_FULL
                             : number == ENOMEM                   ? BB_STORE_NO_MEMORY
                                                                  : BB_STORE_FAILED;
    return bb_store_fail(error, status, file, 0, "cannot %s %s: %s", doing, file ? file : "the data folder", why);
}
