/* What the core wants done: the whole vocabulary, one struct.
 *
 * The shell carries effects out in order, with one exception that is data:
 * an effect whose 'after' is not 0 waits until the STORE with that number is
 * durable.  Effects that wait keep their order among themselves.  Payloads
 * belong to the core and are valid until its next step; what must wait is
 * copied by the shell.
 */
#ifndef SKEP_CORE_EFFECT_H
#define SKEP_CORE_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "core/input.h"

/* kind, name in traces */
#define EFFECT_KINDS(X)                                                        \
	X(EFFECT_SEND, "send")                                                 \
	X(EFFECT_STORE, "store")                                               \
	X(EFFECT_START, "start")                                               \
	X(EFFECT_SIGNAL, "signal")                                             \
	X(EFFECT_KILL, "kill")                                                 \
	X(EFFECT_RELEASE, "release")                                           \
	X(EFFECT_LINK_OPEN, "link-open")                                       \
	X(EFFECT_LINK_CLOSE, "link-close")                                     \
	X(EFFECT_DUMP, "dump")                                                 \
	X(EFFECT_FETCH, "fetch")                                               \
	X(EFFECT_DROP, "drop")                                                 \
	X(EFFECT_REPLY, "reply")                                               \
	X(EFFECT_NOTE, "note")                                                 \
	X(EFFECT_RUN, "run")                                                   \
	X(EFFECT_DELIVER, "deliver")                                           \
	X(EFFECT_ANSWER, "answer")

enum effect_kind {
#define X(kind, name) kind,
	EFFECT_KINDS(X)
#undef X
		EFFECT_KIND_COUNT,
};

/* SEND one message on a control link. */
struct effect_send {
	uint32_t link;
	uint16_t type; /* enum wire_type */
	struct bytes body;
};

/* STORE one record; 'value.data' NULL deletes it. Numbers rise by one. */
struct effect_store {
	uint64_t seq;
	enum core_table table;
	struct bytes key;
	struct bytes value;
};

/* START an instance.  The shell expands 'body' for this host.  Where one still
 * waits for its STORE when a stop of it comes (SIGNAL with 'is_stop', or KILL),
 * it begins nothing: it fails with BLAME_STOPPED when its turn comes. */
struct effect_start {
	const char *name;    /* full instance name */
	const char *service; /* the part before '@' */
	uint64_t epoch;
	uint64_t run_digest;
	struct bytes body; /* canonical spec text */
	bool has_state;	   /* start from the staged state 'root' */
	uint8_t root[DIGEST_SIZE];
	bool has_theirs; /* the service's hook makes one of that and of the
			    state 'theirs', of a copy that lost; if it cannot,
			    the start fails by BLAME_RESOLVE */
	uint8_t theirs[DIGEST_SIZE];
	const char *state_kind;	  /* "handoff", "dump", "checkpoint" or
				     "conflict" */
	int64_t state_wall_ms;	  /* when that state was sealed */
	const char *handoff_from; /* node it came from, "" for none */
	bool is_void;	 /* the shell's: a stop has come before its turn */
	bool sets_aside; /* no state, and others had it since it was here, if
			    ever: what stands at its state_path is old, unless
			    a start of the same 'stay' under an epoch above
			    'before' has made room there */
	uint64_t before; /* the highest under which it may have run elsewhere */
	uint64_t stay;	 /* names what this host remembers of the instance, so
			    that no other one of this name is meant; 0: none */
};

/* SIGNAL the leader or everything of one start. */
struct effect_signal {
	const char *name;
	uint64_t epoch;
	int signal;
	bool to_all;	    /* every process, not only the leader */
	bool is_handoff;    /* wait for an answer; refuse if it would kill */
	bool is_stop;	    /* it is to end, also if it stands still (SIGSTOP):
			       SIGCONT goes behind the signal */
	bool is_checkpoint; /* refuse if it would kill */
};

/* KILL everything of one start; RELEASE what is left on disk of it (work
 * directory, FIFO), once it is empty and its state, if any, is safe. */
struct effect_proc {
	const char *name;
	uint64_t epoch;
	bool sets_aside; /* RELEASE: what stands at its state_path has moved on:
			    no start here may find it */
};

/* RUN a command that stands around start and stop, as the service's user; its
 * words came with START.  Answered by RAN, after 'timeout_ms' at the latest;
 * at once, and well, if the start had no such command. */
struct effect_run {
	const char *name;
	uint64_t epoch;
	enum hook hook;
	int64_t timeout_ms;
};

/* LINK_OPEN: dial an address; answered by LINK_UP or LINK_DOWN. */
struct effect_link_open {
	uint32_t dial; /* the core's handle, not 0, unique in this run */
	const char *address;
};

