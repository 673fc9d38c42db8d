/* Two ends of the network in one process: what the tests of connections and
 * states share.  Everything is on loopback, with ports that the kernel picks;
 * waiting means running the loop until a condition holds, for a generous
 * while.
 */
#ifndef SKEP_TESTS_NET_WORLD_H
#define SKEP_TESTS_NET_WORLD_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "node/links.h"

#define WORLD_LOG_MAX 64

/* What one end's callbacks saw last, and how often. */
struct end_log {
	unsigned reaches, ups, downs, frames, bulks;
	uint32_t up_link, up_dial;
	uint32_t down_link, down_dial;
	enum link_down_reason reason;
	uint16_t type;	    /* of the last frame */
	size_t body_size;   /* of the last frame */
	uint64_t body_hash; /* of the last frame */
};

/* One host. */
struct end {
	struct ev_loop *loop;
	struct tls *tls;
	struct links *links;
	int listen_fd;
	char address[32]; /* where it listens */
	struct end_log log;
	/* Set to handle bulk connections; NULL: they are ended. */
	void (*on_bulk)(void *context, struct conn *c, struct bytes hello);
	void *bulk_context;
	/* The same for queries. */
	void (*on_query)(void *context, struct conn *c, struct bytes hello);
	void *query_context;
};

/* A key made from one byte, so that two of the same are equal. */
struct keyring world_key(const char *identity, uint8_t byte);

/* Starts a host with 'keys' (NULL: mode none). */
void end_init(struct end *e, struct ev_loop *loop, const struct keyring *keys);
void end_fini(struct end *e);

/* A listening socket on 127.0.0.1; its "ADDRESS:PORT" goes to 'address'. */
int world_listen(char address[32]);
/* A blocking connection to 'address'. */
int world_connect(const char *address);

/* Runs the loop until 'is_true(context)', 20 s at most. */
bool world_wait(
	struct ev_loop *loop, bool (*is_true)(void *context), void *context);

/* Waits until '*value' is at least 'least'. */
bool world_wait_count(
	struct ev_loop *loop, const unsigned *value, unsigned least);

/* Sends a control Hello on 'link'. */
void end_say_hello(struct end *e, uint32_t link);

/* Descriptors this process has open; its resident memory in KiB. */
unsigned world_fd_count(void);
unsigned long world_rss_kib(void);

#endif
