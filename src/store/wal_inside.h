/* wal_inside.h - what the files of the log share. Private to wal. */
#ifndef BB_STORE_WAL_INSIDE_H
#define BB_STORE_WAL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/wal.h"

enum { BB_WAL_NAME = 40 };

typedef struct bb_wal_segment {
    struct bb_wal_segment *next;
    bb_segment_head head;
    uint64_t size, used; /* of the file; of it, to the end of the last frame */
    bb_file *file;       /* of prepared and open ones */
    char name[BB_WAL_NAME];
} bb_wal_segment;

struct bb_wal {
    bb_wal_options options;

    /* The commit role's. */
    bb_wal_segment *open;
    uint64_t frame_next;
    uint8_t *frame; /* room for the head, then the records */
    size_t frame_used, frame_cap;

    pthread_mutex_t lock; /* of what follows, and of options.mem */
    bb_wal_segment *closed, *prepared, *spares;
    uint64_t number_last;
    uint64_t random;

    _Atomic uint64_t bytes, closed_count, open_number;
    _Atomic bool room;
};

void bb_wal_name(char out[BB_WAL_NAME], uint64_t number);
void bb_wal_push_last(bb_wal_segment **list, bb_wal_segment *segment);
bb_wal_segment *bb_wal_pop(bb_wal_segment **list);
bb_wal_segment *bb_wal_segment_new(bb_wal *wal, const char *name, uint64_t size);
void bb_wal_segment_free(bb_wal *wal, bb_wal_segment *segment);

/* Make one prepared segment that holds a frame of `bytes_min`. With the lock held. */
BB_MUST_USE bb_store_status bb_wal_prepare_one(bb_wal *wal, uint64_t bytes_min, bb_store_error *error);

/* All of a file's bytes, from options.mem; give them back with their size. */
BB_MUST_USE bb_store_status bb_wal_load(bb_wal *wal, const bb_wal_segment *segment, uint8_t **out,
                                        bb_store_error *error);

/* Find the segments, check them, and sort them into closed and spares. */
BB_MUST_USE bb_store_status bb_wal_recover(bb_wal *wal, uint64_t from_segment, uint64_t from_frame, bb_wal_found *found,
                                           bb_store_error *error);

#endif
