#include "sys/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"

/* What stands in front of every body. */
struct header {
	uint16_t type;
	uint16_t reserved; /* zero */
	uint32_t size;
};

int
ipc_pair(int fds[2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
	if (socketpair(AF_UNIX, type, 0, fds) < 0)
		return -errno;
	/* Room for a burst of starts without a stall. */
	int size = 4 * 1024 * 1024;
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}

int
ipc_send(int socket, uint16_t type, struct bytes body, const int *fds,
	unsigned fd_count)
{
	CHECK(fd_count <= IPC_FDS_MAX);
	if (body.size > IPC_BODY_MAX)
		return -EMSGSIZE;
	struct header h = {.type = type, .size = (uint32_t)body.size};
	struct iovec iov[2] = {
		{&h, sizeof h},
		{(void *)(uintptr_t)body.data, body.size},
	};
	union {
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	if (fd_count) {
		memset(&control, 0, sizeof control);
		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	ssize_t n;
	do {
		n = sendmsg(socket, &m, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Copies the descriptors of 'm' into 'out'. */
static void
take_fds(struct msghdr *m, struct ipc_message *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) /
			sizeof(int));
		int got[IPC_FDS_MAX];
		if (n > IPC_FDS_MAX)
			n = IPC_FDS_MAX;
		memcpy(got, CMSG_DATA(c), n * sizeof(int));
		for (unsigned i = 0; i < n; i++) {
			if (out->fd_count < IPC_FDS_MAX)
				out->fds[out->fd_count++] = got[i];
			else
				close(got[i]);
		}
	}
}

int
ipc_recv(int socket, struct ipc_message *out)
{
	struct header h;
	struct iovec iov[2] = {
		{&h, sizeof h},
		{out->body, sizeof out->body},
	};
	union {
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct msghdr m = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.space,
		.msg_controllen = sizeof control.space,
	};
	for (unsigned i = 0; i < IPC_FDS_MAX; i++)
		out->fds[i] = -1;
	out->fd_count = 0;
	ssize_t n;
	do {
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	take_fds(&m, out);
	bool cut = (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	if (cut || (size_t)n < sizeof h || h.size != (size_t)n - sizeof h) {
		ipc_message_close(out);
		return -EBADMSG;
	}
	out->type = h.type;
	out->size = h.size;
	return 0;
}

void
ipc_message_close(struct ipc_message *m)
{
	for (unsigned i = 0; i < m->fd_count; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -1;
	}
	m->fd_count = 0;
}
