/* daemon-reexec: another skepd in this very process.
 *
 * The node asks; the file that we were started from is run with
 * --check-config first, so that a broken build or configuration is refused
 * and nothing has happened.  Then the helpers end, and what we know of
 * instances, with the descriptors that belong to it, goes into a memfd that
 * the new program reads.  The pid stays, services stay our children, sockets
 * stay open; the new skepd starts helpers of its own version.  Should it fail
 * to start it is as if skepd had crashed: the next one adopts.
 */
#ifndef SKEP_KEEPER_REEXEC_H
#define SKEP_KEEPER_REEXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "keeper/loop.h"
#include "sys/err.h"

struct keeper;

/* How far it has come. */
enum reexec_phase {
	REEXEC_NO,
	REEXEC_CHECKING, /* the new program reads its configuration */
	REEXEC_GOING,	 /* the node was told; it answers its asker */
	REEXEC_HELPERS,	 /* they end */
};

/* One attempt. */
struct reexec {
	enum reexec_phase phase;
	pid_t check;	    /* CHECKING: the process */
	struct timer bound; /* of the phase */
};

/* Remembers how we were started; before anything changes that. */
void reexec_init(struct keeper *k, char **argv);

/* The node asks for it; the answer goes to the node. */
void reexec_ask(struct keeper *k);

/* What is installed under the name of that helper is of another version than
 * we are: does the same by itself, but not twice in a row without a while
 * between. */
void reexec_heal(struct keeper *k, const char *program);

/* A child was reaped: whether it was ours. */
bool reexec_on_exit(struct keeper *k, pid_t pid, int status);

/* A helper has ended: goes on when both have. */
void reexec_check(struct keeper *k);

/* In the new program: whether it is one. */
bool reexec_is_resumed(void);

/* Takes over the sockets and the lock, and later the instances. */
int reexec_take_sockets(struct keeper *k, struct err *err);
void reexec_take_instances(struct keeper *k);

#endif
