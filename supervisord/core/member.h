/* Who is in the cluster and who is alive: the 'mesh' provider.
 *
 * Every pair of hosts holds one control connection.  Everybody dials
 * everybody it is not linked to, with redial back-off; of two links the one
 * dialled by the lower name stays.  Any frame is a sign of life.  States:
 *
 *   UNKNOWN  on the stored list, not heard of since our start
 *   ALIVE    linked, or vouched for by somebody who is
 *   SUSPECT  silent for longer than the failure timeout, or its link broke
 *            and cannot be made again; a private opinion, never sent on
 *   DEAD     confirmed by others (or nobody else could be asked)
 *   LEFT     said good-bye, or was forgotten by an operator
 *
 * Detection follows SWIM (Das et al. 2002) with Lifeguard's local health
 * (arXiv 1707.00788), over streams instead of datagrams, and with one
 * question in place of indirect probes: "when did you last hear X?".  Who is
 * not linked to X answers with what it was told itself, and asks early enough
 * to know: so a host that only some can talk with is alive for all, however
 * many stand between.
 *
 * Names are identities and incarnations order what is said about one: of two
 * statements about a name the one with the larger incarnation holds, and with
 * equal ones DEAD and LEFT hold over ALIVE.  A host that hears that it is
 * dead, or that its name was seen with a larger incarnation (an old disk, a
 * reinstalled host), takes a larger one; nobody ever takes a smaller one for
 * a name.  What somebody heard itself within the failure timeout goes before
 * what others say: it passes an obituary, or what they remember of another
 * start, on to its subject and waits for the answer, which holds for all.
 *
 * A node that starts again on purpose says so before it goes.  Its services
 * run on, and nobody suspects it within 'restart_grace'; asked about it, who
 * heard that says "just now".
 *
 * A node that is gone while its host answers is waited for as long, counted
 * from the end of its link: the host refuses, for its keeper is gone; or the
 * keeper, which holds the door, takes the connection, and nobody says Hello.
 * So a host that dies in that time is found at its end; one that dies with a
 * link that stands is not concerned.
 *
 * A node that lost more than half of its last stable view at once is lonely:
 * it holds for 'minority_hold' and then does what 'on_minority' says.  A node
 * whose stored list names others does not act until it is linked to more
 * than half of them or 'settle_timeout' has passed ("forming").
 *
 * Deaths are batched: 'topology' changes 300 ms after the last one.
 *
 * What news did not reach (a table or a step was full) is repaired: hosts
 * whose view digests differ for a while send each other all they know.
 *
 * Among more than NEWS_ALL_MAX hosts what everybody does for everybody is
 * spared where it would grow with their cube: what was heard from others is
 * passed on to a few chosen at random (who saw it first tells all), a new
 * link brings the list only when its Hello says that it would be news, lists
 * are limited in rate, and a heartbeat is hurried less.
 */
#ifndef SKEP_CORE_MEMBER_H
#define SKEP_CORE_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/lookup.h"
#include "base/map.h"
#include "base/mono.h"
#include "core/core.h"

/* state, name in the API */
#define MEMBER_STATES(X)                                                       \
	X(MEMBER_UNKNOWN, "unknown")                                           \
	X(MEMBER_ALIVE, "alive")                                               \
	X(MEMBER_SUSPECT, "suspect")                                           \
	X(MEMBER_DEAD, "dead")                                                 \
	X(MEMBER_LEFT, "left")

enum member_state {
#define X(state, name) state,
	MEMBER_STATES(X)
#undef X
	MEMBER_STATE_COUNT,
};

/* What an operator wants of a host (desired state, replicated). */
enum node_intent {
	INTENT_ACTIVE,	 /* takes instances */
	INTENT_CORDONED, /* keeps what it has, takes nothing new */
	INTENT_DRAINING, /* gives everything away */
};

/* Hosts of whose stores a heartbeat tells; of more they tell by turns. */
#define STALLS_TOLD_MAX 8

/* A member by number: an index that stays while the process runs.  0 is this
 * host itself. */
typedef uint32_t member_id;
#define MEMBER_SELF ((member_id)0)
#define MEMBER_NONE ((member_id)UINT32_MAX)

/* Why this host does not act for others at present.  The numbers travel in
 * heartbeats. */
