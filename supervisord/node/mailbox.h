/* The mailboxes of the services that run here.
 *
 * One listening SOCK_SEQPACKET socket for all, which the keeper holds; who
 * connects is told by the kernel and belongs to an instance (whose.h), or is
 * refused.  The packets are those of skep/mailbox.h.
 *
 * Messages wait in the core.  What it delivers goes to one of the connections
 * of its name that has asked for more (RECV), and has arrived when the kernel
 * has it in that connection's buffer.  A connection that does not read keeps
 * what it was given, until it does or ends; what was not written by then goes
 * back to the core.
 */
#ifndef SKEP_NODE_MAILBOX_H
#define SKEP_NODE_MAILBOX_H

#include <stddef.h>

#include "core/effect.h"

struct node;
struct mailboxes;

/* Listens on 'fd' (taken; -1: on nothing). */
struct mailboxes *mailboxes_new(struct node *n, int fd);
/* Ends all connections. */
void mailboxes_free(struct mailboxes *m);

/* Carries out DELIVER. */
void mailboxes_deliver(struct mailboxes *m, const struct effect_deliver *e);

/* Connections, for the metrics. */
size_t mailboxes_count(const struct mailboxes *m);

#endif
