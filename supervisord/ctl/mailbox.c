#include "ctl/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

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
		return -1;
	}
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		err_sys(&ctl->err, -errno, "%s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

int
mailbox_send(struct ctl *ctl, int fd, struct skep_mail_header *h,
	const char *name, const void *body, size_t size)
{
	/* sendmsg changes none of them. */
	union {
		const void *in;
		void *out;
	} parts[] = {{name}, {body}};
	h->name_size = (uint16_t)strlen(name);
	struct iovec iov[] = {{h, sizeof *h}, {parts[0].out, h->name_size},
		{parts[1].out, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};
	/* Who is not heard finds the reason when it reads. */
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return err_sys(&ctl->err, -errno, "the mailbox");
	return 0;
}

static int
take_apart(struct ctl *ctl, const unsigned char *packet, size_t size,
	struct mailbox_packet *out)
{
	size_t at = sizeof out->h;
	if (size >= at)
		memcpy(&out->h, packet, at);
	if (size < at || at + out->h.name_size + out->h.text_size > size ||
		out->h.name_size >= sizeof out->name ||
		out->h.text_size >= sizeof out->text)
		return err_set(&ctl->err, -EBADMSG,
			"the mailbox: a packet makes no sense");
	memcpy(out->name, packet + at, out->h.name_size);
	out->name[out->h.name_size] = '\0';
	at += out->h.name_size;
	memcpy(out->text, packet + at, out->h.text_size);
	out->text[out->h.text_size] = '\0';
	at += out->h.text_size;
	out->body_size = size - at;
	if (out->body_size > sizeof out->body)
		return err_set(&ctl->err, -EMSGSIZE,
			"the mailbox: a packet is too long");
	memcpy(out->body, packet + at, out->body_size);
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
