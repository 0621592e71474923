#include "base/check.h"

#include <stddef.h>

void (*bb_check_report)(const char *file, int line, const char *expression);

_Noreturn void bb_check_failed(const char *file, int line, const char *expression)
{
    if (bb_check_report)
        bb_check_report(file, line, expression);
    __builtin_trap();
}
