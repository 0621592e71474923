#include "tool/format.h"

#include <inttypes.h>
#include <stdlib.h>

#include <busbar/property.h>

#include "tool/message_json.h"

/* One piece of a format string. */
typedef struct piece {
    enum { PIECE_LITERAL, PIECE_CONVERSION, PIECE_TIME, PIECE_END, PIECE_WRONG } kind;
    bb_span text;    /* literal bytes, or the name of a conversion */
    bool left, zero; /* flags */
    int width;       /* 0: none */
    int precision;   /* -1: none */
    char letter;     /* of a conversion (0: by name), or of strftime */
} piece;

/* What a conversion has to work with. */
typedef struct printer {
    FILE *to;
    const bb_received *message;
    bool pretty, failed;
} printer;

/* --- printing values */

static void put_text(const printer *p, const piece *how, bb_span text)
{
    if (how->precision >= 0 && text.len > (size_t)how->precision)
        text.len = (size_t)how->precision;
    int pad = how->width > (int)text.len ? how->width - (int)text.len : 0;
    if (!how->left)
        fprintf(p->to, "%*s", pad, "");
    fwrite(text.data ? text.data : (const uint8_t *)"", 1, text.len, p->to);
    if (how->left)
        fprintf(p->to, "%*s", pad, "");
}

static void put_number(const printer *p, const piece *how, uint32_t number)
{
    if (how->left)
        fprintf(p->to, "%-*" PRIu32, how->width, number);
    else if (how->zero)
        fprintf(p->to, "%0*" PRIu32, how->width, number);
    else
        fprintf(p->to, "%*" PRIu32, how->width, number);
}

static void put_property_text(const printer *p, const piece *how, uint8_t id)
{
    bb_property property;
    if (bb_property_find(p->message->properties, id, &property))
        put_text(p, how, property.value);
}

static void put_property_number(const printer *p, const piece *how, uint8_t id)
{
    bb_property property;
    if (bb_property_find(p->message->properties, id, &property))
        put_number(p, how, property.number);
}

static void put_hex_digits(FILE *to, bb_span bytes, const char *digits)
{
    for (size_t i = 0; i < bytes.len; i++) {
        putc(digits[bytes.data[i] >> 4], to);
        putc(digits[bytes.data[i] & 15], to);
    }
}

/* The payload in columns: a width cuts it too, which mosquitto_sub's users rely on for tables. */
static void put_payload(const printer *p, const piece *how, const char *digits)
{
    bb_span shown = p->message->payload;
    size_t each = digits ? 2 : 1, width = how->width > 0 ? (size_t)how->width : shown.len * each;
    if (shown.len * each > width)
        shown.len = width / each;
    int pad = (int)(width - shown.len * each);
    if (!how->left)
        fprintf(p->to, "%*s", pad, "");
    if (digits)
        put_hex_digits(p->to, shown, digits);
    else if (shown.len)
        fwrite(shown.data, 1, shown.len, p->to);
    if (how->left)
        fprintf(p->to, "%*s", pad, "");
}

void bb_base64_print(FILE *to, bb_span bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)bytes.data[i] << 16 | (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                         (left > 2 ? bytes.data[i + 2] : 0);
        putc(letters[three >> 18], to);
        putc(letters[three >> 12 & 63], to);
        putc(left > 1 ? letters[three >> 6 & 63] : '=', to);
        putc(left > 2 ? letters[three & 63] : '=', to);
    }
}

/* --- conversions: print_NAME for each row of the map */

static void print_topic(printer *p, const piece *how)
{
    put_text(p, how, p->message->topic);
}

static void print_payload(printer *p, const piece *how)
{
    put_payload(p, how, NULL);
}

static void print_length(printer *p, const piece *how)
{
    put_number(p, how, (uint32_t)p->message->payload.len);
}

static void print_hex(printer *p, const piece *how)
{
    put_payload(p, how, "0123456789abcdef");
}

static void print_hex_capital(printer *p, const piece *how)
{
    put_payload(p, how, "0123456789ABCDEF");
}

static void print_base64(printer *p, const piece *how)
{
    bb_base64_print(p->to, p->message->payload);
}

