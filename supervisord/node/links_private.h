/* What links.c (links) and guests.c (the door) share. */
#ifndef SKEP_NODE_LINKS_PRIVATE_H
#define SKEP_NODE_LINKS_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "node/links.h"
#include "node/pool.h"
#include "sys/say.h"

#define LINK_BUCKETS 256

/* One listening socket. */
struct door {
	struct links *links;
	ev_io io;
	ev_timer pause; /* out of descriptors: open again later */
};

struct links {
	struct ev_loop *loop;		 /* borrowed */
	const struct links_calls *calls; /* borrowed */
	void *context;
	struct dialler dialler;
	struct map_link *buckets[LINK_BUCKETS];
	struct map by_handle; /* of struct link */
	uint32_t next_handle;
	struct list dials;  /* of struct link_dial */
	struct list guests; /* of struct guest */
	unsigned guest_count;
	unsigned door_count;
	struct door doors[LINKS_LISTEN_MAX];
	struct say_limit guest_says[CONN_END_COUNT];
	struct say_limit link_says[CONN_END_COUNT];
	struct say_limit full_says;
	struct say_limit accept_says;
};

/* Makes the open connection 'c' a link (and takes it).  'dial' is 0 for
 * accepted ones.  Returns its handle, or 0 without memory; then 'c' ends. */
uint32_t links_adopt(struct links *links, struct conn *c, uint32_t dial,
	const char *address);

/* Tells a connection that nobody wants why, and ends it. */
void links_dismiss(struct conn *c, const char *why);

/* Closes the doors and shows the guests out. */
void guests_fini(struct links *links);

#endif
