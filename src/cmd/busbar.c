/* busbar.c - the tool's main(). */
#include "tool/tool.h"

int main(int argc, char **argv)
{
    return bb_tool_main(argc, argv);
}
