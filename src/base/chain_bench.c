/* What one small packet costs on its way through a chain: reserve, write, commit, and at the end peek and consume.
 *
 *     chain_bench [rounds in thousands] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/chain.h"

enum { LINKS = 1000, PACKET_BYTES = 80 };

static void *alloc(void *context, size_t size)
{
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void run(size_t rounds, size_t packets)
{
    static bb_chain chains[LINKS];
    static uint8_t packet[PACKET_BYTES];
    bb_mem mem = {alloc, release, NULL, 0};
    bb_chunk_pool pool;
    bb_chunk_pool_init(&pool, &mem);
    double start = now_ns();
    size_t sent = 0, spans_seen = 0;
    for (size_t round = 0; round < rounds; round++) {
        for (size_t p = 0; p < packets; p++)
            for (size_t i = 0; i < LINKS; i++) {
                uint8_t *at = bb_chain_reserve(&chains[i], &pool, PACKET_BYTES);
                BB_CHECK(at);
                memcpy(at, packet, PACKET_BYTES);
                bb_chain_commit(&chains[i], PACKET_BYTES);
            }
        for (size_t i = 0; i < LINKS; i++) {
            bb_span spans[64];
            spans_seen += bb_chain_peek(&chains[i], spans, 64);
            sent += chains[i].bytes;
            bb_chain_consume(&chains[i], &pool, chains[i].bytes);
        }
    }
    size_t total = rounds * packets * LINKS;
    BB_CHECK(sent == total * PACKET_BYTES);
    printf("%3zu packets a tick for each of %d links: %5.1f ns a packet, %.1f spans a send\n", packets, LINKS,
           (now_ns() - start) / (double)total, (double)spans_seen / (double)(rounds * LINKS));
    bb_chunk_pool_deinit(&pool);
}

int main(int argc, char **argv)
{
    size_t rounds = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000;
    run(rounds * 4, 1);
    run(rounds, 4);
    run(rounds / 2, 16);
    run(rounds / 4, 64);
    return 0;
}