static void print_qos(printer *p, const piece *how)
{
    putc('0' + p->message->qos, p->to);
}

static void print_retain(printer *p, const piece *how)
{
    putc(p->message->retain ? '1' : '0', p->to);
}

static void print_dup(printer *p, const piece *how)
{
    putc(p->message->dup ? '1' : '0', p->to);
}

static void print_packet_id(printer *p, const piece *how)
{
    put_number(p, how, p->message->packet_id);
}

static void print_json(printer *p, const piece *how)
{
    p->failed |= !bb_message_json(p->to, p->message, BB_JSON_QUOTED, p->pretty);
}

static void print_json_payload(printer *p, const piece *how)
{
    p->failed |= !bb_message_json(p->to, p->message, BB_JSON_EMBEDDED, p->pretty);
}

static void print_json_pretty(printer *p, const piece *how)
{
    p->failed |= !bb_message_json(p->to, p->message, BB_JSON_QUOTED, true);
}

static void print_time(printer *p, const piece *how)
{
    char text[64];
    struct tm local;
    localtime_r(&p->message->at.tv_sec, &local);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &local);
    put_text(p, how, bb_span_of(text, len));
}

static void print_unix_time(printer *p, const piece *how)
{
    fprintf(p->to, "%lld.%09ld", (long long)p->message->at.tv_sec, p->message->at.tv_nsec);
}

static void print_topic_alias(printer *p, const piece *how)
{
    put_property_number(p, how, BB_TOPIC_ALIAS);
}

static void print_content_type(printer *p, const piece *how)
{
    put_property_text(p, how, BB_CONTENT_TYPE);
}

static void print_correlation_data(printer *p, const piece *how)
{
    bb_property property;
    if (bb_property_find(p->message->properties, BB_CORRELATION_DATA, &property) && property.value.len)
        fwrite(property.value.data, 1, property.value.len, p->to);
}

static void print_correlation_hex(printer *p, const piece *how)
{
    bb_property property;
    if (bb_property_find(p->message->properties, BB_CORRELATION_DATA, &property))
        put_hex_digits(p->to, property.value, "0123456789abcdef");
}

static void print_expiry(printer *p, const piece *how)
{
    put_property_number(p, how, BB_MESSAGE_EXPIRY_S);
}

static void print_payload_format(printer *p, const piece *how)
{
    put_property_number(p, how, BB_PAYLOAD_FORMAT);
}

static void print_user_properties(printer *p, const piece *how)
{
    bb_span list = p->message->properties;
    bb_property property;
    const piece plain = {.precision = -1};
    const char *before = "";
    while (bb_property_next(&list, &property)) {
        if (property.id != BB_USER_PROPERTY)
            continue;
        fputs(before, p->to);
        put_text(p, &plain, property.name);
        putc(':', p->to);
        put_text(p, &plain, property.value);
        before = " ";
    }
}

static void print_response_topic(printer *p, const piece *how)
{
    put_property_text(p, how, BB_RESPONSE_TOPIC);
}

static void print_subscription_id(printer *p, const piece *how)
{
    put_property_number(p, how, BB_SUBSCRIPTION_ID);
}

/* --- the table of them */

typedef struct conversion {
    const char *letter, *name; /* "%t" or ""; "topic" */
    void (*print)(printer *p, const piece *how);
} conversion;

static const conversion conversions[] = {
#define X(letter, name, function, text) {letter, name, print_##function},
    BB_FORMAT_MAP(X)
#undef X
};

static const conversion *find(const piece *wanted)
{
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        const conversion *row = &conversions[i];
        bool by_letter = row->letter[0] && row->letter[1] == wanted->letter;
        if (wanted->letter ? by_letter : bb_span_equal(bb_span_text(row->name), wanted->text))
            return row;
    }
    return NULL;
}

/* --- reading a format string */

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* A width or a maximum; what no terminal has is cut to a bound. */
static int read_number(const char **at)
{
    enum { NUMBER_MAX = 10000 };
    int number = 0;
    for (; is_digit(**at); ++*at)
        number = number < NUMBER_MAX ? number * 10 + (**at - '0') : NUMBER_MAX;
    return number < NUMBER_MAX ? number : NUMBER_MAX;
}

