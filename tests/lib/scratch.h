/* A directory of its own for one test, and a few words to fill it. */
#ifndef TESTS_LIB_SCRATCH_H
#define TESTS_LIB_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes a new directory below TMPDIR or /tmp; its path is kept here. */
const char *scratch_begin(void);

/* Removes it with all that is in it. */
void scratch_end(void);

/* "DIR/name" in one of 16 static buffers used in turn. */
const char *scratch_path(const char *name);

/* Writes a file there. */
void scratch_write(const char *name, const void *data, size_t size);

/* All of a file, NUL-terminated, for free(3); NULL when there is none. */
char *scratch_read(const char *name, size_t *size_out);

/* The size of a file there, -1 when there is none. */
int64_t scratch_size(const char *name);

/* Waits up to 60 s for 'is_true' of 'arg', looking every millisecond. */
bool scratch_wait(bool (*is_true)(void *arg), void *arg);

#endif
