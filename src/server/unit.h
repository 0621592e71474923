/* unit.h - factors of sizes and times, for bounds in tables. A KB is 1024 bytes, as memory is counted. */
#ifndef BB_SERVER_UNIT_H
#define BB_SERVER_UNIT_H

#include <stdint.h>

#define BB_KB UINT64_C(1024)
#define BB_MB (1024 * BB_KB)
#define BB_GB (1024 * BB_MB)
#define BB_TB (1024 * BB_GB)
#define BB_MINUTE_S UINT64_C(60)
#define BB_HOUR_S (60 * BB_MINUTE_S)
#define BB_DAY_S (24 * BB_HOUR_S)

#endif
