/* What bulk.c (the front), serve.c, given.c and fetch.c share. */
#ifndef SKEP_NODE_BULK_PRIVATE_H
#define SKEP_NODE_BULK_PRIVATE_H

#include "core/wire.h"
#include "node/bulk.h"
#include "node/message.h"
#include "node/pace.h"
#include "node/pool.h"
#include "sys/say.h"

#define BULK_PIECE_SIZE	  262144u /* bytes of data in one BulkData */
#define BULK_DIGESTS_MAX  8192u	  /* digests in one BulkManifest */
#define BULK_WINDOW	  4u	  /* chunks asked for and not yet stored */
#define BULK_SERVED_MAX	  256u	  /* connections served at once */
#define BULK_REQUESTS_MAX 64u	  /* questions waiting on one of them */
#define BULK_IDLE_MS	  60000	  /* a served connection without questions */
#define BULK_SILENT_MS	  10000	  /* a fetch without a byte dials again */
#define BULK_GIVEN_MAX	  4096 /* states of which it is known what was given */
#define BULK_RETRY_MS	  200  /* first back-off; doubles */
#define BULK_RETRY_MAX_MS 5000 /* last back-off */

struct bulk {
	struct ev_loop *loop;	       /* borrowed */
	const struct dialler *dialler; /* borrowed */
	char cluster[CLUSTER_NAME_MAX + 1];
	char node[NODE_NAME_MAX + 1];
	struct dumps dumps;
	struct pool *files;  /* chunks: short jobs */
	struct pool *seals;  /* as slow as the mover */
	struct list fetches; /* of struct fetch */
	struct list served;  /* of struct served */
	struct list given;   /* of struct given, given.c; the last used last */
	unsigned given_count;
	struct list orphans; /* of struct orphan, fetch.c */
	unsigned served_count;
	struct pace pace;  /* of all that is served */
	struct list turns; /* of struct served, serve.c; the next first */
	ev_timer turn;	   /* when 'pace' lets the next one send */
	bool is_ending;
	struct say_limit refuse_says;
	struct say_limit serve_says;
	struct say_limit fetch_says;
	struct say_limit drop_says;
};

/* Sends this host's Hello on a bulk connection. */
void bulk_say_hello(struct bulk *bulk, struct conn *c);

/* given.c: a question came, which says that 'here' bytes are there. */
void given_on_question(struct bulk *bulk, const char *name,
	const uint8_t root[DIGEST_SIZE], uint64_t here);
/* So many bytes of it went out. */
void given_on_sent(struct bulk *bulk, const char *name,
	const uint8_t root[DIGEST_SIZE], size_t size);
void given_forget(
	struct bulk *bulk, const char *name, const uint8_t root[DIGEST_SIZE]);
void given_forget_all(struct bulk *bulk);

/* serve.c: 'turn' is over; its data is the bulk. */
void served_on_turn(struct ev_loop *loop, ev_timer *timer, int events);

/* Ends everything of serve.c and fetch.c, without reports. */
void served_end_all(struct bulk *bulk);
void fetch_end_all(struct bulk *bulk);

#endif