/* LINK_CLOSE, after what was sent before. */
struct effect_link_close {
	uint32_t link;
	const char *why; /* for the log */
};

/* DUMP: seal the state that the instance left, or keeps aside: read it as the
 * service's user, hash, write to the dump store, fsync; answered by DUMPED. */
struct effect_dump {
	const char *name;
	uint64_t epoch;
	uint64_t size_max;  /* bytes; larger is an error; 0: any size */
	bool is_checkpoint; /* it runs: what stands at $SKEP_CHECKPOINT_OUT, or
			       at its state_path, as far as it stands still */
};

/* FETCH a sealed state from another host over its bulk connection into the
 * dump store; answered by FETCHED.  Idempotent, resumes.  One that is here is
 * verified, and fetched only if it is damaged; without an address that fails.
 */
struct effect_fetch {
	const char *name;
	const char *node;    /* node name it comes from */
	const char *address; /* where that node listens */
	uint8_t root[DIGEST_SIZE];
	uint64_t size;
};

/* DROP a sealed state from the dump store, unless something else still needs
 * that root. */
struct effect_drop {
	const char *name;
	uint8_t root[DIGEST_SIZE];
};

/* code, name in the API, HTTP status */
#define REPLY_CODES(X)                                                         \
	X(REPLY_OK, "ok", 200)                                                 \
	X(REPLY_UNCHANGED, "unchanged", 200)                                   \
	X(REPLY_NOT_FOUND, "not_found", 404)                                   \
	X(REPLY_INVALID, "invalid", 400)                                       \
	X(REPLY_CONFLICT, "conflict", 409)                                     \
	X(REPLY_NO_NODE, "no_node_available", 503)                             \
	X(REPLY_FULL, "table_full", 507)                                       \
	X(REPLY_TIMEOUT, "timeout", 504)                                       \
	X(REPLY_FAILED, "failed", 500)                                         \
	X(REPLY_EXISTS, "already_registered", 409)                             \
	X(REPLY_UNSUPPORTED, "not_supported", 501)                             \
	X(REPLY_NO_PROCESS, "no_such_process", 404) /* these two are */        \
	X(REPLY_FORBIDDEN, "forbidden", 403)	    /* the shell's */          \
	X(REPLY_MAILBOX_FULL, "mailbox_full", 429)                             \
	X(REPLY_UNKNOWN, "unknown", 504)

enum reply_code {
#define X(code, name, http) code,
	REPLY_CODES(X)
#undef X
		REPLY_CODE_COUNT,
};

/* REPLY to a REQUEST, SPEC_SET or SPEC_DEL. */
struct effect_reply {
	uint64_t request;
	enum reply_code code;
	const char *text; /* one sentence, "" for a plain yes */
};

/* kind, name in the API; S = about an instance, N = about a node */
#define NOTE_KINDS(X)                                                          \
	X(NOTE_STARTING, "starting")	     /* S */                           \
	X(NOTE_READY, "ready")		     /* S */                           \
	X(NOTE_EXITED, "exited")	     /* S: text = how */               \
	X(NOTE_START_FAILED, "start_failed") /* S */                           \
	X(NOTE_BACKOFF, "backoff")	     /* S: text = how long, why */     \
	X(NOTE_FAILED, "failed")	     /* S: gave up */                  \
	X(NOTE_UNHEALTHY, "unhealthy")	     /* S: text = what failed */       \
	X(NOTE_HOOK_FAILED, "hook_failed")   /* S: text = which, how */        \
	X(NOTE_OOM, "oom")		     /* S: text = how many */          \
	X(NOTE_SAID, "said")		     /* S: text = what it says */      \
	X(NOTE_WAITING, "waiting")	     /* S: text = for what */          \
	X(NOTE_SET_ASIDE, "set_aside")	     /* S: text = from, to */          \
	X(NOTE_SKIPPED, "skipped")	     /* S: a scheduled run */          \
	X(NOTE_STOPPING, "stopping")	     /* S: text = why */               \
	X(NOTE_KILLED, "killed")	     /* S: stop_timeout passed */      \
	X(NOTE_STOPPED, "stopped")	     /* S */                           \
	X(NOTE_REFUSED, "refused")	     /* S: this host cannot */         \
	X(NOTE_HANDOFF, "handoff")	     /* S: text = step */              \
	X(NOTE_MOVED, "moved")		     /* S: text = from, to, bytes */   \
	X(NOTE_CONFLICT, "conflict")	     /* S: two copies, one lives */    \
	X(NOTE_CHECKPOINT, "checkpoint")     /* S: text = what is wrong */     \
	X(NOTE_APPLIED, "applied")	     /* service */                     \
	X(NOTE_DELETED, "deleted")	     /* service */                     \
	X(NOTE_DECLARED_DIFFERENTLY, "declared_differently") /* service */     \
	X(NOTE_OPERATOR, "operator")	     /* a request was accepted */      \
	X(NOTE_NODE_UP, "node_up")	     /* N */                           \
	X(NOTE_NODE_SUSPECT, "node_suspect") /* N */                           \
	X(NOTE_NODE_RESTARTING, "node_restarting") /* N: it said so itself */  \
	X(NOTE_NODE_DOWN, "node_down")		   /* N */                     \
	X(NOTE_NODE_LEFT, "node_left")		   /* N */                     \
	X(NOTE_NODE_REFUSED, "node_refused")	   /* N: text = why */         \
	X(NOTE_NODE_STATE, "node_state")     /* N: cordon, drain, drained */   \
	X(NOTE_LONELY, "lonely")	     /* N: hold began, reason */       \
	X(NOTE_FORMING, "forming")	     /* N: waiting, formed */          \
	X(NOTE_REPAIR, "repair")	     /* N: a replica was reset */      \
	X(NOTE_REGISTERED, "registered")     /* run-time name */               \
	X(NOTE_UNREGISTERED, "unregistered") /* the same: text = why */        \
	X(NOTE_MISSED, "events_missed")	     /* N: text = what nobody tells */

