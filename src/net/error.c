#include "base/printable.h"
#include "net/inside.h"

/* MQTT 5.0, 2.4: all codes of CONNACK, DISCONNECT, PUBACK, SUBACK and the others. */
const char *bb_net_code_text(uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *text;
    } rows[] = {
        {0x00, "success"},
        {0x01, "granted QoS 1"},
        {0x02, "granted QoS 2"},
        {0x04, "disconnect with will message"},
        {0x10, "no matching subscribers"},
        {0x11, "no subscription existed"},
        {0x18, "continue authentication"},
        {0x19, "re-authenticate"},
        {0x80, "unspecified error"},
        {0x81, "malformed packet"},
        {0x82, "protocol error"},
        {0x83, "implementation specific error"},
        {0x84, "unsupported protocol version"},
        {0x85, "client identifier not valid"},
        {0x86, "bad user name or password"},
        {0x87, "not authorized"},
        {0x88, "server unavailable"},
        {0x89, "server busy"},
        {0x8A, "banned"},
        {0x8B, "server shutting down"},
        {0x8C, "bad authentication method"},
        {0x8D, "keep alive timeout"},
        {0x8E, "session taken over"},
        {0x8F, "topic filter invalid"},
        {0x90, "topic name invalid"},
        {0x91, "packet identifier in use"},
        {0x92, "packet identifier not found"},
        {0x93, "receive maximum exceeded"},
        {0x94, "topic alias invalid"},
        {0x95, "packet too large"},
        {0x96, "message rate too high"},
        {0x97, "quota exceeded"},
        {0x98, "administrative action"},
        {0x99, "payload format invalid"},
        {0x9A, "retain not supported"},
        {0x9B, "QoS not supported"},
        {0x9C, "use another server"},
        {0x9D, "server moved"},
        {0x9E, "shared subscriptions not supported"},
        {0x9F, "connection rate exceeded"},
        {0xA0, "maximum connect time"},
        {0xA1, "subscription identifiers not supported"},
        {0xA2, "wildcard subscriptions not supported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code == code)
            return rows[i].text;
    }
    return "unknown reason";
}

bb_text bb_net_error_begin(bb_net *net)
{
    return bb_text_on(net->error, sizeof net->error - 1);
}

void bb_net_error_end(bb_net *net, bb_text *text)
{
    net->error[text->len] = 0;
}

void bb_net_set_error(bb_net *net, const char *what)
{
    bb_text text = bb_net_error_begin(net);
    bb_text_puts(&text, what);
    bb_net_error_end(net, &text);
}

void bb_net_put_code(bb_text *text, uint8_t code, bb_span properties)
{
    bb_text_puts(text, bb_net_code_text(code));
    bb_text_puts(text, " (0x");
    bb_text_put_hex(text, code, 2);
    bb_text_puts(text, ")");
    bb_property reason;
    if (bb_property_find(properties, BB_REASON_STRING, &reason)) {
        char shown[256];
        size_t len = bb_printable(shown, sizeof shown, reason.value, BB_PRINTABLE_TEXT, NULL);
        bb_text_puts(text, ": ");
        bb_text_put(text, bb_span_of(shown, len));
    }
}

static void put_answer(bb_text *text, const char *what, const bb_client_disconnected_event *event)
{
    bb_text_puts(text, what);
    if (event->code) {
        bb_text_puts(text, ": ");
        bb_net_put_code(text, event->code, event->properties);
    }
}

static void put_broken_protocol(bb_text *text, const bb_client_disconnected_event *event)
{
    put_answer(text, "the server broke the protocol", event);
    if (event->clause) {
        bb_text_puts(text, " [");
        bb_text_puts(text, event->clause);
        bb_text_puts(text, "]");
    }
}

void bb_net_explain_end(bb_net *net, const bb_client_disconnected_event *event)
{
    if (event->cause == BB_CLIENT_LOST && net->error[0])
        return; /* the transport has said why */
    bb_text text = bb_net_error_begin(net);
    switch (event->cause) {
    case BB_CLIENT_STOPPED:
        break;
    case BB_CLIENT_LOST:
        bb_text_puts(&text, "the connection was lost");
        break;
    case BB_CLIENT_REFUSED:
        put_answer(&text, "the server refused the connection", event);
        break;
    case BB_CLIENT_ENDED:
        put_answer(&text, "the server ended the connection", event);
        break;
    case BB_CLIENT_TIMEOUT:
        bb_text_puts(&text, "the server did not answer in time");
        break;
    case BB_CLIENT_PROTOCOL:
        put_broken_protocol(&text, event);
        break;
    case BB_CLIENT_NO_ROOM:
        bb_text_puts(&text, "what the server sent is larger than the buffer or the store can hold");
        break;
    case BB_CLIENT_UNPROVEN:
        bb_text_puts(&text, "the authentication did not succeed");
        break;
    }
    bb_net_error_end(net, &text);
}

const char *bb_net_error(const bb_net *net)
{
    return net->error;
}

uint8_t bb_net_code(const bb_net *net)
{
    return net->code;
}

bb_client_result bb_net_client_result(const bb_net *net)
{
    return net->client_result;
}
