/* A member of a group: answers each message that asks with its own name, and
 * connects anew when skep-node does.
 *
 *   answerer
 */
#include <skep/mailbox.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM 16

static char packet[SKEP_MAIL_PACKET_MAX];

static int
connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
say(int fd, const struct skep_mail_header *h, const char *body)
{
	size_t size = strlen(body);
	memcpy(packet, h, sizeof *h);
	memcpy(packet + sizeof *h, body, size);
	return send(fd, packet, sizeof *h + size, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Answers until the connection ends. */
static void
serve(int fd, const char *name)
{
	struct skep_mail_header h = {.op = SKEP_MAIL_RECV, .number = ROOM};
	struct skep_mail_header one = {.op = SKEP_MAIL_RECV, .number = 1};
	if (say(fd, &h, ""))
		return;
	for (;;) {
		ssize_t n = recv(fd, packet, sizeof packet, 0);
		if (n < (ssize_t)sizeof h)
			return;
		memcpy(&h, packet, sizeof h);
		if (h.op != SKEP_MAIL_MESSAGE)
			continue;
		struct skep_mail_header reply = {
			.op = SKEP_MAIL_REPLY, .number = h.number};
		if (h.flags & SKEP_MAIL_ASKS && say(fd, &reply, name))
			return;
		if (say(fd, &one, ""))
			return;
	}
}

int
main(void)
{
	const char *path = getenv("SKEP_MAILBOX");
	const char *name = getenv("SKEP_NAME");
	if (!path || !name) {
		fprintf(stderr, "answerer: no SKEP_MAILBOX, no SKEP_NAME\n");
		return 1;
	}
	for (;;) {
		int fd = connect_to(path);
		if (fd >= 0) {
			serve(fd, name);
			close(fd);
		}
		usleep(100000);
	}
}
