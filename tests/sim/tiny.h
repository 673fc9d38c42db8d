/* A world so small that all of it can be visited: two or three real cores,
 * one service, and no time.
 *
 * It is the shell of its hosts, as tests/sim/world is, but everything that
 * can happen is an action that somebody chooses, and everything that it
 * remembers lies in pages that can be put aside and brought back at the same
 * address (pages.h): cores lie wholly in their arenas, and the world itself
 * holds no pointers.  tests/sim/states.c enumerates what can happen.
 *
 * What is left out, so that the states are finite and few:
 *
 *   Time.  Each host has its own clock, which stands still until a timer's
 *   action lets it jump to that timer.  Any armed timer may be the next one,
 *   whatever the clocks say, so more orders are tried than can happen; only
 *   comparisons of times that no timer shows are not varied.
 *   A timer fires when nothing else can happen but what does not wait for it
 *   (links, starts of nodes), or earlier, as often as a bound says.
 *   Chatter.  Hellos, pulls, news of members, questions about them, heartbeats
 * and the desired state arrive at once and ahead of what is on the way; they
 *   are exchanged only when they say something new.  Acks are lost.
 *   Coalescing.  The 5 ms after which rows are pushed and the 300 ms after
 *   which a death counts pass at once.
 *   Records that no handoff needs (members, specs) are durable at once, when
 *   nothing stands before them.
 *   Answers.  A process puts its state aside when it is asked for it; that it
 *   answers otherwise, not at all, or ends by itself, has a bound.
 *   Checkpoints.  The service has none, so nothing is ever written to
 *   TABLE_CHECKPOINT (tiny.c checks that): who keeps one, who fetches it, and
 *   what is started from it is not among the states.  Storms (H8), dialogues
 *   and 'explore -c' try that. *
 * What stays: every interleaving of rows, handoff messages, fsyncs of owner
 * and handoff records, steps of processes, timers, crashes of the node, power
 * cycles, broken streams, partitions, deaths and false deaths.
 */
#ifndef SKEP_TESTS_SIM_TINY_H
#define SKEP_TESTS_SIM_TINY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core_private.h"

#define TINY_HOSTS   3
#define TINY_EPOCHS  12	  /* starts of a host, at most */
#define TINY_NAME    "db" /* the one service, and its one instance */
#define TINY_BODY    640  /* bytes of a frame on the way, at most */
#define TINY_QUEUE   12	  /* frames on one way, at most */
#define TINY_HELD    24	  /* effects that wait for the disk, at most */
#define TINY_RECORDS 24	  /* on a disk, at most */
#define TINY_STATES  6	  /* sealed states of a host, at most */
#define TINY_WALL_MS 1700000000000
#define TINY_NOT_LONG                                                          \
	3000 /* how far a clock jumps while hosts are about to                 \
		be linked */
#define TINY_SEALING_MS 600000 /* longer no state is sealed */

/* What a service holds: who began it, and how many starts it has seen. */
struct tiny_state {
	uint32_t birth; /* 0: nothing */
	uint32_t lives;
};

/* A message, or what stands in for one while it waits. */
struct tiny_frame {
	uint16_t type;
	uint16_t size;
	unsigned char body[TINY_BODY];
};

/* The way from one host to another; first in, first out, except in bags. */
struct tiny_queue {
	uint32_t count;
	struct tiny_frame items[TINY_QUEUE];
};

/* An effect that waits for a STORE. */
struct tiny_held {
	uint64_t after;
	enum effect_kind kind;
	uint32_t link;		 /* SEND, LINK_CLOSE */
	uint64_t epoch;		 /* START, SIGNAL, KILL, RELEASE */
	uint64_t run_digest;	 /* START */
	int signal;		 /* SIGNAL */
	bool is_handoff;	 /* SIGNAL */
	bool is_stop;		 /* SIGNAL */
	bool is_void;		 /* START: stopped while it waited */
	bool has_state;		 /* START */
	bool is_at_hand;	 /* START: the newest state was, when it was
				    decided */
	struct tiny_state state; /* START, DROP, FETCH */
	struct tiny_frame frame; /* SEND */
};

/* A record; 'size' 0 in a dirty one deletes it. */
struct tiny_record {
	enum core_table table;
	uint64_t seq;
	uint16_t key_size, size;
	unsigned char key[136];
	unsigned char value[TINY_BODY];
};

