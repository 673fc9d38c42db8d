/* What the files of the world share: its events, streams, disks and the
 * keeper of each host.  Nobody else includes it.
 */
#ifndef SKEP_TESTS_SIM_WORLD_PRIVATE_H
#define SKEP_TESTS_SIM_WORLD_PRIVATE_H

#include "tests/sim/world.h"

enum event_kind {
	EVENT_FRAME, /* arrives at a side of a stream */
	EVENT_RESET, /* the other side ended it */
	/* What a process hears about its own end of a stream: */
	EVENT_GIVE_UP, /* nothing was acknowledged, unless it was by now */
	EVENT_ABORT,   /* too much waits to be sent */
	EVENT_CLOSED,  /* it is closed, as was wanted */
	EVENT_DIAL,
	EVENT_STORED,
	EVENT_MAIL,    /* a message is read, or answered */
	EVENT_REQUEST, /* of an operator, to a process that stood still */
	/* Of the keeper, which outlives its node: */
	EVENT_STARTED,
	EVENT_START_FAILED,
	EVENT_EXITED,
	EVENT_EMPTY,
	EVENT_ANSWERED,
	EVENT_DUMPED,
	EVENT_SAID,  /* 'status': an enum news_kind */
	EVENT_RAN,   /* 'status': an enum hook, and 256 if it failed */
	EVENT_FETCH, /* a fetch is tried */
};

/* Something that will happen.  Owned by the heap. */
struct event {
	mono at;
	uint64_t number; /* of two at one time the older goes first */
	enum event_kind kind;
	uint32_t host;
	uint32_t start;	    /* of that host (of its keeper, for the keeper's
			       events); a later start ignores it */
	struct conn *conn;  /* FRAME, RESET */
	int side;	    /* of 'conn', where it arrives */
	uint32_t dial;	    /* DIAL; FETCH: its number */
	uint64_t seq;	    /* STORED: its number; the keeper's: the epoch;
			       REQUEST: its id */
	mono held_since;    /* GIVE_UP, DIAL: since when */
	int64_t amount;	    /* REQUEST: its number; DIAL: the keeper's start */
	uint16_t type;	    /* FRAME; RESET: not 0 when said only once; REQUEST:
			       its op */
	bool is_waiting;    /* FRAME: in the sender's process */
	bool is_lost;	    /* FRAME: not all of its bytes arrive */
	bool is_read;	    /* FRAME: the reader has got to it */
	bool is_parked;	    /* until its host's process, or its disk, goes on */
	int32_t status;	    /* EXITED, CLOSED */
	struct event *next; /* in its pipe, or in the spare ones */
	uint8_t size_class; /* of the block that it lies in */
	size_t size;
	unsigned char body[]; /* the keeper's: the instance name; REQUEST: name
				 and argument, each with its zero */
};

/* One end of a stream, and the pipe towards it: frames in their order, of
 * which the heap has the first. */
struct conn_end {
	struct list of_host;
	struct conn *conn;
	uint32_t host;
	uint32_t start; /* of that host */
	bool is_open;
	bool is_ending;	      /* it will hear that it is over */
	bool is_mute;	      /* what it sends goes nowhere */
	mono swallowed_until; /* so does it, until then */
	struct event *first, *last;
	struct event *waiting; /* the first that the kernel has no room for */
	size_t kernel_size;    /* bytes in the kernels' buffers */
	size_t waiting_size;   /* ... and in the sender's process */
	mono last_at;	       /* arrival of the last one in a buffer */
	mono unacked_since;    /* MONO_NEVER: the sender has heard of all */
	int tries;	       /* of the first one, in vain */
	member_id member;      /* what its host calls the other one, probably;
				  MEMBER_NONE: not known, see ahead_learn */
};

/* A stream.  Freed when both ends are closed and nothing is on its way. */
struct conn {
	uint32_t number;
	struct conn_end ends[2]; /* [0] dialled */
	uint32_t dial;		 /* its number for it */
	uint32_t flying;	 /* events that name it */
};

