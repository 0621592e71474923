/* rules.h - access rules: who may publish what, and subscribe to what.
 *
 * What      Three things, in the order in which they come to be:
 *
 *             bb_rules_builder ──► bb_rules ──────────► bb_access
 *             rules as they are    all of them, never   what they say to one client: those that concern it, with its
 *             read, one by one     changed again        names put in, and the latest verdicts
 *
 *           The first rule that decides is the verdict; where none does, the answer is no.
 * Used by   server (reads them), broker (asks).
 * Memory    A builder and an access live in the bb_mem that is passed in. Rules are shared by threads, so what they
 * take is not counted: it is asked for and given back by the functions of that bb_mem, which must allow any thread.
 * Threads   bb_rules: any. A builder and an access: one each.
 * Start at  bb_access_publish and bb_access_subscribe; docs/access.md says what a rule means. */
#ifndef BB_AUTH_RULES_H
#define BB_AUTH_RULES_H

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"

/* What is known of a client. Spans are the caller's. */
typedef struct bb_identity {
    bb_span client_id;
    bb_span user_name; /* empty: none was given */
    bb_span listener;  /* its name; empty: unknown */
    uint8_t ip[16];    /* an IPv6 address, or ::ffff:a.b.c.d for IPv4; all zero: unknown */
} bb_identity;

/* ---- A rule. */

typedef enum bb_action {
    BB_MAY_PUBLISH = 1,
    BB_MAY_SUBSCRIBE = 2, /* and receive */
} bb_action;

typedef enum bb_wanted { BB_EITHER_WAY, BB_ONLY_WITHOUT, BB_ONLY_WITH } bb_wanted;

/* What a rule may name. Of each kind it may name several: one of them must be right; of all kinds that it names, each.
 */
typedef enum bb_rule_kind {
    BB_RULE_USER,     /* a name; "NAME*": any that starts so; "": those who gave none */
    BB_RULE_GROUP,    /* of user names */
    BB_RULE_CLIENT,   /* a client id, or "START*" */
    BB_RULE_LISTENER, /* its name */
    BB_RULE_TOPIC,    /* a pattern */
    BB_RULE_KINDS,
} bb_rule_kind;

/* A text of a rule, and where it stands in the file. */
typedef struct bb_rule_word {
    bb_span text;
    uint32_t line, column;
} bb_rule_word;

/* An address and how many of its bits count: an IPv4 prefix has 96 of them more. */
typedef struct bb_prefix {
    uint8_t ip[16];
    uint32_t bits; /* 0 to 128 */
} bb_prefix;

typedef struct bb_range {
    uint32_t first, count;
} bb_range;

typedef struct bb_rule {
    uint32_t line, column;
    bb_range words[BB_RULE_KINDS], prefixes;
    uint8_t allow;        /* or deny */
    uint8_t actions;      /* bb_action, added up */
    uint8_t qos_max;      /* that an `allow` gives: 0 to 2 */
    uint8_t retain, will; /* bb_wanted, of messages that are published */
    uint8_t unused[3];
} bb_rule;

/* ---- All rules: counted, and never changed. */

typedef struct bb_rules bb_rules;

bb_rules *bb_rules_ref(bb_rules *rules); /* NULL is allowed, and stays NULL */
void bb_rules_unref(bb_rules *rules);    /* NULL is allowed */

/* The same rules, at the same places of a file of the same name. NULL: no rules. */
bool bb_rules_equal(const bb_rules *a, const bb_rules *b);

/* A number that differs where the rules differ, for who wants to know whether they are still the same. */
uint64_t bb_rules_digest(const bb_rules *rules);

uint32_t bb_rules_count(const bb_rules *rules);
uint32_t bb_rules_groups(const bb_rules *rules);
const bb_rule *bb_rules_at(const bb_rules *rules, uint32_t index);
bb_span bb_rules_file(const bb_rules *rules);

/* The words of one kind in a rule, `index` below rule->words[kind].count. */
bb_rule_word bb_rules_word(const bb_rules *rules, const bb_rule *rule, bb_rule_kind kind, uint32_t index);

const bb_prefix *bb_rules_prefix(const bb_rules *rules, const bb_rule *rule, uint32_t index);

bool bb_rules_has_group(const bb_rules *rules, bb_span name);

/* ---- Reading them. */

typedef struct bb_rules_builder bb_rules_builder;

/* NULL: no memory. `file` is what messages call the place of the rules. */
BB_MUST_USE bb_rules_builder *bb_rules_builder_new(bb_mem *mem, bb_span file);
void bb_rules_builder_free(bb_rules_builder *builder); /* NULL is allowed */

/* Each adds one thing; what it says is copied. A rule is begun with all that is no word (its ranges are ignored), then
 * its words of a kind come one after the other. After a group come its members. False: no memory. */
BB_MUST_USE bool bb_rules_add(bb_rules_builder *builder, const bb_rule *rule);
BB_MUST_USE bool bb_rules_add_word(bb_rules_builder *builder, bb_rule_kind kind, const bb_rule_word *word);
BB_MUST_USE bool bb_rules_add_prefix(bb_rules_builder *builder, const bb_prefix *prefix);
BB_MUST_USE bool bb_rules_add_group(bb_rules_builder *builder, bb_span name);
BB_MUST_USE bool bb_rules_add_member(bb_rules_builder *builder, bb_span user_name);

/* The latest rule, to be filled in further. */
bb_rule *bb_rules_latest(bb_rules_builder *builder);
bool bb_rules_knows_group(const bb_rules_builder *builder, bb_span name);

/* What is wrong with a topic pattern, for people (static text), or NULL. */
const char *bb_pattern_check(bb_span pattern);

/* All that was added, with one reference; NULL: no memory. */
BB_MUST_USE bb_rules *bb_rules_finish(const bb_rules_builder *builder);

/* ---- What they say to one client. */

typedef struct bb_access bb_access;

typedef struct bb_verdict {
    bool allowed;
    uint8_t qos_max;     /* of a subscription that is allowed */
    const bb_rule *rule; /* that decided; NULL: none did. It lives as long as the rules. */
} bb_verdict;

/* NULL: no memory. It holds a reference to the rules, and needs nothing of `who` any more. */
BB_MUST_USE bb_access *bb_access_new(bb_mem *mem, bb_rules *rules, const bb_identity *who);
void bb_access_free(bb_access *access, bb_mem *mem); /* NULL is allowed */

const bb_rules *bb_access_rules(const bb_access *access);

typedef struct bb_publishing {
    bb_span topic;
    uint64_t topic_hash; /* seeded: verdicts are remembered by it */
    uint8_t qos;
    bool retain, will;
} bb_publishing;

/* May it publish this? A rule decides when one of its patterns matches the topic. */
bb_verdict bb_access_publish(bb_access *access, const bb_publishing *what);

/* May it subscribe to `filter` (without $share/NAME/)? An `allow` decides when one of its patterns covers every topic
 * that the filter can match, a `deny` already when one of its patterns has a topic in common with it. So whoever may
 * subscribe may receive whatever comes. A topic name is a filter too: may it receive this? */
bb_verdict bb_access_subscribe(const bb_access *access, bb_span filter);

#endif
