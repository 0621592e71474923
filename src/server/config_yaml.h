/* config_yaml.h - the YAML file, taken into settings. Private to this folder; libyaml is known only here. */
#ifndef BB_SERVER_CONFIG_YAML_H
#define BB_SERVER_CONFIG_YAML_H

#include "server/config.h"

/* Take the values of `yaml` into `settings`, which hold the defaults. What is wrong goes into `report`, which is not
 * emptied; `settings` are then of no use. `name` stands for the file in messages. */
void bb_config_read_yaml(const char *name, bb_span yaml, bb_settings *settings, bb_config_report *report);

#endif
