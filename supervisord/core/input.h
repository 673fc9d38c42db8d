/* What the world tells the core: the whole vocabulary, one struct.
 *
 * Every input carries both clocks.  Payload pointers are borrowed for the
 * duration of the step; the core copies what it keeps.  The order of a
 * node's life is
 *
 *   LOAD*  FOUND*  SEALED*  GONE*  BOOT  (anything else)*
 *
 * LOAD gives back one record of an earlier life from the store, FOUND one
 * instance that the keeper still runs, SEALED one state that lies in the dump
 * store, GONE one process of a LOADed name that lives no more, BOOT says that
 * the lists are complete.  Before BOOT the core only
 * remembers, and lets go of states that nothing names; it sends nothing.
 *
 * A recorded sequence of inputs, given to a core with the same configuration
 * and limits, yields the same effects bit for bit.
 */
#ifndef SKEP_CORE_INPUT_H
#define SKEP_CORE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/mono.h"
#include "spec/policy.h"

/* kind, name in traces */
#define INPUT_KINDS(X)                                                         \
	X(INPUT_LOAD, "load")                                                  \
	X(INPUT_FOUND, "found")                                                \
	X(INPUT_BOOT, "boot")                                                  \
	X(INPUT_TICK, "tick")                                                  \
	X(INPUT_LINK_UP, "link-up")                                            \
	X(INPUT_LINK_DOWN, "link-down")                                        \
	X(INPUT_RECV, "recv")                                                  \
	X(INPUT_STARTED, "started")                                            \
	X(INPUT_START_FAILED, "start-failed")                                  \
	X(INPUT_EXITED, "exited")                                              \
	X(INPUT_EMPTY, "empty")                                                \
	X(INPUT_ANSWERED, "answered")                                          \
	X(INPUT_STORED, "stored")                                              \
	X(INPUT_DUMPED, "dumped")                                              \
	X(INPUT_FETCHED, "fetched")                                            \
	X(INPUT_SPEC_SET, "spec-set")                                          \
	X(INPUT_SPEC_DEL, "spec-del")                                          \
	X(INPUT_REQUEST, "request")                                            \
	X(INPUT_NEWS, "news")                                                  \
	X(INPUT_RAN, "ran")                                                    \
	X(INPUT_DUE, "due")                                                    \
	X(INPUT_GOING, "going")                                                \
	X(INPUT_ENDING, "ending")                                              \
	X(INPUT_SEALED, "sealed")                                              \
	X(INPUT_REACHED, "reached")                                            \
	X(INPUT_REGISTER, "register")                                          \
	X(INPUT_GONE, "gone")                                                  \
	X(INPUT_MAIL, "mail")

enum input_kind {
#define X(kind, name) kind,
	INPUT_KINDS(X)
#undef X
		INPUT_KIND_COUNT,
};

/* The tables of the store.  Keys and values are the core's own bytes. */
enum core_table {
	TABLE_META = 1,	  /* counters that outlive a restart */
	TABLE_MEMBER,	  /* one per known host, key = node name */
	TABLE_SPEC,	  /* replicated desired state, key = kind + name */
	TABLE_OWNER,	  /* instances this host owned, key = instance name */
	TABLE_HANDOFF,	  /* durable steps of moves, key = instance name */
	TABLE_CHECKPOINT, /* what is kept here, key = instance name */
	TABLE_CONFLICT,	  /* states of copies that lost, the same key */
	TABLE_TRACKED,	  /* processes that were registered, key = name */
	TABLE_GROUP,	  /* who joined one here, key = name of its row */
	TABLE_COUNT,
};

/* LOAD: one stored record. */
struct input_load {
	enum core_table table;
	struct bytes key;
	struct bytes value;
};

/* In place of a wait status: it ended unseen, while no keeper ran.  Not a
 * success; and as nobody knows whether a oneshot did its work, it is not run
 * again by itself. */
#define STATUS_UNKNOWN (-1)

/* FOUND: an instance that the keeper runs or ran and has not forgotten. */
struct input_found {
	const char *name;	 /* full instance name */
	uint64_t epoch;		 /* of its start */
	uint64_t run_digest;	 /* of the spec it was started with */
	uint32_t pid;		 /* leader; 0 when it has exited */
	int32_t status;		 /* wait status of the leader if pid is 0, or
				    STATUS_UNKNOWN */
	bool is_empty;		 /* nothing of it is left */
	bool is_ready;		 /* it had said so, or need not */
	int64_t started_wall_ms; /* when it was started */
	bool has_run;		 /* it is not on its way yet, nor did its start
				    fail.  Of one that ended while no skepd ran
				    nobody knows: true, and STATUS_UNKNOWN */
};

