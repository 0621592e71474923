/* store.h - where the ready connection keeps messages of QoS 1 and 2 until they are acknowledged. Private to this
 * folder.
 *
 * What      Two stores of the shape that the client wants (bb_client_store): one in memory, which takes large records
 * to files that nobody sees; one in a folder, which survives the process. Memory    From malloc. */
#ifndef BB_NET_STORE_H
#define BB_NET_STORE_H

#include <busbar/client.h>

#include "base/check.h"
#include "base/text.h"

enum {
    BB_STORE_KEYS = 131072,         /* keys are 1 to 131071 */
    BB_STORE_RECORD_MAX = 64 * 1024 /* bytes of a record that stays in memory */
};

typedef struct bb_memory_store bb_memory_store;

/* At most `bytes_max` of records in memory; a record larger than BB_STORE_RECORD_MAX lies in a file of its own, without
 * a name, in $TMPDIR or /var/tmp, and does not count. NULL: no memory. */
BB_MUST_USE bb_memory_store *bb_memory_store_new(size_t bytes_max);
void bb_memory_store_free(bb_memory_store *store); /* NULL is allowed */
bb_client_store bb_memory_store_door(bb_memory_store *store);

typedef struct bb_folder_store bb_folder_store;

/* Records as files in `folder`, which is made if it is not there; its parent must be. A record that is put as a whole
 * survives a loss of power from then on, one that is put in pieces survives the process. Only one process may use a
 * folder. On failure appends "FOLDER: what is wrong" to `error` and returns NULL. */
BB_MUST_USE bb_folder_store *bb_folder_store_open(const char *folder, bb_text *error);
void bb_folder_store_close(bb_folder_store *store); /* NULL is allowed */
bb_client_store bb_folder_store_door(bb_folder_store *store);

#endif