enum member_hold {
	HOLD_NONE,	/* it acts */
	HOLD_FORMING,	/* waits for the stored list */
	HOLD_LONELY,	/* lost more than half at once; holds */
	HOLD_KEEP,	/* lonely, on_minority = keep: own services only */
	HOLD_FREEZE,	/* lonely, on_minority = freeze: changes nothing */
	HOLD_STOP,	/* lonely, on_minority = stop: stops its services */
	HOLD_LEAVING,	/* leaves the cluster */
	HOLD_ENDING,	/* skepd ends here and stops its services; final */
};

/* One host of the cluster, as others in the core may read it.  What a sign of
 * life touches comes first: of many members each comes from far memory. */
struct member {
	uint64_t incarnation; /* see member_log_incarnation */
	enum member_state state;
	uint32_t link;			/* control link; 0: none */
	uint32_t dial;			/* dial under way; 0: none */
	mono last_rx;			/* last frame from it, any kind */
	bool has_rx;			/* there was one since our start */
	mono heard_at;			/* last frame that others told of */
	bool has_heard;			/* they did, of this very host */
	/* From its last heartbeat: */
	uint64_t hb_view_digest;
	uint64_t hb_log_position;
	uint64_t hb_log_checksum;
	uint64_t hb_log_gc;
	uint64_t hb_spec_root;
	uint64_t hb_kv_root;
	uint64_t hb_settings_digest;
	uint32_t hb_health;
	bool hb_is_ready;
	bool hb_is_lonely;
	bool hb_is_stalled;		/* and it counts no changes: see wire */
	/* Of its store since its start, by its own count; odd: it stalls.
	 * Told by it or by others, and passed on. */
	uint64_t stall_changes;
	uint32_t stall_tell;		/* heartbeats that still tell them */
	enum member_hold hb_hold;	/* with hb_is_lonely, for people */
	bool has_wall;			/* it told its time: what its clock */
	int64_t wall_base_ms;		/* ... said when our 'now' was 0 */
	bool hb_is_going;		/* holds beyond its link, see is_away */
	bool has_heartbeat;		/* one came since the link stands */
	bool is_confirmed_down;		/* by an operator */
	/* member*.c's own: */
	bool is_link_ours;		/* we dialled 'link' */
	bool is_list_lost;		/* it had not taken us when we told */
	bool is_in_stable;		/* in the view that losses count from */
	bool is_confirming;		/* a LASTHEARD round is under way */
	bool is_host_up;		/* it answers, and no node does */
	mono vouched_at;		/* when others last said it is alive */
	member_id witness;		/* who told so, or that he heard it;
					   MEMBER_SELF: nobody */
	mono link_lost_at;
	mono away_until;		/* hb_is_going: nobody minds before */
	mono redial_at;
	int64_t redial_delay_ms;
	mono ask_at;			/* next LASTHEARD round */
	mono confirm_at;		/* end of the one under way */
	uint32_t confirm_asked;
	uint32_t confirm_unheard;
	mono contested_until;		/* so long we say against others that
					   this incarnation lives */
	mono news_at;			/* no full list to it before */
	mono agreed_at;			/* when its view was last ours */
	/* Who it is: */
	struct map_link by_name;	/* always */
	char name[NODE_NAME_MAX + 1];	/* identity */
	char address[ADDRESS_MAX + 1];	/* where to dial; "": not known */
	uint64_t node_id;		/* 0: known from hearsay only */
	uint64_t boot;
	uint64_t nonce;			/* of its start; 0: not known */
	mono since;			/* when 'state' began */
	uint32_t version;		/* protocol version spoken */
};

/* Why a Hello is refused; travels in Refuse. */
enum refuse_code {
	REFUSE_OTHER,
	REFUSE_CLUSTER,	   /* another cluster's name */
	REFUSE_VERSION,	   /* speaks no version that we speak */
	REFUSE_NAME,	   /* not a host name */
	REFUSE_NAME_TAKEN, /* another running host has that name */
	REFUSE_FULL,	   /* our table of members is full */
	REFUSE_CODE_COUNT,
};

/* A link that is not a member's yet: it has not said Hello, or its Hello was
 * older than what we know and it has been told, or it is the spare of two. */
struct member_pending {
	uint32_t link;	   /* 0: slot unused */
	uint32_t dial;	   /* as in LINK_OPEN; 0 for accepted links */
	mono deadline;	   /* when it must have become a member's */
	member_id spare_of; /* a second link of this member, or MEMBER_NONE */
	char address[ADDRESS_MAX + 1]; /* the other end */
};