/* SEALED: a whole state of an earlier life, and the instance it is kept for. */
struct input_sealed {
	const char *name;
	uint64_t epoch; /* of the run that left it here; 0: it was fetched */
	uint8_t root[DIGEST_SIZE];
	uint64_t size; /* bytes */
};

/* LINK_UP: a control connection stands, encrypted and with a proven key. */
struct input_link_up {
	uint32_t link;	     /* the shell's handle, never reused in a run */
	uint32_t dial;	     /* as in LINK_OPEN; 0 = the other side dialled */
	const char *address; /* the other end, for people */
};

/* REACHED: the host that is dialled took the connection, and nobody there has
 * said anything yet.  Before the dial's LINK_UP or LINK_DOWN, or not at all. */
struct input_reached {
	uint32_t dial;
};

enum link_down_reason {
	LINK_REFUSED = 1, /* nobody listens there, but the host is up */
	LINK_RESET,	  /* RST or EOF: the process there is gone */
	LINK_TIMEOUT,	  /* no answer; the host or the path is gone */
	LINK_UNREACHABLE, /* no route, name not found */
	LINK_AUTH,	  /* wrong key or no TLS */
	LINK_PROTOCOL,	  /* bytes that make no sense */
	LINK_CLOSED,	  /* we closed it */
	LINK_SILENT,	  /* a dial was taken, and nobody said anything */
};

/* LINK_DOWN: a link ended, or a dial failed (then 'link' is 0). */
struct input_link_down {
	uint32_t link;
	uint32_t dial; /* 0 for accepted links */
	enum link_down_reason reason;
};

/* RECV: one message on a control link. */
struct input_recv {
	uint32_t link;
	uint16_t type; /* enum wire_type; unknown ones are counted */
	struct bytes body;
};

/* STARTED, EXITED, EMPTY, ANSWERED: one start of one instance. */
struct input_proc {
	const char *name; /* full instance name */
	uint64_t epoch;
	uint32_t pid;	/* STARTED */
	int32_t status; /* EXITED: wait status, or STATUS_UNKNOWN */
	uint8_t answer; /* ANSWERED: enum handoff_answer */
};

/* What a service said to its handoff signal, or of itself. */
enum handoff_answer {
	ANSWER_RESUME = 1,  /* its state stands at $SKEP_STATE_OUT */
	ANSWER_RESTART,	    /* nothing to carry */
	ANSWER_IGNORE,	    /* leave me here */
	ANSWER_UNSUPPORTED, /* the signal would have killed it: not sent */
	ANSWER_CHECKPOINT,  /* no answer: a file stands at
			       $SKEP_CHECKPOINT_OUT */
};

/* Where the fault of a failed start lies. */
enum start_blame {
	BLAME_SERVICE = 1, /* restart policy, with back-off */
	BLAME_HOST,	   /* this host cannot: the next rank at once */
	BLAME_BUSY,	   /* the last epoch is not empty yet: try again */
	BLAME_RESOLVE,	   /* its two states were not joined: from its own */
	BLAME_STOPPED,	   /* nobody's: it was to stop before it began */
};

/* START_FAILED */
struct input_start_failed {
	const char *name;
	uint64_t epoch;
	enum start_blame blame;
	const char *text; /* for people: step, errno, remedy */
};

/* kind, name in traces: what a running instance says of itself, or a probe of
 * it. */
#define NEWS_KINDS(X)                                                          \
	X(NEWS_READY, "ready")	 /* its readiness is fulfilled */              \
	X(NEWS_EXTEND, "extend") /* it asks for 'number' more ms */            \
	X(NEWS_SICK, "sick")	 /* liveness or watchdog failed: 'text' */     \
	X(NEWS_MAIN, "main")	 /* its leader is process 'number' now */

enum news_kind {
#define X(kind, name) kind,
	NEWS_KINDS(X)
#undef X
		NEWS_KIND_COUNT,
};

/* NEWS */
struct input_news {
	const char *name; /* full instance name */
	uint64_t epoch;
	enum news_kind kind;
	int64_t number;
	const char *text; /* one sentence, may be "" */
};

/* hook, name in events */
#define HOOKS(X)                                                               \
	X(HOOK_POST_START, "post_start")                                       \
	X(HOOK_PRE_STOP, "pre_stop")                                           \
	X(HOOK_STOP_COMMAND, "stop_command")                                   \
	X(HOOK_POST_STOP, "post_stop")                                         \
	X(HOOK_HANDOFF, "handoff.command")                                     \
	X(HOOK_CHECKPOINT, "checkpoint.command")

