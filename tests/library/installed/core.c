/* core.c - a program that uses the core only: it links with nothing but the library, and takes no sockets with it. */
#include <busbar/client.h>

int main(void)
{
    static uint8_t in[64], out[64];
    static bb_client client;
    static bb_client_options options;
    options.protocol = &bb_client_mqtt_311;
    options.in.at = in;
    options.in.size = sizeof in;
    options.out.at = out;
    options.out.size = sizeof out;
    return bb_client_init(&client, &options) == BB_CLIENT_OK ? 0 : 1;
}
