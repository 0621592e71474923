#include "net/mailbox.h"

#include <stdlib.h>
#include <string.h>

struct bb_letter {
    bb_letter *next;
    size_t size;
    bb_client_message_event event; /* its spans point into `bytes` */
    uint8_t bytes[];
};

static bb_span copy(uint8_t **at, bb_span bytes)
{
    bb_span copied = {*at, bytes.len};
    if (bytes.len)
        memcpy(*at, bytes.data, bytes.len);
    *at += bytes.len;
    return copied;
}

bool bb_mailbox_put(bb_mailbox *mailbox, const bb_client_message_event *event)
{
    size_t size = sizeof(bb_letter) + event->topic.len + event->properties.len + event->payload.len;
    if (mailbox->bytes_now + size > mailbox->bytes_max && (mailbox->first || !mailbox->bytes_max))
        return false;
    bb_letter *letter = malloc(size);
    if (!letter)
        return false;
    uint8_t *at = letter->bytes;
    letter->next = NULL;
    letter->size = size;
    letter->event = *event;
    letter->event.topic = copy(&at, event->topic);
    letter->event.properties = copy(&at, event->properties);
    letter->event.payload = copy(&at, event->payload);
    if (mailbox->last)
        mailbox->last->next = letter;
    else
        mailbox->first = letter;
    mailbox->last = letter;
    mailbox->bytes_now += size;
    return true;
}

bool bb_mailbox_take(bb_mailbox *mailbox, bb_client_message_event *out)
{
    free(mailbox->given);
    mailbox->given = mailbox->first;
    if (!mailbox->given)
        return false;
    mailbox->first = mailbox->given->next;
    if (!mailbox->first)
        mailbox->last = NULL;
    mailbox->bytes_now -= mailbox->given->size;
    *out = mailbox->given->event;
    return true;
}

void bb_mailbox_clear(bb_mailbox *mailbox)
{
    bb_client_message_event unused;
    while (bb_mailbox_take(mailbox, &unused))
        continue;
}
