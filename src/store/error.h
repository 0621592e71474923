/* error.h - what went wrong with the store, in words for those who run the broker. Part of store.h. */
#ifndef BB_STORE_ERROR_H
#define BB_STORE_ERROR_H

#include <stdint.h>

typedef enum bb_store_status {
    BB_STORE_OK = 0,
    BB_STORE_FULL,      /* the disk, or the limit for the disk space, is full; it may go on later */
    BB_STORE_IN_USE,    /* another process uses the folder */
    BB_STORE_DAMAGED,   /* what was written is not what is read */
    BB_STORE_NEWER,     /* a newer busbar wrote it */
    BB_STORE_NO_MEMORY, /* there is no memory left */
    BB_STORE_FAILED,    /* the system refused; after a failed write or sync the store is not used any more */
} bb_store_status;

typedef struct bb_store_error {
    bb_store_status status;
    uint64_t offset; /* DAMAGED: where in `file` */
    char file[80];   /* within the data folder, or empty */
    char text[320];  /* a sentence or two: what was found, what was expected, what to do */
} bb_store_error;

/* Fill `error` and return `status`, so that a failure is one line. Private to store. */
__attribute__((format(printf, 5, 6))) bb_store_status bb_store_fail(bb_store_error *error, bb_store_status status,
                                                                    const char *file, uint64_t offset,
                                                                    const char *format, ...);

/* The same for what the system refused: `number` is the errno, `doing` for instance "write to". */
bb_store_status bb_store_fail_system(bb_store_error *error, int number, const char *doing, const char *file);

#endif
