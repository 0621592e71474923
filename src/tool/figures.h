/* figures.h - what a broker says about itself in $SYS, as rows of numbers over time.
 *
 * What      Brokers publish $SYS in rounds, some seconds apart, and what has not changed they leave out. `uptime` comes
 *           in each round, so that it tells when one begins, and how long the last one was. Counters become rates.
 *           Names are those that mosquitto made common; where brokers differ, a row has several, and the first that
 *           comes counts.
 * Memory    Fixed; what has no row is ignored, and so are drop reasons beyond BB_FIGURES_REASONS_MAX. */
#ifndef BB_TOOL_FIGURES_H
#define BB_TOOL_FIGURES_H

#include "base/span.h"
#include "base/text.h"

typedef enum bb_figure_kind {
    BB_FIGURE_GAUGE,      /* a number of things */
    BB_FIGURE_BYTES,      /* an amount of memory */
    BB_FIGURE_RATE,       /* a counter, shown per second */
    BB_FIGURE_BYTES_RATE, /* a counter of bytes, shown per second */
} bb_figure_kind;

enum { BB_FIGURES_HISTORY = 256, BB_FIGURES_REASONS_MAX = 24, BB_FIGURES_NAME_MAX = 40 };

typedef struct bb_figure {
    char name[BB_FIGURES_NAME_MAX]; /* for people: "messages in" */
    char key[BB_FIGURES_NAME_MAX];  /* for programs: "messages_in" */
    bb_figure_kind kind;
    bool known;                         /* the broker has this one */
    double total, before;               /* as published now, and at the end of the last round */
    double now;                         /* what is shown: the total, or its rate */
    size_t source;                      /* which of the row's topics it comes from */
    double history[BB_FIGURES_HISTORY]; /* of `now`; the newest last */
    size_t count;
} bb_figure;

#define BB_FIGURE_MAP(X) /* key, name for people, kind, topics below $SYS/broker/, the best first */ \
    X("clients", "clients connected", GAUGE, "clients/connected", "clients/active")                  \
    X("sessions", "sessions", GAUGE, "clients/total", NULL)                                          \
    X("subscriptions", "subscriptions", GAUGE, "subscriptions/count", NULL)                          \
    X("retained", "retained messages", GAUGE, "retained messages/count", NULL)                       \
    X("queued", "queued messages", GAUGE, "queue/messages", "store/messages/count")                  \
    X("memory", "memory", BYTES, "memory/resident", "heap/current")                                  \
    X("messages_in", "messages in /s", RATE, "publish/messages/received", NULL)                      \
    X("messages_out", "messages out /s", RATE, "publish/messages/sent", NULL)                        \
    X("packets_in", "packets in /s", RATE, "messages/received", NULL)                                \
    X("packets_out", "packets out /s", RATE, "messages/sent", NULL)                                  \
    X("bytes_in", "bytes in /s", BYTES_RATE, "bytes/received", NULL)                                 \
    X("bytes_out", "bytes out /s", BYTES_RATE, "bytes/sent", NULL)                                   \
    X("dropped", "dropped /s", RATE, "publish/messages/dropped", NULL)

enum {
#define X(key, name, kind, first, second) +1
    BB_FIGURES = 0 BB_FIGURE_MAP(X)
#undef X
};

typedef struct bb_figures {
    bb_figure rows[BB_FIGURES];
    bb_figure reasons[BB_FIGURES_REASONS_MAX]; /* drops, by reason */
    size_t reasons_count;
    char version[128];
    uint64_t uptime_s;
    bool has_uptime;
    double round_s;   /* since the round before this one */
    bool round_began; /* `uptime` has come: bb_figures_end_round is due when the rest has come, too */
    uint64_t rounds;
} bb_figures;

void bb_figures_init(bb_figures *figures);

/* One message of $SYS. */
void bb_figures_take(bb_figures *figures, bb_span topic, bb_span payload);

/* The round is complete: work out the rates, and add to the histories. */
void bb_figures_end_round(bb_figures *figures);

#endif
