/* list.h - a doubly linked list whose links live inside the elements, so that linking never allocates.
 *
 * A head is a link of its own; an empty list is a head that points to itself. An element that is in no list has
 * next == NULL, so bb_list_linked can tell. */
#ifndef BB_BASE_LIST_H
#define BB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bb_list {
    struct bb_list *next, *prev;
} bb_list;

static inline void bb_list_init(bb_list *head)
{
    head->next = head->prev = head;
}

static inline bool bb_list_empty(const bb_list *head)
{
    return head->next == head;
}

static inline bool bb_list_linked(const bb_list *element)
{
    return element->next != NULL;
}

static inline void bb_list_append(bb_list *head, bb_list *element)
{
    element->prev = head->prev;
    element->next = head;
    head->prev->next = element;
    head->prev = element;
}

/* Take `element` out of the list it is in; does nothing if it is in none. */
static inline void bb_list_remove(bb_list *element)
{
    if (!element->next)
        return;
    element->prev->next = element->next;
    element->next->prev = element->prev;
    element->next = element->prev = NULL;
}

/* Move all elements of `from` to the end of `to`; `from` is empty afterwards. */
static inline void bb_list_splice(bb_list *to, bb_list *from)
{
    if (bb_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    bb_list_init(from);
}

#endif
