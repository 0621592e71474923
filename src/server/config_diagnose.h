/* config_diagnose.h - what people write when they do not write our YAML: another format, a tab, an address without
 * quotes. Private to this folder.
 *
 * Memory    Static texts only. Threads: pure functions. */
#ifndef BB_SERVER_CONFIG_DIAGNOSE_H
#define BB_SERVER_CONFIG_DIAGNOSE_H

#include "base/span.h"

/* Is the whole text in a format that we know and do not read? What to say then, or NULL. */
const char *bb_config_diagnose_format(bb_span text);

/* Line `number` (from 1) is not YAML: a usual reason that it shows, or NULL. */
const char *bb_config_diagnose_line(bb_span text, uint32_t number);

/* What libyaml's `problem` mostly comes from, as the end of a sentence; "" where there is nothing to add. */
const char *bb_config_explain_yaml(const char *problem);

/* Our key for what mosquitto.conf calls `theirs`, or NULL. */
const char *bb_config_mosquitto_key(bb_span theirs);

#endif
