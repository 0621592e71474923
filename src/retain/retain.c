/* retain.c - the crit-bit tree.
 *
 * A node splits its topics by the first bit in which they differ; all below it agree on everything before that bit:
 *
 *                 (byte 5, bit 0x02)              names: site/a, site/b, site/b/x
 *                  0 /        \ 1
 *             site/a       (byte 6, end)
 *                          0 /       \ 1
 *                      site/b      site/b/x
 *
 * A name that ends counts as 0 in a ninth bit before each byte (0x100: "there is a byte here"), so a name sorts before
 * all that continue it. Walks go up by parent pointers: no stack, whatever the depth. */
#include "retain/retain.h"

typedef struct node node;

typedef struct leaf {
    node *parent;
    uint64_t version;
    bb_message *message;
} leaf;

struct node {
    node *parent;
    void *child[2]; /* tagged: odd is a node, even a leaf */
    uint32_t byte;
    uint16_t bit; /* 0x100 or one bit of the byte */
};

static bool is_node(const void *tagged)
{
    return (uintptr_t)tagged & 1;
}

static node *node_of(void *tagged)
{
    return (node *)((uintptr_t)tagged - 1);
}

static void *tag(node *n)
{
    return (void *)((uintptr_t)n + 1);
}

static bb_span topic_of(const leaf *l)
{
    return bb_span_of(l->message->bytes, l->message->topic_len);
}

/* The nine bits at position `byte`: 0 after the end. */
static unsigned bits_at(bb_span name, size_t byte)
{
    return byte < name.len ? 0x100u | name.data[byte] : 0;
}

static unsigned direction(const node *n, bb_span name)
{
    return (bits_at(name, n->byte) & n->bit) != 0;
}

static leaf *edge(void *tagged, unsigned side)
{
    while (is_node(tagged))
        tagged = node_of(tagged)->child[side];
    return tagged;
}

/* The leaf that shares the most with `name`, as far as the tree looks. */
static leaf *nearest(const bb_retain *retain, bb_span name)
{
    void *at = retain->root;
    while (is_node(at))
        at = node_of(at)->child[direction(node_of(at), name)];
    return at;
}

/* Where two different names part: the byte, and the highest of the nine bits there. */
static void first_difference(bb_span a, bb_span b, uint32_t *byte, uint16_t *bit)
{
    size_t i = 0, common = a.len < b.len ? a.len : b.len;
    while (i < common && a.data[i] == b.data[i])
        i++;
    unsigned difference = bits_at(a, i) ^ bits_at(b, i);
    *byte = (uint32_t)i;
    *bit = (uint16_t)(0x80000000u >> __builtin_clz(difference));
}

/* Is the split (byte, bit) above that of `n`? Bits within a byte are looked at from the highest. */
static bool splits_before(uint32_t byte, uint16_t bit, const node *n)
{
    return byte < n->byte || (byte == n->byte && bit > n->bit);
}

static node *parent_of(void *tagged)
{
    return is_node(tagged) ? node_of(tagged)->parent : ((leaf *)tagged)->parent;
}

static void set_parent(void *tagged, node *parent)
{
    if (is_node(tagged))
        node_of(tagged)->parent = parent;
    else
        ((leaf *)tagged)->parent = parent;
}

static void **slot_of(bb_retain *retain, void *tagged)
{
    node *parent = parent_of(tagged);
    return parent ? &parent->child[parent->child[1] == tagged] : &retain->root;
}

/* The leftmost leaf to the right of everything below `tagged`. */
static leaf *after(void *tagged)
{
    for (node *parent = parent_of(tagged); parent; tagged = tag(parent), parent = parent->parent)
        if (parent->child[0] == tagged)
            return edge(parent->child[1], 0);
    return NULL;
}