/* Something about the ways between two hosts that is not as usual. */
struct way {
	struct map_link in_ways;
	struct list in_list;
	uint32_t a, b; /* a < b */
	/* [0] from a to b, [1] from b to a: */
	bool is_cut[2];
	bool has_latency[2];
	int64_t latency_min_ms[2];
	int64_t latency_mean_ms[2];
	mono stalled_until[2];
	enum link_down_reason refusal[2]; /* of dials; 0: none */
	bool is_bulk_cut;
	mono faulted_at;
};

/* How long a frame travels; until when nothing does; what a dial ends in. */
int64_t way_latency(struct world *w, uint32_t from, uint32_t to);
mono way_stalled_until(const struct world *w, uint32_t from, uint32_t to);
enum link_down_reason way_refusal(
	const struct world *w, uint32_t from, uint32_t to);

/* Takes a host into the maps of names and addresses. */
void way_add_host(struct world *w, struct host *h);
/* Something happened to the streams between two hosts. */
void way_hurt(struct world *w, uint32_t a, uint32_t b);
/* Something happened to all ways of a host. */
void way_hurt_all(struct world *w, uint32_t host);
void way_free_all(struct world *w);

/* An event of the current start of 'host' in 'in_ms'; 'body' is copied. */
struct event *event_new(struct world *w, enum event_kind kind, uint32_t host,
	int64_t in_ms, struct bytes body);
/* Puts an event (taken) on the heap. */
void event_push(struct world *w, struct event *e);
/* Gives an event back. */
void event_free(struct world *w, struct event *e);
/* Asks for a tick of 'host' at 'at', after the events of that time and in the
 * order of the hosts. */
void event_push_tick(struct world *w, uint32_t host, mono at);
/* What waits for a host's process or its disk to go on happens now. */
void event_unpark(struct world *w, uint32_t host);
/* Takes the earliest entry from the heap, which must have one. */
struct world_due event_pop(struct world *w);
/* Whether an entry is a tick, and of which host. */
bool event_is_tick(const struct world_due *due, uint32_t *host);
void event_free_all(struct world *w);

/* Gives a host's core an input and carries out what it wants. */
void world_step(struct world *w, uint32_t host, struct input *in);
/* Carries out what waited for the STORE that just became durable. */
void world_release_waiting(struct world *w, uint32_t host);

/* The stream of a core's link and which of its ends that is; NULL when it is
 * gone or was never there. */
struct conn *net_find(const struct world *w, uint32_t link, int *side);
/* Makes a stream; tells both ends of it. */
struct conn *net_new(
	struct world *w, uint32_t from, uint32_t to, uint32_t dial);
void net_tell_up(struct world *w, struct conn *k);
/* Sends a frame from one side. */
void net_send(struct world *w, struct conn *k, int from_side, uint16_t type,
	struct bytes body);
/* Ends one side of a stream. */
void net_close(struct world *w, struct conn *k, int side);
/* The kernel of a host ends its streams; or says nothing any more. */
void net_reset_all(struct world *w, uint32_t host);
void net_silence_all(struct world *w, uint32_t host);
/* The first frame of a pipe (or the stream's end) arrives; what one end
 * hears about itself. */
void net_on_frame(struct world *w, struct event *e);
/* Whether an event is a matter of a host's kernel, not of its process. */
bool net_is_kernels(const struct world *w, const struct event *e);
void net_on_word(struct world *w, struct event *e);
void net_free_all(struct world *w);
/* Begins to dial; the event's end. */
void net_dial(struct world *w, uint32_t host, const struct effect_link_open *o);
void net_on_dial(struct world *w, struct event *e);

/* Asks for the memory of what happens some steps later. */
void ahead_of_events(const struct world *w);
void ahead_of_effect(
	const struct world *w, const struct effects *fx, size_t at);
/* A frame of 'from' came to one end of a stream. */
void ahead_learn(const struct world *w, struct conn_end *end, uint32_t from);

/* Adds an effect to the world's hash. */
void hash_effect(struct world *w, uint32_t host, const struct effect *e);

/* What the clocks of a host show. */
mono clock_of(const struct world *w, uint32_t host);
int64_t clock_wall_ms(const struct world *w, uint32_t host);
/* The first moment from 'at' on at which a host's process runs. */
mono clock_runs_at(const struct world *w, uint32_t host, mono at);
/* When, in true time, a running host's core can be called as it wants. */
mono clock_deadline(const struct world *w, uint32_t host);
/* Sees to it that the heap has a tick for a host in time. */
void clock_arm(struct world *w, uint32_t host);