enum hook {
#define X(hook, name) hook,
	HOOKS(X)
#undef X
		HOOK_COUNT,
};

/* RAN: a RUN came to its end. */
struct input_ran {
	const char *name; /* full instance name */
	uint64_t epoch;
	enum hook hook;
	bool is_ok;
	const char *text; /* what went wrong, one sentence */
};

/* DUE: by this host's clock a scheduled service is to run.  Every host says
 * so for every scheduled service; who runs it, the core decides. */
struct input_due {
	const char *service;
	int64_t slot; /* the instant of the schedule, wall ms: equal on all
			 hosts, and rising */
};

/* STORED: every STORE up to and including 'seq' is durable. */
struct input_stored {
	uint64_t seq;
};

/* DUMPED: the state of a stopped instance, or a checkpoint of a running one,
 * was sealed on this host's disk, or could not be. */
struct input_dumped {
	const char *name;
	uint64_t epoch;
	bool is_checkpoint;
	bool is_ok;
	bool is_absent; /* there was no state file; 'is_ok' is false */
	uint8_t root[DIGEST_SIZE];
	uint64_t size; /* bytes */
	const char *text;
};

/* FETCHED: a state arrived, or what became of the attempt. */
struct input_fetched {
	const char *name;
	uint8_t root[DIGEST_SIZE];
	bool is_ok;	/* whole, verified, durable */
	bool is_final;	/* false: progress only */
	uint64_t bytes; /* received so far */
	/* Why it is not ok, or what was the matter with what was here: a
	 * sentence for people, or empty. */
	const char *text;
};

/* Who asks; stored with every event. */
struct actor {
	uint32_t uid;
	uint32_t pid;
	const char *host; /* NULL: this host */
};

/* Where a desired state comes from. */
struct spec_source {
	const char *file;     /* services.d file, or "" for 'apply' */
	uint64_t last_digest; /* of this service as that file last gave it on
				 this host; 0: never */
	bool is_initial;      /* true: write only if the cluster has no such
				 service, or still has 'last_digest' */
};

/* SPEC_SET: one service's desired state. */
struct input_spec_set {
	uint64_t request;    /* 0: nobody waits */
	const char *name;    /* service */
	uint64_t digest;     /* of the whole body */
	uint64_t run_digest; /* of what needs a restart */
	const struct spec_policy *policy;
	struct bytes body; /* canonical text, opaque here */
	struct spec_source source;
	struct actor actor;
	bool is_runtime;    /* given by 'register': only if nobody has that
			       name, see runtime.h */
	int64_t timeout_ms; /* of that; 0: the usual one */
};

/* SPEC_DEL */
struct input_spec_del {
	uint64_t request;
	const char *name;
	struct actor actor;
};

/* op, name in traces */
#define REQUEST_OPS(X)                                                         \
	X(REQUEST_START, "start")	/* name: service or instance */        \
	X(REQUEST_STOP, "stop")		/* name */                             \
	X(REQUEST_RESTART, "restart")	/* name */                             \
	X(REQUEST_SIGNAL, "signal")	/* name, number = signal */            \
	X(REQUEST_MOVE, "move")		/* name, arg = node */                 \
	X(REQUEST_CORDON, "cordon")	/* name = node, arg = reason */        \
	X(REQUEST_UNCORDON, "uncordon") /* name = node */                      \
	X(REQUEST_DRAIN, "drain")	/* name = node, number = deadline in   \
					   ms (0: none), arg = reason */       \
	X(REQUEST_UNDRAIN, "undrain")	/* name = node */                      \
	X(REQUEST_JOIN, "join")		/* name = address */                   \
	X(REQUEST_LEAVE, "leave")	/* name = node, "" = this one */       \
	X(REQUEST_FORGET, "forget")	/* name = node */                      \
	X(REQUEST_CONFIRM_DOWN, "confirm-down") /* name = node */              \
	X(REQUEST_CLUSTER_SET, "cluster-set")	/* name = key, arg = value */  \
	X(REQUEST_RELOAD, "reload")		/* name: its reload_signal */  \
	X(REQUEST_REBALANCE, "rebalance")	/* name: "" */                 \
	X(REQUEST_UNREGISTER, "unregister")	/* name: of run time */        \
	X(REQUEST_LOCATE, "locate")		/* name: who decides about it  \
						   is asked where it is;       \
						   number = timeout in ms */   \
	X(REQUEST_GROUP_JOIN, "group-join")	/* name, arg = group */        \
	X(REQUEST_GROUP_LEAVE, "group-leave")	/* name, arg = group */        \
	X(REQUEST_KV_SET, "kv-set")		/* name = key, arg = value */  \
	X(REQUEST_KV_DELETE, "kv-delete")	/* name = key */

