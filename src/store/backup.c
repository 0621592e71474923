/* backup.c - a copy of a data folder, and a table without holes.
 *
 * Segments of the log and payload files go away only after a checkpoint, which the table notes. So a copy of the table,
 * then of the log behind it, then of the payload files is consistent when the table still says the same at the end;
 * when a checkpoint came between, it is made again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/folder.h"
#include "store/frame.h"
#include "store/store_inside.h"

enum { TRIES = 50 };

static void *take(void *context, size_t size)
{
    return malloc(size);
}

static void give(void *context, void *block, size_t size)
{
    free(block);
}

typedef struct copying {
    bb_mem mem;
    bb_table *table;
    bb_disk *from, *to;
    uint64_t first_segment;
    int failed;
} copying;

static int next_segment(bb_table *table, uint64_t *number)
{
    bb_txn *txn;
    *number = 1;
    int failed = table->begin(table, false, &txn);
    if (failed)
        return failed;
    failed = bb_meta_get(txn, BB_META_NEXT_SEGMENT, number);
    table->abort(txn);
    return failed;
}

/* --- one file */

static int write_new(bb_disk *disk, const char *name, bb_span bytes)
{
    bb_file *file;
    disk->remove(disk, name); /* of an earlier try */
    int failed = disk->open(disk, name, true, &file);
    if (failed)
        return failed;
    failed = disk->write(file, 0, bytes, false);
    failed = failed ? failed : disk->sync(file);
    disk->close(file);
    return failed;
}

/* All of a file, or ENOENT when it has gone since. */
static int read_whole(copying *c, const char *name, uint64_t size, uint8_t **out, size_t *got)
{
    bb_file *file;
    int failed = c->from->open(c->from, name, false, &file);
    if (failed)
        return failed;
    *out = bb_mem_alloc(&c->mem, size + 1);
    failed = *out ? c->from->read(file, 0, *out, size, got) : ENOMEM;
    c->from->close(file);
    return failed;
}

/* The frame that is being written while we read must not be copied in part, with whole ones behind it. */
static void cut_segment(uint8_t *bytes, size_t size)
{
    bb_segment_head head;
    bb_frame frame;
    uint64_t at = BB_SEGMENT_HEAD;
    if (!bb_segment_head_take(bb_span_of(bytes, size), &head))
        return;
    while (bb_frame_take(bb_span_of(bytes, size), &head, at, &frame))
        at += bb_frame_bytes(frame.records.len);
    if (at < size)
        memset(bytes + at, 0, size - at);
}

static void copy_file(void *context, const char *name, uint64_t size)
{
    copying *c = context;
    bool segment = strncmp(name, "segment-", 8) == 0;
    uint8_t *bytes = NULL;
    size_t got = 0;
    if (c->failed || (segment && strtoull(name + 8, NULL, 10) < c->first_segment) ||
        (!segment && strncmp(name, "payload-", 8) != 0))
        return;
    int failed = read_whole(c, name, size, &bytes, &got);
    if (!failed && segment)
        cut_segment(bytes, got);
    if (!failed)
        failed = write_new(c->to, name, bb_span_of(bytes, got));
    bb_mem_free(&c->mem, bytes, size + 1);
    c->failed = failed == ENOENT ? 0 : failed; /* what has gone is not needed, or the copy is made again */
}

static int copy_files(copying *c, const char *folder, const char *to, const char *name)
{
    char path[BB_PATH_BYTES];
    int failed = bb_folder_path(path, folder, name);
    failed = failed ? failed : bb_disk_open_posix(&c->mem, path, &c->from);
    failed = failed ? failed : bb_folder_path(path, to, name);
    failed = failed ? failed : bb_disk_open_posix(&c->mem, path, &c->to);
    if (!failed) {
        failed = c->from->list(c->from, copy_file, c);
        failed = failed ? failed : c->failed ? c->failed : c->to->sync_folder(c->to);
    }
    if (c->from)
        c->from->free(c->from);
    if (c->to)
        c->to->free(c->to);
    c->from = c->to = NULL;
    return failed;
}

static void remove_file(void *context, const char *name, uint64_t size)
{
    bb_disk *disk = context;
    disk->remove(disk, name);
}

