#include "server/option.h"

#include <stdio.h>

#include "base/quantity.h"

#define IN(member) .offset = offsetof(bb_settings, member), .width = sizeof(((bb_settings *)NULL)->member)
#define IN_LISTENER(member) \
    .offset = offsetof(bb_listener_settings, member), .width = sizeof(((bb_listener_settings *)NULL)->member)
#define BETWEEN(low, high) .min = (low), .max = (high)
#define OR(special, value) .word = (special), .word_value = (value)
#define ONE_OF(...)                  \
    .choices = (const char *const[]) \
    {                                \
        __VA_ARGS__, NULL            \
    }

#define PROTOCOL(name) (1U << BB_PROTOCOL_##name)
#define FOR_NETWORK .protocols = PROTOCOL(TCP) | PROTOCOL(TLS) | PROTOCOL(WS) | PROTOCOL(WSS)
#define FOR_TLS .protocols = PROTOCOL(TLS) | PROTOCOL(WSS)
#define FOR_WEB .protocols = PROTOCOL(WS) | PROTOCOL(WSS)
#define FOR_UNIX .protocols = PROTOCOL(UNIX)
#define FOR_ALL .protocols = (1U << BB_PROTOCOLS) - 1

enum { NOW = true, RESTART = false }; /* when a changed value takes effect */

