/* States of services in motion: sealed here, fetched from there.
 *
 * The dump store (dumps.h) holds states; this is what the loop does with it:
 * sealing what a mover reads, serving other hosts, fetching from them.  Files
 * and digests are the work of threads, so nothing here blocks.
 *
 * A fetch goes on until it has the whole state, is cancelled, or cannot
 * succeed: the other host does not hold the state or holds it damaged, or
 * this host's disk refuses it or has no room for the rest of it, which is
 * looked at before it travels.  A connection that breaks is dialled again,
 * with back-off, and only the chunks that are missing are asked for.
 *
 * What leaves this host is bounded by 'rate' (pace.h), which all that fetch
 * from it share a piece at a time.
 *
 * Rights: whoever knows the cluster's key and a root (32 bytes that follow
 * from the state itself) may fetch that state; roots are never listed to
 * other hosts.
 *
 * All callbacks come from the loop, never from within a call of bulk_*, and
 * not after 'bulk_free'.
 */
#ifndef SKEP_NODE_BULK_H
#define SKEP_NODE_BULK_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "node/conn.h"
#include "node/dial.h"
#include "node/dumps.h"
#include "sys/err.h"

struct bulk; /* private */

/* What a host is to others; copied. */
struct bulk_config {
	const char *state_dir; /* the dump store is made in there */
	const char *cluster;   /* other clusters are refused */
	const char *node;      /* this host's name */
	uint64_t rate; /* bytes of states a second that leave; 0: no bound */
};

/* Starts; 'dialler' is borrowed (links_get_dialler). */
int bulk_new(struct ev_loop *loop, const struct dialler *dialler,
	const struct bulk_config *config, struct bulk **out, struct err *err);

/* Ends all of it: connections at once, threads as soon as they can.  To be
 * called before 'links_free'. NULL is accepted. */
void bulk_free(struct bulk *bulk);

/* Takes a bulk connection over: the 'on_bulk' of links. */
void bulk_on_conn(struct bulk *bulk, struct conn *c, struct bytes hello);

/* How a seal went: 'root' and 'size' are set when 'result' is 0, 'text' when it
 * is an error of 'dumps_seal'. */
typedef void bulk_seal_fn(void *context, int result,
	const uint8_t root[DIGEST_SIZE], uint64_t size, const char *text);

/* Seals the state stream of a mover for instance 'name' (copied); 'fd' is
 * taken.  'done' is called once. */
void bulk_seal(struct bulk *bulk, const char *name, uint64_t epoch,
	uint64_t size_max, int fd, bulk_seal_fn *done, void *context);

/* What a fetch tells: progress ('is_final' false), or its end. */
struct bulk_report {
	const char *name; /* instance */
	const uint8_t *root;
	bool is_ok;	  /* whole, verified, durable */
	bool is_final;	  /* nothing more comes */
	uint64_t bytes;	  /* here so far, verified */
	const char *text; /* what it is doing, or why it failed */
};
typedef void bulk_fetch_fn(void *context, const struct bulk_report *report);

/* Fetches 'root' (of 'size' bytes) for instance 'name' from host 'node' at
 * 'address' (all copied; "": it is here, and is only to be verified).  What is
 * here already is verified, whole, and need not travel.  A fetch of the same
 * name and root that runs goes on with the new address and callback. */
void bulk_fetch(struct bulk *bulk, const char *name, const char *node,
	const char *address, const uint8_t root[DIGEST_SIZE], uint64_t size,
	bulk_fetch_fn *report, void *context);

/* Gives up the fetch of this name and root, without a report.  What came so
 * far is kept for another attempt; 'bulk_drop' removes it. */
void bulk_cancel(
	struct bulk *bulk, const char *name, const uint8_t root[DIGEST_SIZE]);

/* What was given of a state to the host that fetches it. */
struct bulk_given {
	uint64_t sent; /* bytes that left here, those sent twice too */
	uint64_t here; /* bytes that are there; what was sent, of a host that
			* does not tell */
	uint64_t rate; /* bytes a second that leave here at present */
};

/* Tells it; false while none was asked for, and once 'bulk_drop' was called. */
bool bulk_get_given(const struct bulk *bulk, const char *name,
	const uint8_t root[DIGEST_SIZE], struct bulk_given *out);

/* Opens a state for reading; the descriptor or -errno. */
int bulk_open(
	struct bulk *bulk, const uint8_t root[DIGEST_SIZE], struct err *err);

/* Forgets that 'name' needs 'root', its fetch included; the file goes when
 * no other instance needs it. */
void bulk_drop(
	struct bulk *bulk, const char *name, const uint8_t root[DIGEST_SIZE]);

/* Calls 'each' for every state here and every instance that needs it. */
int bulk_list(
	struct bulk *bulk, dumps_each_fn *each, void *context, struct err *err);

#endif
