/* store.h - takes records to the disk and back: the write-ahead log, the table, and the threads that serve them.
 *
 * What      Each worker appends records to a lane of its own; one thread gathers what all lanes have and commits it:
 * one frame, one write, one sync. Another moves what is alive of a full segment of the log into the table, and a third
 * reads queues and payload files back. What is appended says whether it is on the disk by its ticket: a ticket of a
 * lane is durable when bb_lane_durable has reached it.
 *
 *     worker ── bb_lane_append ──► block ── bb_lane_flush ──► commit thread ── frame ──► log ── checkpoint ──► table
 *        ▲                                                          │
 *        └───────────── committed(lane), bb_lane_durable ───────────┘
 *
 * Order     Records of one lane are replayed in the order of appending. Between lanes: what was flushed before a
 * message went to another worker comes before what that worker flushes afterwards. An acknowledgement of a QoS 1
 *           delivery need not keep to that (docs/journal-format.md).
 * Memory    Everything comes from `alloc` and `release`, which must be callable from any thread.
 * Threads   bb_store_open and bb_store_close, and what loads: one thread. A lane belongs to one thread. The rest may be
 *           called from anywhere. Callbacks come from the store's threads: they must not block, and not call the store.
 * Start at  bb_store_open, bb_store_load, bb_lane_append. What has to wait for what: architecture, "Durability". */
#ifndef BB_STORE_STORE_H
#define BB_STORE_STORE_H

#include "base/blob.h"
#include "base/time.h"
#include "journal/journal.h"
#include "store/error.h"

typedef struct bb_store bb_store;
typedef struct bb_lane bb_lane;
struct bb_disk;
struct bb_table;

typedef enum bb_durability {
    BB_DURABILITY_DISK, /* synced: survives the loss of power */
    BB_DURABILITY_OS,   /* written: survives the end of the process */
    BB_DURABILITY_NONE, /* the twin in memory: every append is durable at once, and nothing is ever read back */
} bb_durability;

typedef struct bb_store_options {
    const char *folder; /* made where it does not exist; the folder above it must be there */
    bb_durability durability;
    uint64_t segment_bytes;     /* of the log, 4096 to below 4 GB; 64 MB is usual */
    uint64_t bytes_max;         /* of the log; UINT64_MAX: what the disk has */
    uint64_t pending_bytes_max; /* appended and not yet committed, from where bb_store_busy says so */
    unsigned lanes;
    bool recover; /* go on over damage, giving up what is damaged */
    bool stepped; /* no threads: the caller calls bb_store_step_* (tests, the simulator) */

    void *(*alloc)(void *context, size_t size);
    void (*release)(void *context, void *block, size_t size);
    void *memory_context;

    void *context;
    void (*committed)(void *context, unsigned lane);            /* bb_lane_durable of this lane has grown */
    void (*failed)(void *context, const bb_store_error *error); /* once, and final: nothing becomes durable any more */

    /* For tests; NULL: the real ones. */
    struct bb_disk *disk;   /* under the log and the payload files */
    struct bb_table *table; /* both stay the caller's */
    bb_time (*clock_ms)(void *context);
    uint64_t (*wall_ms)(void *context);
} bb_store_options;

/* What opening found and did. */
typedef struct bb_store_found {
    uint64_t frames, bytes;                   /* of the log, not yet in the table: they are now */
    uint64_t cut_bytes;                       /* of a frame that was never whole, and so was never acknowledged */
    uint64_t given_up_bytes, given_up_places; /* with `recover` */
    bb_store_error damage;                    /* the first of these places */
    uint64_t orphans;                         /* payload files that nothing names: removed */
    uint32_t migrated_from;                   /* the version that the table had, or 0 */
} bb_store_found;

/* Open the folder: lock it, recover the log into the table, start the threads. What is in the table afterwards is
 * everything. Errors: IN_USE (says by whom), DAMAGED (says where, and what to do), NEWER, FULL, NO_MEMORY, FAILED. */
BB_MUST_USE bb_store_status bb_store_open(const bb_store_options *options, bb_store **out, bb_store_found *found,
                                          bb_store_error *error);

/* Commit what was flushed, end the threads, unlock. Lanes must not be used any more. */
void bb_store_close(bb_store *store);

/* --- appending: a worker, to its own lane */

bb_lane *bb_store_lane(bb_store *store, unsigned number);

/* Copy the record into the lane; returns its ticket, or 0 when there is no memory or a field is above its limit. Never
 * blocks. */
BB_MUST_USE uint64_t bb_lane_append(bb_lane *lane, const bb_record *record);

/* The end of a tick: hand over what was appended. One atomic operation; wakes the commit thread if it sleeps. */
void bb_lane_flush(bb_lane *lane);

/* The last ticket that is durable. */
uint64_t bb_lane_durable(const bb_lane *lane);

/* The last ticket whose record is in the table: what a worker knows of older records it need not keep in memory, and
 * can have again by bb_store_read_queue. */
