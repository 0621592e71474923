/* reader.h - the thread that reads queues and writes payload files. Private to store. */
#ifndef BB_STORE_READER_H
#define BB_STORE_READER_H

#include "store/store.h"

void *bb_reader_thread(void *context);

/* Answer what nobody answered: payloads were not written, queues not read. */
void bb_reader_clear(bb_store *store);

#endif
