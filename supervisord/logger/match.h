/* The line of a service's output that says that it is ready.
 *
 * Bytes are fed while they are still ahead in the FIFO and counted when they
 * have been moved, so that each is looked at once.  Whole lines are compared,
 * of which MATCH_LINE_MAX bytes count; a NUL ends a line's text early.
 */
#ifndef SKEP_LOGGER_MATCH_H
#define SKEP_LOGGER_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"

#define MATCH_LINE_MAX 1024

struct match;

/* A new one for an extended regular expression; NULL for "", or, after it was
 * said of 'name', when it is none or memory is short. */
struct match *match_new(const char *ere, const char *name);

/* Releases it; NULL is accepted. */
void match_free(struct match *m);

/* Looks at what is ahead now. */
void match_look(struct match *m, struct bytes ahead);

/* So many of these bytes are gone. */
void match_moved(struct match *m, size_t size);

/* Whether the line came. */
bool match_is_found(const struct match *m);

#endif
