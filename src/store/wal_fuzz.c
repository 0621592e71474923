/* wal_fuzz.c - a log of a few frames, with what the input says written over it: opening it never does harm, says what
 * it found, and whatever frames it still gives are ones that were written. */
#include <stdio.h>
#include <stdlib.h>

#include "store/disk_simulated.h"
#include "store/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENT = 4096, FRAMES = 40, RECORD = 150 };

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give(void *context, void *block, size_t size)
{
    free(block);
}

static bb_mem mem = {.alloc = take, .release = give};

static bb_store_status seen(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error)
{
    uint64_t *last = context;
    BB_CHECK(frame->number > *last && frame->number <= FRAMES && frame->records.len == RECORD);
    for (size_t i = 0; i < RECORD; i++)
        BB_CHECK(frame->records.data[i] == (uint8_t)frame->number);
    *last = frame->number;
    return BB_STORE_OK;
}

static bb_store_status open_log(bb_disk *disk, bool recover, bb_wal **out)
{
    bb_wal_found found;
    bb_store_error error;
    bb_wal_options options = {.mem = &mem,
                              .disk = disk,
                              .segment_bytes = SEGMENT,
                              .bytes_max = UINT64_MAX,
                              .prepared = 1,
                              .sync = true,
                              .recover = recover};
    bb_store_status status = bb_wal_open(&options, 1, 1, out, &found, &error);
    BB_CHECK(status == BB_STORE_OK || (error.status == status && error.text[0]));
    return status;
}

static void write_frames(bb_disk *disk)
{
    bb_wal *wal;
    bb_store_error error;
    uint8_t record[RECORD];
    BB_CHECK(open_log(disk, false, &wal) == BB_STORE_OK);
    for (int i = 1; i <= FRAMES; i++) {
        memset(record, i, sizeof record);
        BB_CHECK(bb_wal_add(wal, bb_span_of(record, sizeof record)) && bb_wal_commit(wal, &error) == BB_STORE_OK);
    }
    bb_wal_close(wal);
}

/* Steps of 4 bytes and what they write: segment, offset (2), length. */
static void write_over(bb_disk *disk, const uint8_t *data, size_t size)
{
    while (size >= 4) {
        char name[32];
        snprintf(name, sizeof name, "segment-%012u", 1u + data[0] / 2u % 3u);
        uint64_t offset = ((uint64_t)data[1] << 8 | data[2]) % SEGMENT;
        size_t len = data[3] < size - 4 ? data[3] : size - 4;
        bb_file *file;
        if (disk->open(disk, name, false, &file) == 0) {
            if (offset + len <= SEGMENT)
                BB_CHECK(disk->write(file, offset, bb_span_of(data + 4, len), true) == 0);
            disk->close(file);
        }
        data += 4 + len;
        size -= 4 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bb_simulated_disk *sim = bb_simulated_disk_new(1);
    bb_disk *disk = bb_simulated_disk_interface(sim);
    write_frames(disk);
    write_over(disk, data, size);
    bb_wal *wal;
    bb_store_error error;
    bb_store_status status = open_log(disk, false, &wal);
    if (status == BB_STORE_DAMAGED)
        status = open_log(disk, true, &wal);
    if (status == BB_STORE_OK) {
        uint64_t last = 0;
        for (uint64_t number = 0; (number = bb_wal_closed_after(wal, number)) != 0;)
            BB_CHECK(bb_wal_read(wal, number, seen, &last, &error) == BB_STORE_OK || error.text[0]);
        bb_wal_close(wal);
    }
    bb_simulated_disk_free(sim);
    return 0;
}
