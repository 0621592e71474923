// cpp.cpp - the installed headers are usable from C++: compiling this is the test.
#include <busbar/client.h>
#include <busbar/net.h>
#include <busbar/property.h>
#include <busbar/types.h>
#include <busbar/url.h>

bb_property_writer writer_from_cpp(uint8_t *memory, size_t size)
{
    return bb_property_writer_on(memory, size);
}
