/* request.c - requests and responses of 5.0: what their properties say. Spec: 4.10. */
#include "client/inside.h"

void bb_client_put_request(bb_property_writer *properties, bb_span response_topic, bb_span correlation)
{
    bb_property_put_bytes(properties, BB_RESPONSE_TOPIC, response_topic);
    if (correlation.len > 0)
        bb_property_put_bytes(properties, BB_CORRELATION_DATA, correlation);
}

bool bb_client_respond(const bb_client_message_event *request, bb_property_writer *properties,
                       bb_client_message *response)
{
    bb_property topic, correlation;
    if (!bb_property_find(request->properties, BB_RESPONSE_TOPIC, &topic))
        return false;
    if (bb_property_find(request->properties, BB_CORRELATION_DATA, &correlation))
        bb_property_put_bytes(properties, BB_CORRELATION_DATA, correlation.value);
    if (properties->full)
        return false;
    response->topic = topic.value;
    response->properties = bb_property_list(properties);
    return true;
}

bool bb_client_answers(const bb_client_message_event *message, bb_span correlation)
{
    bb_property found;
    return bb_property_find(message->properties, BB_CORRELATION_DATA, &found) &&
           bb_span_equal(found.value, correlation);
}