enum tiny_phase {
	TINY_NOTHING,
	TINY_STARTING,
	TINY_RUNNING,
	TINY_EXITED, /* its leader */
	TINY_EMPTY,  /* all of it, but the keeper remembers */
};

/* What a host's keeper knows of the instance. */
struct tiny_proc {
	enum tiny_phase phase;
	uint64_t epoch;
	uint64_t run_digest;
	struct tiny_state state; /* in its memory, or put aside */
	bool is_asked;		 /* the handoff signal was sent */
	bool has_out;		 /* it put its state aside */
	bool is_told;		 /* to stop */
	bool is_ready;		 /* it said so, or need not */
	bool is_mute;		 /* it will not answer the signal */
	uint8_t answer;		 /* to the signal; 0: none yet */
	int32_t status;		 /* how it ended */
};

/* A host. */
struct tiny_host {
	char name[8];
	char address[16];
	bool is_up;	   /* its node runs */
	bool is_keeper_up; /* its keeper and services do */
	bool is_gone;	   /* for ever, with its disk */
	uint32_t starts;
	mono now; /* its own clock */
	struct tiny_record records[TINY_RECORDS];
	uint32_t record_count;
	struct tiny_record dirty[TINY_RECORDS];
	uint32_t dirty_count;
	uint64_t stored;
	struct tiny_held held[TINY_HELD];
	uint32_t held_count;
	uint32_t dials[TINY_HOSTS]; /* under way to that host; 0: none */
	struct tiny_proc proc;
	struct tiny_state sealed[TINY_STATES];
	uint64_t sealed_epochs[TINY_STATES]; /* of the runs that left them; 0:
						fetched */
	uint32_t sealed_count;
	bool is_dumping;	       /* DUMP was asked for */
	struct tiny_state is_fetching; /* what FETCH asked for */
	uint32_t fetch_from;
	uint64_t busy_epoch;	     /* START that is refused; 0: none */
	enum start_blame busy_blame; /* why */
	struct core *core;   /* NULL while not up */
};

/* What happened so far, of what has a bound. */
#define TINY_BUDGETS(X)                                                        \
	X(BUDGET_CRASH, "crash")    /* of a node, its services live on */      \
	X(BUDGET_POWER, "power")    /* of a host, with all that runs there */  \
	X(BUDGET_RESET, "reset")    /* of a stream, with what is in it */      \
	X(BUDGET_CUT, "cut")	    /* of a pair, until it is healed */        \
	X(BUDGET_GONE, "gone")	    /* hosts that end for ever */              \
	X(BUDGET_WIPE, "wipe")	    /* hosts that come back without a disk */  \
	X(BUDGET_LOSS, "loss")	    /* single messages, in a bag */            \
	X(BUDGET_TWICE, "twice")    /* the same, delivered twice */            \
	X(BUDGET_EARLY, "early")    /* timers that do not wait for the rest */ \
	X(BUDGET_ANSWER, "answers") /* to the handoff signal, other than a     \
				       state */                                \
	X(BUDGET_UNDRAIN, "undrain") /* the move is a drain, called off */     \
	X(BUDGET_END, "ends")	     /* of a process, by itself */             \
	X(BUDGET_TRY, "try")	     /* moves that were begun */               \
	X(BUDGET_START, "start")     /* starts of the service */

enum tiny_budget {
#define X(budget, name) budget,
	TINY_BUDGETS(X)
#undef X
		BUDGET_COUNT,
};

