/* What the keeper says to its helpers, and they to it.
 *
 * The keeper (skepd) is the parent of every service and of skep-node,
 * skep-logger and skep-mover.  Each helper inherits one ipc socket as
 * descriptor KPROTO_FD.  Helpers leave when it reaches end of file.
 *
 * Node session: the keeper starts skep-node, sends WELCOME (with the
 * listening sockets), one INSTANCE for every instance it still knows, and
 * SYNCED.  From then on the node commands and the keeper reports.  A node
 * that restarts gets the same again, so nothing needs to be remembered for it.
 *
 * An instance is named by its 'iid' (64 bits, chosen by the node) on all
 * paths, cgroups and sockets, and by (iid, epoch) in commands: a command for
 * an epoch that is not the running one is answered with REFUSED and changes
 * nothing.  The life of one epoch as the keeper reports it:
 *
 *   START -> STARTED -> EXITED -> EMPTY        the usual way
 *   START -> START_FAILED -> EMPTY             nothing is left either
 *
 * A START_FAILED with KBLAME_BUSY asks for another try.  Mostly it touched
 * nothing, and no EMPTY of its own follows; an epoch that is not above the last
 * one is REFUSED.
 *
 * EMPTY is said when the cgroup (or the process group) holds nothing any
 * more, and only then may the same iid be started again.
 *
 * Files on disk are replaced while a keeper runs, and the next helper that it
 * starts may be of another version.  KPROTO_VERSION names the form of all that
 * stands here.  The node reads it in WELCOME, whose first number it is and
 * stays; the logger has it in its environment as KPROTO_VARIABLE (none: a
 * keeper before version 3).  A helper that speaks another version says so and
 * ends with KPROTO_EXIT_VERSION, upon which the keeper has itself replaced by
 * the program that is installed now, as daemon-reexec does.
 *
 * Errors: decoders return false for a body that is not of the form; the
 * keeper then ends the helper, a helper then exits with 70.
 */
#ifndef SKEP_SYS_KPROTO_H
#define SKEP_SYS_KPROTO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"

#define KPROTO_FD 3

/* Raised with every change of a message, its number or its form; a test holds
 * the form of each version. */
#ifndef KPROTO_VERSION
#define KPROTO_VERSION 6
#endif
#define KPROTO_VARIABLE	    "SKEPD_PROTOCOL"
#define KPROTO_EXIT_VERSION 76

