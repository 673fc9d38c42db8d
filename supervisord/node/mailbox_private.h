/* What the parts of the mailboxes share: connections (mailbox.c), and what is
 * said on them (mailbox_talk.c).
 */
#ifndef SKEP_NODE_MAILBOX_PRIVATE_H
#define SKEP_NODE_MAILBOX_PRIVATE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/list.h"
#include "skep/mailbox.h"

/* A packet that its reader has no room for. */
struct mail_packet {
	struct list link;
	uint64_t number; /* of a DELIVER, or 0 */
	size_t size;
	unsigned char data[];
};

struct mailboxes {
	struct node *node;
	int fd;
	struct ev_io io;
	struct ev_timer pause; /* no descriptors are left */
	struct list clients;   /* whose turn it is first */
	size_t count;
	unsigned char buffer[SKEP_MAIL_PACKET_MAX];
	unsigned char incoming[SKEP_MAIL_PACKET_MAX + 1];
};

/* One connection of a service. */
struct mail_client {
	struct list link;
	struct mailboxes *boxes;
	int fd;
	struct ev_io io;
	struct ev_prepare reaper; /* fed when it has ended, never started */
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t epoch; /* of the run that it belongs to */
	uint32_t room;	/* messages that it asked for */
	bool is_ending;
	struct list pending; /* struct mail_packet */
	uint32_t pending_count;
	struct list asks; /* struct mail_talk, mailbox_talk.c's */
	uint32_t ask_count;
};

/* Takes one packet; false: the connection ends. */
bool mail_client_read(
	struct mail_client *k, const unsigned char *packet, size_t size);
/* Nobody is there any more who waits for anything. */
void mail_client_forget_asks(struct mail_client *k);
/* It asks for so many messages more. */
void mail_client_take(struct mail_client *k, uint64_t count);
/* Says something; sizes are filled in here. */
void mail_client_say(struct mail_client *k, struct skep_mail_header *h,
	const char *name, const char *text, struct bytes body);

#endif
