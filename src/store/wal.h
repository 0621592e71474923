/* wal.h - the write-ahead log: frames in segments, one behind the other.
 *
 * What      A frame is what is committed at once: whole or not at all. It goes into the open segment with one write and
 *           one sync. Segments are filled with zeros once and used again and again, so a commit never makes the file
 *           system allocate anything.
 *
 *     prepared ──► open ──► closed ──(checkpoint has what is alive)──► retired ──► prepared, under its next number
 *
 * Names     A segment's file is "segment-NUMBER". Its head is written and synced before the file gets that name, so a
 *           file with that name and without that head is damaged. Others are "new" (being filled with zeros) and
 *           "spare-NUMBER" (to be used again).
 * Threads   Two roles, one thread each: the commit role begins, adds and commits; the checkpoint role reads closed
 *           segments, retires and prepares. bb_wal_room may be called by anyone.
 * Start at  bb_wal_open, bb_wal_commit. Private to store. */
#ifndef BB_STORE_WAL_H
#define BB_STORE_WAL_H

#include "store/disk.h"
#include "store/error.h"
#include "store/frame.h"

typedef struct bb_wal bb_wal;

typedef struct bb_wal_options {
    bb_mem *mem; /* used by one role at a time only */
    bb_disk *disk;
    uint64_t segment_bytes;
    uint64_t bytes_max; /* of all segments; UINT64_MAX: what the disk has */
    uint64_t random;    /* for salts */
    uint32_t prepared;  /* how many segments are kept ready behind the open one, at least 1 */
    bool sync;          /* each commit; else it is the system's to write when it likes */
    bool recover;       /* go on over damage */
    bool read_only;     /* change nothing: for looking at it */
} bb_wal_options;

/* What opening found. */
typedef struct bb_wal_found {
    uint64_t segments, frames, bytes; /* whole ones that are not in the table yet */
    uint64_t cut_bytes;               /* of a frame at the end that was never whole, and so was never acknowledged */
    uint64_t given_up_bytes;          /* with `recover`: damaged ones that were passed over */
    uint64_t given_up_places;
    bb_store_error damage; /* the first of these places */
} bb_wal_found;

/* Open the log. `from_segment` and `from_frame` are the first of each that the table does not contain; what is before
 * them is used again. Errors: DAMAGED (file, offset, and what to do), NEWER, FULL, NO_MEMORY, FAILED. */
BB_MUST_USE bb_store_status bb_wal_open(const bb_wal_options *options, uint64_t from_segment, uint64_t from_frame,
                                        bb_wal **out, bb_wal_found *found, bb_store_error *error);
void bb_wal_close(bb_wal *wal);

/* --- the commit role */

/* Add records to the frame that the next commit writes; false: no memory. */
BB_MUST_USE bool bb_wal_add(bb_wal *wal, bb_span records);
size_t bb_wal_added(const bb_wal *wal);

/* Write the frame; when OK returns, it is as durable as `sync` says. FULL: nothing was written, and the frame waits for
 * another commit. FAILED: never try again. */
BB_MUST_USE bb_store_status bb_wal_commit(bb_wal *wal, bb_store_error *error);

/* Number of the open segment, 0 when none is open yet. */
uint64_t bb_wal_open_segment(const bb_wal *wal);

/* Close the open segment, so that a checkpoint can take all that there is. */
void bb_wal_finish_segment(bb_wal *wal);

/* --- the checkpoint role */

/* The oldest closed segment after `number` (0: the oldest of all), or 0. */
uint64_t bb_wal_closed_after(bb_wal *wal, uint64_t number);

/* Visit the frames of a closed segment in order; what visit returns other than OK ends it. */
typedef bb_store_status bb_wal_visit(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error);
BB_MUST_USE bb_store_status bb_wal_read(bb_wal *wal, uint64_t number, bb_wal_visit *visit, void *context,
                                        bb_store_error *error);

/* The closed segment with this number is not needed any more. */
BB_MUST_USE bb_store_status bb_wal_retire(bb_wal *wal, uint64_t number, bb_store_error *error);

/* Have as many prepared segments as the options say. FULL: there is no room for them now. */
BB_MUST_USE bb_store_status bb_wal_prepare(bb_wal *wal, bb_store_error *error);

/* --- anyone */

/* False from when the last prepared segment is in use and no further one could be made: what is left is for removals.
 */
bool bb_wal_room(const bb_wal *wal);
uint64_t bb_wal_bytes(const bb_wal *wal);    /* of all segments */
uint64_t bb_wal_segments(const bb_wal *wal); /* closed, not retired */

/* The longest frame's records that one segment can hold, whatever its size. */
enum { BB_WAL_FRAME_MAX = 1 << 30 };

#endif