/* The message types; the column on the right says who sends it. */
#define KPROTO_MESSAGES(X)                                                     \
	X(KMSG_WELCOME, 1)  /* keeper -> node: kproto_welcome, sockets */      \
	X(KMSG_INSTANCE, 2) /* keeper -> node: kproto_instance */              \
	X(KMSG_SYNCED, 3)   /* keeper -> node: empty; all INSTANCEs sent */    \
	X(KMSG_STARTED, 4)  /* keeper -> node: kproto_event */                 \
	X(KMSG_START_FAILED, 5) /* keeper -> node: kproto_failure */           \
	X(KMSG_EXITED, 6)	/* keeper -> node: kproto_event */             \
	X(KMSG_EMPTY, 7)	/* keeper -> node: kproto_event */             \
	X(KMSG_ANSWER, 8)	/* keeper -> node: kproto_event, 'value' is a  \
				   kproto_answer */                            \
	X(KMSG_REFUSED, 9)	/* keeper -> node: kproto_failure */           \
	X(KMSG_MOVER, 10)	/* keeper -> node: kproto_event + socket;      \
				   'value' as in COLLECT */                    \
	X(KMSG_PING, 11)	/* keeper -> node/logger: empty */             \
	X(KMSG_CRASHED, 12)	/* keeper -> node: kproto_crash; what the last \
				   node was doing when it died */              \
	X(KMSG_RAN, 13)	      /* keeper -> node: kproto_ran; a RUN is over */  \
	X(KMSG_NEWS, 14)      /* keeper -> node: kproto_news */                \
	X(KMSG_GOING, 20)     /* keeper -> node: empty; REEXEC is accepted,    \
				 or skepd leaves the services to the next      \
				 one: the helpers end in a moment */           \
	X(KMSG_ENDING, 21)    /* keeper -> node: empty; all of skepd ends:     \
				 stop what runs, then say ENDED */             \
	X(KMSG_START, 32)     /* node -> keeper: kproto_start (+ state fds) */ \
	X(KMSG_SIGNAL, 33)    /* node -> keeper: kproto_signal */              \
	X(KMSG_KILL, 34)      /* node -> keeper: kproto_event; all of it */    \
	X(KMSG_FORGET, 35)    /* node -> keeper: kproto_event; remove the      \
				 empty instance's directories; 'value' 1: what \
				 stands at its state_path is old */            \
	X(KMSG_COLLECT, 36)   /* node -> keeper: kproto_event; start a mover   \
				 that reads the state out; 'value' 1: the      \
				 checkpoint, also while it runs */             \
	X(KMSG_PONG, 37)      /* node/logger -> keeper: empty */               \
	X(KMSG_DIGESTING, 38) /* node -> keeper: u64; digest of the stored     \
				 or received item about to be taken in */      \
	X(KMSG_RUN, 39)	      /* node -> keeper: kproto_run */                 \
	X(KMSG_READY, 40)     /* node -> keeper: kproto_event; it is ready:    \
				 told to the next node with INSTANCE */        \
	X(KMSG_SHUTDOWN, 50)  /* node -> keeper: empty; stop all and end */    \
	X(KMSG_REEXEC, 51)    /* node -> keeper: empty; another program in     \
				 its place.  Answered by GOING, or REFUSED     \
				 with iid 0 and the step "reexec" */           \
	X(KMSG_ENDED, 52)     /* node -> keeper: empty; nothing is left that   \
				 it would stop */                              \
	X(KMSG_LOG_OPEN, 64)  /* keeper -> logger: kproto_log + FIFO */        \
	X(KMSG_LOG_CLOSE, 65) /* keeper -> logger: u64 iid; drain, close */    \
	X(KMSG_LOG_READY, 66) /* logger -> keeper: empty; send the FIFOs */    \
	X(KMSG_LOG_EPOCH, 67) /* keeper -> logger: kproto_event; 'value' 1:    \
				 'epoch' begins, 0: it has ended and all it    \
				 wrote is in the FIFO */                       \
	X(KMSG_LOG_MATCHED, 68) /* logger -> keeper: kproto_event; the line    \
				   of 'ready_line' came */

enum kproto_message {
#define X(name, number) name = number,
	KPROTO_MESSAGES(X)
#undef X
};

/* Descriptors that come with WELCOME, in this order; -1 is sent as a
 * /dev/null descriptor with its bit clear in 'sockets'. */
enum kproto_socket {
	KSOCKET_CONTROL, /* listening Unix stream socket, the control API */
	KSOCKET_CLUSTER, /* listening TCP socket, the other hosts */
	KSOCKET_API,	 /* listening TCP socket, optional */
	KSOCKET_MAILBOX, /* listening Unix packet socket, for services */
	KSOCKET_COUNT,
};

/* First message to a new node.  'version' is its first number for ever. */
struct kproto_welcome {
	uint32_t version;	  /* KPROTO_VERSION */
	uint32_t sockets;	  /* bit per kproto_socket that is real */
	const char *boot_id;	  /* /proc/sys/kernel/random/boot_id */
	uint64_t keeper_start_ms; /* CLOCK_BOOTTIME when the keeper started */
	uint32_t node_restarts;	  /* how often the node was restarted */
	bool tracks_cgroups;	  /* false: process groups, weaker "stopped" */
	const char *conf_path;	  /* the skep.conf in force, "" for none */
	const char *weaker_why;	  /* why not cgroups; "" otherwise */
	const char *keeper_version; /* of skepd */
	uint32_t keeper_crashes;    /* unasked ends of skepd, in a row */
};

/* In place of a wait status: how it ended is not known, because it ended
 * while no keeper ran, or under one that did not see it reaped. */
#define KSTATUS_UNKNOWN (-1)

/* What the keeper knows of one instance. */
struct kproto_instance {
	uint64_t iid;		 /* short id, see above */
	uint64_t epoch;		 /* the running start */
	const char *name;	 /* full instance name */
	uint32_t pid;		 /* leader, 0 when it is gone */
	uint64_t start_time;	 /* field 22 of /proc/PID/stat, 0 if unknown */
	bool is_empty;		 /* nothing left: EXITED and EMPTY came */
	int32_t status;		 /* wait status of the leader, if pid is 0 */
	uint64_t run_digest;	 /* as given with START */
	int64_t started_wall_ms; /* when it was started */
	bool is_ready;		 /* READY came, or it has no readiness */
	bool has_run;		 /* its start is over, and did not fail */
};

