/* What the files of the world share: its events, streams, disks and the
 * keeper of each host.  Nobody else includes it.
 */
#ifndef SKEP_TESTS_SIM_WORLD_PRIVATE_H
#define SKEP_TESTS_SIM_WORLD_PRIVATE_H

#include "tests/sim/world.h"

enum event_kind {
	EVENT_FRAME, /* arrives at a side of a stream */
	EVENT_RESET, /* the other side ended it */
	EVENT_DIAL,
	EVENT_STORED,
	/* Of the keeper, which outlives its node: */
	EVENT_STARTED,
	EVENT_START_FAILED,
	EVENT_EXITED,
	EVENT_EMPTY,
	EVENT_ANSWERED,
	EVENT_DUMPED,
	EVENT_FETCHED,
};

/* Something that will happen.  Owned by the heap. */
struct event {
	mono at;
	uint64_t number; /* of two at one time the older goes first */
	enum event_kind kind;
	uint32_t host;
	uint32_t start; /* of that host (of its keeper, for the keeper's
			   events); a later start ignores it */
	uint32_t conn;
	int side; /* of 'conn', where it arrives */
	uint32_t dial;
	uint64_t seq;	 /* STORED: its number; the keeper's: the epoch */
	mono held_since; /* FRAME, RESET: while the way is cut */
	uint16_t type;
	int32_t status;		   /* EXITED */
	uint8_t root[DIGEST_SIZE]; /* FETCHED: what was asked for */
	struct state state;	   /* FETCHED: what came */
	size_t size;
	unsigned char body[]; /* the keeper's: the instance name */
};

/* A stream.  Side 0 dialled. */
struct conn {
	uint32_t host[2];
	uint32_t start[2];
	bool is_open[2];
	uint32_t dial;	  /* side 0's number for it */
	mono last_at[2];  /* arrival of the last frame towards that side */
	uint32_t held[2]; /* frames towards that side that wait */
};

/* An event of the current start of 'host' in 'in_ms'; 'body' is copied. */
struct event *event_new(struct world *w, enum event_kind kind, uint32_t host,
	int64_t in_ms, struct bytes body);
/* Puts an event (taken) on the heap; takes the earliest from it. */
void event_push(struct world *w, struct event *e);
struct event *event_pop(struct world *w);

/* Gives a host's core an input and carries out what it wants. */
void world_step(struct world *w, uint32_t host, struct input *in);
/* The host at an address, or WORLD_HOSTS. */
uint32_t world_host_at(const struct world *w, const char *address);
/* Carries out what waited for the STORE that just became durable. */
void world_release_waiting(struct world *w, uint32_t host);

/* Sends a frame (or the end, EVENT_RESET) towards the other side. */
void net_send(struct world *w, uint32_t number, int from_side,
	enum event_kind kind, uint16_t type, struct bytes body);
/* Ends one side of a stream. */
void net_close(struct world *w, uint32_t number, int side);
/* Begins to dial; the event's end; a frame's or a reset's arrival. */
void net_dial(struct world *w, uint32_t host, const struct effect_link_open *o);
void net_on_dial(struct world *w, struct event *e);
void net_on_frame(struct world *w, struct event *e);

/* Writes; makes durable; forgets what is not; gives all back to the core. */
void disk_write(struct world *w, uint32_t host, const struct effect *e);
void disk_on_stored(struct world *w, struct event *e);
void disk_drop_dirty(struct host *h);
void disk_load(struct world *w, uint32_t host);
void record_free(struct record *r);

/* The invariants of the members, after every step. */
void world_check(struct world *w, uint32_t host, const struct effects *fx);

/* The fake keeper: carries out START, SIGNAL, KILL, RELEASE, DUMP, FETCH and
 * DROP; its events; FOUND for what it has; the end of all its services. */
void proc_perform(struct world *w, uint32_t host, const struct effect *e);
void proc_on_event(struct world *w, struct event *e);
void proc_found(struct world *w, uint32_t host);
void proc_end_all(struct world *w, uint32_t host);
/* Says again what services answered, for a node that did not hear it. */
void proc_answer_again(struct world *w, uint32_t host);

#endif
