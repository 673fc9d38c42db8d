#include "ctl/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/packet.h"

bool
mailbox_is_here(void)
{
	const char *path = getenv("SKEP_MAILBOX");
	return path && *path;
}

int
mailbox_open(struct ctl *ctl)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = getenv("SKEP_MAILBOX");
	if (!path || !*path || strlen(path) >= sizeof a.sun_path) {
		err_set(&ctl->err, -EINVAL,
			"there is no mailbox here: only a process of a service "
			"has one, at SKEP_MAILBOX");
		return -EINVAL;
	}
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		int rc = err_sys(&ctl->err, -errno, "%s", path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	return fd;
}

int
mailbox_send(struct ctl *ctl, int fd, struct skep_mail_header *h,
	const char *name, const void *body, size_t size)
{
	/* Who is not heard finds the reason when it reads. */
	if (packet_send(fd, h, name, body, size, 0) < 0 && errno != EPIPE)
		return err_sys(&ctl->err, -errno, "the mailbox");
	return 0;
}

static int
take_apart(struct ctl *ctl, const unsigned char *packet, size_t size,
	struct mailbox_packet *out)
{
	struct packet p;
	if (!packet_cut(packet, size, &p) ||
		p.h.name_size >= sizeof out->name ||
		p.h.text_size >= sizeof out->text)
		return err_set(&ctl->err, -EBADMSG,
			"the mailbox: a packet makes no sense");
	if (p.size > sizeof out->body)
		return err_set(&ctl->err, -EMSGSIZE,
			"the mailbox: a packet is too long");
	out->h = p.h;
	memcpy(out->name, p.name, p.h.name_size);
	out->name[p.h.name_size] = '\0';
	memcpy(out->text, p.text, p.h.text_size);
	out->text[p.h.text_size] = '\0';
	out->body_size = p.size;
	memcpy(out->body, p.body, p.size);
	return 0;
}

int
mailbox_recv(
	struct ctl *ctl, int fd, int64_t timeout_ms, struct mailbox_packet *out)
{
	static unsigned char packet[SKEP_MAIL_PACKET_MAX];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int ready;
	do
		ready = poll(&p, 1,
			timeout_ms < 0 || timeout_ms > INT32_MAX
				? -1
				: (int)timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return err_set(
			&ctl->err, -ETIMEDOUT, "nothing came within that time");
	ssize_t size = recv(fd, packet, sizeof packet, 0);
	if (size < 0)
		return err_sys(&ctl->err, -errno, "the mailbox");
	if (size == 0)
		return err_set(&ctl->err, -EPIPE,
			"the mailbox was closed: skep-node starts again");
	return take_apart(ctl, packet, (size_t)size, out);
}

int
mailbox_exit_code(enum skep_mail_code code)
{
	switch (code) {
	case SKEP_MAIL_OK:
		return EXIT_DONE;
	case SKEP_MAIL_NOT_ALLOWED:
		return EXIT_NOT_PERMITTED;
	case SKEP_MAIL_TIMEOUT:
	case SKEP_MAIL_UNKNOWN:
		return EXIT_TIMEOUT;
	case SKEP_MAIL_NOT_FOUND:
	case SKEP_MAIL_INVALID:
	case SKEP_MAIL_MAILBOX_FULL:
	case SKEP_MAIL_FULL:
	case SKEP_MAIL_NO_NODE:
	case SKEP_MAIL_FAILED:
		break;
	}
	return EXIT_FAILED;
}

const char *
mailbox_code_name(enum skep_mail_code code)
{
	static const char *const names[] = {
		[SKEP_MAIL_OK] = "ok",
		[SKEP_MAIL_NOT_FOUND] = "not_found",
		[SKEP_MAIL_INVALID] = "invalid",
		[SKEP_MAIL_NOT_ALLOWED] = "forbidden",
		[SKEP_MAIL_MAILBOX_FULL] = "mailbox_full",
		[SKEP_MAIL_FULL] = "table_full",
		[SKEP_MAIL_NO_NODE] = "no_node_available",
		[SKEP_MAIL_TIMEOUT] = "timeout",
		[SKEP_MAIL_UNKNOWN] = "unknown",
		[SKEP_MAIL_FAILED] = "failed",
	};
	return code < sizeof names / sizeof *names ? names[code] : "failed";
}