/* An address from skep.conf or 'node join'. */
struct member_seed {
	char address[ADDRESS_MAX + 1]; /* "": slot unused (it was ourselves) */
	uint32_t dial;	   /* dial under way */
	mono redial_at;
	int64_t redial_delay_ms;
	member_id member;  /* who answered there, or MEMBER_NONE */
	uint64_t request;  /* 'node join' that waits for its REPLY; 0: none */
	mono request_until;
};

/* How our own store keeps up (member_stall.c). */
struct member_stall {
	mono since;	  /* nothing was written since, while some waits */
	bool is_on;	  /* it counts as stalled; heartbeats say so */
	uint64_t seq;	  /* STORE with which the stall is over */
	mono quiet_until; /* over, and others are told first; NEVER: no */
};

#define PENDING_MAX 256

/* How the members stand, for holds and forming. */
struct member_tally {
	uint32_t total;	 /* of the stable view and those who came since */
	uint32_t lost;	 /* of these, neither present nor confirmed down */
	uint32_t linked; /* of these, linked and heard; this host included */
	uint32_t down;	 /* of these, confirmed down by an operator */
};

/* The table; only member*.c write to it. */
struct member_table {
	struct member *items;	/* [0] is this host */
	uint32_t count;
	uint32_t max;
	struct map by_name;	/* struct member */
	struct lookup by_link;	/* numbers of those with a link */
	struct member_pending pending[PENDING_MAX];
	uint32_t pending_count; /* slots in use */
	struct member_seed seeds[JOIN_MAX];
	uint32_t seed_count;
	uint32_t next_dial;	/* last dial number given out */
	uint64_t incarnation_seq; /* STORE of our incarnation: no Hello before
				     it is durable */
	uint64_t view_digest;	/* of (name, incarnation) of all present */
	mono view_since;	/* when that last changed */
	uint64_t topology;	/* rises with every settled change */
	bool is_topology_dirty;
	mono topology_at;	/* when the debounce ends */
	mono topology_cap;	/* at the latest */
	bool is_stable;		/* the view is the stable view */
	enum member_hold hold;
	enum member_hold hold_left; /* LEAVING: the one before it */
	mono hold_since;
	mono hold_until;	/* MONO_NEVER where there is no end */
	char hold_text[NOTE_TEXT_MAX]; /* the sentence why; "" */
	bool is_founding;	/* the stored list named nobody else */
	bool is_name_refused;	/* others say that our name is taken */
	mono next_heartbeat;
	bool has_wall_base;	/* the time that most hosts say is known: */
	int clock_said;		/* ... that ours is ahead: 1, behind: -1 */
	int64_t wall_base_ms;	/* ... it, when our 'now' was 0 */
	uint32_t health;	/* local health, 0 to 8 */
	mono health_at;		/* when it may fall again */
	mono tick_due;		/* our last deadline, to notice our own lag */
	/* So that a sign of life costs the same among many members as among
	 * few: while only those come, no member's timer is due before
	 * 'due_at', which was found with these settings. */
	bool is_quiet;
	mono due_at;
	int64_t due_patience_ms;
	int64_t due_grace_ms;
	bool is_tally_known;	/* and none changed how members stand */
	struct member_tally tally;
	bool is_going;		/* heartbeats say that we start again */
	bool is_leaving;	/* an operator said so; durable until done */
	struct member_stall stall;
	uint64_t leave_after;	/* STORE that the good-bye waits for; 0: none */
	mono leave_at;		/* when it is said; NEVER: not yet */
	bool has_left;		/* good-bye was said; nothing is dialled */
	uint64_t refused_hellos[REFUSE_CODE_COUNT];
	mono refuse_note_at[REFUSE_CODE_COUNT]; /* next note of that kind */
	mono refused_note_at[REFUSE_CODE_COUNT]; /* when it is we */
	uint64_t refutes;	/* obituaries of ours that we refuted */
	uint64_t list_repairs;	/* full lists sent because digests differed */
	mono list_paid;		/* among many: until when lists are paid for */
};

struct core;

/* Takes its memory; this host becomes member 0, ALIVE. */
void member_init(struct core *c);
size_t member_need(const struct core_limits *limits);

/* The incarnation of a host's registry log inside a member's incarnation: the
 * counter of its starts, above 16 bits that count its refutations since. */