// clang-format off
const bb_option bb_options[] = {
    {"", "listeners", BB_OPTION_LISTENERS, NOW, IN(listeners),
     .help = "Where to accept connections. Without this key, on this machine only."},
    {"", "workers", BB_OPTION_NUMBER, RESTART, IN(workers), BETWEEN(1, BB_WORKERS_MAX), OR("auto", 0),
     .help = "Threads that serve clients; `auto`: as many as there are cores for the process."},
    {"", "io_uring", BB_OPTION_CHOICE, RESTART, IN(io_uring), ONE_OF("auto", "on", "off"),
     .help = "Send in batches through io_uring; `auto`: where the kernel allows it, `on`: do not start without it."},
    {"", "anonymous", BB_OPTION_YES_NO, NOW, IN(anonymous),
     .help = "Clients may connect without a user name."},
    {"", "access", BB_OPTION_ACCESS, NOW, IN(rules),
     .help = "Who may publish what, and subscribe to what: the first rule that fits decides. Without rules, everybody may."},
    {"", "groups", BB_OPTION_GROUPS, NOW, IN(rules),
     .help = "Groups of users, for access rules: `groups: {operators: [anna, ben]}`."},
    {"", "shutdown_timeout", BB_OPTION_TIME_S, NOW, IN(shutdown_timeout_s), BETWEEN(0, BB_HOUR_S),
     .help = "How long clients have to take leave when the broker stops."},

    {"limits", "connections", BB_OPTION_NUMBER, NOW, IN(limits.connections_max), BETWEEN(1, 10000000),
     .help = "Connections at the same time."},
    {"limits", "sessions", BB_OPTION_NUMBER, NOW, IN(limits.sessions_max), BETWEEN(1, 100000000),
     .help = "Sessions, of connected clients and of those that are away."},
    {"limits", "memory", BB_OPTION_SIZE, NOW, IN(limits.memory_bytes_max), BETWEEN(16 * BB_MB, 64 * BB_TB), OR("auto", 0),
     .help = "Memory for sessions and messages; publishers are slowed near it. `auto`: three quarters of what the "
             "process may use."},
    {"limits", "retained_messages", BB_OPTION_NUMBER, NOW, IN(limits.retained_messages_max), BETWEEN(0, UINT32_MAX),
     .help = "Retained messages."},
    {"limits", "retained_bytes", BB_OPTION_SIZE, NOW, IN(limits.retained_bytes_max), BETWEEN(0, 64 * BB_TB),
     .help = "Topics, properties and payloads of retained messages together."},
    {"limits", "packet_size", BB_OPTION_SIZE, NOW, IN(limits.packet_bytes_max), BETWEEN(128, 268435460),
     .help = "One packet from a client, header included; told to MQTT 5.0 clients. Other packets than PUBLISH: 4 MB at most."},
    {"limits", "payload", BB_OPTION_SIZE, NOW, IN(limits.payload_bytes_max), BETWEEN(0, 268435455),
     .help = "The payload of one message."},
    {"limits", "topic_length", BB_OPTION_SIZE, NOW, IN(limits.topic_bytes_max), BETWEEN(1, 65535),
     .help = "A topic name or filter."},
    {"limits", "topic_levels", BB_OPTION_NUMBER, NOW, IN(limits.topic_levels_max), BETWEEN(1, 65536),
     .help = "Levels of a topic name or filter."},
    {"limits", "connect_timeout", BB_OPTION_TIME_S, NOW, IN(limits.connect_timeout_s), BETWEEN(1, BB_HOUR_S),
     .help = "From the start of a connection to the end of its CONNECT packet."},
    {"limits", "keep_alive", BB_OPTION_TIME_S, NOW, IN(limits.keep_alive_max_s), BETWEEN(1, 65535), OR("unlimited", 0),
     .help = "The longest keep alive; a client that asks for more, or for none, is given this one."},
    {"limits", "receive_maximum", BB_OPTION_NUMBER, NOW, IN(limits.receive_maximum), BETWEEN(1, 65535),
     .help = "Unacknowledged QoS 1 and 2 messages from one client."},
    {"limits", "topic_aliases", BB_OPTION_NUMBER, NOW, IN(limits.topic_alias_maximum), BETWEEN(0, 65535),
     .help = "Topic aliases that one client may set."},
    {"limits", "topic_aliases_out", BB_OPTION_NUMBER, NOW, IN(limits.topic_alias_maximum_out), BETWEEN(0, 65535),
     .help = "Topic aliases that the broker sets towards one client, if the client allows as many."},
    {"limits", "output_buffer", BB_OPTION_SIZE, NOW, IN(limits.output_bytes_max), BETWEEN(4 * BB_KB, BB_GB),
     .help = "Bytes on their way to one client before messages wait in its queue."},
    {"limits", "session_expiry", BB_OPTION_TIME_S, NOW, IN(limits.session_expiry_max_s), BETWEEN(0, 36500 * BB_DAY_S),
     OR("never", UINT32_MAX), .help = "How long a session outlives its connection at most."},
    {"limits", "subscriptions_per_session", BB_OPTION_NUMBER, NOW, IN(limits.subscriptions_max),
     BETWEEN(1, UINT32_MAX), .help = "Subscriptions of one session."},
    {"limits", "inflight", BB_OPTION_NUMBER, NOW, IN(limits.inflight_max), BETWEEN(1, 65535),
     .help = "Unacknowledged QoS 1 and 2 messages to one client, if the client allows as many."},
    {"limits", "queued_messages", BB_OPTION_NUMBER, NOW, IN(limits.queue_messages_max), BETWEEN(1, UINT32_MAX),
     .help = "Messages that wait for one session."},
    {"limits", "queued_bytes", BB_OPTION_SIZE, NOW, IN(limits.queue_bytes_max), BETWEEN(BB_KB, 64 * BB_TB),
     .help = "Bytes of the messages that wait for one session."},
    {"limits", "queue_qos0", BB_OPTION_YES_NO, NOW, IN(limits.queue_qos0_offline),
     .help = "Keep QoS 0 messages too for a session whose client is away."},

    {"features", "retain", BB_OPTION_YES_NO, NOW, IN(limits.retain_available),
     .help = "Retained messages."},
    {"features", "wildcard", BB_OPTION_YES_NO, NOW, IN(limits.wildcard_available),
     .help = "Subscriptions with `+` and `#`."},
    {"features", "shared", BB_OPTION_YES_NO, NOW, IN(limits.shared_available),
     .help = "Shared subscriptions: `$share/group/filter`."},
    {"features", "subscription_identifiers", BB_OPTION_YES_NO, NOW, IN(limits.subscription_id_available),
     .help = "Subscription identifiers."},
    {"features", "maximum_qos", BB_OPTION_NUMBER, NOW, IN(limits.qos_max), BETWEEN(0, 2),
     .help = "The highest QoS of messages from clients."},
    {"features", "shared_strategy", BB_OPTION_CHOICE, NOW, IN(limits.shared_strategy),
     ONE_OF("round_robin", "sticky", "hash"),
     .help = "Who of a shared subscription gets a message: the next in turn, the same one while it can, or by "
             "publisher."},

    {"tcp", "keep_alive_idle", BB_OPTION_TIME_S, NOW, IN(tcp.keep_idle_s), BETWEEN(1, 32767), OR("off", 0),
     .help = "Silence on a connection before the system probes whether the other end still lives."},
    {"tcp", "keep_alive_interval", BB_OPTION_TIME_S, NOW, IN(tcp.keep_interval_s), BETWEEN(1, 32767),
     .help = "Time between two probes."},
    {"tcp", "keep_alive_count", BB_OPTION_NUMBER, NOW, IN(tcp.keep_count), BETWEEN(1, 127),
     .help = "Unanswered probes before the connection is given up."},
    {"tcp", "user_timeout", BB_OPTION_TIME_MS, NOW, IN(tcp.user_timeout_ms), BETWEEN(1000, 86400000), OR("off", 0),
     .help = "Sent data may stay unacknowledged by the other end's system for so long; `off`: as the system does it."},

    {"log", "level", BB_OPTION_CHOICE, NOW, IN(log.level), ONE_OF("error", "warning", "info", "debug"),
     .help = "Events of this level and those before it in the list are written."},
    {"log", "format", BB_OPTION_CHOICE, NOW, IN(log.format), ONE_OF("text", "json"),
     .help = "`key=value` pairs, or one JSON object a line."},
    {"log", "file", BB_OPTION_PATH, NOW, IN(log.file), OR("stderr", 0),
     .help = "A file to append to; opened anew at SIGHUP. `stderr`: standard error."},
    {"log", "rate", BB_OPTION_NUMBER, NOW, IN(log.rate_max), BETWEEN(1, 1000000), OR("unlimited", 0),
     .help = "Lines a second for each event that clients can cause as often as they like; the rest is counted."},

    {"sys", "interval", BB_OPTION_TIME_S, NOW, IN(sys_interval_s), BETWEEN(1, BB_DAY_S), OR("off", 0),
     .help = "Time between two updates of `$SYS/broker/...`; `off`: there is no `$SYS`."},
};

