/* commit.h - the bodies of the threads that commit and that checkpoint. Private to store. */
#ifndef BB_STORE_COMMIT_H
#define BB_STORE_COMMIT_H

void *bb_commit_thread(void *context);
void *bb_checkpoint_thread(void *context);

#endif
