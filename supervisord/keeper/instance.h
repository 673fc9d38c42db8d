/* The instances that this keeper started or adopted, and the end of their
 * life.
 *
 * One struct per iid, from its first START until it is forgotten.  The state
 * is of its running epoch:
 *
 *   LAUNCHING -> RUNNING -> LEAVING -> EMPTY      the usual way
 *   LAUNCHING -> FAILED -> EMPTY                  the start failed
 *   EMPTY -> FORGOTTEN                            waits for the logger only
 *
 * LEAVING and FAILED end when the leader is reaped and the cgroup (or process
 * group) holds nothing any more; EXITED is always said before EMPTY.
 */
#ifndef SKEP_KEEPER_INSTANCE_H
#define SKEP_KEEPER_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/map.h"
#include "keeper/child.h"
#include "keeper/ids.h"
#include "keeper/loop.h"
#include "keeper/notify.h"
#include "keeper/workdir.h"
#include "sys/err.h"
#include "sys/kproto.h"

struct keeper;
struct ahead_start;

#define INSTANCE_STATES(X)                                                     \
	X(INSTANCE_LAUNCHING) /* forked, not yet executing */                  \
	X(INSTANCE_RUNNING)   /* the leader lives */                           \
	X(INSTANCE_FAILED)    /* START_FAILED said; something may be left */   \
	X(INSTANCE_LEAVING)   /* EXITED said; something is left */             \
	X(INSTANCE_EMPTY)     /* nothing is left; remembered */                \
	X(INSTANCE_FORGOTTEN) /* its last output waits for the logger */

enum instance_state {
#define X(name) name,
	INSTANCE_STATES(X)
#undef X
};

/* One instance. */
struct instance {
	struct keeper *keeper;	/* borrowed */
	struct map_link by_iid; /* in instances.by_iid, always */
	struct map_link by_pid; /* in instances.by_pid while pid is not 0 */
	struct list in_all;	/* in instances.all, always */
	struct list in_ended;	/* in keeper.ended while its end is owed */
	enum instance_state state;
	int status; /* its wait status, once it is reaped, or KSTATUS_UNKNOWN */
	uint64_t iid;
	uint64_t epoch;		   /* the last START */
	uint64_t run_digest;	   /* as given with it */
	char *name;		   /* ours */
	struct ahead_start *start; /* as it came, ours; NULL: not kept */
	pid_t pid;		   /* leader, 0 once it is reaped */
	pid_t group;		   /* its process group, also afterwards */
	int pidfd;		   /* of the leader, or -1 */
	bool is_child;		   /* we reap it; else it was adopted */
	bool is_ready;		   /* by the node's word, or at once */
	bool is_killed;		   /* KILL was asked for this epoch */
	bool has_state_path;	   /* its state is a path, in its startcopy */
	struct watch end; /* adopted: its pidfd, which we do not close here */
	struct timer end_wait; /* adopted: how long its status may take */
	uint64_t start_time;   /* field 22 of its stat */
	int64_t started_wall_ms;
	uint64_t oom_kills;	/* that the cgroup counted before this start */
	bool was_oom;		/* the kernel killed some of it for memory */
	bool was_unwatched;	/* it missed its watchdog */
	bool was_signalled;	/* by us, in this epoch: it may end of that */
	bool is_kept;		/* its cgroup was kept for it, see kept.h */
	bool has_said_ready;	/* KNEWS_READY was said */
	bool has_failed;	/* START_FAILED was said: it never ran */
	uint8_t readiness;	/* kproto_readiness */
	char *ready_line;	/* KREADY_LOG_LINE: the ERE, ours; or NULL */
	int64_t watchdog_ms;	/* 0: none */
	struct notify notify;	/* what it says of itself */
	int cgroup_fd;		/* directory, -1 without cgroups; EMPTY: kept */
	enum child_step step;	/* where the launching child is */
	char *foreign_cgroup;	/* its path where it is not below our own */
	struct watch populated; /* cgroup.events */
	struct timer again;	/* look, or kill, once more; EMPTY: whether
				   its output is taken */
	struct watch report;	/* what the launching child says */
	struct timer deadline;	/* bound of the start */
	struct ids_kept *ids;	/* as whom it runs, ours; NULL: not known */
	struct kproto_log log;	/* output settings; 'name' is ours above */
	int fifo_fd;		/* our end, -1 without one */
	bool is_log_open;	/* the logger has its end */
	bool is_undrained;	/* EMPTY, and its last output is not taken */
	bool is_released;	/* FAILED, and FORGET came before EMPTY */
	bool has_handoff;	/* it was given a SKEP_STATE_OUT */
	bool has_checkpoint;	/* ... a SKEP_CHECKPOINT_OUT */
	uint8_t answer;		/* last ANSWER said, 0 for none */
	uint64_t ended_epoch;	/* the logger is not told of; 0: none */
	int stop_signal;	/* how skepd itself stops it; 0: SIGTERM */
	uint32_t stop_rank;	/* those of a higher rank go first */
	int64_t stop_timeout_ms;
	int64_t hook_timeout_ms; /* of pre_stop and post_stop */
	mono stop_until;	 /* when it is killed then */
	bool stop_all;		 /* the signal is for all of it */
	bool is_asked;		 /* to stop, as skepd ends */
	bool is_rest_asked;	 /* its leader is gone, the rest was asked */
	uint8_t handoff_target;	 /* kproto_target */
	bool is_for_checkpoint;	 /* 'handoff_signal' is checkpoint.signal */
	bool has_aside;		 /* it renamed something to its checkpoint */
	bool is_collected;	 /* what it left was read for the node */
	uint8_t handoff_signal;
	int answer_wd;			      /* inotify watch, -1 */
	struct workdir_marks answered_before; /* when it was asked */
	struct timer handoff; /* look again whether the signal is safe */
	mono handoff_until;   /* how long */
};

