#include "tool/findings.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_COLUMNS = 22 };

void bb_findings_init(bb_findings *findings)
{
    *findings = (bb_findings){.object = json_object()};
}

void bb_findings_free(bb_findings *findings)
{
    json_decref(findings->object);
    findings->object = NULL;
}

void bb_findings_add(bb_findings *findings, const char *key, const char *name, json_t *value, const char *format, ...)
{
    if (key)
        json_object_set_new(findings->object, key, value);
    if (!name || findings->facts_count == BB_FINDINGS_FACTS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    findings->facts[findings->facts_count].name = name;
    vsnprintf(findings->facts[findings->facts_count].text, BB_FINDINGS_TEXT_MAX, format, arguments);
    va_end(arguments);
    findings->facts_count++;
}

void bb_findings_wrong(bb_findings *findings, const char *format, ...)
{
    if (findings->wrong_count == BB_FINDINGS_WRONG_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(findings->wrong[findings->wrong_count++], BB_FINDINGS_TEXT_MAX, format, arguments);
    va_end(arguments);
}

static void print_json(const bb_findings *findings, const char *of)
{
    json_t *wrong = json_array();
    for (size_t i = 0; i < findings->wrong_count; i++)
        json_array_append_new(wrong, json_string(findings->wrong[i]));
    json_object_set_new(findings->object, "url", json_string(of));
    json_object_set_new(findings->object, "ok", json_boolean(findings->wrong_count == 0));
    json_object_set_new(findings->object, "problems", wrong);
    json_dumpf(findings->object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
}

void bb_findings_print(bb_findings *findings, const char *of, bool json)
{
    if (json) {
        print_json(findings, of);
        return;
    }
    printf("%s\n", of);
    for (size_t i = 0; i < findings->facts_count; i++)
        printf("  %-*s %s\n", NAME_COLUMNS, findings->facts[i].name, findings->facts[i].text);
    puts(findings->wrong_count ? "Looks wrong:" : "Nothing looks wrong.");
    for (size_t i = 0; i < findings->wrong_count; i++)
        printf("  %s\n", findings->wrong[i]);
}
