/* memory.c - where the core's memory comes from, and how much there is. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/inside.h"

/* Large blocks are the system's own: when a payload of 256 MB has passed, its memory goes back, whatever the allocator
 * would keep for later. */
static void *take(void *context, size_t size)
{
    return BB_LIKELY(size < BB_LARGE_BYTES) ? malloc(size) : bb_large_take(context, size);
}

static void give(void *context, void *block, size_t size)
{
    if (BB_LIKELY(size < BB_LARGE_BYTES))
        free(block);
    else
        bb_large_give(context, block, size);
}

bb_mem bb_memory_make(bb_large *large)
{
    return (bb_mem){.alloc = take, .release = give, .context = large};
}

static uint64_t number_in(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &number) != 1) /* "max": no limit */
        number = 0;
    (void)fclose(file);
    return number;
}

uint64_t bb_memory_available(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = number_in("/sys/fs/cgroup/memory.max");
    return group && group < machine ? group : machine;
}

int64_t bb_memory_now(const bb_server *server)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < server->workers_count; i++)
        sum += atomic_load_explicit(&server->workers[i]->mem.bytes_now, memory_order_relaxed);
    return sum;
}

uint64_t bb_memory_resident(void)
{
    unsigned long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    (void)fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
