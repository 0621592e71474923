/* owed.h - the entries of the list of deliveries, checked. Private to journal. */
#ifndef BB_JOURNAL_OWED_H
#define BB_JOURNAL_OWED_H

#include "journal/journal.h"

/* Take an entry from the front; false, and `rest` untouched, when there is none that keeps to the format. */
bool bb_owed_take(bb_span *rest, bb_owed *out);

#endif