uint64_t member_log_incarnation(uint64_t incarnation);

/* Gives back one TABLE_META record; others' keys are ignored. */
void member_on_load_meta(struct core *c, struct bytes key,
	struct bytes value);
/* Gives back one TABLE_MEMBER record. */
void member_on_load(struct core *c, struct bytes key, struct bytes value);
/* The lists are complete: take an incarnation (c->incarnation), store it,
 * begin to dial, decide about forming. */
void member_on_boot(struct core *c);
/* Links and messages; member.c sees every link input first.  'member_on_recv'
 * handles Hello, Refuse, Heartbeat, LastHeard*, MemberNews and returns
 * MEMBER_NONE for them; for any other type it notes the sign of life and
 * returns the sender, for the caller to pass the message on. */
void member_on_link_up(struct core *c, const struct input_link_up *in);
void member_on_link_down(struct core *c, const struct input_link_down *in);
void member_on_reached(struct core *c, const struct input_reached *in);
member_id member_on_recv(struct core *c, const struct input_recv *in);
/* By how much this host's wall clock is ahead (negative: behind) of what it
 * goes by; 0: it goes by its own. */
int64_t member_clock_off(const struct core *c);
/* The same of any host, also where it is little, as it last told; 0: it did
 * not. */
int64_t member_clock_off_of(const struct core *c, member_id id);
/* Timers: heartbeats, suspicion, redial, holds, debounce. */
void member_on_tick(struct core *c);
mono member_deadline(const struct core *c);

/* This node goes and another comes: everybody is told. */
void member_on_going(struct core *c);
/* Nothing runs here in a moment: a hold that ends with this node. */
void member_on_ending(struct core *c);

/* Operators' words; each ends in exactly one REPLY. */
void member_on_join(struct core *c, const struct input_request *r);
void member_on_leave(struct core *c, const struct input_request *r);
void member_on_forget(struct core *c, const struct input_request *r);
void member_on_confirm_down(struct core *c, const struct input_request *r);
/* A host that is leaving is wanted back: its drain was called off. */
void member_cancel_leave(struct core *c);
/* After REQUEST_LEAVE this host drains; when duty sees that nothing is left
 * here it calls this: good-bye to all, every link closed, list forgotten. */
void member_finish_leave(struct core *c);

/* Finds a member by name; MEMBER_NONE if there is none. */
member_id member_find(const struct core *c, const char *name);
/* Borrows a member; 'id' must be valid. */
const struct member *member_get(const struct core *c, member_id id);
/* Whether 'id' counts as alive for ownership: ALIVE or SUSPECT.  (A suspect's
 * services are not taken over before it is DEAD.) */
bool member_is_present(const struct core *c, member_id id);
/* How many are, this host included. */
uint32_t member_present_count(const struct core *c);
/* Whether 'id' may still be booting: on the stored list, not heard of since
 * our own start, and settle_timeout is not over. */
bool member_is_expected(const struct core *c, member_id id);
/* When the next of these is none any more; NEVER: there are none. */
mono member_expected_until(const struct core *c);
/* Whether 'id' may be given something new: present, ready, not holding.  A
 * private suspicion or a cut link of ours does not matter here, because all
 * hosts must come to the same answer. */
bool member_is_usable(const struct core *c, member_id id);
/* Whether the store of 'id' has stalled: it keeps what it has. */
bool member_is_stalled(const struct core *c, member_id id);
/* A STORE was issued; some are durable. */
void member_on_store(struct core *c);
void member_on_stored(struct core *c);
/* Whether this host may start what it does not run now, and why not. */
enum member_hold member_hold_now(const struct core *c);
/* Whether every present linked member's last heartbeat carries our own view
 * digest, so that all compute duty from the same list. */
bool member_is_view_agreed(const struct core *c);

/* Sends one message to a member's control link; dropped when there is none
 * (repair is the caller's protocol).  'after' as in struct effect. */
void member_send(struct core *c, member_id to, uint16_t type,
	struct bytes body, uint64_t after);
/* Sends to every linked member. */
void member_broadcast(struct core *c, uint16_t type, struct bytes body,
	uint64_t after);

/* Panics where an invariant of the table is broken. */
void member_check(const struct core *c);

const char *member_state_name(enum member_state state);
/* "forming", "lonely", ...; "" for HOLD_NONE. */
const char *member_hold_name(enum member_hold hold);

#endif
