/* store.h - takes records to the disk.
 *
 * What      So far the write-ahead log with its recovery (wal.h) on a disk that is real or simulated (disk.h); the
 * table for what outlives a segment of the log comes on top of it. Memory    From the bb_mem passed in. Threads   As
 * each header says; no call of it belongs into a worker's loop, for it waits for the disk. Start at  wal.h. */
#ifndef BB_STORE_STORE_H
#define BB_STORE_STORE_H

#include "store/wal.h"

#endif
