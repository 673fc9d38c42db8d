#include "sys/peer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/procstat.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* of all ports of Debian's and Fedora's */
#endif

/* A descriptor of the process, or -errno: -ESRCH when it has ended (from 6.16
 * on there is one then too), anything else when the kernel does not tell. */
static int
open_pidfd(int socket)
{
	int pidfd = -1;
	socklen_t size = sizeof pidfd;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0)
		return -errno;
	return pidfd;
}

uint64_t
peer_start(int socket, pid_t pid)
{
	int pidfd = open_pidfd(socket);
	if (pidfd >= 0)
		close(pidfd);
	return pidfd >= 0 || pidfd == -ESRCH ? 0 : procstat_start_time(pid);
}

bool
peer_lives(int socket, pid_t pid, uint64_t start)
{
	struct pollfd p = {.fd = open_pidfd(socket), .events = POLLIN};
	if (p.fd == -ESRCH)
		return false;
	if (p.fd < 0) {
		uint64_t now = procstat_start_time(pid);
		return now != 0 && (start == 0 || now == start);
	}
	bool has_ended = poll(&p, 1, 0) != 0;
	close(p.fd);
	return !has_ended;
}