/* Several messages are about one start and one number. */
struct kproto_event {
	uint64_t iid;
	uint64_t epoch;
	int64_t value; /* STARTED: pid; EXITED: wait status; ANSWER: answer */
};

/* What a service answered to its handoff signal. */
enum kproto_answer {
	KANSWER_RESUME = 1, /* renamed its state to $SKEP_STATE_OUT */
	KANSWER_RESTART,    /* created $SKEP_STATE_OUT.restart */
	KANSWER_IGNORE,	    /* created $SKEP_STATE_OUT.ignore */
	KANSWER_CHECKPOINT, /* renamed a file to $SKEP_CHECKPOINT_OUT, asked
			       or not */
};

/* Where the fault of a failed start lies; decides what happens next. */
enum kproto_blame {
	KBLAME_SERVICE = 1, /* its own; restart policy with back-off */
	KBLAME_HOST,	    /* this host cannot run it: next rank at once */
	KBLAME_POLICY,	    /* this host's [policy] forbids it: next rank */
	KBLAME_BUSY,	    /* the last epoch is not empty yet: try again */
	KBLAME_RESOLVE,	    /* of two states none could be made: it can start
			       from its own */
};

/* A start that failed, or a command that was refused. */
struct kproto_failure {
	uint64_t iid;
	uint64_t epoch;
	uint8_t blame;	  /* kproto_blame */
	int32_t code;	  /* errno of the step, 0 when there is none */
	const char *step; /* "policy", "user", "cgroup", "exec", ... */
	const char *text; /* the sentence for people */
};

/* Why the node was restarted, told to the new one. */
struct kproto_crash {
	int32_t status;	   /* wait status of the old node */
	uint64_t digest;   /* last DIGESTING it announced, 0 for none */
	uint32_t in_a_row; /* crashes with that same digest */
};

/* Whom a signal is for. */
enum kproto_target {
	KTARGET_MAIN = 1, /* the leader, through its pidfd */
	KTARGET_ALL,	  /* every process of the cgroup */
};

struct kproto_signal {
	uint64_t iid;
	uint64_t epoch;
	int32_t signal;
	uint8_t target;	    /* kproto_target */
	bool is_handoff;    /* watch for the answer; send only if the process
			       catches, ignores or blocks it: otherwise
			       REFUSED with step "handoff" */
	bool then_continue; /* SIGCONT afterwards */
	bool is_checkpoint; /* the same care; REFUSED with "checkpoint" */
};

/* kind of command, its name in messages.  All of them come with START; they
 * run as the service's user, with its environment and in its cgroup. */
#define KPROTO_COMMANDS(X)                                                     \
	X(KCMD_PRE_START, "pre_start")	 /* by the keeper, before the exec */  \
	X(KCMD_POST_START, "post_start") /* by RUN, as all that follow */      \
	X(KCMD_PRE_STOP, "pre_stop")                                           \
	X(KCMD_STOP, "stop_command")                                           \
	X(KCMD_POST_STOP, "post_stop") /* after EMPTY */                       \
	X(KCMD_READINESS, "readiness") /* exec probes */                       \
	X(KCMD_LIVENESS, "liveness")                                           \
	X(KCMD_HANDOFF, "handoff.command")	 /* by RUN; see workdir.h */   \
	X(KCMD_CHECKPOINT, "checkpoint.command") /* the same */                \
	X(KCMD_RESTORE, "handoff.restore") /* by the keeper, when 'has_state'  \
					    */                                 \
	X(KCMD_RESOLVE, "hooks.resolve_conflict") /* when 'has_theirs' */

enum kproto_command {
#define X(command, name) command,
	KPROTO_COMMANDS(X)
#undef X
		KCMD_COUNT,
};

/* RUN one of them.  Answered by RAN; at once, with status 0, when the start
 * has no such command; with is_refused when nothing of the epoch is left
 * (but for KCMD_POST_STOP).  One run of each kind at a time. */
struct kproto_run {
	uint64_t iid;
	uint64_t epoch;
	uint8_t command;    /* kproto_command */
	int64_t timeout_ms; /* then all of it is killed */
};

struct kproto_ran {
	uint64_t iid;
	uint64_t epoch;
	uint8_t command;  /* kproto_command */
	int32_t status;	  /* wait status */
	bool has_expired; /* the timeout passed */
	bool is_refused;  /* it could not be run: 'text' */
	const char *text; /* the last line that it said, or why not; cut */
};