const bb_option bb_listener_options[] = {
    {"listeners", "protocol", BB_OPTION_CHOICE, NOW, IN_LISTENER(protocol), ONE_OF("tcp", "tls", "ws", "wss", "unix"), FOR_ALL,
     .help = "What is spoken here: MQTT over TCP, TLS, WebSocket, WebSocket over TLS, or a Unix socket."},
    {"listeners", "address", BB_OPTION_ADDRESS, NOW, IN_LISTENER(address), FOR_NETWORK,
     .help = "A numeric address; `0.0.0.0` and `::` for all addresses of the machine."},
    {"listeners", "port", BB_OPTION_NUMBER, NOW, IN_LISTENER(port), BETWEEN(0, 65535), FOR_NETWORK,
     .help = "TCP port; 0: any free one, which the log then names."},
    {"listeners", "path", BB_OPTION_PATH, NOW, IN_LISTENER(path),
     .protocols = PROTOCOL(WS) | PROTOCOL(WSS) | PROTOCOL(UNIX),
     .help = "`unix`: the file of the socket; one that starts with `@` is in Linux's abstract space and has no file. `ws` and "
             "`wss`: the path at which MQTT is served."},
    {"listeners", "origins", BB_OPTION_TEXTS, NOW, IN_LISTENER(origins), OR("any", 0), FOR_WEB,
     .help = "Whose pages may connect from a browser, for instance `https://example.org`. Clients that are no browsers name "
             "no origin and are let in."},
    {"listeners", "mode", BB_OPTION_MODE, NOW, IN_LISTENER(mode), FOR_UNIX,
     .help = "Permissions of the file: who may write to it may connect."},
    {"listeners", "optional", BB_OPTION_YES_NO, NOW, IN_LISTENER(optional), FOR_ALL,
     .help = "Start even where this cannot be opened."},
    {"listeners", "connections", BB_OPTION_NUMBER, NOW, IN_LISTENER(connections_max), BETWEEN(1, 10000000),
     OR("unlimited", 0), FOR_ALL, .help = "Connections at the same time; `limits.connections` holds beside it."},
    {"listeners", "certificate", BB_OPTION_PATHS, NOW, IN_LISTENER(certificates), FOR_TLS,
     .help = "PEM file with the certificate and the chain behind it. A list of several: clients get the one for the name "
             "that they ask for (SNI), else the first."},
    {"listeners", "key", BB_OPTION_PATHS, NOW, IN_LISTENER(keys), FOR_TLS,
     .help = "PEM file with the key, without a password; a list where `certificate` is one. Without this key, the file of "
             "the certificate has both."},
    {"listeners", "tls_minimum", BB_OPTION_CHOICE, NOW, IN_LISTENER(tls_minimum), ONE_OF("1.2", "1.3"), FOR_TLS,
     .help = "The lowest version of TLS."},
    {"listeners", "ciphers", BB_OPTION_TEXT, NOW, IN_LISTENER(ciphers), OR("modern", 0), FOR_TLS,
     .help = "Ciphers of TLS 1.2, in OpenSSL's notation. `modern`: forward secrecy and authenticated encryption only."},
    {"listeners", "cipher_suites", BB_OPTION_TEXT, NOW, IN_LISTENER(suites), OR("modern", 0), FOR_TLS,
     .help = "Cipher suites of TLS 1.3, in OpenSSL's notation. `modern`: all three that are in use."},
    {"listeners", "groups", BB_OPTION_TEXT, NOW, IN_LISTENER(groups), OR("modern", 0), FOR_TLS,
     .help = "Groups for the key exchange, best first. `modern`: `X25519:P-256:P-384`."},
    {"listeners", "client_certificate", BB_OPTION_CHOICE, NOW, IN_LISTENER(client_certificate),
     ONE_OF("none", "optional", "required"), FOR_TLS,
     .help = "Whether clients prove themselves with a certificate. `optional`: who sends one must send a good one."},
    {"listeners", "client_ca", BB_OPTION_PATH, NOW, IN_LISTENER(client_ca), FOR_TLS,
     .help = "PEM file of the authorities that issue certificates of clients."},
    {"listeners", "session_resumption", BB_OPTION_YES_NO, NOW, IN_LISTENER(resumption), FOR_TLS,
     .help = "Clients that return may take up their TLS session and spare both ends most of the work."},
};