enum request_op {
#define X(op, name) op,
	REQUEST_OPS(X)
#undef X
		REQUEST_OP_COUNT,
};

/* REQUEST: answered by exactly one REPLY, at once or later. */
struct input_request {
	uint64_t id; /* the shell's, unique in this run */
	enum request_op op;
	const char *name;
	const char *arg;       /* "" when the op has none */
	int64_t number;	       /* 0 when the op has none */
	bool is_forced;	       /* --force; kv-set: only under a condition */
	uint32_t max_parallel; /* of a drain, 0: any */
	struct actor actor;
};

/* REGISTER: a running process of this host is to have a name; answered by
 * exactly one REPLY.  The same process again: only 'meta' changes. */
struct input_register {
	uint64_t request;
	const char *name;  /* any text; what is no name is refused */
	uint32_t pid;	   /* not 0; the shell knows it and will tell its end */
	uint64_t start;	   /* tells it from a later process of that number, for
			      the shell; opaque here */
	struct bytes meta; /* what the user says of it; opaque here */
	int64_t timeout_ms;
	struct actor actor;
};

/* GONE: a registered process ended.  Told behind the REPLY that registered it;
 * of a name that it has no more it says nothing. */
struct input_gone {
	const char *name;
	uint32_t pid;
};

/* op, name in traces */
#define MAIL_OPS(X)                                                            \
	X(MAIL_SEND, "send")	       /* 'to' = name */                       \
	X(MAIL_CALL, "call")	       /* 'to' = name; it answers */           \
	X(MAIL_PUBLISH, "publish")     /* 'to' = group */                      \
	X(MAIL_MULTICALL, "multicall") /* 'to' = group; all answer */          \
	X(MAIL_ANSWER, "answer")       /* 'number' = what DELIVER gave */      \
	X(MAIL_ROOM, "room")	       /* 'from' can take 'room' */            \
	X(MAIL_DELIVERED, "delivered") /* 'number' = what DELIVER gave */

enum mail_op {
#define X(op, name) op,
	MAIL_OPS(X)
#undef X
		MAIL_OP_COUNT,
};

#define MAIL_TIMEOUT_MS	    30000   /* of who says none */
#define MAIL_TIMEOUT_MAX_MS 3600000 /* longer ones are cut */

/* MAIL: what a client of this host says, or its mailbox.  The first five are
 * requests: answered by exactly one REPLY, after as many ANSWERs as came. */
struct input_mail {
	uint64_t id; /* of requests: the shell's, as in input_request */
	enum mail_op op;
	const char *from; /* who speaks, a name of this host's; "" for an
			     operator */
	const char *to;
	uint64_t number;
	uint32_t room;	    /* ROOM, DELIVERED: how many DELIVERs it takes now,
			       after those that it was given */
	bool is_acked;	    /* SEND: sent again until it has arrived */
	bool is_ok;	    /* DELIVERED: its process has it */
	int64_t timeout_ms; /* 0: MAIL_TIMEOUT_MS */
	struct bytes body;  /* at most MAIL_BODY_MAX bytes */
};

/* GOING and ENDING have no payload.  GOING: this node ends in a moment,
 * another one will come in its place, and the services run on meanwhile.
 * ENDING: all of skepd ends on this host, and the services before it; nothing
 * takes that back. */

/* One thing that happened. */
struct input {
	enum input_kind kind;
	mono now;
	int64_t wall_ms; /* opaque to decisions, but for hybrid clocks */
	union {
		struct input_load load;
		struct input_found found;
		struct input_sealed sealed;
		struct input_link_up link_up;
		struct input_link_down link_down;
		struct input_reached reached;
		struct input_recv recv;
		struct input_proc proc;
		struct input_start_failed start_failed;
		struct input_news news;
		struct input_ran ran;
		struct input_due due;
		struct input_stored stored;
		struct input_dumped dumped;
		struct input_fetched fetched;
		struct input_spec_set spec_set;
		struct input_spec_del spec_del;
		struct input_request request;
		struct input_register enroll;
		struct input_gone gone;
		struct input_mail mail;
	};
};

#endif
