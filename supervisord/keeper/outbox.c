#include "keeper/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One message that waits. */
struct waiting {
	struct list link;
	uint16_t type;
	unsigned fd_count;
	int fds[IPC_FDS_MAX]; /* ours */
	size_t size;
	unsigned char body[];
};

void
outbox_init(struct outbox *o)
{
	list_init(&o->queue);
	o->size = 0;
}

static void
drop(struct outbox *o, struct waiting *w)
{
	list_remove(&w->link);
	o->size -= sizeof *w + w->size;
	for (unsigned i = 0; i < w->fd_count; i++)
		close(w->fds[i]);
	free(w);
}

static int
keep(struct outbox *o, uint16_t type, struct bytes body, const int *fds,
	unsigned fd_count)
{
	size_t size = sizeof(struct waiting) + body.size;
	if (o->size + size > OUTBOX_SIZE_MAX)
		return -ENOBUFS;
	struct waiting *w = calloc(1, size);
	if (!w)
		return -ENOBUFS;
	w->type = type;
	w->size = body.size;
	if (body.size)
		memcpy(w->body, body.data, body.size);
	list_append(&o->queue, &w->link);
	o->size += size;
	for (unsigned i = 0; i < fd_count; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (fd < 0) {
			drop(o, w);
			return -ENOBUFS;
		}
		w->fds[w->fd_count++] = fd;
	}
	return 0;
}

int
outbox_send(struct outbox *o, int socket, uint16_t type, struct bytes body,
	const int *fds, unsigned fd_count)
{
	int rc = outbox_is_empty(o)
			 ? ipc_send(socket, type, body, fds, fd_count)
			 : -EAGAIN;
	/* ETOOMANYREFS: too many descriptors on their way; they will drain. */
	if (rc == -EAGAIN || rc == -ENOBUFS || rc == -ETOOMANYREFS)
		return keep(o, type, body, fds, fd_count);
	return rc;
}

int
outbox_flush(struct outbox *o, int socket)
{
	while (!outbox_is_empty(o)) {
		struct waiting *w =
			container_of(o->queue.next, struct waiting, link);
		int rc = ipc_send(socket, w->type,
			(struct bytes){w->body, w->size}, w->fds, w->fd_count);
		if (rc == -ENOBUFS || rc == -ETOOMANYREFS)
			return -EAGAIN;
		if (rc < 0)
			return rc;
		drop(o, w);
	}
	return 0;
}

bool
outbox_is_empty(const struct outbox *o)
{
	return list_is_empty(&o->queue);
}

void
outbox_clear(struct outbox *o)
{
	while (!outbox_is_empty(o))
		drop(o, container_of(o->queue.next, struct waiting, link));
}
