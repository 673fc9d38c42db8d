/* Reading a core: what status, why, plan and the metrics ask.
 *
 * Nothing here changes anything or has effects; the texts are borrowed until
 * the next step, and may take room among the effects.  The node's own thread
 * reads between two steps.
 */
#ifndef SKEP_CORE_VIEW_H
#define SKEP_CORE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/checkpoint.h"
#include "core/core.h"
#include "core/group.h"
#include "core/member.h"
#include "core/registry.h"
#include "core/specs.h"
#include "core/text.h"

#define VIEW_KEPT_MAX 4

/* The state of a copy that lost, on some host's disk (conflict.h). */
struct kept_view {
	const char *node;
	uint64_t epoch;	 /* of the run that left it */
	uint64_t size;	 /* bytes; 0: not known */
	int64_t wall_ms; /* when it was sealed */
	bool was_live;	 /* it ran until it lost */
	uint8_t root[DIGEST_SIZE];
};

/* One instance, desired and actual side by side. */
struct instance_view {
	const char *name;	 /* full instance name */
	char service[INSTANCE_NAME_MAX + 1];
	bool is_declared;	 /* its service is in the desired state */
	bool is_wanted;		 /* should run: declared, on, not stopped */
	const char *state;	 /* row_state_name, "pending" or "unplaced" */
	const char *node;	 /* holder, or "" */
	const char *duty;	 /* where it belongs by rank, or "" */
	uint64_t epoch;
	uint32_t pid;
	uint32_t restarts;
	int32_t status;		 /* last wait status */
	int64_t since_wall_ms;
	uint64_t run_digest;	 /* running */
	uint64_t wanted_digest;	 /* desired; differs while a change rolls */
	bool is_foreign_copy;	 /* a second held row exists (conflict) */
	uint32_t kept_count;	 /* the newest of these */
	struct kept_view kept[VIEW_KEPT_MAX];
	bool is_done;		 /* a oneshot that ended with success */
	bool is_refused;	 /* unplaced, and a host cannot run it */
	bool has_late_move;	 /* here, and an operator wants it elsewhere */
	bool is_left_alone;	 /* ... but this run cannot or will not go */
	int64_t move_again_ms;	 /* ... and it is not tried again before; -1:
				    as soon as it can be */
	bool has_checkpoints;	 /* its service wants some: view_checkpoint */
	char why[NOTE_TEXT_MAX]; /* one line of trouble or progress, or "" */
};

/* Walks all known instances in the order of their services' names and
 * ordinals.  'cursor' starts as 0; false ends. */
bool view_instance_next(struct core *c, uint32_t *cursor,
	struct instance_view *out);
/* Finds one by full name; false if unknown. */
bool view_instance(struct core *c, const char *name,
	struct instance_view *out);
/* Finds one and says where it is and how, and nothing that takes room for words
 * among the effects ('why', what is kept, moves): for who writes a message. */
bool view_state(struct core *c, const char *name, struct instance_view *out);

/* Writes into 'buffer' two or three sentences: why it runs where it runs, or
 * why it does not run and what would help.  Returns false if unknown. */
bool view_why(struct core *c, const char *name, char *buffer, size_t size);

/* Adds why hosts are not eligible, "beta is cordoned; gamma is not alive";
 * false when all are, and nothing was added. */
bool view_say_verdicts(struct core *c, const struct instance *i,
	const struct service_value *s, struct text *t);

/* Whether some host said that it cannot run it as it is declared now. */
bool view_is_refused(struct core *c, const char *name);
/* Whether it stays as it is until somebody does something: it ended or was
 * given up as it is declared now and no later word to start is under way, or
 * all hosts that might take it are here and none can.  Never what has a
 * schedule, which starts it again. */
bool view_is_at_rest(struct core *c, const char *name);

/* What hosts tell of an instance's checkpoints.  Ages are by this host's clock
 * and that of the host that wrote them. */
struct checkpoint_view {
	bool is_held;	 /* it runs; else nothing is at stake */
	bool is_late;	 /* none has counted for too long, see skep.yaml(5) */
	bool is_waiting; /* who starts it with 'next' would wait for 'acked' */
	uint32_t wanted; /* hosts beside the holder that should keep them */
	uint32_t named;	 /* those that there are at present */
	uint32_t have;	 /* those that have the newest */
	int64_t every_ms;
	int64_t age_ms;		/* of 'acked'; -1: there is none */
	int64_t loss_ms;	/* age of 'next'; -1: there is none, or nothing
				   is at stake */
	struct snapshot acked;	/* the last that counts; size 0 */
	struct snapshot newest; /* the holder's, else anybody's here */
	struct snapshot next;	/* what the next owner would begin with if the
				   holder died now */
	const char *next_node;	/* who has that, or "" */
};

/* False when the service wants none, or the name is unknown. */
bool view_checkpoint(
	struct core *c, const char *name, struct checkpoint_view *out);
/* The same as one to three sentences, each with a blank behind it; "" when
 * there is nothing to say. */
void view_checkpoint_text(
	struct core *c, const char *name, char *buffer, size_t size);

/* One move that this host takes part in, as far as it has come. */
struct move_view {
	const char *name;	/* instance */
	const char *peer;	/* the other host */
	const char *state;	/* handoff_state_name */
	bool is_source;		/* it leaves this host */
	const uint8_t *root;	/* of its state; NULL: none, or not yet */
	bool has_size;		/* what there is to carry is known */
	bool is_there;		/* and all of it is at the target */
	uint64_t size;		/* bytes of state */
};

/* Walks the moves; 'cursor' starts as 0, false ends. */
bool view_move_next(const struct core *c, uint32_t *cursor,
	struct move_view *out);

