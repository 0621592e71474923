/* disk_simulated.h - a disk in memory that keeps only what it promised to keep.
 *
 * What      Files whose writes are known one by one until they are synced. When the power goes, of what was not synced
 *           each write is there or not, as the dice say; the last one may be there in part, cut at any byte. Names are
 *           journalled as file systems do it: of what was made, renamed and removed since sync_folder, some first part
 *           is there. A seed replays everything.
 * Threads   One. Private to store, but for the simulator. */
#ifndef BB_STORE_DISK_SIMULATED_H
#define BB_STORE_DISK_SIMULATED_H

#include "store/disk.h"

typedef struct bb_simulated_disk bb_simulated_disk;

BB_MUST_USE bb_simulated_disk *bb_simulated_disk_new(uint64_t seed);
void bb_simulated_disk_free(bb_simulated_disk *sim);
bb_disk *bb_simulated_disk_interface(bb_simulated_disk *sim); /* its `free` does nothing */

/* What changes the disk (writes, syncs, names) is counted; the call with number `after` (from 0) loses power: it may be
 * done in part, and everything from then on fails with EIO. UINT64_MAX: never. */
void bb_simulated_disk_lose_power(bb_simulated_disk *sim, uint64_t after);
uint64_t bb_simulated_disk_calls(const bb_simulated_disk *sim);
bool bb_simulated_disk_lost_power(const bb_simulated_disk *sim);

/* Power is back: what was not promised is forgotten. Files that were open are not any more. */
void bb_simulated_disk_restart(bb_simulated_disk *sim);

/* The next call that syncs fails with EIO, once. */
void bb_simulated_disk_fail_sync(bb_simulated_disk *sim);

/* The disk holds this many bytes; writes beyond it fail with ENOSPC. */
void bb_simulated_disk_set_bytes_max(bb_simulated_disk *sim, uint64_t bytes_max);

/* Turn over bits of a byte of a file, as bad media do. False: there is no such byte. */
bool bb_simulated_disk_damage(bb_simulated_disk *sim, const char *name, uint64_t offset);

#endif
