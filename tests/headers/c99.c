/* c99.c - the installed headers are C99 without extensions, each by itself: compiling this is the test. */
#include <busbar/client.h>
#include <busbar/property.h>
#include <busbar/types.h>

typedef int nothing_to_link;