enum note_kind {
#define X(kind, name) kind,
	NOTE_KINDS(X)
#undef X
		NOTE_KIND_COUNT,
};

/* NOTE: an event for history, 'events' and the log. */
struct effect_note {
	enum note_kind kind;
	const char *name;   /* instance, service or node */
	uint64_t epoch;	    /* 0 where there is none */
	const char *text;   /* one sentence, may be "" */
	struct actor actor; /* who asked; uid 0, pid 0, host NULL: skep */
};

/* DELIVER a message to the mailbox of a name here; answered by DELIVERED with
 * its number.  No more are given than ROOM or DELIVERED said last. */
struct effect_deliver {
	uint64_t number;
	const char *name;
	uint64_t epoch;	   /* of the run that it is for */
	const char *from;  /* who sent it, "" for an operator */
	const char *group; /* it was published to, "" for none */
	bool is_call;	   /* an ANSWER with this number is waited for */
	struct bytes body;
};

/* ANSWER to a CALL or MULTICALL: what one name said, or why it did not. */
struct effect_answer {
	uint64_t request;
	const char *name;
	enum reply_code code;
	const char *text;  /* one sentence, "" with REPLY_OK */
	struct bytes body; /* of REPLY_OK */
};

/* One thing to do. */
struct effect {
	enum effect_kind kind;
	uint64_t after; /* STORE that must be durable first; 0: none */
	union {
		struct effect_send send;
		struct effect_store store;
		struct effect_start start;
		struct effect_signal signal;
		struct effect_proc proc;
		struct effect_run run;
		struct effect_link_open link_open;
		struct effect_link_close link_close;
		struct effect_dump dump;
		struct effect_fetch fetch;
		struct effect_drop drop;
		struct effect_reply reply;
		struct effect_note note;
		struct effect_deliver deliver;
		struct effect_answer answer;
	};
};

/* The effects of one step, with their payloads. */
struct effects {
	struct effect *items; /* borrowed from the core */
	size_t count;	      /* items in use */
	size_t capacity;      /* items there are */
	unsigned char *pool;  /* payload bytes, borrowed from the core */
	size_t pool_used;     /* bytes in use */
	size_t pool_size;     /* bytes there are */
};

/* Names for traces and the API; never NULL for a value of the enum. */
const char *effect_kind_name(enum effect_kind kind);
const char *note_kind_name(enum note_kind kind);
const char *reply_code_name(enum reply_code code);
int reply_code_http(enum reply_code code);
const char *input_kind_name(enum input_kind kind);
const char *request_op_name(enum request_op op);
const char *hook_name(enum hook hook);
const char *news_kind_name(enum news_kind kind);
const char *mail_op_name(enum mail_op op);

/* Whether about 'items' more effects with 'size' payload bytes fit.  Work
 * that can be cut into pieces asks before each piece and goes on in the next
 * step; what cannot be cut is small by construction. */
bool effects_has_room(const struct effects *fx, size_t items, size_t size);

/* Appends an effect and returns it zeroed, for the caller to fill. */
struct effect *effects_add(struct effects *fx, enum effect_kind kind);

/* Copies bytes or a text into the payload pool; the copy lives until the
 * next step. */
struct bytes effects_copy(struct effects *fx, struct bytes b);
const char *effects_text(struct effects *fx, const char *text);

/* Formats a text into the pool: %s, %u (uint64_t), %d (int64_t), %x
 * (uint64_t, hex) and %% only, so that the core needs no stdio. */
const char *effects_format(struct effects *fx, const char *format, ...);

#endif
