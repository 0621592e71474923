/* endpoint.h - addresses and ports as people write them. Private to this folder.
 *
 * What      Numeric addresses only: a name could mean several addresses, or none when the machine starts. Where the
 * text is wrong, `hint` is set to a static text that says what to write; it stays untouched where there is nothing to
 * add to "an address". Threads   Pure functions. */
#ifndef BB_SERVER_ENDPOINT_H
#define BB_SERVER_ENDPOINT_H

#include "base/span.h"
#include "server/settings.h"

/* "127.0.0.1:1883", "[::1]:1883" or an address alone, which leaves `port` as it is. */
BB_MUST_USE bool bb_endpoint_parse(bb_span text, char address[BB_ADDRESS_MAX], uint16_t *port, const char **hint);

/* An address alone; brackets around it are left out. */
BB_MUST_USE bool bb_endpoint_parse_address(bb_span text, char address[BB_ADDRESS_MAX], const char **hint);

#endif
