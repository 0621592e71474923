/* config_access.h - access rules and groups of the configuration, taken in key by key and value by value.
 *
 * What      Between bb_config_access_begin and _end come any number of rules (begin, then values by key, then end) and
 *           of groups (the name, then its members). What is wrong goes into the report with its place. Private to this
 *           folder; docs/access.md says what a rule means.
 * Memory    What was read belongs to the struct until bb_config_access_end, which must be called.
 * Start at  bb_rule_options, the keys of a rule. */
#ifndef BB_SERVER_CONFIG_ACCESS_H
#define BB_SERVER_CONFIG_ACCESS_H

#include "auth/auth.h"
#include "server/config_report.h"
#include "server/option.h"

enum { BB_RULE_OPTIONS_MAX = 16, BB_CONFIG_PREFIX_MAX = 64 };

typedef struct bb_config_access {
    bb_mem mem;
    const char *name; /* of the file */
    bb_rules_builder *builder;
    bb_config_report *report;
    bb_config_place rule;                      /* the one at hand, */
    bb_config_place keys[BB_RULE_OPTIONS_MAX]; /* and where it has which key; line 0: nowhere */
    bool failed;                               /* there was no memory */
} bb_config_access;

void bb_config_access_begin(bb_config_access *access, const char *name, bb_config_report *report);

void bb_config_rule_begin(bb_config_access *access, bb_config_place place);
/* A key of the rule, one of bb_rule_options. False, and reported: the rule has it already. */
bool bb_config_rule_key(bb_config_access *access, const bb_option *key, bb_config_place place);
/* A value of that key; of most it may have several. */
void bb_config_rule_value(bb_config_access *access, const bb_option *key, bb_span value, bb_config_place place);
void bb_config_rule_end(bb_config_access *access);

void bb_config_group(bb_config_access *access, bb_span name, bb_config_place place);
void bb_config_group_member(bb_config_access *access, bb_span user_name, bb_config_place place);

/* An address without a prefix, as bb_identity has it. False: it is none. */
BB_MUST_USE bool bb_config_address(bb_span text, uint8_t ip[16]);

/* "10.0.0.0/8", with a terminating zero; returns `text`. */
char *bb_config_prefix_text(const bb_prefix *prefix, char text[BB_CONFIG_PREFIX_MAX]);

/* The memory of rules: any thread may give it back. Its count is its owner's alone. */
bb_mem bb_config_mem(void);

/* All is read: do the groups that rules name exist? The rules go to the settings. */
void bb_config_access_end(bb_config_access *access, bb_settings *settings);

#endif
