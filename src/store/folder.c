/* folder.c - the data folder: one process at a time, one version of the format, and what is where.
 *
 *     lock          the number of the process that uses it
 *     journal/      segments of the log
 *     table/        LMDB
 *     payload/      payloads in files of their own */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/folder.h"
#include "store/migrate.h"
#include "store/store_inside.h"

enum { LATE_BYTES = 64 * 1024 * 1024 };

int bb_folder_path(char out[BB_PATH_BYTES], const char *folder, const char *name)
{
    int len = snprintf(out, BB_PATH_BYTES, "%s/%s", folder, name);
    return len < BB_PATH_BYTES ? 0 : ENAMETOOLONG;
}

long bb_folder_owner(int fd)
{
    char owner[32] = "";
    ssize_t len = pread(fd, owner, sizeof owner - 1, 0);
    owner[len > 0 ? len : 0] = '\0';
    return strtol(owner, NULL, 10);
}

/* The lock is the kernel's and goes with the process; the number in the file is for people. */
bb_store_status bb_folder_lock(const char *folder, int *out, long *owner, bb_store_error *error)
{
    char path[BB_PATH_BYTES], own[32];
    *owner = 0;
    int failed = bb_folder_path(path, folder, "lock");
    int fd = failed ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return bb_store_fail_system(error, failed ? failed : errno, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        failed = errno;
        *owner = bb_folder_owner(fd);
        close(fd);
        return failed != EWOULDBLOCK
                   ? bb_store_fail_system(error, failed, "lock", path)
                   : bb_store_fail(error, BB_STORE_IN_USE, "lock", 0,
                                   "the data folder %s is in use by process %ld: two brokers cannot share one", folder,
                                   *owner);
    }
    int len = snprintf(own, sizeof own, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, own, (size_t)len, 0) != len) {
        failed = errno;
        close(fd);
        return bb_store_fail_system(error, failed, "write to", path);
    }
    *out = fd;
    return BB_STORE_OK;
}

static uint64_t random_number(void)
{
    uint64_t number = 0;
    while (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        ;
    return number;
}

static bb_store_status open_disks(bb_store *store, bb_store_error *error)
{
    char path[BB_PATH_BYTES];
    if (store->options.disk) {
        store->log_disk = store->payload_disk = store->options.disk;
        return BB_STORE_OK;
    }
    if (mkdir(store->options.folder, 0700) != 0 && errno != EEXIST)
        return bb_store_fail_system(error, errno, "make", store->options.folder);
    long owner;
    bb_store_status status = bb_folder_lock(store->options.folder, &store->lock_file, &owner, error);
    if (status != BB_STORE_OK)
        return status;
    int failed = bb_folder_path(path, store->options.folder, "journal");
    failed = failed ? failed : bb_disk_open_posix(&store->wal_mem, path, &store->log_disk);
    failed = failed ? failed : bb_folder_path(path, store->options.folder, "payload");
    failed = failed ? failed : bb_disk_open_posix(&store->read_mem, path, &store->payload_disk);
    return failed ? bb_store_fail_system(error, failed, "open", path) : BB_STORE_OK;
}

static bb_store_status open_table(bb_store *store, bb_store_error *error)
{
    char path[BB_PATH_BYTES];
    store->table = store->options.table;
    if (store->table)
        return BB_STORE_OK;
    int failed = bb_folder_path(path, store->options.folder, "table");
    failed = failed ? failed : bb_table_open_lmdb(&store->open_mem, path, false, &store->table);
    if (failed == EBADMSG)
        return bb_store_fail(error, BB_STORE_DAMAGED, "table/data.mdb", 0,
                             "table/data.mdb is not a table, or is damaged: restore a backup");
    return failed ? bb_store_fail_system(error, failed, "open", path) : BB_STORE_OK;
}

bb_store_status bb_store_open_folder(bb_store *store, bb_store_found *found, bb_store_error *error)
{
    bb_store_status status = open_disks(store, error);
    if (status == BB_STORE_OK)
        status = open_table(store, error);
    return status == BB_STORE_OK ? bb_store_migrate(store->table, random_number(), &found->migrated_from, error)
                                 : status;
}

void bb_store_close_folder(bb_store *store)
{
    if (store->table && store->table != store->options.table)
        store->table->free(store->table);
    if (store->log_disk && store->log_disk != store->options.disk)
        store->log_disk->free(store->log_disk);
    if (store->payload_disk && store->payload_disk != store->options.disk)
        store->payload_disk->free(store->payload_disk);
    if (store->lock_file >= 0)
        close(store->lock_file);
}

/* --- the log: what it holds goes into the table before anything else happens */

static bb_store_status empty_log(bb_store *store, bb_store_error *error)
{
    bool moved = true;
    bb_store_status status = BB_STORE_OK;
    while (status == BB_STORE_OK && moved)
        status = bb_checkpoint_step(&store->checkpoint, true, &moved, error);
    return status;
}

static int where_to_begin(bb_store *store, uint64_t *segment, uint64_t *frame)
{
    bb_txn *txn;
    int failed = store->table->begin(store->table, false, &txn);
    if (failed)
        return failed;
    failed = bb_meta_get(txn, BB_META_NEXT_SEGMENT, segment);
    failed = failed ? failed : bb_meta_get(txn, BB_META_NEXT_FRAME, frame);
    store->table->abort(txn);
    return failed;
}

bb_store_status bb_store_open_journal(bb_store *store, bb_store_found *found, bb_store_error *error)
{
    uint64_t segment = 1, frame = 1, size = store->options.segment_bytes;
    int failed = where_to_begin(store, &segment, &frame);
    if (failed)
        return bb_store_fail_system(error, failed, "read", "the table");
    bb_wal_options options = {
        .mem = &store->wal_mem,
        .disk = store->log_disk,
        .segment_bytes = size,
        .bytes_max = store->options.bytes_max,
        .random = random_number(),
        .prepared = 1,
        .sync = store->options.durability == BB_DURABILITY_DISK,
        .recover = store->options.recover,
    };
    bb_wal_found in_log;
    bb_store_status status = bb_wal_open(&options, segment, frame, &store->wal, &in_log, error);
    if (status != BB_STORE_OK)
        return status;
    found->frames = in_log.frames;
    found->bytes = in_log.bytes;
    found->cut_bytes = in_log.cut_bytes;
    found->given_up_bytes = in_log.given_up_bytes;
    found->given_up_places = in_log.given_up_places;
    found->damage = in_log.damage;
    uint64_t late = LATE_BYTES / size > 2 ? LATE_BYTES / size : 2;
    bb_checkpoint_init(&store->checkpoint, &store->checkpoint_mem, store->wal, store->table, store->payload_disk, late);
    return empty_log(store, error);
}