/* Walks the instances here that an operator wants elsewhere ('has_late_move'),
 * without a look at those nobody moved: it is asked again and again.  '*cursor'
 * starts as NULL, false ends. */
bool view_late_next(struct core *c, const struct entry **cursor,
	struct instance_view *out);

/* What counts of a name, of whatever kind: where it is. */
struct name_view {
	const char *name;
	const char *node; /* who holds it; a present host */
	enum row_kind kind;
	enum row_state state;
	uint32_t pid;
	uint64_t epoch;
	int64_t since_wall_ms;
	struct bytes meta; /* of a process: a JSON object, or empty; what a
			      service says stands in its body */
};

/* False when nothing of that name is held on a present host. */
bool view_name(struct core *c, const char *name, struct name_view *out);

typedef void view_name_fn(void *context, const char *name);

/* Names, the whole of the cluster's, in parts: visits some 'count' of those
 * that rows are of, whether anything is held or not, and those of rows that say
 * who is in a group (ROW_GROUP_END is in them).  '*cursor' starts as 0;
 * false when that were all.  Steps in between hide no name that stays, and may
 * show one twice. */
bool view_names_walk(const struct core *c, uint64_t *cursor, uint32_t count,
	view_name_fn *visit, void *context);
/* Visits the names that may be something else since the last step; false, and
 * none, when these are all. */
bool view_names_changed(
	const struct core *c, view_name_fn *visit, void *context);

/* One name in a group, which runs on a host that is present. */
struct group_view {
	const char *member;
	const char *node;
	uint32_t pid;
	uint64_t epoch;
	const char *state; /* row_state_name */
	bool is_ready;
	int64_t since_wall_ms; /* since when it is in the group */
};

/* Walks a group, in no order; '*cursor' starts as NULL, false ends. */
bool view_group_next(const struct core *c, const char *group,
	const struct membership **cursor, struct group_view *out);

/* Whether a row of that name says so, of a host that is present. */
bool view_is_member(const struct core *c, const char *text);

/* Messages that passed through this host since its node started. */
struct mail_view {
	uint32_t waiting; /* of senders here, until their end is known */
	uint64_t sent;	  /* letters to other hosts */
	uint64_t taken;	  /* by processes here */
	uint64_t refused; /* here: full, late, or the name is elsewhere */
	uint64_t again;	  /* letters that came a second time */
	uint64_t lost;	  /* of senders here: nobody knows what became of it */
};
void view_mail(const struct core *c, struct mail_view *out);

/* One host. */
struct node_view {
	const char *name;
	const char *state;	 /* member_state_name */
	enum node_intent intent; /* wanted by operators */
	char reason[128];	 /* of the intent */
	const char *progress;	 /* "", "draining", "drained", "undrainable" */
	const char *address;
	const char *hold;	 /* member_hold_name; self and peers;
				    "stalled": its store does not write;
				    "restarting": it went to start again */
	const char *hold_text;	 /* this host's own reason, else "" */
	int64_t hold_left_ms;	 /* until the hold ends; -1: no end or none */
	bool is_self;
	bool is_linked;
	uint64_t incarnation;
	uint32_t weight;
	uint32_t instances;	 /* held there */
	int64_t heard_ms;	 /* since its last frame; -1: never, self */
	uint64_t log_position;
	int64_t clock_off_ms;	 /* its wall clock is so far ahead (negative:
				    behind) of those of most; 0: not known */
	char version[32];
	uint32_t drain_total;	 /* instances there when the drain began */
	uint32_t drain_left;	 /* not yet ready elsewhere */
	uint32_t drain_stuck;	 /* of those, cannot move; see view_why */
};

/* Number of members, and one of them; false for an unused number. */
uint32_t view_node_count(const struct core *c);
bool view_node(struct core *c, uint32_t index, struct node_view *out);

/* The whole cluster in a few numbers. */
struct cluster_view {
	const char *cluster;
	const char *node;
	uint32_t members;	/* on the list */
	uint32_t alive;
	uint32_t services;
	uint32_t instances;
	uint32_t ready;
	uint32_t done; /* not ready, but as they should be: is_done */
	uint32_t unplaced;
	const char *hold;
	const char *hold_text;
	int64_t hold_left_ms;
	uint64_t spec_root;
	uint64_t settings_digest;
	uint64_t view_digest;
	uint64_t resets;	/* replicas reset by the audit */
	uint64_t unknown_frames;
};
void view_cluster(struct core *c, struct cluster_view *out);

/* What applying a service would do to one instance. */
enum plan_action {
	PLAN_NOTHING,  /* runs and stays */
	PLAN_UPDATE,   /* stays; only its description changes */
	PLAN_START,    /* will be started on 'node' */
	PLAN_RESTART,  /* will be restarted in place */
	PLAN_STOP,     /* will be stopped */
	PLAN_UNPLACED, /* no eligible host */
	PLAN_ACTION_COUNT,
};
struct plan_item {
	char instance[INSTANCE_NAME_MAX + 1];
	enum plan_action action;
	const char *node;   /* where, or where it runs; "" if nowhere */
	char why[NOTE_TEXT_MAX]; /* one sentence */
};
/* Plans one service as SPEC_SET would give it ('policy' NULL: its deletion),
 * item by item: 'cursor' starts as 0; false ends.  Pure. */
bool view_plan(struct core *c, const char *service,
	const struct spec_policy *policy, uint64_t digest, uint64_t run_digest,
	uint32_t *cursor, struct plan_item *out);
/* Index of the desired state that a plan was computed from. */
uint64_t view_plan_index(const struct core *c);
const char *plan_action_name(enum plan_action action);

#endif
