/* memory.c - what the compiler and the client ask of <string.h>, in as few bytes as can be: those of the C library are
 * made for speed, and take five times the flash. Compile with -fno-builtin and -fno-tree-loop-distribute-patterns, or
 * the compiler sees what these loops do and calls them from themselves. */
#include <stddef.h>

void *memmove(void *to, const void *from, size_t size)
{
    char *t = to;
    const char *f = from;
    if (t < f) {
        for (size_t i = 0; i < size; i++)
            t[i] = f[i];
    } else {
        while (size-- > 0)
            t[size] = f[size];
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    return memmove(to, from, size);
}

void *memset(void *to, int byte, size_t size)
{
    char *t = to;
    while (size-- > 0)
        t[size] = (char)byte;
    return to;
}

void *memchr(const void *in, int byte, size_t size)
{
    const unsigned char *at = in;
    for (; size > 0; size--, at++) {
        if (*at == (unsigned char)byte)
            return (void *)at;
    }
    return NULL;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i])
            return x[i] - y[i];
    }
    return 0;
}
