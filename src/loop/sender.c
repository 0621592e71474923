#include "loop/sender.h"

#include "loop/sender_inside.h"

void bb_sender_init(bb_sender *sender, bb_mem *mem, bb_uring_mode mode)
{
    *sender = (bb_sender){.mem = mem};
    if (mode == BB_URING_OFF)
        sender->why_not = "io_uring is switched off";
    else
        sender->uring = bb_uring_open(mem, &sender->why_not);
}

static void close_ring(bb_sender *sender)
{
    if (sender->uring)
        bb_uring_close(sender->uring, sender->mem);
    sender->uring = NULL;
}

void bb_sender_deinit(bb_sender *sender)
{
    close_ring(sender);
}

/* The ring broke, which nothing that we know of makes it do: go on without. */
static void fall_back(bb_sender *sender, bb_send *sends, size_t n)
{
    close_ring(sender);
    sender->why_not = "io_uring failed while running";
    for (size_t i = 0; i < n; i++)
        if (sends[i].result == BB_SEND_PENDING)
            bb_send_one(&sends[i]);
}

void bb_sender_run(bb_sender *sender, bb_send *sends, size_t n)
{
    if (sender->uring && n >= BB_SENDER_BATCH_MIN) {
        if (!bb_uring_run(sender->uring, sends, n))
            fall_back(sender, sends, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        bb_send_one(&sends[i]);
}
