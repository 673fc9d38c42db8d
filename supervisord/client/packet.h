/* A packet of a mailbox (skep/mailbox.h has its form): how both ends put one
 * together and take it apart.
 */
#ifndef SKEP_CLIENT_PACKET_H
#define SKEP_CLIENT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "skep/mailbox.h"

/* What stands in a packet, borrowed from it; the texts have no NUL. */
struct packet {
	struct skep_mail_header h;
	const char *name; /* of h.name_size bytes */
	const char *text; /* of h.text_size bytes */
	const char *body;
	size_t size; /* of 'body' */
};

/* Takes 'size' bytes apart; false when they end before what they announce. */
static inline bool
packet_cut(const void *bytes, size_t size, struct packet *out)
{
	if (size < sizeof out->h)
		return false;
	memcpy(&out->h, bytes, sizeof out->h);
	size_t head = sizeof out->h + out->h.name_size + out->h.text_size;
	if (size < head)
		return false;
	out->name = (const char *)bytes + sizeof out->h;
	out->text = out->name + out->h.name_size;
	out->body = out->text + out->h.text_size;
	out->size = size - head;
	return true;
}

/* Sends one with a name and no text; the name's size is filled in.  As
 * sendmsg(2) with 'flags'. */
static inline ssize_t
packet_send(int fd, struct skep_mail_header *h, const char *name,
	const void *body, size_t size, int flags)
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
	return sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
}

#endif