/* The first leaf whose topic is not before `name`, or NULL. */
static leaf *seek(const bb_retain *retain, bb_span name)
{
    if (!retain->root)
        return NULL;
    leaf *near = nearest(retain, name);
    if (bb_span_equal(topic_of(near), name))
        return near;
    uint32_t byte;
    uint16_t bit;
    first_difference(name, topic_of(near), &byte, &bit);
    /* All leaves below the place where `name` would be put are on one side of it. */
    void *at = retain->root;
    while (is_node(at) && !splits_before(byte, bit, node_of(at)))
        at = node_of(at)->child[direction(node_of(at), name)];
    return bits_at(name, byte) & bit ? after(at) : edge(at, 0);
}

static leaf *find(const bb_retain *retain, bb_span topic)
{
    if (!retain->root)
        return NULL;
    leaf *near = nearest(retain, topic);
    return bb_span_equal(topic_of(near), topic) ? near : NULL;
}

static uint64_t bytes_of(const bb_message *message)
{
    return (uint64_t)message->topic_len + message->properties_len + message->payload_len +
           (message->blob ? bb_blob_size(message->blob) : 0);
}

static void remove_leaf(bb_retain *retain, bb_mem *mem, leaf *gone)
{
    node *parent = gone->parent;
    if (!parent) {
        retain->root = NULL;
    } else {
        void *sibling = parent->child[parent->child[0] == gone];
        void **slot = slot_of(retain, tag(parent));
        *slot = sibling;
        set_parent(sibling, parent->parent);
        bb_mem_free(mem, parent, sizeof *parent);
    }
    retain->count--;
    retain->bytes -= bytes_of(gone->message);
    bb_message_unref(gone->message, mem);
    bb_mem_free(mem, gone, sizeof *gone);
}

/* Put a new leaf where its topic belongs. */
static bool insert_leaf(bb_retain *retain, bb_mem *mem, leaf *added)
{
    if (!retain->root) {
        retain->root = added;
        return true;
    }
    node *split = bb_mem_alloc(mem, sizeof *split);
    if (!split)
        return false;
    bb_span topic = topic_of(added);
    first_difference(topic, topic_of(nearest(retain, topic)), &split->byte, &split->bit);
    void *at = retain->root;
    while (is_node(at) && !splits_before(split->byte, split->bit, node_of(at)))
        at = node_of(at)->child[direction(node_of(at), topic)];
    void **slot = slot_of(retain, at);
    unsigned side = direction(split, topic);
    split->parent = parent_of(at);
    split->child[side] = added;
    split->child[!side] = at;
    set_parent(at, split);
    added->parent = split;
    *slot = tag(split);
    return true;
}

static bb_status insert(bb_retain *retain, bb_mem *mem, bb_message *message, uint64_t version)
{
    leaf *added = bb_mem_alloc(mem, sizeof *added);
    if (!added)
        return BB_E_NO_MEMORY;
    *added = (leaf){NULL, version, message};
    if (!insert_leaf(retain, mem, added)) {
        bb_mem_free(mem, added, sizeof *added);
        return BB_E_NO_MEMORY;
    }
    retain->count++;
    retain->bytes += bytes_of(message);
    return BB_OK;
}

static void replace(bb_retain *retain, bb_mem *mem, leaf *old, bb_message *message, uint64_t version)
{
    BB_CHECK(version > old->version);
    retain->bytes += bytes_of(message) - bytes_of(old->message);
    bb_message_unref(old->message, mem);
    old->message = message;
    old->version = version;
}

bb_status bb_retain_set(bb_retain *retain, bb_mem *mem, const bb_retain_limits *limits, const bb_content *content,
                        uint64_t version)
{
    leaf *old = find(retain, content->topic);
    if (bb_content_payload_len(content) == 0) {
        if (old)
            remove_leaf(retain, mem, old);
        return BB_OK;
    }
    uint64_t bytes = retain->bytes - (old ? bytes_of(old->message) : 0) + content->topic.len + content->properties.len +
                     bb_content_payload_len(content);
    if (retain->count + !old > limits->count_max || bytes > limits->bytes_max)
        return BB_E_TOO_MANY_RETAINED;
    bb_message *message = bb_message_new(mem, content);
    if (!message)
        return BB_E_NO_MEMORY;
    if (old) {
        replace(retain, mem, old, message, version);
        return BB_OK;
    }
    bb_status status = insert(retain, mem, message, version);
    if (status != BB_OK)
        bb_message_unref(message, mem);
    return status;
}

