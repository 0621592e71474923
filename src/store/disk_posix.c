#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct posix_disk {
    bb_disk disk;
    bb_mem *mem;
    int folder;
} posix_disk;

typedef struct posix_file {
    bb_file file;
    bb_mem *mem;
    int fd;
} posix_file;

static int folder_of(bb_disk *disk)
{
    return ((posix_disk *)disk)->folder;
}

static int posix_open(bb_disk *disk, const char *name, bool create, bb_file **out)
{
    int fd = openat(folder_of(disk), name, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0600);
    if (fd < 0)
        return errno;
    bb_mem *mem = ((posix_disk *)disk)->mem;
    posix_file *file = bb_mem_alloc(mem, sizeof *file);
    if (!file) {
        close(fd);
        return ENOMEM;
    }
    *file = (posix_file){{disk}, mem, fd};
    *out = &file->file;
    return 0;
}

static void posix_close(bb_file *file)
{
    posix_file *own = (posix_file *)file;
    close(own->fd);
    bb_mem_free(own->mem, own, sizeof *own);
}

static int posix_read(bb_file *file, uint64_t offset, void *out, size_t size, size_t *got)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(((posix_file *)file)->fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return 0;
}

static int posix_write(bb_file *file, uint64_t offset, bb_span bytes, bool sync)
{
    while (bytes.len > 0) {
        struct iovec part = {(void *)(uintptr_t)bytes.data, bytes.len};
        ssize_t n = pwritev2(((posix_file *)file)->fd, &part, 1, (off_t)offset, sync ? RWF_DSYNC : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        offset += (uint64_t)n;
        bytes = bb_span_from(bytes, (size_t)n);
    }
    return 0;
}

static int posix_sync(bb_file *file)
{
    return fdatasync(((posix_file *)file)->fd) == 0 ? 0 : errno;
}

static int posix_rename(bb_disk *disk, const char *from, const char *to)
{
    return renameat(folder_of(disk), from, folder_of(disk), to) == 0 ? 0 : errno;
}

static int posix_remove(bb_disk *disk, const char *name)
{
    return unlinkat(folder_of(disk), name, 0) == 0 ? 0 : errno;
}

static int posix_list(bb_disk *disk, bb_disk_visit *visit, void *context)
{
    int fd = openat(folder_of(disk), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return error;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat status;
        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
            visit(context, entry->d_name, (uint64_t)status.st_size);
    }
    closedir(folder);
    return 0;
}

static int posix_sync_folder(bb_disk *disk)
{
    return fsync(folder_of(disk)) == 0 ? 0 : errno;
}

static int posix_free_bytes(bb_disk *disk, uint64_t *out)
{
    struct statvfs status;
    if (fstatvfs(folder_of(disk), &status) != 0)
        return errno;
    *out = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

static void posix_free(bb_disk *disk)
{
    posix_disk *own = (posix_disk *)disk;
    close(own->folder);
    bb_mem_free(own->mem, own, sizeof *own);
}

int bb_disk_open_posix(bb_mem *mem, const char *path, bb_disk **out)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return errno;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    posix_disk *own = bb_mem_alloc(mem, sizeof *own);
    if (!own) {
        close(folder);
        return ENOMEM;
    }
    *own = (posix_disk){
        .disk = {posix_open, posix_close, posix_read, posix_write, posix_sync, posix_rename, posix_remove, posix_list,
                 posix_sync_folder, posix_free_bytes, posix_free},
        .mem = mem,
        .folder = folder,
    };
    *out = &own->disk;
    return 0;
}

int bb_disk_zero(bb_file *file, uint64_t size)
{
    static const uint8_t zeros[256 * 1024];
    for (uint64_t offset = 0; offset < size;) {
        size_t part = size - offset < sizeof zeros ? (size_t)(size - offset) : sizeof zeros;
        int error = file->disk->write(file, offset, bb_span_of(zeros, part), false);
        if (error)
            return error;
        offset += part;
    }
    return file->disk->sync(file);
}