/* What an earlier try has left of one folder. */
static void clear(copying *c, const char *to, const char *name)
{
    char path[BB_PATH_BYTES];
    bb_disk *disk;
    if (bb_folder_path(path, to, name) != 0 || access(path, F_OK) != 0 || bb_disk_open_posix(&c->mem, path, &disk) != 0)
        return;
    disk->list(disk, remove_file, disk);
    disk->free(disk);
    rmdir(path);
}

static int copy_table(copying *c, const char *to)
{
    char path[BB_PATH_BYTES];
    bb_table *copy;
    clear(c, to, "table");
    int failed = bb_folder_path(path, to, "table");
    failed = failed ? failed : c->table->copy(c->table, path);
    failed = failed ? failed : bb_table_open_lmdb(&c->mem, path, true, &copy);
    if (failed)
        return failed;
    failed = next_segment(copy, &c->first_segment);
    copy->free(copy);
    return failed;
}

static int copy_once(copying *c, const char *folder, const char *to, bool *again)
{
    uint64_t now;
    clear(c, to, "journal");
    clear(c, to, "payload");
    int failed = copy_table(c, to);
    failed = failed ? failed : copy_files(c, folder, to, "journal");
    failed = failed ? failed : copy_files(c, folder, to, "payload");
    failed = failed ? failed : next_segment(c->table, &now);
    *again = !failed && now != c->first_segment;
    return failed;
}

bb_store_status bb_store_backup(const char *folder, const char *to, bb_store_error *error)
{
    copying c = {.mem = {.alloc = take, .release = give}};
    char path[BB_PATH_BYTES];
    int failed = bb_folder_path(path, folder, "table");
    failed = failed ? failed : bb_table_open_lmdb(&c.mem, path, true, &c.table);
    if (failed)
        return bb_store_fail_system(error, failed, "open", folder);
    if (mkdir(to, 0700) != 0) {
        failed = errno;
        c.table->free(c.table);
        return bb_store_fail_system(error, failed, "make", to);
    }
    bool again = true;
    for (int i = 0; i < TRIES && again && !failed; i++)
        failed = copy_once(&c, folder, to, &again);
    c.table->free(c.table);
    if (failed)
        return bb_store_fail_system(error, failed, "copy to", to);
    return again
               ? bb_store_fail(error, BB_STORE_FAILED, NULL, 0,
                               "%s changes faster than it can be copied to %s: larger segments would help", folder, to)
               : BB_STORE_OK;
}

/* --- compaction */

static uint64_t bytes_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static int sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return failed;
}

/* The compact copy takes the place of the table in one rename. */
static int compact(copying *c, const char *folder, uint64_t *freed)
{
    char table[BB_PATH_BYTES], made[BB_PATH_BYTES], old_file[BB_PATH_BYTES], new_file[BB_PATH_BYTES];
    int failed = bb_folder_path(table, folder, "table");
    failed = failed ? failed : bb_folder_path(made, folder, "table.new");
    failed = failed ? failed : bb_folder_path(old_file, folder, "table/data.mdb");
    failed = failed ? failed : bb_folder_path(new_file, folder, "table.new/data.mdb");
    clear(c, folder, "table.new");
    failed = failed ? failed : bb_table_open_lmdb(&c->mem, table, false, &c->table);
    if (failed)
        return failed;
    failed = c->table->copy(c->table, made);
    c->table->free(c->table);
    failed = failed ? failed : sync_path(new_file);
    uint64_t before = bytes_of(old_file), after = bytes_of(new_file);
    if (!failed && rename(new_file, old_file) != 0)
        failed = errno;
    failed = failed ? failed : sync_path(table);
    clear(c, folder, "table.new");
    if (!failed)
        *freed = before > after ? before - after : 0;
    return failed;
}

bb_store_status bb_store_compact(const char *folder, uint64_t *freed, bb_store_error *error)
{
    copying c = {.mem = {.alloc = take, .release = give}};
    int lock;
    long owner;
    bb_store_status status = bb_folder_lock(folder, &lock, &owner, error);
    if (status != BB_STORE_OK)
        return status;
    int failed = compact(&c, folder, freed);
    close(lock);
    return failed ? bb_store_fail_system(error, failed, "compact", folder) : BB_STORE_OK;
}
