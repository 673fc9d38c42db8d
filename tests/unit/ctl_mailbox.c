/* A mailbox for the tests of skepctl, on a Unix socket.
 *
 *   ctl_mailbox SOCKET
 *
 * A RECV gets a MESSAGE, a CALL one ANSWER and a MULTICALL two, and then DONE:
 * the bytes 0xff, NUL, 'a', and of the second answer a text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/packet.h"

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
say(int fd, enum skep_mail_op op, uint32_t tag, const char *name,
	const void *body, size_t size)
{
	struct skep_mail_header h = {.op = (uint16_t)op, .tag = tag};
	if (packet_send(fd, &h, name, body, size, 0) < 0)
		die("packet_send");
}

static void
serve(int fd)
{
	static unsigned char bytes[SKEP_MAIL_PACKET_MAX];
	struct packet p;
	ssize_t n = recv(fd, bytes, sizeof bytes, 0);
	if (n <= 0 || !packet_cut(bytes, (size_t)n, &p))
		return;
	if (p.h.op == SKEP_MAIL_RECV) {
		say(fd, SKEP_MAIL_MESSAGE, 0, "web@1", "\377\0a", 3);
		return;
	}
	say(fd, SKEP_MAIL_ANSWER, p.h.tag, "web@1", "\377\0a", 3);
	if (p.h.op == SKEP_MAIL_MULTICALL)
		say(fd, SKEP_MAIL_ANSWER, p.h.tag, "web@2", "yes", 3);
	say(fd, SKEP_MAIL_DONE, p.h.tag, "", "", 0);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (argc != 2)
		return 2;
	/* Who sees the socket can connect to it. */
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", argv[1]);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 16) < 0 ||
		rename(address.sun_path, argv[1]) < 0)
		die(argv[1]);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return 0;
		serve(fd);
		close(fd);
	}
}
