#include "tool/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* --- a line from a stream */

static char *first_line(FILE *from)
{
    char *line = calloc(1, BB_SECRET_MAX);
    if (!line)
        return NULL;
    if (!fgets(line, BB_SECRET_MAX, from)) {
        bb_secret_free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

void bb_secret_free(char *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret, strlen(secret));
    free(secret);
}

char *bb_secret_read(const char *path, char error[BB_CLI_ERROR_MAX])
{
    FILE *file = fopen(path, "r");
    char *line = file ? first_line(file) : NULL;
    if (!line)
        snprintf(error, BB_CLI_ERROR_MAX, "%.400s: %s", path, file ? "there is no password in it" : strerror(errno));
    if (file)
        fclose(file);
    return line;
}

/* --- the terminal */

static volatile sig_atomic_t interrupted_by;

static void note_signal(int number)
{
    interrupted_by = number;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { SIGNALS = sizeof signals / sizeof *signals };

/* While the terminal hides what is typed, a signal must not end us before it shows it again. */
static char *ask_hidden(FILE *terminal, const struct termios *before)
{
    struct sigaction old[SIGNALS], note = {.sa_handler = note_signal};
    struct termios hidden = *before;
    interrupted_by = 0;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &note, &old[i]);
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(terminal), TCSAFLUSH, &hidden);

    char *line = first_line(terminal);

    tcsetattr(fileno(terminal), TCSAFLUSH, before);
    fputc('\n', terminal);
    fflush(terminal);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &old[i], NULL);
    if (interrupted_by)
        raise(interrupted_by);
    return line;
}

char *bb_secret_ask(const char *prompt, char error[BB_CLI_ERROR_MAX])
{
    struct termios before;
    FILE *terminal = fopen("/dev/tty", "r+");
    if (!terminal || tcgetattr(fileno(terminal), &before) != 0) {
        snprintf(error, BB_CLI_ERROR_MAX,
                 "there is no terminal to ask for the password; --password-file and BUSBAR_PASSWORD need none");
        if (terminal)
            fclose(terminal);
        return NULL;
    }
    setvbuf(terminal, NULL, _IONBF, 0);
    fputs(prompt, terminal);
    char *line = ask_hidden(terminal, &before);
    if (!line)
        snprintf(error, BB_CLI_ERROR_MAX, "no password was typed");
    fclose(terminal);
    return line;
}
