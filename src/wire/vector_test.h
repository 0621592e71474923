/* vector_test.h - reads tests/vectors/ for the tests of the decoders: each packet must decode to the status that its
 * line says, for the reason that its name says, and no cut of it may be read past its end (copies have their exact
 * size, so that the address sanitizer sees one byte too many). */
#ifndef BB_WIRE_VECTOR_TEST_H
#define BB_WIRE_VECTOR_TEST_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/wire.h"

typedef struct bb_vector {
    char name[160];
    unsigned version;
    char status[32];
    uint8_t *bytes; /* exactly len of them, from malloc */
    size_t len;
} bb_vector;

/* Bytes in memory of exactly their size; the caller frees it. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

static inline void vector_parse_hex(bb_vector *out, const char *hex)
{
    uint8_t bytes[1024];
    unsigned byte;
    int used;
    out->len = 0;
    while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
        assert_true(out->len < sizeof(bytes));
        bytes[out->len++] = (uint8_t)byte;
        hex += used;
    }
    hex += strspn(hex, " \n");
    assert_true(*hex == '\0' || *hex == '#');
    out->bytes = exact_copy(bytes, out->len);
}

/* The next vector of the file; false at its end. */
static inline bool vector_next(FILE *file, bb_vector *out)
{
    char line[4096];
    while (fgets(line, sizeof(line), file)) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        int hex = 0;
        assert_int_equal(sscanf(line, "%159s %u %31s =%n", out->name, &out->version, out->status, &hex), 3);
        assert_true(hex > 0);
        vector_parse_hex(out, line + hex);
        return true;
    }
    return false;
}

/* "MQTT-3.3.1-4" and "MQTT-3.8.3-4 (3.1.1)" -> "3_3_1_4", "3_8_3_4". */
static inline void clause_as_suffix(const char *clause, char out[32])
{
    size_t len = 0;
    for (clause += strlen("MQTT-"); *clause && *clause != ' ' && len < 31; clause++)
        out[len++] = *clause == '.' || *clause == '-' ? '_' : *clause;
    out[len] = '\0';
}

static inline bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Does the name end with a statement ("..._3_3_1_4")? */
static inline bool names_a_statement(const char *name)
{
    const char *last = strrchr(name, '_');
    return last && isdigit((unsigned char)last[1]) && last > name && isdigit((unsigned char)last[-1]);
}

static inline void check_outcome(const bb_vector *vector, bb_status status, const bb_fault *fault)
{
    if (strcmp(bb_status_name(status), vector->status) != 0)
        fail_msg("%s: %s instead of %s", vector->name, bb_status_name(status), vector->status);
    if (status == BB_OK || status == BB_MORE)
        return;
    assert_int_equal(fault->status, status);
    assert_true(fault->offset <= vector->len);
    if (!names_a_statement(vector->name) || !fault->clause || strncmp(fault->clause, "MQTT-", 5) != 0)
        return;
    char said[32];
    clause_as_suffix(fault->clause, said);
    if (!ends_with(vector->name, said))
        fail_msg("%s: refused because of %s", vector->name, fault->clause);
}

/* Decode one body; on BB_OK also check whatever must hold for the result. */
typedef bb_status vector_decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault);

/* Every shorter body, as a packet that ends there. */
static inline void check_prefixes(const bb_header *header, bb_span body, bb_version version, vector_decode *decode)
{
    for (size_t len = 0; len < body.len; len++) {
        uint8_t *cut = exact_copy(body.data, len);
        bb_header shorter = *header;
        shorter.remaining = (uint32_t)len;
        bb_fault fault = {0};
        bb_status status = decode(&shorter, bb_span_of(cut, len), version, &fault);
        assert_true(status != BB_MORE);
        free(cut);
    }
}

static inline void check_vector(const bb_vector *vector, vector_decode *decode)
{
    bb_header header;
    bb_fault fault = {0};
    assert_int_equal(bb_header_decode(bb_span_of(vector->bytes, vector->len), &header, &fault), BB_OK);
    assert_int_equal(header.size + header.remaining, vector->len);
    uint8_t *bytes = exact_copy(vector->bytes + header.size, header.remaining);
    bb_span body = bb_span_of(bytes, header.remaining);

    check_outcome(vector, decode(&header, body, (bb_version)vector->version, &fault), &fault);
    check_prefixes(&header, body, (bb_version)vector->version, decode);
    free(bytes);
}

/* Check all vectors of tests/vectors/NAME.txt; the tests run in the root of the source tree. */
static inline void check_vectors(const char *name, vector_decode *decode)
{
    char path[128];
    snprintf(path, sizeof(path), "tests/vectors/%s.txt", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot read %s", path);
    bb_vector vector;
    size_t count = 0;
    for (; vector_next(file, &vector); count++) {
        check_vector(&vector, decode);
        free(vector.bytes);
    }
    assert_true(count > 0);
    fclose(file);
}

#endif
