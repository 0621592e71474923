/* lane.h - the commit thread's side of lanes. Private to store. */
#ifndef BB_STORE_LANE_H
#define BB_STORE_LANE_H

#include "store/store_inside.h"

/* All blocks that were flushed, in order; each goes back by bb_block_return. */
bb_block *bb_blocks_take(bb_store *store);
void bb_block_return(bb_block *block);

/* True: there are none, and the next flush posts commit_wake. */
bool bb_blocks_sleep(bb_store *store);
void bb_blocks_awake(bb_store *store);

/* Give its memory back, when nobody uses it any more. */
void bb_lane_clear(bb_lane *lane);

#endif
