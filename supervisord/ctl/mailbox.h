/* The other end of a mailbox: what skepctl does inside a service.
 *
 * One connection to the socket at SKEP_MAILBOX, whose packets skep/mailbox.h
 * describes.  Errors are one sentence in 'err' and an exit code.
 */
#ifndef SKEP_CTL_MAILBOX_H
#define SKEP_CTL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ctl.h"
#include "skep/mailbox.h"

/* What came, taken apart; the texts end in a NUL. */
struct mailbox_packet {
	struct skep_mail_header h;
	char name[256];
	char text[1024];
	size_t body_size;
	unsigned char body[SKEP_MAIL_BODY_MAX];
};

/* Whether this process is in a service that has one. */
bool mailbox_is_here(void);
/* Connects; the descriptor, or -errno and ctl->err. */
int mailbox_open(struct ctl *ctl);
/* Sends one packet; sizes are filled in here.  0, or -errno and ctl->err. */
int mailbox_send(struct ctl *ctl, int fd, struct skep_mail_header *h,
	const char *name, const void *body, size_t size);
/* Waits for the next packet; 'timeout_ms' < 0: for ever.  0, or -errno and
 * ctl->err: -ETIMEDOUT, -EPIPE. */
int mailbox_recv(struct ctl *ctl, int fd, int64_t timeout_ms,
	struct mailbox_packet *out);
/* The exit code for what a DONE or an ANSWER says. */
int mailbox_exit_code(enum skep_mail_code code);
/* Its word in documents, as the API has it. */
const char *mailbox_code_name(enum skep_mail_code code);

#endif
