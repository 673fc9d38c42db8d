/* From "HOST:PORT" to a connection: look the name up, try every address.
 *
 * Names are looked up on a thread, because that may take long; numbers at
 * once.  Addresses are tried one after the other, in the order that
 * getaddrinfo gives, until one connection opens; the end of the last one is
 * what the dial ended with, unless an earlier one got further (a wrong key
 * says more than "no route").
 */
#ifndef SKEP_NODE_DIAL_H
#define SKEP_NODE_DIAL_H

#include <ev.h>

#include "base/limits.h"
#include "node/conn.h"
#include "node/pool.h"
#include "node/tls.h"

#define DIAL_ADDRESSES_MAX 8 /* of one name; more are not tried */

struct dial; /* private */

/* What dials share; borrowed by every dial. */
struct dialler {
	struct ev_loop *loop;
	struct tls *tls;
	struct pool *pool; /* for look-ups */
};

/* How it went; called once, from the loop, and the dial is freed after.
 * Success: 'c' is open, and belongs to whom 'conn_set_owner' is told in here.
 * Failure: 'c' is NULL. */
typedef void dial_done_fn(void *context, struct dial *d, struct conn *c,
	enum conn_end end, const char *text);

/* Starts dialling 'address' (copied). NULL: out of memory. */
struct dial *dial_new(const struct dialler *dialler, const char *address,
	dial_done_fn *done, void *context);

/* One of the addresses took the connection, and said nothing yet; may come more
 * than once, before 'done'. */
typedef void dial_reached_fn(void *context);
void dial_set_reached(struct dial *d, dial_reached_fn *reached);

/* Gives up; 'done' is not called. A look-up that runs ends by itself. */
void dial_cancel(struct dial *d);

/* Splits "HOST:PORT" or "[V6]:PORT" into 'host' (at least ADDRESS_MAX + 1
 * bytes) and 'port' (6 bytes).  False when it has neither form. */
bool dial_split(const char *address, char *host, char *port);

#endif