const bb_option bb_rule_options[] = { /* in the order of rule_key in config_access.c */
    {"access", "allow", BB_OPTION_ACTIONS, NOW, .help = "What the rule allows."},
    {"access", "deny", BB_OPTION_ACTIONS, NOW, .help = "What the rule denies; a rule has one of the two."},
    {"access", "user", BB_OPTION_NAMES, NOW,
     .help = "User name; `NAME*`: any that starts so, `\"*\"`: any, `\"\"`: of those who gave none."},
    {"access", "group", BB_OPTION_NAMES, NOW, .help = "The user is in this group."},
    {"access", "client", BB_OPTION_NAMES, NOW, .help = "Client id, or `START*`."},
    {"access", "address", BB_OPTION_PREFIXES, NOW, .help = "Where the client connects from."},
    {"access", "listener", BB_OPTION_NAMES, NOW,
     .help = "The listener that it connects to, as `--check` and the log name it: `tls://0.0.0.0:8883`."},
    {"access", "topic", BB_OPTION_TOPICS, NOW,
     .help = "A filter in which `%u` is the user name and `%c` the client id. Without this key: all topics."},
    {"access", "qos", BB_OPTION_NUMBER, NOW, .offset = 0, .width = 1, BETWEEN(0, 2),
     .help = "The highest QoS that the rule allows."},
    {"access", "retain", BB_OPTION_YES_NO, NOW, .offset = 0, .width = 1,
     .help = "Only messages with the retain flag, or only those without."},
    {"access", "will", BB_OPTION_YES_NO, NOW, .offset = 0, .width = 1, .help = "Only wills, or only what is not a will."},
};

const bb_option_section bb_option_sections[] = {
    {"limits", "What one broker, client, session and packet may take. Who asks for more is refused with a reason."},
    {"features", "What is offered to clients. MQTT 5.0 clients are told what is switched off."},
    {"tcp", "How connections whose other end has vanished are found."},
    {"log", "Where events are written, and how."},
    {"sys", "Figures about the broker itself, as topics."},
};
// clang-format on

const size_t bb_option_count = sizeof bb_options / sizeof bb_options[0];
const size_t bb_listener_option_count = sizeof bb_listener_options / sizeof bb_listener_options[0];
const size_t bb_rule_option_count = sizeof bb_rule_options / sizeof bb_rule_options[0];
const size_t bb_option_section_count = sizeof bb_option_sections / sizeof bb_option_sections[0];

const bb_option *bb_option_find(const char *section, bb_span name)
{
    for (size_t i = 0; i < bb_option_count; i++)
        if (strcmp(bb_options[i].section, section) == 0 && bb_span_equal(bb_span_text(bb_options[i].name), name))
            return &bb_options[i];
    return NULL;
}

char *bb_option_path(const bb_option *option, char text[BB_OPTION_PATH_MAX])
{
    snprintf(text, BB_OPTION_PATH_MAX, "%s%s%s", option->section, *option->section ? "." : "", option->name);
    return text;
}
