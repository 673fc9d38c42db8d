#include "logger/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"

#define QUEUE_SIZE 16384 /* of the socket, doubled by the kernel */
#define HEAD_SIZE  (4 * INSTANCE_NAME_MAX + 200)

/* An entry: fields, then the message with its size and a newline. */
struct entry {
	char head[HEAD_SIZE];
	struct iovec parts[3];
};

static int
open_socket(struct journal *j, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int size = QUEUE_SIZE;
	if (strlen(j->path) >= sizeof to.sun_path)
		return err_set(err, -ENAMETOOLONG, "journal %s", j->path);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", j->path);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (j->fd < 0)
		return err_sys(err, -errno, "journal");
	setsockopt(j->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (connect(j->fd, (struct sockaddr *)&to, sizeof to) == 0)
		return 0;
	int r = err_sys(err, -errno, "journal %s", j->path);
	journal_close(j);
	return r;
}

void
journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* Takes "<N>" off the line. */
static int
take_priority(struct bytes *line)
{
	const char *text = line->data;
	if (line->size < 3 || text[0] != '<' || text[1] < '0' ||
		text[1] > '7' || text[2] != '>')
		return JOURNAL_PRIORITY;
	line->data = text + 3;
	line->size -= 3;
	return text[1] - '0';
}

static void
entry_make(struct entry *e, const char *name, uint64_t epoch, struct bytes line)
{
	int priority = take_priority(&line);
	int service = (int)strcspn(name, "@");
	int n = snprintf(e->head, sizeof e->head - 8,
		"PRIORITY=%d\nSYSLOG_IDENTIFIER=%.*s\nSKEP_SERVICE=%.*s\n"
		"SKEP_INSTANCE=%.127s\nSKEP_EPOCH=%" PRIu64 "\nMESSAGE\n",
		priority, service, name, service, name, name, epoch);
	for (int i = 0; i < 8; i++) /* little-endian, whatever we are */
		e->head[n++] = (char)((uint64_t)line.size >> (8 * i));
	e->parts[0] = (struct iovec){e->head, (size_t)n};
	e->parts[1] = (struct iovec){(void *)line.data, line.size};
	e->parts[2] = (struct iovec){(char *)"\n", 1};
}

/* The entry as a sealed file in memory. */
static int
entry_to_memfd(const struct entry *e)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	size_t size = e->parts[0].iov_len + e->parts[1].iov_len + 1;
	int fd = memfd_create("skep-journal", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (writev(fd, e->parts, 3) == (ssize_t)size &&
		fcntl(fd, F_ADD_SEALS, seals) == 0)
		return fd;
	close(fd);
	return -ENOMEM;
}

static int
send_memfd(struct journal *j, const struct entry *e)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct msghdr m = {.msg_control = &control,
		.msg_controllen = sizeof control.space};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = entry_to_memfd(e);
	if (fd < 0)
		return fd;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	int r = sendmsg(j->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int
send_once(struct journal *j, struct entry *e)
{
	struct msghdr m = {.msg_iov = e->parts, .msg_iovlen = 3};
	int r = sendmsg(j->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
	if (r == -EMSGSIZE || r == -ENOBUFS)
		r = send_memfd(j, e);
	return r;
}

int
journal_send(struct journal *j, const char *name, uint64_t epoch,
	struct bytes line, struct err *err)
{
	struct entry e;
	bool is_old = j->fd >= 0;
	int r = is_old ? 0 : open_socket(j, err);
	if (r < 0)
		return r;
	entry_make(&e, name, epoch, line);
	r = send_once(j, &e);
	if (r < 0 && r != -EAGAIN && is_old) {
		/* A journald that was started anew is behind a new socket. */
		journal_close(j);
		r = open_socket(j, err);
		if (r < 0)
			return r;
		r = send_once(j, &e);
	}
	if (r < 0 && r != -EAGAIN)
		journal_close(j);
	return r < 0 ? err_sys(err, r, "journal %s", j->path) : 0;
}
