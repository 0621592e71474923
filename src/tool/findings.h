/* findings.h - what `busbar check` has found: facts with a name each, and what looks wrong. */
#ifndef BB_TOOL_FINDINGS_H
#define BB_TOOL_FINDINGS_H

#include <jansson.h>

#include "base/span.h"

enum { BB_FINDINGS_FACTS_MAX = 48, BB_FINDINGS_WRONG_MAX = 24, BB_FINDINGS_TEXT_MAX = 640 };

typedef struct bb_findings {
    json_t *object;
    size_t facts_count, wrong_count;
    struct {
        const char *name;
        char text[BB_FINDINGS_TEXT_MAX];
    } facts[BB_FINDINGS_FACTS_MAX];
    char wrong[BB_FINDINGS_WRONG_MAX][BB_FINDINGS_TEXT_MAX];
} bb_findings;

void bb_findings_init(bb_findings *findings);
void bb_findings_free(bb_findings *findings);

/* Add a fact: for programs as `value` (taken over) under `key`, for people as text under `name`. Either may be NULL. */
__attribute__((format(printf, 5, 6))) void bb_findings_add(bb_findings *findings, const char *key, const char *name,
                                                           json_t *value, const char *format, ...);

/* Add something that looks wrong. */
__attribute__((format(printf, 2, 3))) void bb_findings_wrong(bb_findings *findings, const char *format, ...);

/* To standard output; `of` is what was looked at. */
void bb_findings_print(bb_findings *findings, const char *of, bool json);

#endif