bool bb_retain_get(const bb_retain *retain, bb_span topic, bb_time now, bb_content *out)
{
    leaf *found = find(retain, topic);
    if (!found)
        return false;
    bb_content content = bb_message_content(found->message);
    if (bb_content_expired(&content, now))
        return false;
    *out = content;
    return true;
}

void bb_retain_cursor_deinit(bb_retain_cursor *cursor, bb_mem *mem)
{
    bb_mem_free(mem, cursor->from, cursor->from_cap);
    *cursor = (bb_retain_cursor){0};
}

/* cursor->from = a, then b, then `last` unless it is negative. */
static bool cursor_set(bb_retain_cursor *cursor, bb_mem *mem, bb_span a, bb_span b, int last)
{
    size_t len = a.len + b.len + (last >= 0);
    if (len > cursor->from_cap) {
        size_t cap = len * 2 + 32;
        uint8_t *from = bb_mem_alloc(mem, cap);
        if (!from)
            return false;
        bb_mem_free(mem, cursor->from, cursor->from_cap);
        cursor->from = from;
        cursor->from_cap = cap;
    }
    if (a.len)
        memcpy(cursor->from, a.data, a.len);
    if (b.len)
        memcpy(cursor->from + a.len, b.data, b.len);
    if (last >= 0)
        cursor->from[len - 1] = (uint8_t)last;
    cursor->from_len = len;
    cursor->started = true;
    return true;
}

static bb_span level_at(bb_span text, size_t start)
{
    const uint8_t *slash = start < text.len ? memchr(text.data + start, '/', text.len - start) : NULL;
    return bb_span_of(text.data + start, (slash ? (size_t)(slash - text.data) : text.len) - start);
}

/* Compare names a and b + `last` (negative: b alone). */
static int compare(bb_span a, bb_span b, bb_span c, int last)
{
    for (size_t i = 0;; i++) {
        unsigned x = bits_at(a, i), y;
        if (i < b.len)
            y = 0x100u | b.data[i];
        else if (i - b.len < c.len)
            y = 0x100u | c.data[i - b.len];
        else
            y = i == b.len + c.len && last >= 0 ? 0x100u | (unsigned)last : 0;
        if (x != y)
            return x < y ? -1 : 1;
        if (!x)
            return 0;
    }
}

typedef enum match { MATCHES, SKIP, PAST_ALL, FAILED } match;

