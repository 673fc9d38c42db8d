/* Looking into a FIFO without taking anything out of it.
 *
 * tee(2) copies references to the FIFO's pages into a scratch pipe, and that
 * is read: the bytes stay in the FIFO until splice(2) has put them into a
 * file, so a logger that is killed between has lost nothing.  One scratch
 * pipe serves all streams of one thread.
 */
#ifndef SKEP_LOGGER_PEEK_H
#define SKEP_LOGGER_PEEK_H

#include <stddef.h>

#include "base/cursor.h"
#include "sys/err.h"

#define PEEK_MAX 65536 /* bytes seen at once: a pipe's usual capacity */

/* The scratch pipe and the bytes last seen. */
struct peek {
	int ends[2]; /* read, write; empty between calls */
	unsigned char seen[PEEK_MAX];
};

/* Makes the pipe. */
int peek_init(struct peek *p, struct err *err);

/* Closes the pipe. */
void peek_fini(struct peek *p);

/* Sets 'seen_out' to what stands first in 'fifo', borrowed until the next
 * call.  It may be less than the FIFO holds.  -EAGAIN when there is nothing
 * now, -EPIPE when there is nothing and nobody has it open for writing. */
int peek_look(struct peek *p, int fifo, struct bytes *seen_out);

#endif