/* What the keeper heard of, or from, a running instance. */
enum kproto_news_kind {
	KNEWS_READY = 1, /* READY=1, or a line on its readiness descriptor, or
			    a line of its output that matched */
	KNEWS_STATUS,	 /* STATUS=: 'text' */
	KNEWS_RELOADING, /* RELOADING=1 */
	KNEWS_STOPPING,	 /* STOPPING=1 */
	KNEWS_EXTEND,	 /* EXTEND_TIMEOUT_USEC: 'number' ms */
	KNEWS_WATCHDOG,	 /* no WATCHDOG=1 in time, or WATCHDOG=trigger */
	KNEWS_OOM,	 /* the kernel killed 'number' processes of it for
			    memory; before EXITED */
	KNEWS_MAIN,	 /* MAINPID=: its leader is 'number' now */
	KNEWS_ASIDE,	 /* an older state got another name: 'text' */
};

struct kproto_news {
	uint64_t iid;
	uint64_t epoch;
	uint8_t kind; /* kproto_news_kind */
	int64_t number;
	const char *text;
};

/* How it says that it is ready. */
enum kproto_readiness {
	KREADY_NONE = 1, /* it runs: ready */
	KREADY_NOTIFY,	 /* READY=1 on NOTIFY_SOCKET */
	KREADY_FD,	 /* a line on the descriptor 'ready_fd' */
	KREADY_LOG_LINE, /* a line of output that matches 'ready_line' */
	KREADY_PROBE,	 /* the node asks it */
};

/* Limits of its cgroup; 0: none, or the kernel's default. */
struct kproto_resources {
	uint64_t memory_max;  /* bytes */
	uint64_t memory_high; /* bytes */
	uint32_t cpu_max;     /* percent of one processor */
	uint32_t cpu_weight;
	uint32_t pids_max;
	uint32_t io_weight;
};

/* A resource limit. KLIMIT_INFINITY stands for "unlimited". */
#define KLIMIT_INFINITY UINT64_MAX
#define KLIMITS_MAX	16
struct kproto_rlimit {
	uint8_t resource; /* RLIMIT_* */
	uint64_t soft;
	uint64_t hard;
};

/* What becomes of the output. */
enum kproto_log_target {
	KLOG_FILE = 1,
	KLOG_NULL,
	KLOG_INHERIT,
	KLOG_JOURNAL,
};
enum kproto_when_full { KFULL_BLOCK = 1, KFULL_DROP };

struct kproto_log {
	uint64_t iid;
	uint64_t epoch;	    /* whose output comes, or came last */
	const char *name;   /* the file is log_dir/NAME.log */
	uint64_t max_size;  /* bytes per file; 0: never rotate */
	int64_t max_age_ms; /* a file older than this is rotated; 0: never */
	uint32_t max_files; /* files kept beside the active one */
	uint8_t target;	    /* kproto_log_target */
	uint8_t when_full;  /* kproto_when_full */
	bool is_compressed; /* rotated files are */
	const char *ready_line; /* LOG_OPEN: say when a line matches this ERE,
				   once; "" in all else */
};

/* A start, all of it expanded: no specifier, no default is left open.  The
 * arrays are texts in one block each: 'argv' and 'env' ("KEY=value") hold
 * 'count' texts written one after the other (cursor texts). */
struct kproto_texts {
	uint32_t count;
	struct bytes packed; /* 'count' cursor texts */
};

