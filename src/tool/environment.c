#include "tool/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <busbar/property.h>

#include "base/text.h"

/* A list that grows; `failed`: there was no memory for all of it. */
typedef struct list {
    char **at; /* ends with NULL */
    size_t count;
    bool failed;
} list;

static void add(list *l, char *entry)
{
    char **grown = entry ? realloc(l->at, (l->count + 2) * sizeof *grown) : NULL;
    if (!grown) {
        free(entry);
        l->failed = true;
        return;
    }
    l->at = grown;
    l->at[l->count++] = entry;
    l->at[l->count] = NULL;
}

/* "NAME=value"; a value ends where it has a zero byte, for no variable can hold more. */
static void add_text(list *l, const char *name, bb_span value)
{
    char *entry = NULL;
    if (asprintf(&entry, "%s=%.*s", name, (int)value.len, value.len ? (const char *)value.data : "") < 0)
        entry = NULL;
    add(l, entry);
}

static void add_number(list *l, const char *name, unsigned number)
{
    char *entry = NULL;
    if (asprintf(&entry, "%s=%u", name, number) < 0)
        entry = NULL;
    add(l, entry);
}

static void add_hex(list *l, const char *name, bb_span value)
{
    size_t start = strlen(name) + 1;
    char *entry = malloc(start + 2 * value.len + 1);
    if (entry) {
        sprintf(entry, "%s=", name);
        for (size_t i = 0; i < value.len; i++)
            sprintf(entry + start + 2 * i, "%02x", value.data[i]);
    }
    add(l, entry);
}

static void add_user_property(list *l, const bb_property *property)
{
    static const char prefix[] = "BUSBAR_PROPERTY_";
    char *name = malloc(sizeof prefix + property->name.len);
    if (!name) {
        l->failed = true;
        return;
    }
    memcpy(name, prefix, sizeof prefix);
    for (size_t i = 0; i < property->name.len; i++) {
        uint8_t letter = bb_lower(property->name.data[i]);
        bool is_letter = letter >= 'a' && letter <= 'z', is_digit = letter >= '0' && letter <= '9';
        name[sizeof prefix - 1 + i] = (char)(is_letter ? letter - 'a' + 'A' : is_digit ? letter : '_');
    }
    name[sizeof prefix - 1 + property->name.len] = '\0';
    add_text(l, name, property->value);
    free(name);
}

static void add_property(list *l, const bb_property *property)
{
    switch (property->id) {
    case BB_RESPONSE_TOPIC:
        add_text(l, "BUSBAR_RESPONSE_TOPIC", property->value);
        return;
    case BB_CONTENT_TYPE:
        add_text(l, "BUSBAR_CONTENT_TYPE", property->value);
        return;
    case BB_CORRELATION_DATA:
        add_hex(l, "BUSBAR_CORRELATION_DATA", property->value);
        return;
    case BB_USER_PROPERTY:
        add_user_property(l, property);
        return;
    default:
        return;
    }
}

/* Ours, but for variables of the same family: they would be those of a request around this one, or the password. */
static void add_own(list *l)
{
    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, "BUSBAR_", strlen("BUSBAR_")) != 0)
            add(l, strdup(*entry));
}

char **bb_environment_of(const bb_client_message_event *request)
{
    list l = {NULL, 0, false};
    bb_span properties = request->properties;
    bb_property property;
    add_own(&l);
    add_text(&l, "BUSBAR_TOPIC", request->topic);
    add_number(&l, "BUSBAR_QOS", request->qos);
    add_number(&l, "BUSBAR_RETAIN", request->retain);
    while (bb_property_next(&properties, &property))
        add_property(&l, &property);
    if (!l.failed)
        return l.at;
    bb_environment_free(l.at);
    return NULL;
}

void bb_environment_free(char **environment)
{
    for (char **entry = environment; entry && *entry; entry++)
        free(*entry);
    free(environment);
}
