/* Lines to journald, in its native protocol: one datagram per entry
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL), or a sealed memfd where a datagram
 * would be too large.
 *
 * The socket belongs to one thread.  It is connected when something is to be
 * sent, and again after an error.
 */
#ifndef SKEP_LOGGER_JOURNAL_H
#define SKEP_LOGGER_JOURNAL_H

#include <stdint.h>

#include "base/cursor.h"
#include "sys/err.h"

#define JOURNAL_PATH	 "/run/systemd/journal/socket"
#define JOURNAL_LINE_MAX 49152 /* as journald itself cuts lines */
#define JOURNAL_PRIORITY 6     /* of a line that does not begin with <N> */

/* The way to journald. */
struct journal {
	const char *path; /* borrowed */
	int fd;		  /* -1 while there is no connection */
};

/* Sends one line, without its newline, as an entry of the instance 'name'.
 * "<N>" before it, N a digit up to 7, is its PRIORITY.  -EAGAIN when journald
 * does not keep up; -ENOENT and -ECONNREFUSED when it is not there. */
int journal_send(struct journal *j, const char *name, uint64_t epoch,
	struct bytes line, struct err *err);

/* Closes the socket. */
void journal_close(struct journal *j);

#endif