uint64_t bb_lane_tabled(const bb_lane *lane);

/* More waits for the disk than `pending_bytes_max`: publishers should be slowed. */
bool bb_store_busy(const bb_store *store);

/* False while the disk is full: nothing that adds should be appended (0x97). Removals still may: room is kept for them.
 * It becomes true again by itself. */
bool bb_store_has_room(const bb_store *store);

bool bb_store_has_failed(const bb_store *store);

/* A number for a new session, never given before. */
uint64_t bb_store_new_session(bb_store *store);

/* The store's clock in milliseconds: goes on over restarts by what the wall clock says has passed, and never back. */
uint64_t bb_store_clock_ms(const bb_store *store);

/* --- payloads in files of their own: those above this many bytes */

enum { BB_STORE_PAYLOAD_FILE_BYTES = 1024 * 1024 };

/* Write a payload to a file; `done` is called on the store's reading thread when it is on the disk (file 0: it failed).
 * Only then may a record name the file. Takes a reference of the blob. False: no memory. */
typedef void bb_store_payload_done(void *context, uint64_t file);
BB_MUST_USE bool bb_store_put_payload(bb_store *store, bb_blob *payload, bb_store_payload_done *done, void *context);

/* No record will name this file after all. */
void bb_store_drop_payload(bb_store *store, uint64_t file);

/* --- reading back */

typedef struct bb_stored_session {
    const bb_record *record; /* SESSION */
    bool connected;          /* when the process ended: the whole expiry is left then */
    uint32_t expiry_left_s;  /* UINT32_MAX: never; what passed since it left is taken off */
    uint32_t will_left_s;    /* of the will's delay, when there is a will */
    uint64_t queued, queued_bytes, sequence_next;
} bb_stored_session;

/* What a load calls, NULL for what is of no interest; spans live for the call. False ends the load. Of each session:
 * first itself, then its subscriptions, then its inbound packet identifiers. */
typedef struct bb_store_visitor {
    void *context;
    bool (*session)(void *context, const bb_stored_session *session);
    bool (*subscription)(void *context, const bb_record *subscribed);
    bool (*inbound)(void *context, uint64_t session, uint16_t packet_id);
    /* PUBLISH with its version; `expiry_left_s` in place of the record's own, which was when it was written. */
    bool (*retained)(void *context, const bb_record *message, uint32_t expiry_left_s);
} bb_store_visitor;

/* All sessions and retained messages, after opening and before the first append. */
BB_MUST_USE bb_store_status bb_store_load(bb_store *store, const bb_store_visitor *visitor, bb_store_error *error);

typedef enum bb_stored_phase { BB_STORED_QUEUED, BB_STORED_SENT, BB_STORED_RELEASED } bb_stored_phase;

typedef struct bb_stored_delivery {
    bb_owed owed; /* with its packet identifier, when it was sent */
    bb_stored_phase phase;
    const bb_record *message; /* PUBLISH; NULL once released */
    uint32_t expiry_left_s;   /* UINT32_MAX: none; 0: it has expired */
    bb_span payload;          /* wherever it was kept */
} bb_stored_delivery;

typedef struct bb_queue_reading {
    uint64_t session, from; /* the first sequence that is wanted */
    uint32_t rows_max;
    uint64_t bytes_max; /* at least one row is read */
    void *context;
    /* On the store's reading thread: each delivery in order, then once `done` with the sequence to go on from, 0 when
     * there is no more. What the table does not know yet is not among them: the worker has it in memory; what a worker
     * has settled since may still be: it must leave that out. */
    void (*delivery)(void *context, const bb_stored_delivery *delivery);
    void (*done)(void *context, uint64_t more_from, bb_store_status status);
} bb_queue_reading;

/* Read a part of a session's queue from the table. False: no memory. */
BB_MUST_USE bool bb_store_read_queue(bb_store *store, const bb_queue_reading *reading);

/* --- what people ask of a data folder; none of these needs an open store */

/* Sessions with their subscriptions and queues, retained messages, and the state of the journal, as text for people or
 * as JSON. Changes nothing. Where no broker uses the folder, what the log holds beyond the table is counted in; where
 * one does, the answer is how things stood at its last checkpoint, and says so. `out` is to be freed by free(). */
BB_MUST_USE bb_store_status bb_store_inspect(const char *folder, bool json, char **out, bb_store_error *error);

/* A consistent copy of the folder in `to`, which must not exist yet; also while a broker uses it. */
BB_MUST_USE bb_store_status bb_store_backup(const char *folder, const char *to, bb_store_error *error);

/* Give the disk space back that the table does not need any more; `freed` is how many bytes. IN_USE while a broker uses
 * the folder. */
BB_MUST_USE bb_store_status bb_store_compact(const char *folder, uint64_t *freed, bb_store_error *error);

/* --- by hand, with `stepped`: each returns whether it did something */

bool bb_store_step_commit(bb_store *store);
bool bb_store_step_checkpoint(bb_store *store);
bool bb_store_step_read(bb_store *store);

#endif
