/* server.h - the shell around the brokers: threads, sockets, signals.
 *
 * What      Opens the listeners, starts one worker for each core, handles signals until one says stop.
 * Used by   cmd.
 * Threads   The caller's thread becomes the one that handles signals; each worker has its own (worker.h).
 * Start at  bb_server_run in server.c, then worker_turn in worker.c. */
#ifndef BB_SERVER_SERVER_H
#define BB_SERVER_SERVER_H

#include "server/log.h"
#include "server/settings.h"

/* Serve until SIGTERM or SIGINT; SIGHUP reads `config_path` (NULL: there is no file) again. Returns the exit code of
 * the process: 0 after a clean stop, 1 when the server could not start. */
int bb_server_run(const bb_settings *settings, const char *config_path, bb_log *log);

#endif
