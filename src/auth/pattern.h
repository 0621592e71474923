/* pattern.h - the topics that an access rule is about. Private to this folder.
 *
 * What      A pattern is a topic filter in which %u stands for the user name, %c for the client id and %% for a percent
 *           sign. bb_pattern_expand puts the names in; what comes out is a filter, and is asked by the other two.
 * Memory    None.
 * Threads   Pure functions. */
#ifndef BB_AUTH_PATTERN_H
#define BB_AUTH_PATTERN_H

#include "auth/rules.h"

/* Does the pattern hold a %, so that it must be expanded? */
bool bb_pattern_varies(bb_span pattern);

/* The filter that the pattern means for this client, into `out` (NULL: only its size is asked). Returns its size; 0: it
 * has none, because a name is missing, or would change what the pattern means: one that holds /, + or #, or that would
 * put a $ at its start. */
size_t bb_pattern_expand(bb_span pattern, const bb_identity *who, uint8_t *out);

/* Does `pattern` match every topic that `filter` matches? Both are well-formed filters without %. */
bool bb_pattern_covers(bb_span pattern, bb_span filter);

/* Is there a topic that both match? */
bool bb_pattern_meets(bb_span pattern, bb_span filter);

#endif
