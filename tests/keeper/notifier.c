/* A service's words: sends its arguments, joined by newlines, to
 * NOTIFY_SOCKET as one datagram, and waits with a BARRIER until they are taken
 * in.  "-x TEXT" sends TEXT and some NULs and dirt; "-l" a datagram that is too
 * long; "-s" stores a descriptor, "-w" a socket that its last owner waits for,
 * while a child of ours holds what it waits for.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Sends a datagram, with a descriptor unless that is -1. */
static int
send_words(int s, const char *data, size_t size, int fd)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec v = {(void *)(unsigned long)data, size};
	struct msghdr m = {
		.msg_name = &to,
		.msg_namelen = sizeof to,
		.msg_iov = &v,
		.msg_iovlen = 1,
	};
	const char *path = getenv("NOTIFY_SOCKET");
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path ? path : "");
	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	if (sendmsg(s, &m, 0) >= 0)
		return 0;
	perror(to.sun_path);
	return 1;
}

/* Waits until the other end of a pipe is closed by whoever gets it. */
static int
barrier(int s)
{
	int ends[2];
	if (pipe(ends) < 0)
		return 1;
	int rc = send_words(s, "BARRIER=1", 9, ends[1]);
	close(ends[1]);
	struct pollfd p = {.fd = ends[0]};
	return rc || poll(&p, 1, 30000) != 1;
}

/* A socket with more in it than its other end takes, and that lingers. */
static int
open_lingering(void)
{
	static char data[65536];
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct linger wait = {1, 60};
	socklen_t size = sizeof a;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 ||
		listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&a, &size) < 0 ||
		connect(s, (struct sockaddr *)&a, sizeof a) < 0 ||
		setsockopt(s, SOL_SOCKET, SO_LINGER, &wait, sizeof wait) < 0)
		return -1;
	while (send(s, data, sizeof data, MSG_DONTWAIT) > 0)
		;
	if (fork() == 0) {
		close(s);
		pause();
	}
	return s;
}

int
main(int argc, char **argv)
{
	static char text[16384];
	int fd = -1;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t size = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-x") == 0) {
			memcpy(text + size, "A\0B\n\377\376\n=\nREADY", 13);
			size += 13;
			text[size++] = '\n';
			continue;
		}
		if (strcmp(argv[i], "-l") == 0) {
			memset(text + size, 'x', 8000);
			size += 8000;
			text[size++] = '\n';
			continue;
		}
		if (strcmp(argv[i], "-s") == 0) {
			fd = 0;
			continue;
		}
		if (strcmp(argv[i], "-w") == 0) {
			fd = open_lingering();
			if (fd < 0)
				return 1;
			continue;
		}
		size += (size_t)snprintf(
			text + size, sizeof text - size, "%s\n", argv[i]);
	}
	int rc = size ? send_words(s, text, size, fd) : 0;
	if (fd > 0)
		return rc; /* nobody answers before it is closed */
	return rc || barrier(s);
}
