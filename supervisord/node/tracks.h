/* Processes that have names by 'register': watched until they end.
 *
 * The core decides about names; it never sees a process.  This is the rest: a
 * pidfd for each process, which tells its end at once, and the names that it
 * has, which are given back then.  A name stands here from the answer "yes"
 * until the core deletes its record, whoever wanted that.
 *
 * A process that has very many names gives them back some at a time, so that
 * nothing else waits.
 */
#ifndef SKEP_NODE_TRACKS_H
#define SKEP_NODE_TRACKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cursor.h"
#include "node/node.h"

struct tracks;

struct tracks *tracks_new(struct node *n);
/* NULL accepted. */
void tracks_free(struct tracks *t);

/* Who wants which name for whom. */
struct tracks_ask {
	const char *name;
	pid_t pid;
	struct bytes meta;
	int64_t timeout_ms; /* 0: the usual one */
	struct actor actor;
	bool is_any; /* may name processes of other users than actor.uid */
};

/* Registers a process; 'done' is called once, perhaps before this returns.
 * Everything is copied. */
void tracks_register(struct tracks *t, const struct tracks_ask *ask,
	node_reply_fn *done, void *context);

/* Whether a process here that 'uid' runs has that name. */
bool tracks_is_owner(const struct tracks *t, const char *name, uid_t uid);

/* A stored name, before BOOT: its process is found again, or is gone. */
void tracks_on_load(struct tracks *t, struct bytes key, struct bytes value);
/* Tells the core of those that are gone; after all were loaded. */
void tracks_tell_gone(struct tracks *t);

/* The core deleted the record of a name. */
void tracks_forget(struct tracks *t, struct bytes key);

#endif
