/* store_inside.h - what the files of the store share. Private to store. */
#ifndef BB_STORE_STORE_INSIDE_H
#define BB_STORE_STORE_INSIDE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "store/checkpoint.h"
#include "store/rows.h"
#include "store/store.h"

enum { BB_BLOCK_BYTES = 16 * 1024, BB_BLOCKS_KEPT = 64 };

/* Records on their way from a lane to the commit thread, and the block's way back. */
typedef struct bb_block {
    struct bb_block *next;
    bb_lane *lane;
    size_t cap, used;
    uint64_t ticket; /* of its last record */
    uint8_t bytes[];
} bb_block;

struct bb_lane {
    bb_store *store;
    unsigned number;
    bb_mem mem;                /* the lane's thread's */
    bb_block *newest, *oldest; /* appended, not flushed */
    bb_block *free;
    uint32_t free_now;
    uint64_t appended; /* tickets */
    size_t bytes;      /* appended, not flushed */
    char apart[64];    /* other threads write behind here */
    bb_block *_Atomic returned;
    _Atomic uint64_t durable, tabled;
    uint64_t taken; /* the commit thread's: the ticket that its frame ends with */
};

/* Where each lane stood when a segment was closed. */
typedef struct bb_mark {
    struct bb_mark *next;
    uint64_t segment;
    uint64_t tickets[];
} bb_mark;

typedef struct bb_request {
    struct bb_request *next;
    bb_blob *payload; /* NULL: a queue is to be read */
    bb_store_payload_done *payload_done;
    void *payload_context;
    uint64_t drop_file; /* not 0: this is all there is to do */
    bb_queue_reading reading;
} bb_request;

struct bb_store {
    bb_store_options options;
    bb_lane *lanes;
    bb_mem open_mem, wal_mem, checkpoint_mem, read_mem;
    int lock_file;
    bb_disk *log_disk, *payload_disk;
    bb_table *table;
    bb_wal *wal; /* NULL: nothing is stored */
    bb_checkpoint checkpoint;

    /* What lanes have flushed, newest first; ASLEEP when the commit thread waits for it. */
    bb_block *_Atomic head;
    sem_t commit_wake, checkpoint_wake;
    _Atomic int64_t pending_bytes;
    _Atomic bool failed, stopping, full, grown;

    /* The commit role's. */
    bb_block *taken; /* gathered, oldest first, not yet in a frame */
    uint64_t segment_last, clock_noted_ms;
    bool frame_waits; /* the disk was full */

    pthread_mutex_t lock; /* of marks, requests and the error */
    pthread_cond_t request_came;
    bb_mem locked_mem;
    bb_mark *marks;
    bb_request *requests;
    bb_store_error error;

    _Atomic uint64_t session_next, file_next;
    uint64_t clock_base_ms; /* the store's clock is this and what the clock counted since */
    bb_time clock_start;
    pthread_t threads[3];
    bool threads_run;
};

/* Say that it is over, once. */
void bb_store_set_failed(bb_store *store, const bb_store_error *error);

/* --- store.c */
/* The clock and the numbers that the table has noted. */
bb_store_status bb_store_read_meta(bb_store *store, bb_store_error *error);

/* --- folder.c: the folder, its lock, its version */
bb_store_status bb_store_open_folder(bb_store *store, bb_store_found *found, bb_store_error *error);
void bb_store_close_folder(bb_store *store);
bb_store_status bb_store_open_journal(bb_store *store, bb_store_found *found, bb_store_error *error);

/* --- payload.c */
void bb_store_write_payload(bb_store *store, bb_request *request);
int bb_store_read_payload(bb_store *store, uint64_t file, uint64_t size, uint8_t *out);
bb_store_status bb_store_remove_orphans(bb_store *store, uint64_t *count, bb_store_error *error);

/* --- load.c */
void bb_store_answer_queue(bb_store *store, const bb_queue_reading *reading);
uint32_t bb_store_left_s(const bb_store *store, uint64_t deadline_ms);

#endif
