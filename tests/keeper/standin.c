/* Stands in for the helpers of skepd, by the name it is called.
 *
 * As skep-node and skep-logger it sends its socket to the test, which then
 * speaks for it, waits for the keeper's end of file, and as skep-node leaves
 * a file beside the test's socket then.  As skep-mover it copies the
 * state, no more; it knows no state_path.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys/ipc.h"
#include "sys/kproto.h"

static int
copy(int from, int to)
{
	char buffer[4096];
	ssize_t n;
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)n) != n)
			return 1;
	return n < 0;
}

static int
move(const char *verb, const char *dir)
{
	bool is_put = strcmp(verb, "put") == 0;
	bool is_checkpoint = strcmp(verb, "checkpoint") == 0;
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir,
		is_put		? "state-in"
		: is_checkpoint ? "checkpoint"
				: "state");
	int fd = open(
		path, is_put ? O_WRONLY | O_CREAT | O_EXCL : O_RDONLY, 0600);
	if (fd < 0) {
		perror(path);
		return 1;
	}
	return is_put ? copy(0, fd) : copy(fd, 1);
}

/* Hands our socket over, with our pid and whether we are the logger. */
static int
hand_over(bool is_logger)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = getenv("SKEP_TEST_SOCKET");
	unsigned char body[8];
	struct writer w;
	int fd = KPROTO_FD;
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path ? path : "");
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof a) < 0) {
		perror(a.sun_path);
		return 1;
	}
	writer_init(&w, body, sizeof body);
	writer_u32(&w, (uint32_t)getpid());
	return ipc_send(s, is_logger, writer_done(&w), &fd, 1) < 0;
}

/* What skep-node would put away at its end. */
static void
leave_word(void)
{
	char path[4096];
	const char *socket = getenv("SKEP_TEST_SOCKET");
	snprintf(path, sizeof path, "%s.node-ended", socket ? socket : "");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

int
main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	name = name ? name + 1 : argv[0];
	if (strcmp(name, "skep-mover") == 0)
		return argc >= 3 ? move(argv[1], argv[argc - 1]) : 2;
	bool is_logger = strcmp(name, "skep-logger") == 0;
	if (hand_over(is_logger) != 0)
		return 1;
	struct pollfd p = {.fd = KPROTO_FD};
	while (poll(&p, 1, -1) < 0 || !(p.revents & (POLLHUP | POLLERR)))
		;
	if (!is_logger)
		leave_word();
	return 0;
}
