/* Any bytes as a configuration file: never a crash; either settings that hold what the table promises, or problems. */
#include "server/config.h"

#include "server/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_settings(const bb_settings *settings)
{
    BB_CHECK(settings->listener_count > 0 && settings->listener_count <= BB_LISTENERS_MAX);
    for (size_t i = 0; i < bb_option_count; i++) {
        char text[BB_CONFIG_VALUE_TEXT_MAX];
        bb_option_value(&bb_options[i], settings, text, sizeof text);
        BB_CHECK(memchr(text, '\0', sizeof text) != NULL);
    }
}

static void check_report(const bb_config_report *report)
{
    BB_CHECK(report->count > 0);
    for (size_t i = 0; i < report->count; i++) {
        const char *text = report->problems[i].text;
        BB_CHECK(memchr(text, '\0', sizeof report->problems[i].text) != NULL);
        BB_CHECK(strpbrk(text, "\n\r\x1b") == NULL);
    }
}

/* What can be applied to defaults leaves only what needs a restart. */
static void check_apply(const bb_settings *settings)
{
    static bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    bb_settings running;
    if (!bb_settings_init(&running))
        return;
    if (bb_config_apply(&running, settings)) {
        size_t count = bb_config_changes(&running, settings, changes);
        for (size_t i = 0; i < count; i++)
            BB_CHECK(!changes[i].at_once);
    }
    bb_settings_deinit(&running);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bb_config_report report;
    bb_settings settings;
    if (!bb_config_parse("fuzz", bb_span_of(data, size), NULL, 0, &settings, &report)) {
        check_report(&report);
        return 0;
    }
    check_settings(&settings);
    check_apply(&settings);
    bb_settings_deinit(&settings);
    return 0;
}
