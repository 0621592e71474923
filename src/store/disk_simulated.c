/* disk_simulated.c - of each file, `safe` is what the disk would keep now and `now` what a reader sees; the writes that
 * make the difference stand in a list. The same for names: a list of changes since the folder was synced. */
#include "store/disk_simulated.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

enum { NAME_MAX_BYTES = 64, FILES_MAX = 256 };

typedef struct bytes {
    uint8_t *data;
    size_t len;
} bytes;

typedef struct pending {
    struct pending *next;
    uint64_t offset;
    bytes bytes;
} pending;

typedef struct content { /* one file, whatever it is called */
    bytes now, safe;
    pending *first, **end;
} content;

typedef struct entry {
    char name[NAME_MAX_BYTES];
    content *content;
} entry;

typedef struct folder {
    entry entries[FILES_MAX];
    size_t count;
} folder;

typedef struct sim_file {
    bb_file file;
    bb_simulated_disk *sim;
    content *content;
    uint64_t life; /* of the disk when it was opened */
} sim_file;

typedef struct name_change {
    struct name_change *next;
    folder after;
} name_change;

struct bb_simulated_disk {
    bb_disk disk;
    uint64_t random, calls, power_until, bytes_max, life;
    folder now, safe;
    name_change *changes, **changes_end;
    content *all[4096];
    size_t all_count;
    bool lost_power, fail_sync;
};

static uint64_t dice(bb_simulated_disk *sim, uint64_t sides)
{
    sim->random = bb_hash_mix(sim->random + 1, 0x5bd1e995);
    return sides ? sim->random % sides : 0;
}

static void apply(bytes *to, uint64_t offset, const uint8_t *data, size_t len)
{
    if (offset + len > to->len) {
        to->data = realloc(to->data, offset + len);
        BB_CHECK(to->data);
        memset(to->data + to->len, 0, (size_t)(offset + len) - to->len);
        to->len = (size_t)(offset + len);
    }
    if (len)
        memcpy(to->data + offset, data, len);
}

static void drop_pending(content *c)
{
    for (pending *p = c->first, *next; p; p = next) {
        next = p->next;
        free(p->bytes.data);
        free(p);
    }
    c->first = NULL;
    c->end = &c->first;
}

static void make_safe(content *c)
{
    for (pending *p = c->first; p; p = p->next)
        apply(&c->safe, p->offset, p->bytes.data, p->bytes.len);
    drop_pending(c);
}

static entry *find(folder *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->entries[i].name, name) == 0)
            return &f->entries[i];
    return NULL;
}

/* Every call that changes something. True: the power goes in the middle of this one. */
static bool goes_dark(bb_simulated_disk *sim)
{
    if (sim->calls++ >= sim->power_until)
        sim->lost_power = true;
    return sim->lost_power;
}

static void name_changed(bb_simulated_disk *sim)
{
    name_change *change = malloc(sizeof *change);
    BB_CHECK(change);
    change->next = NULL;
    change->after = sim->now;
    *sim->changes_end = change;
    sim->changes_end = &change->next;
}