struct kproto_start {
	uint64_t iid;
	uint64_t epoch;
	uint64_t run_digest;
	const char *name;	    /* full instance name */
	const char *service;	    /* the part before '@' */
	struct kproto_texts argv;   /* at least one */
	struct kproto_texts env;    /* complete, PATH included; the keeper adds
				       SKEP_STATE_OUT, SKEP_STATE_IN,
				       SKEP_CHECKPOINT_OUT, HOME, USER,
				       LOGNAME, SHELL */
	const char *user;	    /* "" = the keeper's own */
	const char *group;	    /* "" = the user's */
	struct kproto_texts groups; /* supplementary */
	const char *working_dir;    /* "" = / (root) or the run dir */
	const char *env_file;	    /* "" = none; leading '-' = may be missing;
				       read after the switch to the user */
	uint32_t umask;
	int32_t nice;
	int32_t oom_score_adj;
	bool no_new_privileges;
	struct kproto_rlimit rlimits[KLIMITS_MAX];
	uint32_t rlimit_count;
	int64_t start_timeout_ms; /* bound for fork to exec, hooks apart */
	int32_t stop_signal;	  /* how the keeper stops it by itself, when
				     all of skepd ends; 0: SIGTERM */
	int64_t stop_timeout_ms;  /* then SIGKILL to all of it; 0: 10 s */
	uint32_t stop_rank;	  /* those of a higher rank go first */
	bool stop_all;		  /* the signal is for the whole cgroup */
	struct kproto_log log;	  /* 'iid', 'epoch', 'name': as above */
	bool has_handoff;	  /* give it a SKEP_STATE_OUT */
	bool has_checkpoint;	  /* give it a SKEP_CHECKPOINT_OUT */
	bool has_state;		  /* a state descriptor comes with it */
	const char *state_kind;	  /* SKEP_STATE_KIND */
	int64_t state_age_ms;	  /* SKEP_STATE_AGE, in whole seconds */
	const char *state_path;	  /* absolute: what stands there is its state,
				     and SKEP_STATE_IN; "" for none */
	bool has_theirs;	  /* a second one comes with it, of a copy that
				     lost: KCMD_RESOLVE makes one of both */
	struct bytes state_root;  /* has_state: its digest (has_theirs: both),
				     as a mark that it was put at 'state_path'
				     once */
	bool sets_aside;	  /* what stands at 'state_path' is old: it gets
				     another name, unless a start of the same
				     'stay' under an epoch above 'before' has
				     made room there already */
	uint64_t before;
	uint64_t stay;				  /* 0: none */
	int64_t handoff_timeout_ms;		  /* of KCMD_RESTORE */
	struct kproto_texts commands[KCMD_COUNT]; /* empty: there is none */
	int64_t hook_timeout_ms; /* of pre_start, KCMD_RESOLVE */
	uint8_t readiness;	 /* kproto_readiness */
	uint8_t ready_fd;	 /* KREADY_FD */
	const char *ready_line;	 /* KREADY_LOG_LINE: an ERE; else "" */
	int64_t watchdog_ms;	 /* WATCHDOG_USEC; 0: none */
	struct kproto_resources resources;
	struct kproto_texts capabilities; /* without "CAP_" */
};

/* Encoders write into 'w' (check w->bad); decoders borrow from the message
 * and return whether the body was exactly one such value. */
void kproto_put_welcome(struct writer *w, const struct kproto_welcome *v);
/* Of one of another version only 'version' is read. */
bool kproto_get_welcome(struct bytes body, struct kproto_welcome *v);
void kproto_put_instance(struct writer *w, const struct kproto_instance *v);
bool kproto_get_instance(struct bytes body, struct kproto_instance *v);
void kproto_put_event(struct writer *w, const struct kproto_event *v);
bool kproto_get_event(struct bytes body, struct kproto_event *v);
void kproto_put_failure(struct writer *w, const struct kproto_failure *v);
bool kproto_get_failure(struct bytes body, struct kproto_failure *v);
void kproto_put_crash(struct writer *w, const struct kproto_crash *v);
bool kproto_get_crash(struct bytes body, struct kproto_crash *v);
void kproto_put_signal(struct writer *w, const struct kproto_signal *v);
bool kproto_get_signal(struct bytes body, struct kproto_signal *v);
void kproto_put_run(struct writer *w, const struct kproto_run *v);
bool kproto_get_run(struct bytes body, struct kproto_run *v);
void kproto_put_ran(struct writer *w, const struct kproto_ran *v);
bool kproto_get_ran(struct bytes body, struct kproto_ran *v);
void kproto_put_news(struct writer *w, const struct kproto_news *v);
bool kproto_get_news(struct bytes body, struct kproto_news *v);
void kproto_put_log(struct writer *w, const struct kproto_log *v);
bool kproto_get_log(struct bytes body, struct kproto_log *v);
void kproto_put_start(struct writer *w, const struct kproto_start *v);
bool kproto_get_start(struct bytes body, struct kproto_start *v);

/* The name of a command in messages: "pre_start". */
const char *kproto_command_name(enum kproto_command command);

/* A short name for a message type, for log lines; "unknown" for others. */
const char *kproto_message_name(uint16_t type);

#endif