static piece read_conversion(const char **at)
{
    piece found = {.kind = PIECE_CONVERSION, .precision = -1};
    if (**at == '%') {
        found = (piece){.kind = PIECE_LITERAL, .text = bb_span_of((*at)++, 1)};
        return found;
    }
    if (**at == '-') {
        found.left = true;
        ++*at;
    }
    found.zero = **at == '0';
    found.width = read_number(at);
    if (**at == '.') {
        ++*at;
        found.precision = read_number(at);
    }
    if (**at == '{') {
        const char *end = strchr(*at, '}');
        found.text = end ? bb_span_of(*at + 1, (size_t)(end - *at) - 1) : bb_span_text(*at + 1);
        *at = end ? end + 1 : *at + strlen(*at);
        found.kind = end ? PIECE_CONVERSION : PIECE_WRONG;
    } else if (**at) {
        found.letter = *(*at)++;
    } else {
        found.kind = PIECE_WRONG;
    }
    if (found.kind == PIECE_CONVERSION && !find(&found))
        found.kind = PIECE_WRONG;
    return found;
}

static piece read_escape(const char **at)
{
    static const char letters[] = "\\0aenrtv", bytes[] = "\\\0\a\033\n\r\t\v";
    const char *found = **at ? strchr(letters, **at) : NULL;
    if (!found)
        return (piece){.kind = PIECE_WRONG};
    ++*at;
    return (piece){.kind = PIECE_LITERAL, .text = bb_span_of(bytes + (found - letters), 1)};
}

static piece read_time(const char **at)
{
    if (**at == '\0')
        return (piece){.kind = PIECE_WRONG};
    if (**at == '@')
        return (piece){.kind = PIECE_LITERAL, .text = bb_span_of((*at)++, 1)};
    return (piece){.kind = PIECE_TIME, .letter = *(*at)++};
}

static piece read_piece(const char **at)
{
    size_t plain = strcspn(*at, "%@\\");
    if (plain) {
        const char *start = *at;
        *at += plain;
        return (piece){.kind = PIECE_LITERAL, .text = bb_span_of(start, plain)};
    }
    switch (**at) {
    case '\0':
        return (piece){.kind = PIECE_END};
    case '%':
        ++*at;
        return read_conversion(at);
    case '@':
        ++*at;
        return read_time(at);
    default:
        ++*at;
        return read_escape(at);
    }
}

bool bb_format_check(const char *format, char error[BB_FORMAT_ERROR_MAX])
{
    const char *at = format, *start;
    piece found;
    do {
        start = at;
        found = read_piece(&at);
    } while (found.kind != PIECE_WRONG && found.kind != PIECE_END);
    if (found.kind == PIECE_END)
        return true;
    snprintf(error, BB_FORMAT_ERROR_MAX,
             "found '%.40s' at character %zu, which means nothing; the manual lists what does, and %s is a %c", start,
             (size_t)(start - format) + 1,
             *start == '%'   ? "%%"
             : *start == '@' ? "@@"
                             : "\\\\",
             *start);
    return false;
}

/* --- printing */

/* Which letter is asked for is the user's choice, so that the compiler cannot check it; strftime never writes past its
 * room. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_time(const printer *p, char letter)
{
    char text[128], format[] = {'%', letter, '\0'};
    struct tm local;
    if (letter == 'N') {
        fprintf(p->to, "%09ld", p->message->at.tv_nsec);
        return;
    }
    localtime_r(&p->message->at.tv_sec, &local);
    size_t len = strftime(text, sizeof text, format, &local);
    fwrite(text, 1, len, p->to);
}
#pragma GCC diagnostic pop

bool bb_format_print(FILE *to, const char *format, const bb_received *message, bool pretty)
{
    printer p = {to, message, pretty, false};
    for (;;) {
        piece next = read_piece(&format);
        switch (next.kind) {
        case PIECE_LITERAL:
            fwrite(next.text.data, 1, next.text.len, to);
            break;
        case PIECE_CONVERSION:
            find(&next)->print(&p, &next);
            break;
        case PIECE_TIME:
            put_time(&p, next.letter);
            break;
        case PIECE_END:
        case PIECE_WRONG:
            return !p.failed;
        }
    }
}
