/* options.h - what the client of the example can do. One of options_*.c is linked; the linker takes what it names. */
#ifndef EXAMPLE_OPTIONS_H
#define EXAMPLE_OPTIONS_H

#include <busbar/client.h>

#ifndef EXAMPLE_QOS
#define EXAMPLE_QOS 1
#endif

const bb_client_options *example_options(void);

#endif
