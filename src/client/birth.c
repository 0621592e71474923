/* birth.c - the message at the start of every connection. */
#include "client/inside.h"

/* One of QoS 1 or 2 that is still on its way from an earlier connection is enough. */
static bb_client_result publish(bb_client *client)
{
    const bb_client_message *message = &client->options->birth->message;
    if (message->qos > 0 && client->options->delivery && bb_client_record_first(client, client->birth_id) != 0)
        return BB_CLIENT_OK;
    return bb_client_publish(client, message, &client->birth_id);
}

const struct bb_client_birth_functions bb_client_birth_functions = {publish};
