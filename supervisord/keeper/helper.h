/* skep-node and skep-logger: started, listened to, and started again.
 *
 * A helper runs as the helpers' user in a session of its own with our socket
 * as KPROTO_FD and a clean environment.  One that ends is started again, at
 * once after a good run, with a growing delay up to 5 s when it keeps dying.
 * One that does not answer a PING for 10 s, sends what is not of the form, or
 * does not read what we say, is killed first.
 */
#ifndef SKEP_KEEPER_HELPER_H
#define SKEP_KEEPER_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cursor.h"
#include "base/mono.h"
#include "keeper/loop.h"
#include "keeper/outbox.h"
#include "sys/ipc.h"
#include "sys/say.h"

struct keeper;

/* What one kind of helper does when something happens to it. */
struct helper_ops {
	const char *program; /* file name in the libexec directory */
	/* It was started: say hello. */
	void (*on_up)(struct keeper *k);
	/* It sent 'm'; descriptors that the callee keeps are set to -1 in it.
	 * false: the message is not of the form. */
	bool (*on_message)(struct keeper *k, struct ipc_message *m);
	/* It ended with wait status 'status'. */
	void (*on_down)(struct keeper *k, int status);
};

/* One helper. */
struct helper {
	struct keeper *keeper; /* borrowed */
	const struct helper_ops *ops;
	pid_t pid;	      /* 0 while it does not run */
	struct watch watch;   /* our end of the socket */
	struct outbox outbox; /* what it has not read yet */
	struct timer restart; /* when to start it again */
	struct timer ping;    /* when to ask again */
	bool is_asked;	      /* a PING is not answered yet */
	bool is_ended;	      /* killed by us, no longer listened to */
	mono asked;	      /* when that PING was sent */
	mono started;	      /* when it was started */
	unsigned bad_runs;    /* short runs in a row */
	uint32_t restarts;    /* starts after the first */
	struct say_limit complaints;
};

/* Prepares a helper; starts nothing. */
void helper_init(
	struct helper *h, struct keeper *k, const struct helper_ops *ops);

/* Starts it, or arms the next try. */
void helper_start(struct helper *h);

/* Says something to it; nothing while it is down. */
void helper_send(struct helper *h, uint16_t type, struct bytes body,
	const int *fds, unsigned fd_count);

/* It answered the PING. */
void helper_on_pong(struct helper *h);

/* Ends it because of 'why'; it will be started again. */
void helper_end(struct helper *h, const char *why);

/* Its process was reaped. */
void helper_on_exit(struct helper *h, int status);

/* Kills its process; harmless when there is none. */
void helper_kill(struct helper *h);

/* Closes our end, after which it leaves by itself; it is not started again. */
void helper_close(struct helper *h);

#endif
