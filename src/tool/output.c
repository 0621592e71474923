#include "tool/output.h"

#include "tool/say.h"

/* --- as it comes */

/* mosquitto_sub prints nothing for an empty payload, and "(null)" where topics are shown. */
static void stream(bb_output *o, const bb_client_message_event *piece)
{
    if (piece->offset == 0 && o->verbose) {
        fwrite(piece->topic.data, 1, piece->topic.len, o->to);
        fputs(piece->size ? " " : " (null)", o->to);
    }
    if (piece->payload.len)
        fwrite(piece->payload.data, 1, piece->payload.len, o->to);
}

static void end_stream(const bb_output *o, uint32_t size)
{
    if (!o->no_newline && (size || o->verbose))
        putc('\n', o->to);
}

/* --- gathered */

static void print(bb_output *o, const bb_client_message_event *piece, bb_span payload)
{
    char topic[BB_SAY_SHOWN_MAX];
    o->message.topic = piece->topic;
    o->message.properties = piece->properties;
    o->message.payload = payload;
    o->message.qos = piece->qos;
    o->message.retain = piece->retain;
    o->message.dup = piece->dup;
    o->message.packet_id = piece->packet_id;
    if (!bb_format_print(o->to, o->format, &o->message, o->pretty))
        bb_say("a payload is not valid JSON, on topic %s", bb_say_shown(piece->topic, topic));
    if (!o->no_newline)
        putc('\n', o->to);
}

/* --- one piece */

bool bb_output_take(bb_output *o, const bb_client_message_event *piece)
{
    bool last = piece->offset + piece->payload.len == piece->size;
    if (piece->offset == 0)
        clock_gettime(CLOCK_REALTIME, &o->message.at);
    o->partial = !last;
    if (!o->format) {
        stream(o, piece);
        if (last)
            end_stream(o, piece->size);
    } else if (piece->offset == 0 && last) {
        print(o, piece, piece->payload);
    } else if (!bb_gather_add(&o->gathered, piece->offset, piece->payload)) {
        bb_say("there is no memory for a payload of %u bytes", piece->size);
    } else if (last) {
        print(o, piece, bb_gather_span(&o->gathered));
    }
    return last;
}

void bb_output_cut(bb_output *o)
{
    if (!o->partial)
        return;
    o->partial = false;
    bb_say("the message that was arriving was cut short");
    if (!o->format)
        end_stream(o, 1);
}

void bb_output_free(bb_output *o)
{
    bb_gather_free(&o->gathered);
}
