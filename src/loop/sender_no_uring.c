/* Built in place of sender_uring.c where there was no liburing. */
#include "loop/sender_inside.h"

bb_uring *bb_uring_open(bb_mem *mem, const char **why_not)
{
    *why_not = "this program was built without liburing";
    return NULL;
}

void bb_uring_close(bb_uring *uring, bb_mem *mem)
{
}

bool bb_uring_run(bb_uring *uring, bb_send *sends, size_t n)
{
    bb_check_failed(__FILE__, __LINE__, "there is no ring");
}
