#include "tool/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
    struct termios before, ours;
    volatile sig_atomic_t open, changed;
} screen;

static const char enter_page[] = "\033[?1049h\033[?25l", leave_page[] = "\033[?25h\033[?1049l";

/* Only calls that a signal handler may make, from here to bb_screen_open. */
static void write_all(const char *bytes, size_t len)
{
    while (len) {
        ssize_t written = write(STDOUT_FILENO, bytes, len);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
        }
    }
}

static void enter(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.ours);
    write_all(enter_page, sizeof enter_page - 1);
    screen.open = 1;
}

static void leave(void)
{
    if (!screen.open)
        return;
    screen.open = 0;
    write_all(leave_page, sizeof leave_page - 1);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
}

static void note_change(int number)
{
    screen.changed = 1;
}

/* SA_RESETHAND has put the default back, which now does what it does. */
static void die(int number)
{
    leave();
    raise(number);
}

static void stop(int number)
{
    int before = errno;
    sigset_t set;
    struct sigaction again = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    leave();
    raise(number);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* here we stop, and go on later */
    sigaction(number, &again, NULL);
    enter();
    screen.changed = 1;
    errno = before;
}

static void watch_signals(void)
{
    static const int deadly[] = {SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPIPE, SIGALRM};
    const struct sigaction on_death = {.sa_handler = die, .sa_flags = (int)SA_RESETHAND};
    const struct sigaction on_stop = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    const struct sigaction on_change = {.sa_handler = note_change};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        sigaction(deadly[i], &on_death, NULL);
    sigaction(SIGTSTP, &on_stop, NULL);
    sigaction(SIGWINCH, &on_change, NULL);
}

bool bb_screen_open(void)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &screen.before) != 0)
        return false;
    screen.ours = screen.before;
    screen.ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    screen.ours.c_cc[VMIN] = 0;
    screen.ours.c_cc[VTIME] = 0;
    watch_signals();
    enter();
    return true;
}

void bb_screen_close(void)
{
    leave();
}

bb_screen_size bb_screen_size_now(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return (bb_screen_size){24, 80};
    return (bb_screen_size){size.ws_row, size.ws_col};
}

bool bb_screen_changed(void)
{
    bool changed = screen.changed;
    screen.changed = 0;
    return changed;
}

/* Each line is cleared behind its end and the rest of the page below, so that nothing flickers. */
void bb_screen_draw(bb_span page)
{
    unsigned rows = bb_screen_size_now().rows, row = 0;
    fputs("\033[H", stdout);
    while (page.len && row < rows) {
        const uint8_t *end = memchr(page.data, '\n', page.len);
        size_t len = end ? (size_t)(end - page.data) : page.len;
        fwrite(page.data, 1, len, stdout);
        fputs(++row < rows ? "\033[K\r\n" : "\033[K", stdout);
        page = bb_span_from(page, end ? len + 1 : len);
    }
    if (row < rows)
        fputs("\033[J", stdout);
    fflush(stdout);
}

char bb_screen_key(void)
{
    char key;
    return read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
}
