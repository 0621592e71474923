/* journal_fuzz.c - bytes that decode into records must be what these records encode into. */
#include <stdlib.h>

#include "journal/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_owed(bb_span list)
{
    uint8_t out[16 + 5 * BB_OWED_IDS_MAX + 16];
    bb_owed owed;
    for (bb_span rest = list; rest.len > 0;) {
        bb_span before = rest;
        BB_CHECK(bb_owed_next(&rest, &owed));
        size_t size = before.len - rest.len;
        BB_CHECK(bb_owed_size(&owed) == size);
        BB_CHECK(bb_owed_put(out, &owed) == out + size && memcmp(out, before.data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bb_span rest = bb_span_of(data, size);
    bb_record record;
    bb_record_fault fault;
    while (rest.len > 0) {
        bb_span before = rest;
        if (bb_record_decode(&rest, &record, &fault) != BB_OK) {
            BB_CHECK(fault.what && fault.offset <= before.len && bb_span_equal(rest, before));
            break;
        }
        size_t taken = before.len - rest.len;
        BB_CHECK(bb_record_size(&record) == taken);
        uint8_t *again = malloc(taken);
        BB_CHECK(again && bb_record_encode(again, &record, taken) == again + taken);
        BB_CHECK(memcmp(again, before.data, taken) == 0);
        free(again);
        check_owed(record.owed);
    }
    return 0;
}
