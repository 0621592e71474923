#include "bench/target.h"

static bool is_loopback(const bb_address *address)
{
    return address->family == BB_FAMILY_IPV4 && address->ip[0] == 127;
}

bool bb_bench_target_is_loopback(const bb_bench_target *target)
{
    for (size_t i = 0; i < target->dial.addresses_count; i++)
        if (!is_loopback(&target->dial.addresses[i]))
            return false;
    return target->dial.addresses_count > 0 && !target->dial.unix_path;
}

void bb_bench_target_options(const bb_bench_target *target, uint32_t serial, bb_address *from, bb_dial_options *out)
{
    *out = target->dial;
    if (target->spread <= 1)
        return;
    uint32_t number = 1 + serial % target->spread;
    *from = (bb_address){.ip = {127, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
                         .family = BB_FAMILY_IPV4};
    out->tcp.from = from;
}
