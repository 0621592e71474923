#include "tool/commands.h"

#include "base/suggest.h"

const bb_cli_command *const bb_commands[] = {
#define X(name) &bb_command_##name,
    BB_COMMAND_MAP(X)
#undef X
        NULL};

const bb_cli_command *bb_command_find(const char *name)
{
    for (size_t i = 0; bb_commands[i]; i++)
        if (strcmp(bb_commands[i]->name, name) == 0)
            return bb_commands[i];
    return NULL;
}

const char *bb_command_nearest(const char *name)
{
    bb_suggestion nearest = {.wanted = bb_span_text(name)};
    for (size_t i = 0; bb_commands[i]; i++)
        bb_suggestion_offer(&nearest, bb_commands[i]->name);
    return nearest.best;
}