/* There is one for each service: what is rarely used hangs on it. */
_Static_assert(sizeof(struct instance) <= 656, "an instance became large");

#define INSTANCE_BUCKETS 4096
#define INSTANCES_MAX	 65536 /* that a node may have us remember */

/* All instances. */
struct instances {
	struct list all;
	struct map by_iid;
	struct map by_pid;
	struct map_link *iid_heads[INSTANCE_BUCKETS];
	struct map_link *pid_heads[INSTANCE_BUCKETS];
};

/* An empty table. */
void instances_init(struct instances *t);

/* Frees all structs; processes are left alone. */
void instances_fini(struct instances *t);

/* The instance, or NULL. */
struct instance *instance_find(struct instances *t, uint64_t iid);
struct instance *instance_find_pid(struct instances *t, pid_t pid);

/* A new instance in state EMPTY, or NULL without memory. */
struct instance *instance_new(struct keeper *k, uint64_t iid);

/* Takes it out of the table and frees it. */
void instance_free(struct instance *i);

/* Frees it, and nothing of it needs to be known to the next keeper. */
void instance_drop(struct instance *i);

/* The leader was just forked. */
void instance_set_leader(struct instance *i, pid_t pid, int pidfd);

/* Another of its processes is its leader from now on; 'pidfd' is taken.  Its
 * end is watched in 'end'. */
void instance_set_main(
	struct instance *i, pid_t pid, int pidfd, uint64_t start_time);

/* Removes its empty cgroup, and lets go of what was open of it; or only the
 * latter. */
void instance_remove_cgroup(struct instance *i);
void instance_release_cgroup(struct instance *i);

/* Its leader was reaped, by us or by whoever inherited it. */
void instance_on_exit(struct instance *i, int status);

/* Looks whether something is left, and says EMPTY when nothing is. */
void instance_settle(struct instance *i);

/* Kills all of it, until nothing is left. */
void instance_kill(struct instance *i);

/* Sends a signal to the leader or to all.  -ESRCH when nobody is there. */
int instance_signal(struct instance *i, int signal, enum kproto_target target);

/* Whether processes of it may exist. */
bool instance_is_alive(const struct instance *i);

#endif