static void drop_changes(bb_simulated_disk *sim)
{
    for (name_change *c = sim->changes, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    sim->changes = NULL;
    sim->changes_end = &sim->changes;
}

static content *new_content(bb_simulated_disk *sim)
{
    content *c = calloc(1, sizeof *c);
    BB_CHECK(c && sim->all_count < sizeof sim->all / sizeof *sim->all);
    c->end = &c->first;
    sim->all[sim->all_count++] = c;
    return c;
}

static int sim_open(bb_disk *disk, const char *name, bool create, bb_file **out)
{
    bb_simulated_disk *sim = BB_CONTAINER_OF(disk, bb_simulated_disk, disk);
    if (create ? goes_dark(sim) : sim->lost_power)
        return EIO;
    entry *found = find(&sim->now, name);
    if (create && found)
        return EEXIST;
    if (!create && !found)
        return ENOENT;
    if (create) {
        BB_CHECK(sim->now.count < FILES_MAX && strlen(name) < NAME_MAX_BYTES);
        found = &sim->now.entries[sim->now.count++];
        snprintf(found->name, sizeof found->name, "%s", name);
        found->content = new_content(sim);
        name_changed(sim);
    }
    sim_file *file = malloc(sizeof *file);
    BB_CHECK(file);
    *file = (sim_file){{disk}, sim, found->content, sim->life};
    *out = &file->file;
    return 0;
}

static void sim_close(bb_file *file)
{
    free(file);
}

static int sim_read(bb_file *file, uint64_t offset, void *out, size_t size, size_t *got)
{
    sim_file *own = (sim_file *)file;
    if (own->sim->lost_power || own->life != own->sim->life)
        return EIO;
    bytes *now = &own->content->now;
    size_t there = offset < now->len ? now->len - (size_t)offset : 0;
    *got = size < there ? size : there;
    if (*got)
        memcpy(out, now->data + offset, *got);
    return 0;
}

static uint64_t bytes_used(bb_simulated_disk *sim)
{
    uint64_t used = 0;
    for (size_t i = 0; i < sim->now.count; i++)
        used += sim->now.entries[i].content->now.len;
    return used;
}

static int sim_sync(bb_file *file)
{
    sim_file *own = (sim_file *)file;
    if (own->life != own->sim->life || goes_dark(own->sim))
        return EIO;
    if (own->sim->fail_sync) {
        own->sim->fail_sync = false;
        return EIO;
    }
    make_safe(own->content);
    return 0;
}

static int sim_write(bb_file *file, uint64_t offset, bb_span span, bool sync)
{
    sim_file *own = (sim_file *)file;
    bb_simulated_disk *sim = own->sim;
    if (sim->lost_power || own->life != sim->life)
        return EIO;
    content *c = own->content;
    uint64_t grows = offset + span.len > c->now.len ? offset + span.len - c->now.len : 0;
    if (grows && bytes_used(sim) + grows > sim->bytes_max)
        return ENOSPC;
    bool dark = goes_dark(sim);
    pending *p = calloc(1, sizeof *p);
    BB_CHECK(p);
    p->offset = offset;
    apply(&p->bytes, 0, span.data, span.len);
    *c->end = p;
    c->end = &p->next;
    apply(&c->now, offset, span.data, span.len);
    if (dark)
        return EIO;
    return sync ? sim_sync(file) : 0;
}

static int sim_rename(bb_disk *disk, const char *from, const char *to)
{
    bb_simulated_disk *sim = BB_CONTAINER_OF(disk, bb_simulated_disk, disk);
    if (sim->lost_power)
        return EIO;
    entry *source = find(&sim->now, from), *target = find(&sim->now, to);
    if (!source)
        return ENOENT;
    if (target && target != source) {
        target->content = source->content;
        *source = sim->now.entries[--sim->now.count];
    } else {
        snprintf(source->name, sizeof source->name, "%s", to);
    }
    name_changed(sim);
    return goes_dark(sim) ? EIO : 0;
}

static int sim_remove(bb_disk *disk, const char *name)
{
    bb_simulated_disk *sim = BB_CONTAINER_OF(disk, bb_simulated_disk, disk);
    if (sim->lost_power)
        return EIO;
    entry *gone = find(&sim->now, name);
    if (!gone)
        return ENOENT;
    *gone = sim->now.entries[--sim->now.count];
    name_changed(sim);
    return goes_dark(sim) ? EIO : 0;
}

static int sim_list(bb_disk *disk, bb_disk_visit *visit, void *context)
{
    bb_simulated_disk *sim = BB_CONTAINER_OF(disk, bb_simulated_disk, disk);
    if (sim->lost_power)
        return EIO;
    folder listed = sim->now;
    for (size_t i = 0; i < listed.count; i++)
        visit(context, listed.entries[i].name, listed.entries[i].content->now.len);
    return 0;
}

static int sim_sync_folder(bb_disk *disk)
{
    bb_simulated_disk *sim = BB_CONTAINER_OF(disk, bb_simulated_disk, disk);
    if (goes_dark(sim))
        return EIO;
    sim->safe = sim->now;
    drop_changes(sim);
    return 0;
}

static int sim_free_bytes(bb_disk *disk, uint64_t *out)
{
    bb_simulated_disk *sim = BB_CONTAINER_OF(disk, bb_simulated_disk, disk);
    uint64_t used = bytes_used(sim);
    *out = used < sim->bytes_max ? sim->bytes_max - used : 0;
    return 0;
}

static void sim_free(bb_disk *disk)
{
}

bb_simulated_disk *bb_simulated_disk_new(uint64_t seed)
{
    bb_simulated_disk *sim = calloc(1, sizeof *sim);
    if (!sim)
        return NULL;
    sim->disk = (bb_disk){sim_open,   sim_close, sim_read,        sim_write,      sim_sync, sim_rename,
                          sim_remove, sim_list,  sim_sync_folder, sim_free_bytes, sim_free};
    sim->random = seed;
    sim->power_until = sim->bytes_max = UINT64_MAX;
    sim->changes_end = &sim->changes;
    return sim;
}

void bb_simulated_disk_free(bb_simulated_disk *sim)
{
    drop_changes(sim);
    for (size_t i = 0; i < sim->all_count; i++) {
        drop_pending(sim->all[i]);
        free(sim->all[i]->now.data);
        free(sim->all[i]->safe.data);
        free(sim->all[i]);
    }
    free(sim);
}

bb_disk *bb_simulated_disk_interface(bb_simulated_disk *sim)
{
    return &sim->disk;
}

void bb_simulated_disk_lose_power(bb_simulated_disk *sim, uint64_t after)
{
    sim->power_until = after;
}

uint64_t bb_simulated_disk_calls(const bb_simulated_disk *sim)
{
    return sim->calls;
}

bool bb_simulated_disk_lost_power(const bb_simulated_disk *sim)
{
    return sim->lost_power;
}

/* Which of the writes that were not synced the disk has. */
static void forget(bb_simulated_disk *sim, content *c)
{
    for (pending *p = c->first; p; p = p->next) {
        if (dice(sim, 2))
            continue;
        bool torn = !p->next && dice(sim, 2);
        apply(&c->safe, p->offset, p->bytes.data, torn ? (size_t)dice(sim, p->bytes.len + 1) : p->bytes.len);
    }
    drop_pending(c);
    free(c->now.data);
    c->now = (bytes){0};
    apply(&c->now, 0, c->safe.data, c->safe.len);
}

void bb_simulated_disk_restart(bb_simulated_disk *sim)
{
    uint64_t changes = 0;
    for (name_change *c = sim->changes; c; c = c->next)
        changes++;
    uint64_t kept = dice(sim, changes + 1);
    for (name_change *c = sim->changes; kept > 0; c = c->next, kept--)
        sim->safe = c->after;
    sim->now = sim->safe;
    drop_changes(sim);
    for (size_t i = 0; i < sim->all_count; i++)
        forget(sim, sim->all[i]);
    sim->life++;
    sim->calls = 0;
    sim->power_until = UINT64_MAX;
    sim->lost_power = sim->fail_sync = false;
}

void bb_simulated_disk_fail_sync(bb_simulated_disk *sim)
{
    sim->fail_sync = true;
}

void bb_simulated_disk_set_bytes_max(bb_simulated_disk *sim, uint64_t bytes_max)
{
    sim->bytes_max = bytes_max;
}

bool bb_simulated_disk_damage(bb_simulated_disk *sim, const char *name, uint64_t offset)
{
    entry *found = find(&sim->now, name);
    if (!found || offset >= found->content->now.len || offset >= found->content->safe.len)
        return false;
    found->content->now.data[offset] ^= 0x55;
    found->content->safe.data[offset] ^= 0x55;
    return true;
}
