/* The session with the keeper: commands out, reports in.
 *
 * kproto.h is the protocol.  The session begins with 'keeper_greet', which
 * waits for the keeper's whole account of what runs; from 'keeper_start' on
 * reports become inputs of the core.  Instances travel by a short id that is
 * the hash of their name; the names are remembered here.
 *
 * Commands never block: what the socket does not take waits in an outbox.
 * When the keeper is gone the node has nothing left to do and leaves.
 */
#ifndef SKEP_NODE_KEEPER_LINK_H
#define SKEP_NODE_KEEPER_LINK_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/effect.h"
#include "core/input.h"
#include "sys/err.h"
#include "sys/kproto.h"

struct keeper;

/* What the keeper's word causes.  Texts are borrowed during the call. */
struct keeper_hooks {
	void *context;
	/* A report for the core; the clocks are not filled in. */
	void (*on_input)(void *context, struct input *in);
	/* The answer to 'keeper_collect': 'socket' (taken) yields the state,
	 * or it is -errno and 'why' says why there is none: -ESRCH, -ENOENT or
	 * -ESTALE when there is no such run. */
	void (*on_mover)(void *context, const char *name, uint64_t epoch,
		bool is_checkpoint, int socket, const char *why);
	/* An exec probe came to its end. */
	void (*on_probed)(
		void *context, const char *name, const struct kproto_ran *ran);
	/* What it says of itself, for people: KNEWS_STATUS, _RELOADING,
	 * _STOPPING and _OOM. */
	void (*on_word)(void *context, const char *name,
		const struct kproto_news *news);
	/* The keeper goes and leaves the services to the next one, and so
	 * will this node ('why' is NULL); or, in answer to 'keeper_reexec', it
	 * does not. */
	void (*on_going)(void *context, const char *why);
	/* All of skepd ends: what runs is to be stopped, and then
	 * 'keeper_ended' said. */
	void (*on_ending)(void *context);
	/* The keeper is gone (code 0) or does not make sense. */
	void (*on_end)(void *context, int exit_code, const char *why);
};

/* What WELCOME said; texts are the session's until 'keeper_free'. */
struct keeper_welcome {
	int sockets[KSOCKET_COUNT]; /* the receiver's; -1: there is none */
	const char *boot_id;
	const char *conf_path;
	const char *weaker_why; /* "" when cgroups are tracked */
	uint32_t node_restarts;
	const char *keeper_version;
	uint32_t keeper_crashes;  /* unasked ends of skepd, in a row */
	uint64_t keeper_start_ms; /* CLOCK_BOOTTIME of its start */
	bool has_crash;		  /* the last node died: */
	struct kproto_crash crash;
};

/* Speaks on 'fd' (taken). 'hooks' is copied. */
struct keeper *keeper_new(
	struct ev_loop *loop, int fd, const struct keeper_hooks *hooks);
void keeper_free(struct keeper *k);

/* Reads up to SYNCED, waiting 'timeout_ms' at most.  -EPIPE: the keeper is
 * gone; -ETIMEDOUT, -EBADMSG, -EPROTONOSUPPORT (another version). */
int keeper_greet(struct keeper *k, struct keeper_welcome *out,
	int64_t timeout_ms, struct err *err);
/* Calls 'fn' for each instance that the keeper told of, then forgets the
 * account (not the names). */
typedef void keeper_found_fn(void *context, const struct input_found *found);
void keeper_each_found(struct keeper *k, keeper_found_fn *fn, void *context);
/* The name that an instance's short id stands for, or NULL. */
const char *keeper_name_of(struct keeper *k, uint64_t iid);
/* Begins to listen. */
void keeper_start(struct keeper *k);

/* Commands.  'body' is a KMSG_START body for 'name'; 'state_fd' (borrowed) is
 * -1 when there is no state, 'theirs_fd' when there is none to be joined with
 * it.  -EEXIST when another name has the same id. */
int keeper_start_instance(struct keeper *k, const char *name, uint64_t epoch,
	struct bytes body, int state_fd, int theirs_fd);
void keeper_signal(struct keeper *k, const struct effect_signal *s);
void keeper_run(struct keeper *k, const struct effect_run *r);
/* Runs an exec probe (KCMD_READINESS, KCMD_LIVENESS); the end comes by
 * 'on_probed'. */
void keeper_probe(struct keeper *k, const char *name, uint64_t epoch,
	enum kproto_command command, int64_t timeout_ms);
/* It is ready: for the next node to know. */
void keeper_ready(struct keeper *k, const char *name, uint64_t epoch);
void keeper_kill(struct keeper *k, const char *name, uint64_t epoch);
void keeper_forget(struct keeper *k, const struct effect_proc *p);
void keeper_collect(
	struct keeper *k, const char *name, uint64_t epoch, bool is_checkpoint);

/* Orders to all of skepd: stop all services and end; be replaced by the
 * program that is installed now. */
void keeper_shutdown(struct keeper *k);
void keeper_reexec(struct keeper *k);

/* Nothing is left that this node would stop: the answer to 'on_ending'. */
void keeper_ended(struct keeper *k);

/* Says, once a second at most, that this node is alive.  For the long steps of
 * a start, in which PINGs are not read. */
void keeper_breathe(struct keeper *k);

/* Says at once what is about to be taken in; 0: nothing any more. */
void keeper_digesting(struct keeper *k, uint64_t digest);

#endif
