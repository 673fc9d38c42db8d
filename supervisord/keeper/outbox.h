/* Messages to a helper that does not read as fast as we speak.
 *
 * The keeper never blocks: what the socket does not take waits here, within
 * a bound, with its descriptors duplicated.
 */
#ifndef SKEP_KEEPER_OUTBOX_H
#define SKEP_KEEPER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "sys/ipc.h"

#define OUTBOX_SIZE_MAX (32 * 1024 * 1024)

/* The waiting messages of one helper. */
struct outbox {
	struct list queue; /* of messages, oldest first */
	size_t size;	   /* bytes that they take */
};

/* An empty outbox. */
void outbox_init(struct outbox *o);

/* Sends, or keeps for later.  'fds' stay the caller's.  -ENOBUFS when the
 * bound is reached, or the error of the socket. */
int outbox_send(struct outbox *o, int socket, uint16_t type, struct bytes body,
	const int *fds, unsigned fd_count);

/* Sends what waits: 0 when nothing is left, -EAGAIN, or the error. */
int outbox_flush(struct outbox *o, int socket);

/* Whether nothing waits. */
bool outbox_is_empty(const struct outbox *o);

/* Drops all. */
void outbox_clear(struct outbox *o);

#endif
