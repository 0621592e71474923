/* testing.h - records for tests. */
#ifndef BB_JOURNAL_TESTING_H
#define BB_JOURNAL_TESTING_H

#include "journal/journal.h"

/* Encode a record into `out`; returns its bytes. */
static inline bb_span testing_record(uint8_t *out, size_t cap, const bb_record *record)
{
    size_t size = bb_record_size(record);
    BB_CHECK(size > 0 && size <= cap);
    BB_CHECK(bb_record_encode(out, record, size) == out + size);
    return bb_span_of(out, size);
}

#endif
