/* inside.h - what the files of server share: the process, and how its parts reach each other. Private. */
#ifndef BB_SERVER_INSIDE_H
#define BB_SERVER_INSIDE_H

#include "server/connection.h"
#include "base/text.h"
#include "server/large.h"
#include "server/log.h"
#include "server/notify.h"
#include "server/worker.h"

struct bb_server {
    bb_log *log;
    bb_settings settings; /* under settings_mutex; workers copy what they need when settings_number moves */
    pthread_mutex_t settings_mutex;
    _Atomic uint32_t settings_number;
    bb_seed seed;
    bb_interest *interest; /* NULL with one worker */
    pthread_mutex_t *interest_locks;
    bb_retained retained;
    bb_large large;
    bb_worker **workers;
    unsigned workers_count, workers_started;
    bb_listener *listeners[BB_LISTENERS_MAX]; /* under settings_mutex */
    size_t listeners_count;
    _Atomic int64_t sessions_all, links_all;
    _Atomic uint64_t memory_bytes_max;
    _Atomic bool stopping;
    _Atomic bool no_files; /* said in the log, not yet over */
    bb_time started;
};

/* facts.c: what a broker tells, for the log */
void bb_server_fact(bb_server *server, const bb_fact *fact);

/* listeners.c: open and close what the settings say, at the start and at a reload; false: the start fails */
BB_MUST_USE bool bb_listeners_open(bb_server *server);
void bb_listeners_update(bb_server *server);
void bb_listeners_close(bb_server *server);

/* facts.c: what a connection that speaks no MQTT seems to speak, for the log; `bytes` are its first */
void bb_server_foreign(bb_server *server, const bb_connection *connection, bb_span bytes);

/* memory.c */
bb_mem bb_memory_make(bb_large *large);
uint64_t bb_memory_available(void); /* bytes that this process may use: of the machine or its control group */
int64_t bb_memory_now(const bb_server *server);
uint64_t bb_memory_resident(void);

/* sys.c: publish $SYS from worker 0 */
void bb_sys_publish(bb_worker *worker, bb_time now);

#endif