/* Does `topic` match? If not, set the cursor to the first name behind it that may. */
static match match_or_skip(bb_span filter, bb_span topic, bb_retain_cursor *cursor, bb_mem *mem)
{
    enum { AFTER_SLASH = '/' + 1, AFTER_DOLLAR = '$' + 1 };
    if (topic.data[0] == '$' && (filter.data[0] == '+' || filter.data[0] == '#'))
        return cursor_set(cursor, mem, BB_SPAN_NONE, BB_SPAN_NONE, AFTER_DOLLAR) ? SKIP : FAILED;
    for (size_t f = 0, t = 0;;) {
        bb_span wanted = level_at(filter, f), have = level_at(topic, t), before = bb_span_of(topic.data, t);
        if (wanted.len == 1 && wanted.data[0] == '#')
            return MATCHES;
        if (!(wanted.len == 1 && wanted.data[0] == '+') && !bb_span_equal(wanted, have)) {
            if (compare(topic, before, wanted, -1) < 0)
                return cursor_set(cursor, mem, before, wanted, -1) ? SKIP : FAILED;
            if (compare(topic, before, wanted, '/') < 0)
                return cursor_set(cursor, mem, before, wanted, '/') ? SKIP : FAILED;
            if (!before.len)
                return PAST_ALL;
            before.len--; /* its slash becomes the byte after a slash: behind all that go on like this */
            return cursor_set(cursor, mem, before, BB_SPAN_NONE, AFTER_SLASH) ? SKIP : FAILED;
        }
        bool filter_ends = f + wanted.len == filter.len, topic_ends = t + have.len == topic.len;
        f += wanted.len + 1;
        t += have.len + 1;
        if (filter_ends && topic_ends)
            return MATCHES;
        if (filter_ends)
            return cursor_set(cursor, mem, bb_span_of(topic.data, t - 1), BB_SPAN_NONE, AFTER_SLASH) ? SKIP : FAILED;
        if (topic_ends) {
            if (filter.len - f == 1 && filter.data[f] == '#') /* "sport/#" matches "sport" too */
                return MATCHES;
            return cursor_set(cursor, mem, topic, BB_SPAN_NONE, 0) ? SKIP : FAILED;
        }
    }
}

/* All that match start with what stands before the first wildcard, less its slash. */
static bb_span literal_prefix(bb_span filter)
{
    size_t i = 0;
    while (i < filter.len && filter.data[i] != '+' && filter.data[i] != '#')
        i++;
    if (i < filter.len && i > 0)
        i--;
    return bb_span_of(filter.data, i);
}

bb_retain_walked bb_retain_walk(const bb_retain *retain, bb_mem *mem, bb_span filter, bb_retain_cursor *cursor,
                                bb_time now, unsigned steps, bb_retain_visit *visit, void *context)
{
    if (!cursor->started && !cursor_set(cursor, mem, literal_prefix(filter), BB_SPAN_NONE, -1))
        return BB_RETAIN_NO_MEMORY;
    leaf *at = seek(retain, bb_span_of(cursor->from, cursor->from_len));
    while (at) {
        bb_span topic = topic_of(at);
        if (steps-- == 0)
            return cursor_set(cursor, mem, topic, BB_SPAN_NONE, -1) ? BB_RETAIN_STOPPED : BB_RETAIN_NO_MEMORY;
        match matched = match_or_skip(filter, topic, cursor, mem);
        if (matched == PAST_ALL)
            return BB_RETAIN_DONE;
        if (matched == FAILED)
            return BB_RETAIN_NO_MEMORY;
        if (matched == SKIP) {
            at = seek(retain, bb_span_of(cursor->from, cursor->from_len));
            continue;
        }
        bb_content content = bb_message_content(at->message);
        if (!bb_content_expired(&content, now) && !visit(context, &content))
            return cursor_set(cursor, mem, topic, BB_SPAN_NONE, 0) ? BB_RETAIN_STOPPED : BB_RETAIN_NO_MEMORY;
        at = after(at);
    }
    return BB_RETAIN_DONE;
}

bb_retain_walked bb_retain_sweep(bb_retain *retain, bb_mem *mem, bb_retain_cursor *cursor, bb_time now, unsigned steps,
                                 uint64_t *removed)
{
    leaf *at = seek(retain, bb_span_of(cursor->from, cursor->from_len));
    while (at) {
        if (steps-- == 0)
            return cursor_set(cursor, mem, topic_of(at), BB_SPAN_NONE, -1) ? BB_RETAIN_STOPPED : BB_RETAIN_NO_MEMORY;
        leaf *next = after(at);
        if (at->message->expires <= now) {
            remove_leaf(retain, mem, at);
            ++*removed;
        }
        at = next;
    }
    return BB_RETAIN_DONE;
}

void bb_retain_clear(bb_retain *retain, bb_mem *mem)
{
    while (retain->root)
        remove_leaf(retain, mem, edge(retain->root, 0));
}