/* Writes; makes durable; forgets what is not; gives all back to the core. */
void disk_write(struct world *w, uint32_t host, const struct effect *e);
void disk_on_stored(struct world *w, struct event *e);
void disk_drop_dirty(struct world *w, struct host *h);
/* All its records go. */
void disk_clear(struct world *w, struct host *h);
/* The end of a node or of its power: what becomes of its last writes. */
void disk_end(struct world *w, uint32_t host);
void disk_load(struct world *w, uint32_t host);

/* The record that says this (all copied), with one more user; 'value.data'
 * NULL: that the key goes.  'is_newer' as in world_set_newer. */
struct record *record_take(struct world *w, enum core_table table,
	struct bytes key, struct bytes value, bool is_newer);
/* The same one once more; one user less. */
struct record *record_share(struct record *r);
void record_give(struct world *w, struct record *r);

/* The fake keeper: carries out START, SIGNAL, KILL, RELEASE, DUMP, FETCH and
 * DROP; its events; FOUND for what it has, SEALED for the states that lie on
 * its disk; the end of all its services. */
void proc_perform(struct world *w, uint32_t host, const struct effect *e);
void proc_on_event(struct world *w, struct event *e);
void proc_found(struct world *w, uint32_t host);
void proc_sealed(struct world *w, uint32_t host);
/* The node says that one is ready, for the next node to know. */
void proc_mark_ready(
	struct world *w, uint32_t host, const char *name, uint64_t epoch);
void proc_end_all(struct world *w, uint32_t host);
/* Says again what services answered, for a node that did not hear it. */
void proc_answer_again(struct world *w, uint32_t host);

/* What stands at the state_path of an instance; made empty if need be. */
struct state_place *place_of(struct host *h, const char *name);
/* The instance was let go: what skep-mover noted goes. */
void place_forget(struct state_place *at);
/* What a disk's copy puts back of them. */
void place_restore(struct host *h, const struct disk *disk);
/* As skep-mover: what is to be found there by a start with the state 'from',
 * or (NULL) without one. */
void place_prepare(struct state_place *at, const struct effect_start *s,
	const struct state *from);

/* Sealed states (world_state.c). */
/* The digest of a state stands for its content. */
void state_root(const struct state *s, uint8_t root[DIGEST_SIZE]);
/* Whether it comes from the start with this birth, or has one joined that does.
 */
bool state_has(const struct state *s, uint64_t birth);
/* Joins another one with it; false if that is in it already.  What both had
 * when they parted, be it begun or joined, they have in common.
 */
bool state_join(struct state *s, const struct state *other);
/* Tells the observers. */
void state_observe(struct world *w, uint32_t host, enum world_process_what what,
	const struct state *s, uint64_t epoch, bool is_aside);
struct state *state_find(const struct host *h, const uint8_t root[DIGEST_SIZE]);
/* Writes it to a host's disk, left by the run 'epoch', or fetched: 0. */
void state_keep(struct host *h, const struct state *s, uint64_t epoch);
/* What the core wants, and what comes of it. */
void state_fetch(struct world *w, uint32_t host, const struct effect_fetch *e);
void state_drop(struct world *w, uint32_t host, const struct effect_drop *d);
void state_on_fetch(struct world *w, struct event *e);
/* How the processes of that instance behave on a host. */
const struct behaviour *proc_behaviour(
	struct world *w, uint32_t host, const char *name);

/* world_guest.c: what becomes of the processes with names.  A REPLY was
 * carried out; a name was taken away; the disk was lost; the machine ended. */
void guest_on_reply(struct host *h, const struct effect_reply *reply);
void guest_on_lost(struct host *h, const char *name);
void guest_forget(struct host *h);
void guest_end_all(struct host *h);
/* A node begins: of each stored name it finds the process, or tells its end. */
void guest_found(struct world *w, uint32_t host);
/* A process runs: it takes messages as it behaves. */
void mail_open(struct world *w, uint32_t host, const char *name);
/* Carries out DELIVER and ANSWER. */
void mail_perform(struct world *w, uint32_t host, const struct effect *e);
/* A message is read or answered; the event is taken. */
void mail_on_event(struct world *w, struct event *e);

#endif
