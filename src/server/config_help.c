#include "server/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/option.h"

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "`busbard` reads one YAML file: `busbard -c FILE`. Without a file it listens on 127.0.0.1 and [::1], port 1883, "
    "and\n"
    "clients need no user name. `busbard --check -c FILE` checks a file and says what differs from the defaults;\n"
    "[busbard.example.yaml](busbard.example.yaml) is one to start from. This page is what `busbard --help-config` "
    "prints.\n"
    "\n"
    "* A key that is not in the file has its default. An unknown key, a key that is there twice or a value that is "
    "not\n"
    "  allowed is an error with its line and column; all errors are told at once, and nothing is started.\n"
    "* **Sizes** are a number and a unit, `64 KB` or `64KB`: bytes (also without a unit), KB, MB, GB, TB. A KB is "
    "1024\n"
    "  bytes.\n"
    "* **Times** are a number and a unit, `10 s`: ms, s (also without a unit), min, h, days.\n"
    "* **Yes and no** may also be written true and false, or on and off.\n"
    "* `--listen`, `--workers`, `--log-level` and `--log-format` win over the file.\n"
    "* At **SIGHUP** the file is read again. A key with \"at once\" in the column *reload* then takes effect, for\n"
    "  connections where it concerns them from the next one on; others wait for a restart, and the log names them. A\n"
    "  file with errors changes nothing.\n"
    "* Anchors, aliases and tags of YAML are refused. A file may have up to 1 MB.\n"
    "* Exit codes: 0 after a clean stop, 2 for errors in the file or on the command line, 1 for all others.\n";

static const char listener_text[] =
    "\nEach listener is a map of the keys below, or in short `ADDRESS:PORT`. An IPv6 address has brackets there, and\n"
    "YAML then needs quotes. A single listener needs no list. A URL will do too, in the file and for `--listen`; "
    "further\n"
    "keys stand behind `?`, with `&` between them.\n"
    "\n"
    "```yaml\n"
    "listeners:\n"
    "  - 127.0.0.1:1883\n"
    "  - \"[::1]:1883\"\n"
    "  - {address: 192.0.2.1, port: 1884, optional: yes}\n"
    "  - protocol: tls\n"
    "    address: 0.0.0.0\n"
    "    certificate: /etc/busbar/broker.pem\n"
    "    key: /etc/busbar/broker.key\n"
    "  - ws://127.0.0.1:8080/mqtt\n"
    "  - unix:///run/busbard.sock?mode=0666\n"
    "```\n"
    "\n"
    "Each key says for which protocols it is. Files of certificates and keys are read at the start and again at every\n"
    "SIGHUP: new connections then get the new ones, and nobody is disconnected. Where a file cannot be read or does "
    "not fit,\n"
    "a start fails and a reload keeps what the listener had, both with the reason in the log. A listener that is not "
    "in the\n"
    "file any more accepts nothing from then on; the connections that came through it go on.\n\n";

static void print_row(FILE *out, const bb_option *option, const char *standard)
{
    char allowed[BB_OPTION_TEXT_MAX];
    fprintf(out, "| `%s` | %s | %s | %s | %s |\n", option->name, bb_option_allowed(option, allowed), standard,
            option->at_once ? "at once" : "restart", option->help);
}

static void print_head(FILE *out)
{
    fputs("| key | value | default | reload | meaning |\n|---|---|---|---|---|\n", out);
}

static void print_keys(FILE *out, const char *section, const bb_settings *defaults)
{
    char standard[BB_CONFIG_VALUE_TEXT_MAX];
    print_head(out);
    for (size_t i = 0; i < bb_option_count; i++)
        if (strcmp(bb_options[i].section, section) == 0)
            print_row(out, &bb_options[i], bb_option_value(&bb_options[i], defaults, standard, sizeof standard));
}

/* Where the default is no value of the key's own. */
static const char *listener_standard(const bb_option *row, const bb_listener_settings *defaults,
                                     char text[BB_CONFIG_VALUE_TEXT_MAX])
{
    static const struct {
        const char *name, *text;
    } others[] = {{"address", "(must be given)"},
                  {"port", "1883, `tls`: 8883, `ws`: 80, `wss`: 443"},
                  {"path", "`unix`: (must be given), else any"},
                  {"certificate", "(must be given)"},
                  {"key", "the file of the certificate"},
                  {"client_ca", "(must be given if used)"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, row->name) == 0)
            return others[i].text;
    return bb_option_value(row, defaults, text, BB_CONFIG_VALUE_TEXT_MAX);
}

static void print_listener_keys(FILE *out)
{
    char standard[BB_CONFIG_VALUE_TEXT_MAX];
    bb_listener_settings listener;
    bb_listener_init(&listener, BB_PROTOCOL_TCP);
    fputs("\n## Keys of one listener\n", out);
    fputs(listener_text, out);
    print_head(out);
    for (size_t i = 0; i < bb_listener_option_count; i++)
        print_row(out, &bb_listener_options[i], listener_standard(&bb_listener_options[i], &listener, standard));
}

static const char access_text[] =
    "\nEach rule is a map of these keys. Of a key that has a list, one value must be right; of the keys that a rule "
    "has,\n"
    "all. The first rule that decides is the answer, and where there are rules but none decides, the answer is no.\n"
    "[access.md](access.md) says more, with examples.\n"
    "\n"
    "```yaml\n"
    "groups:\n"
    "  operators: [anna, ben]\n"
    "access:\n"
    "  - {allow: all, group: operators}\n"
    "  - {allow: publish, topic: \"site/%u/#\", address: 10.0.0.0/8}\n"
    "```\n\n";

static void print_rule_keys(FILE *out)
{
    char allowed[BB_OPTION_TEXT_MAX];
    fputs("\n## Keys of one access rule\n", out);
    fputs(access_text, out);
    fputs("| key | value | meaning |\n|---|---|---|\n", out);
    for (size_t i = 0; i < bb_rule_option_count; i++)
        fprintf(out, "| `%s` | %s | %s |\n", bb_rule_options[i].name, bb_option_allowed(&bb_rule_options[i], allowed),
                bb_rule_options[i].help);
}

static void print_all(FILE *out, const bb_settings *defaults)
{
    fputs(introduction, out);
    fputs("\n## At the top of the file\n\n", out);
    print_keys(out, "", defaults);
    print_listener_keys(out);
    print_rule_keys(out);
    for (size_t i = 0; i < bb_option_section_count; i++) {
        fprintf(out, "\n## `%s`\n\n%s\n\n", bb_option_sections[i].name, bb_option_sections[i].help);
        print_keys(out, bb_option_sections[i].name, defaults);
    }
}

char *bb_config_help(void)
{
    char *text = NULL;
    size_t size;
    bb_settings defaults;
    FILE *out = open_memstream(&text, &size);
    bool ok = out && bb_settings_init(&defaults);
    if (ok) {
        print_all(out, &defaults);
        bb_settings_deinit(&defaults);
    }
    if (out && fclose(out) != 0)
        ok = false;
    if (!ok) {
        free(text);
        text = NULL;
    }
    return text;
}
