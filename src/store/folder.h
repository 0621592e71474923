/* folder.h - the data folder: paths in it, and its lock. Private to store. */
#ifndef BB_STORE_FOLDER_H
#define BB_STORE_FOLDER_H

#include "base/check.h"
#include "store/error.h"

enum { BB_PATH_BYTES = 4096 };

/* 0, or ENAMETOOLONG. */
int bb_folder_path(char out[BB_PATH_BYTES], const char *folder, const char *name);

/* Lock the folder: `out` is to be closed. IN_USE: `owner` is the process that has it. */
BB_MUST_USE bb_store_status bb_folder_lock(const char *folder, int *out, long *owner, bb_store_error *error);

/* The process that a lock file names. */
long bb_folder_owner(int fd);

#endif
