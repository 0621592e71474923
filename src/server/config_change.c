#include "server/config.h"

#include "server/option.h"

size_t bb_config_changes(const bb_settings *running, const bb_settings *next,
                         bb_config_change changes[BB_CONFIG_CHANGES_MAX])
{
    size_t count = 0;
    BB_CHECK(bb_option_count <= BB_CONFIG_CHANGES_MAX);
    for (size_t i = 0; i < bb_option_count; i++) {
        const bb_option *option = &bb_options[i];
        if (bb_option_equal(option, running, next))
            continue;
        bb_config_change *change = &changes[count++];
        bb_option_path(option, change->key);
        change->at_once = option->at_once;
        bb_option_value(option, running, change->before, sizeof change->before);
        bb_option_value(option, next, change->after, sizeof change->after);
    }
    return count;
}

bool bb_config_apply(bb_settings *settings, const bb_settings *next)
{
    bb_settings merged;
    if (!bb_settings_copy(settings, &merged))
        return false;
    for (size_t i = 0; i < bb_option_count; i++)
        if (bb_options[i].at_once && !bb_option_copy(&bb_options[i], &merged, next)) {
            bb_settings_deinit(&merged);
            return false;
        }
    bb_settings_deinit(settings);
    *settings = merged;
    return true;
}
