/* c99.c - the installed headers are C99 without extensions, each by itself: compiling this is the test. */
#include <busbar/client.h>
#include <busbar/net.h>
#include <busbar/property.h>
#include <busbar/types.h>
#include <busbar/url.h>

typedef int nothing_to_link;
