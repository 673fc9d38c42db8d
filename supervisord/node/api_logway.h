/* The output of one instance, wherever it goes.
 *
 * A way reads from the host that holds the instance.  When it is followed, it
 * goes on when that host's answer ends: because the instance has moved and all
 * that it wrote there was read, or because the host is gone.  It then waits
 * until some host holds the instance in a later epoch, and reads what that and
 * later epochs write there: nothing twice, and nothing missing where the old
 * host could tell its last.  What the reader must know comes as remarks,
 * between the bytes.
 *
 * Everything happens on the loop; 'on_more' is called from it, never from
 * within a function of this file.
 */
#ifndef SKEP_NODE_API_LOGWAY_H
#define SKEP_NODE_API_LOGWAY_H

#include "node/api_private.h"
#include "node/feed.h"

#define LOGWAY_LOOK_S 0.2 /* between looks at who holds it */
#define LOGWAY_LOOKS_MAX                                                       \
	50 /* that find it elsewhere before its old host has                   \
	      told all: then that is given up */
#define LOGWAY_REMARK_MAX 640

/* One instance's. */
struct log_way {
	struct api *api;
	void (*on_more)(struct log_way *w); /* the reader's */
	void *owner;
	struct query query;	      /* as asked at first */
	bool is_fixed;		      /* to one host, by the asker */
	char host[NODE_NAME_MAX + 1]; /* read from, or last */
	uint64_t epoch;		      /* the highest one seen there; 0: none */
	struct feed *feed;	      /* NULL while nobody is read from */
	uint64_t file, at; /* where that host broke off; 0: unknown */
	bool is_marked;	   /* the reader knows the host */
	bool is_left;	   /* the feed is given up at the next read */
	unsigned looks;	   /* in a row that found it elsewhere */
	char remark[LOGWAY_REMARK_MAX]; /* to be read first; "" none */
	bool is_begun;			/* the first host has accepted */
	bool is_ended;
	enum reply_code code; /* of the end */
	char text[NOTE_TEXT_MAX + 1];
	struct ev_timer watch;
};

/* Opens it at 'host', or at no host yet ("") if it is followed.  REPLY_OK, or
 * a refusal and 'text'; after that only 'log_way_fini' is allowed. */
enum reply_code log_way_init(struct log_way *w, struct api *api,
	const char *host, bool is_fixed, const struct query *query);
void log_way_fini(struct log_way *w);

/* Reads on: how many bytes, 0 if there are none now.  '*is_remark_out': it is
 * a sentence of ours, whole and without a newline ('max' is at least
 * LOGWAY_REMARK_MAX). */
size_t log_way_read(
	struct log_way *w, char *buffer, size_t max, bool *is_remark_out);

#endif
