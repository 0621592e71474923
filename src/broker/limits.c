#include "broker/limits.h"

void bb_limits_default(bb_limits *limits)
{
    *limits = (bb_limits){
        .connections_max = 100000,
        .sessions_max = 1000000,
        .memory_bytes_max = 0,
        .retained_messages_max = 1000000,
        .retained_bytes_max = 1024u * 1024 * 1024,
        .packet_bytes_max = 268435460,
        .payload_bytes_max = 268435455,
        .topic_bytes_max = 65535,
        .topic_levels_max = 200,
        .connect_timeout_s = 10,
        .keep_alive_max_s = 0,
        .receive_maximum = 1000,
        .topic_alias_maximum = 64,
        .topic_alias_maximum_out = 16,
        .output_bytes_max = 256 * 1024,
        .session_expiry_max_s = UINT32_MAX,
        .subscriptions_max = 100000,
        .inflight_max = 1000,
        .queue_messages_max = 100000,
        .queue_bytes_max = 256u * 1024 * 1024,
        .queue_qos0_offline = false,
        .retain_available = true,
        .wildcard_available = true,
        .shared_available = true,
        .subscription_id_available = true,
        .qos_max = 2,
        .shared_strategy = BB_SHARED_ROUND_ROBIN,
    };
}
