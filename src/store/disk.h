/* disk.h - the disk, as far as the journal needs one: one folder of files.
 *
 * What      An interface with two implementations: POSIX files, and a simulated disk that forgets what was not synced
 *           when its power goes, tears the last write, fills up and fails. All that the journal does to a disk goes
 *           through here, so every promise of the journal can be tested at every moment.
 * Errors    Every call returns 0 or an errno: ENOSPC when the disk is full, ENOENT when there is no such file.
 * Threads   Calls may come from several threads; of one file only one at a time writes.
 * Private to store, but for the simulator. */
#ifndef BB_STORE_DISK_H
#define BB_STORE_DISK_H

#include "base/check.h"
#include "base/mem.h"
#include "base/span.h"

typedef struct bb_disk bb_disk;
typedef struct bb_file bb_file;

typedef void bb_disk_visit(void *context, const char *name, uint64_t size);

struct bb_disk {
    /* Open a file; `create`: it must not exist yet, and is not durable before sync_folder. */
    int (*open)(bb_disk *disk, const char *name, bool create, bb_file **out);
    void (*close)(bb_file *file);
    /* Read up to `size` bytes; `got` is less only at the end of the file. */
    int (*read)(bb_file *file, uint64_t offset, void *out, size_t size, size_t *got);
    /* Write all of `bytes`; `sync`: on the disk when the call returns. */
    int (*write)(bb_file *file, uint64_t offset, bb_span bytes, bool sync);
    int (*sync)(bb_file *file);
    int (*rename)(bb_disk *disk, const char *from, const char *to);
    int (*remove)(bb_disk *disk, const char *name);
    int (*list)(bb_disk *disk, bb_disk_visit *visit, void *context);
    /* Files made, renamed and removed are so on the disk when the call returns. */
    int (*sync_folder)(bb_disk *disk);
    int (*free_bytes)(bb_disk *disk, uint64_t *out);
    void (*free)(bb_disk *disk);
};

struct bb_file {
    bb_disk *disk;
};

/* The files in the folder `path`, which is made where it does not exist. */
int bb_disk_open_posix(bb_mem *mem, const char *path, bb_disk **out);

/* Fill a new file with `size` zeros, and sync it: overwriting blocks that exist costs a third of allocating them. */
int bb_disk_zero(bb_file *file, uint64_t size);

#endif