/* The rest of the world, and what its checkers remember. */
struct tiny_net {
	bool is_cut[TINY_HOSTS][TINY_HOSTS];
	uint32_t link[TINY_HOSTS][TINY_HOSTS]; /* of a host to another */
	uint32_t dial[TINY_HOSTS][TINY_HOSTS]; /* that made it; 0: accepted */
	uint32_t next_link;
	struct tiny_queue way[TINY_HOSTS][TINY_HOSTS]; /* from, to */
	uint32_t spent[BUDGET_COUNT];
	/* The newest state of the service; 'is_lost': no home of it is left,
	 * or its last one ended without having been asked. */
	struct tiny_state newest;
	bool is_lost;
	/* A host took another for dead that still ran the service: then two
	 * copies may live until they hear of each other (availability). */
	bool is_split;
	bool is_buried[TINY_HOSTS][TINY_HOSTS]; /* host, about */
	/* A record that names the newest state was durable: from then on it
	 * must not get lost. */
	bool is_frozen;
	/* The epochs of all starts; a new disk remembers none of those before
	 * 'wiped_at'. */
	uint64_t epochs_used[TINY_HOSTS][TINY_EPOCHS];
	uint32_t used_count[TINY_HOSTS], wiped_at[TINY_HOSTS];
	bool is_wiped[TINY_HOSTS];
	uint32_t births;
	/* Start first: the host was told by the other one to begin, while the
	 * copy that runs there did. */
	bool is_begun[TINY_HOSTS][TINY_HOSTS]; /* host, by */
	/* A node crashed while it stopped a copy: the next one takes that for a
	 * copy that goes on, until it has ended. */
	bool is_stop_forgotten;
	/* Where it was started last, and whether that run said that there is
	 * nothing to carry. */
	uint32_t last_host;
	bool is_waived;
};

/* What kind of world it is. */
enum tiny_kind {
	TINY_MOVE,  /* of a service with a state */
	TINY_FIRST, /* of one without, order: start-first */
	TINY_OWNER, /* of none: a service without a handoff, just declared */
};

/* The world: pages of the hosts (tiny_host, then its arena), of the net. */
struct tiny {
	enum tiny_kind kind;
	bool is_required; /* it never starts elsewhere without its state */
	bool has_readiness;
	uint32_t count;
	struct tiny_host *hosts[TINY_HOSTS];
	struct tiny_net *net;
	void *memory[TINY_HOSTS]; /* of the cores */
	size_t memory_size;
	struct core_limits limits;
	bool is_bag;  /* handoff messages may be lost, doubled, reordered */
	bool is_loud; /* prints what hosts say */
	bool is_talkative; /* heartbeats are actions, not eager */
	uint32_t limit[BUDGET_COUNT];
	const char *wrong; /* the invariant that just broke, or NULL */
	uint8_t touched;   /* hosts that an action changed, a bit each */
};

/* Makes a world of 'count' hosts, whole, with a service on the first, or one
 * that was just declared.  'words' are further ones of that service (script.h);
 * borrowed, and cut in place. */
struct tiny *tiny_new(enum tiny_kind kind, uint32_t count, char *words);

/* --- tiny.c: hosts --- */

/* Gives a host's core an input and carries out what it wants. */
void tiny_step(struct tiny *t, uint32_t host, struct input *in);
/* Lets pass what passes at once, on all hosts. */
void tiny_settle(struct tiny *t);
/* Lets a host's clock jump. */
void tiny_jump(struct tiny *t, uint32_t host, mono to);
/* Its records become durable, up to the next that matters. */
void tiny_store(struct tiny *t, uint32_t host);
void tiny_start(struct tiny *t, uint32_t host);
/* An operator asks a host for something. */
void tiny_ask(struct tiny *t, uint32_t host, enum request_op op,
	const char *name, const char *arg);
void tiny_crash(struct tiny *t, uint32_t host, bool with_power);
/* The number of a host with this name or address; TINY_HOSTS: none. */
uint32_t tiny_host_of(const struct tiny *t, const char *name);

/* --- tiny_net.c --- */

void tiny_send(struct tiny *t, uint32_t from, uint32_t link, uint16_t type,
	struct bytes body);
/* Delivers what arrives at once; true if there was something. */
bool tiny_deliver_eager(struct tiny *t);
/* Delivers one frame; it stays on its way if 'is_kept'. */
void tiny_deliver(struct tiny *t, uint32_t from, uint32_t to, uint32_t index,
	bool is_kept);
void tiny_lose(struct tiny *t, uint32_t from, uint32_t to, uint32_t index);
/* Whether a frame may be the next to arrive. */
bool tiny_is_next(
	const struct tiny *t, uint32_t from, uint32_t to, uint32_t index);
void tiny_unlink(struct tiny *t, uint32_t a, uint32_t b,
	enum link_down_reason reason, bool is_told[TINY_HOSTS]);
