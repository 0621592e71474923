#include "base/quantity.h"

#include "base/text.h"

// clang-format off
static const bb_unit sizes[] = {
    {"bytes", 1}, {"byte", 1}, {"B", 1},
    {"KB", BB_KB}, {"KiB", BB_KB}, {"K", BB_KB},
    {"MB", BB_MB}, {"MiB", BB_MB}, {"M", BB_MB},
    {"GB", BB_GB}, {"GiB", BB_GB}, {"G", BB_GB},
    {"TB", BB_TB}, {"TiB", BB_TB}, {"T", BB_TB},
};
static const bb_unit times[] = {
    {"ms", 1},
    {"s", 1000}, {"sec", 1000}, {"second", 1000}, {"seconds", 1000},
    {"min", BB_MINUTE_S * 1000}, {"minute", BB_MINUTE_S * 1000}, {"minutes", BB_MINUTE_S * 1000},
    {"h", BB_HOUR_S * 1000}, {"hour", BB_HOUR_S * 1000}, {"hours", BB_HOUR_S * 1000},
    {"days", BB_DAY_S * 1000}, {"day", BB_DAY_S * 1000}, {"d", BB_DAY_S * 1000},
};
// clang-format on

const bb_units bb_size_units = {sizes, sizeof sizes / sizeof sizes[0]};
const bb_units bb_time_units = {times, sizeof times / sizeof times[0]};

bool bb_is_word(bb_span text, const char *word)
{
    if (!word || text.len != strlen(word))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (bb_lower(text.data[i]) != bb_lower((uint8_t)word[i]))
            return false;
    return true;
}

const bb_unit *bb_unit_find(const bb_units *units, bb_span name)
{
    for (size_t i = 0; i < units->count; i++)
        if (bb_is_word(name, units->units[i].name))
            return &units->units[i];
    return NULL;
}

size_t bb_digits_parse(bb_span text, uint64_t *out)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number))
            return 0;
    *out = number;
    return i;
}

bool bb_quantity_parse(bb_span text, const bb_units *units, uint64_t bare, uint64_t *out)
{
    uint64_t number, factor = bare;
    size_t digits = bb_digits_parse(text, &number);
    if (digits == 0)
        return false;
    bb_span rest = bb_span_from(text, digits);
    while (rest.len && rest.data[0] == ' ')
        rest = bb_span_from(rest, 1);
    if (rest.len) {
        const bb_unit *unit = bb_unit_find(units, rest);
        if (!unit)
            return false;
        factor = unit->factor;
    }
    if (__builtin_mul_overflow(number, factor, &number))
        return false;
    *out = number;
    return true;
}
