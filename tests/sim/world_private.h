/* What the files of the world share: events, streams, checkers. */
#ifndef SKEP_TESTS_SIM_WORLD_PRIVATE_H
#define SKEP_TESTS_SIM_WORLD_PRIVATE_H

#include "tests/sim/world.h"

enum event_kind {
	EVENT_FRAME, /* arrives at a side of a stream */
	EVENT_RESET, /* the other side ended it */
	EVENT_DIAL,
	EVENT_STORED,
	EVENT_EXPIRE, /* nothing got through for long */
};

/* Something that will happen.  Owned by the heap. */
struct event {
	mono at;
	uint64_t number; /* of two at one time the older goes first */
	enum event_kind kind;
	uint32_t host;
	uint32_t start; /* of that host; a later start ignores it */
	uint32_t conn;
	int side; /* of 'conn', where it arrives */
	uint32_t dial;
	uint64_t seq;
	mono held_since; /* FRAME, RESET: while the way is cut */
	uint16_t type;
	size_t size;
	unsigned char body[];
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

/* The heap of events: the earliest first, of two the older. */
void heap_push(struct world *w, struct event *e);
struct event *heap_pop(struct world *w);
/* Makes an event of this start of 'host', 'in_ms' from now; 'body' is copied.
 */
struct event *event_new(struct world *w, enum event_kind kind, uint32_t host,
	int64_t in_ms, struct bytes body);

/* A random delay on the way. */
int64_t world_latency(struct world *w);
/* The handle of a stream's side, as cores know it. */
uint32_t link_of(uint32_t conn, int side);
/* Sends a frame, or the end (EVENT_RESET), towards the other side. */
void stream_send(struct world *w, uint32_t number, int from_side,
	enum event_kind kind, uint16_t type, struct bytes body);
/* Ends a side; the other hears of it behind all frames. */
void stream_close(struct world *w, uint32_t number, int side);
uint32_t conn_new(struct world *w, uint32_t from, uint32_t to, uint32_t dial);
/* The host that an address means, or WORLD_HOSTS. */
uint32_t host_at(const struct world *w, const char *address);

/* Safety after a step: panics where an invariant is broken. */
void world_check(struct world *w, uint32_t host, const struct effects *fx);

#endif