void tiny_close(struct tiny *t, uint32_t from, uint32_t link);
bool tiny_can_link(const struct tiny *t, uint32_t a, uint32_t b);
void tiny_link(struct tiny *t, uint32_t a, uint32_t b);
/* Whether a frame from one to the other could arrive, now or soon. */
bool tiny_is_reachable(const struct tiny *t, uint32_t a, uint32_t b);
/* Lets time pass for 'host' until it takes 'about' for dead. */
void tiny_bury(struct tiny *t, uint32_t host, uint32_t about);
/* Whether a heartbeat would say something new; sends and delivers it. */
bool tiny_has_news(const struct tiny *t, uint32_t from, uint32_t to);
void tiny_heartbeat(struct tiny *t, uint32_t from, uint32_t to);

/* --- tiny_proc.c: keepers, states --- */

struct tiny_state tiny_state_of(const uint8_t root[DIGEST_SIZE]);
void tiny_perform_proc(
	struct tiny *t, uint32_t host, const struct tiny_held *e);
/* The next step of its process, dump or fetch; see the enum below. */
enum tiny_deed {
	DEED_STARTED,
	DEED_READY,
	DEED_ANSWER,
	DEED_EXIT,
	DEED_EMPTY,
	DEED_DUMP,
	DEED_FETCH,
	DEED_COUNT,
};
bool tiny_can_do(const struct tiny *t, uint32_t host, enum tiny_deed deed);
void tiny_do(struct tiny *t, uint32_t host, enum tiny_deed deed);
/* What a process may do that the move would rather not have: answers to its
 * handoff signal that are no state. */
enum tiny_answer {
	TINY_RESTART,	  /* there is nothing to carry */
	TINY_IGNORE,	  /* it is to be left where it is */
	TINY_UNSUPPORTED, /* it does not catch the signal: none is sent */
	TINY_SILENCE,	  /* none within the timeout */
	TINY_DEATH,	  /* it dies of the signal */
	TINY_ANSWERS,
};
bool tiny_can_answer(const struct tiny *t, uint32_t host);
void tiny_answer(struct tiny *t, uint32_t host, enum tiny_answer answer);
/* It ends by itself. */
bool tiny_can_end(const struct tiny *t, uint32_t host);
void tiny_end(struct tiny *t, uint32_t host);
/* A refused START is answered at once; true if there was one. */
bool tiny_deliver_busy(struct tiny *t, uint32_t host);
/* Whether somebody who could be asked holds the newest state: not one that
 * was rightly taken for dead and may be coming back. */
bool tiny_is_at_hand(const struct tiny *t, uint32_t host);
/* A host ended with its disk: what only it held went with it. */
void tiny_on_loss(struct tiny *t);
/* A record became durable. */
void tiny_on_record(struct tiny *t, const struct tiny_record *r);
/* SEALED, for a node that starts. */
void tiny_sealed(struct tiny *t, uint32_t host);
/* All that ran there ended. */
void tiny_end_proc(struct tiny *t, uint32_t host);
/* FOUND, for a node that starts; what it answered before, said again. */
void tiny_found(struct tiny *t, uint32_t host);
void tiny_answer_again(struct tiny *t, uint32_t host);
/* Whether there is a home of this state, on a host that is not gone. */
bool tiny_has_home(const struct tiny *t, struct tiny_state s);

/* --- tiny_first.c: two copies, the new one before the old one ends --- */

/* BEGIN came from one host to another. */
void tiny_on_begin(struct tiny *t, uint32_t from, uint32_t to);
/* Nothing of it runs on a host any more. */
void tiny_on_left(struct tiny *t, uint32_t host);
/* Whether a START is what the order allows; the sentence, or NULL. */
const char *tiny_judge_first(const struct tiny *t, uint32_t host);
/* What holds in every state of it; the sentence, or NULL. */
const char *tiny_trouble_first(const struct tiny *t);

/* --- tiny_look.c --- */

/* The canonical hash of all that decides what can happen. */
uint64_t tiny_hash(const struct tiny *t);
/* Who is taken for dead and is not may run a second copy: from then on two
 * copies are nobody's fault. */
void tiny_notice_split(struct tiny *t);
/* The invariants that hold in every state; the sentence, or NULL. */
const char *tiny_trouble(struct tiny *t);
/* Whether all is at rest as it should be: the goal of every state. */
bool tiny_is_good(const struct tiny *t);
/* Whether 'host' acts as if 'about' were dead. */
bool tiny_is_buried(const struct tiny *t, uint32_t host, uint32_t about);

#endif
