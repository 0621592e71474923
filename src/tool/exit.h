/* exit.h - the table of exit codes: what busbar tells the shell. --help and the manual pages print it. */
#ifndef BB_TOOL_EXIT_H
#define BB_TOOL_EXIT_H

#define BB_EXIT_MAP(X) /* name, code, meaning */                                                                \
    X(OK, 0, "done")                                                                                            \
    X(USAGE, 1, "the command line or the profile file is wrong; nothing was sent")                              \
    X(CONNECT, 2, "no connection to a broker: name, network, TLS, or no MQTT at the other end")                 \
    X(REFUSED, 3, "the broker refused the connection, a subscription or a message; its reason code is printed") \
    X(TIMEOUT, 4, "a time limit was reached")                                                                   \
    X(LOST, 5, "the connection was lost")                                                                       \
    X(FILE, 6, "a file, standard input or standard output could not be read or written")                        \
    X(FINDING, 7,                                                                                               \
      "it went through, but the result is bad: something looks wrong, a request was answered with a failure")

enum {
#define X(name, code, text) BB_EXIT_##name = (code),
    BB_EXIT_MAP(X)
#undef X
};

#endif
