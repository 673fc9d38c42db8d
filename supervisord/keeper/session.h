/* The conversation with skep-node: what it commands and what it is told.
 *
 * A new node gets WELCOME with the sockets, CRASHED when its predecessor
 * died, an INSTANCE for each that we know, and SYNCED.  A command is answered
 * by events; one that cannot be carried out by REFUSED.
 */
#ifndef SKEP_KEEPER_SESSION_H
#define SKEP_KEEPER_SESSION_H

#include <stdint.h>

#include "keeper/helper.h"
#include "keeper/instance.h"
#include "sys/kproto.h"

/* The node's part of a helper. */
extern const struct helper_ops session_ops;

/* Tells the node what happened to an instance. */
void session_send_event(
	struct instance *i, enum kproto_message type, int64_t value);

/* A command of it is over, or was not run. */
void session_send_ran(struct keeper *k, const struct kproto_ran *ran);

/* What it said of itself, or was seen to do. */
void session_send_news(struct instance *i, enum kproto_news_kind kind,
	int64_t number, const char *text);

/* Lets go of an instance of which nothing is left; frees it, unless its last
 * output waits for the logger. */
void session_forget(struct instance *i);

/* START_FAILED or REFUSED. */
void session_send_failure(struct keeper *k, enum kproto_message type,
	const struct kproto_failure *f);

/* A child was reaped that is neither leader nor helper: perhaps a mover. */
void session_on_orphan(struct keeper *k, pid_t pid);

/* Whether something of what 'iid' left is still being set aside: a start must
 * wait for that. */
bool session_is_moving(const struct keeper *k, uint64_t iid);

#endif
