/* utf8.h - is this text that MQTT allows? Spec: MQTT 5.0 1.5.4.
 *
 * Refused: ill-formed UTF-8, surrogates D800..DFFF [MQTT-1.5.4-1], U+0000 [MQTT-1.5.4-2], and what a receiver may
 * refuse and we do: control characters U+0001..U+001F and U+007F..U+009F, and non-characters. A byte order mark is an
 * ordinary character [MQTT-1.5.4-3]. */
#ifndef BB_BASE_UTF8_H
#define BB_BASE_UTF8_H

#include "base/span.h"

/* True when all of `text` is allowed. Eight bytes at a time while it is plain ASCII. */
bool bb_utf8_valid(bb_span text);

/* True when `bytes` is well-formed UTF-8 (a payload with format indicator 1: control characters are allowed there). */
bool bb_utf8_well_formed(bb_span bytes);

#endif
