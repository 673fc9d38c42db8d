/* skep-node: the shell around one core.
 *
 * One thread runs the loop (libev): it turns what happens into inputs, steps
 * the core and carries out the effects (apply.c, carry.c).  Whatever may
 * block lives elsewhere: the store on a thread of its own, hashing and file
 * chunks on a small pool.  All functions here are called on the loop's
 * thread.
 */
#ifndef SKEP_NODE_NODE_H
#define SKEP_NODE_NODE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/core.h"
#include "core/view.h"
#include "node/events.h"
#include "sys/conf.h"
#include "sys/err.h"

struct api;	   /* api.h: HTTP over the Unix socket (and TCP) */
struct store;	   /* store.h: SQLite on its own thread */
struct mails;	   /* mail.h: who waits for which message */
struct mailboxes;  /* mailbox.h: the sockets of services */
struct keeper;	   /* keeper_link.h: the session with skepd */
struct health;	   /* health.h: probes of instances */
struct schedules;  /* schedule.h: when scheduled services are due */
struct links;	   /* links.h: TLS connections to the other hosts */
struct tls;	   /* tls.h: how links are protected */
struct bulk;	   /* bulk.h: states of services in motion */
struct pool;	   /* pool.h: threads that may block */
struct queries;	   /* query.h: what hosts ask each other for readers */
struct moves;	   /* moves.h: moves away from here, for who looks on */
struct states;	   /* states.c: DUMPs and FETCHes under way */
struct publish;	   /* publish.h: names for local programs */
struct apply;	   /* apply.h: effects that wait, and their order */
struct quarantine; /* quarantine.h: items that made the node crash */
struct launcher;   /* launch.h: specs that were started, decoded */
struct specdir;	   /* specdir.h: services.d */
struct recording;  /* recording.h: inputs to a file, if asked for */
struct tracks;	   /* tracks.h: processes that have names */
struct requests;   /* requests.h: who waits for which REPLY */

/* The whole program. */
struct node {
	struct ev_loop *loop;
	struct conf conf; /* skep.conf as read at start */
	struct core *core;
	struct store *store;
	struct keeper *keeper;
	struct health *health;
	struct schedules *schedules;
	struct tls *tls;
	struct links *links;
	struct bulk *bulk;
	struct queries *queries;
	struct pool *readers; /* of files, NULL before the first feed */
	struct states *states;
	struct moves *moves;
	struct api *api;
	struct publish *publish;
	struct apply *apply;
	struct quarantine *quarantine;
	struct launcher *launcher;
	struct specdir *specdir;
	struct requests *requests;
	struct tracks *tracks;
	struct mails *mails;
	struct mailboxes *mailboxes;
	struct recording *recording;
	struct list followers;	/* of events; events.c's */
	struct alert *alert;	/* NULL: no command is told of them */
	uint64_t next_request;	/* for node_request */
	const char *weaker_why; /* from WELCOME: why "stopped" is weaker */
	const char *keeper_version;
	uint32_t keeper_crashes;
	uint64_t keeper_start_ms;
	uint64_t reexec_request; /* who waits for 'on_going', 0 for nobody */
	char socket_path[300];	 /* the control socket, for services */
	char mailbox_path[300];	 /* the same of their mailboxes */
	mono started;		 /* when this node started */
	bool has_joins;		 /* skep.conf names other hosts to join */
	mono peers_since;	 /* when a peer was first seen alive */
	bool is_booted;		 /* the core took BOOT */
	bool is_stopping;	 /* skepd ends: 'keeper_ended' is owed */
	bool is_announced;	 /* others were told that it starts again ... */
	mono announced;		 /* ... at this time */
	bool is_ending;		 /* no more effects are carried out */
	int exit_code;
	ev_timer tick;	 /* at the core's deadline */
	mono tick_at;	 /* what 'tick' is set to */
	ev_timer files;	 /* until services.d may be applied */
	ev_timer linger; /* until what was announced is out */
};

/* Steps the core with 'in' ('now' and 'wall_ms' are filled in here) and
 * carries the effects out. */
void node_step(struct node *n, struct input *in);

/* What a REPLY brings back; 'text' is borrowed. */
typedef void node_reply_fn(
	void *context, enum reply_code code, const char *text);

/* Steps with a REQUEST, REGISTER, SPEC_SET or SPEC_DEL whose request number is
 * filled in here; 'done' is called once, perhaps before this returns.  Returns
 * the number, for node_cancel. */
uint64_t node_request(
	struct node *n, struct input *in, node_reply_fn *done, void *context);

/* Forgets the callback of a request whose asker went away. */
void node_cancel(struct node *n, uint64_t request);

/* Tells the other hosts that this node ends and another comes, so that they
 * do not suspect it meanwhile. */
void node_announce(struct node *n);

/* Leaves the loop at the next turn, or in the moment that an announcement
 * takes; nothing is carried out any more.  With an 'exit_code' other than 0
 * the keeper starts a new node. */
void node_end(struct node *n, int exit_code, const char *why);

#endif
