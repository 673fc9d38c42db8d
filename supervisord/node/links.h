/* Control links to the other hosts, and the door that all hosts knock at.
 *
 * A host's listening sockets take all kinds of connections; the first frame
 * of an accepted one, always a Hello, says which it is.  A control connection
 * then is a link, known by a handle that is never used twice; what brings
 * states or a query is handed on.  Links that this host dialled are up as soon
 * as the key is proven, and both sides then send their Hello.
 *
 * Who has not said Hello is a guest.  Guests are few (LINKS_GUESTS_MAX, and
 * LINKS_GUESTS_SOURCE_MAX from one address) and have CONN_HANDSHAKE_MS; what
 * they do wrong is one line a minute of each kind.  Nothing that a guest does
 * is seen by the core.
 *
 * All callbacks come from the loop, never from within a call of links_*.
 */
#ifndef SKEP_NODE_LINKS_H
#define SKEP_NODE_LINKS_H

#include <ev.h>
#include <stdint.h>

#include "base/cursor.h"
#include "core/input.h"
#include "node/conn.h"
#include "node/dial.h"
#include "node/tls.h"
#include "sys/err.h"

#define LINKS_GUESTS_MAX	64 /* accepted, no Hello yet */
#define LINKS_GUESTS_SOURCE_MAX 32 /* of those, from one address */
#define LINKS_LISTEN_MAX	8  /* listening sockets */

struct links; /* private */

/* What the owner is told; texts and bodies are borrowed. */
struct links_calls {
	/* A link stands; 'dial' is 0 when the other side dialled. */
	void (*on_up)(void *context, uint32_t link, uint32_t dial,
		const char *address);
	/* The host that is dialled took the connection, and said nothing yet;
	 * may be NULL. */
	void (*on_reached)(void *context, uint32_t dial);
	/* A link ended, or a dial failed (then 'link' is 0); once for each. */
	void (*on_down)(void *context, uint32_t link, uint32_t dial,
		enum link_down_reason reason, const char *text);
	/* One message. */
	void (*on_frame)(
		void *context, uint32_t link, uint16_t type, struct bytes body);
	/* A bulk connection that said 'hello' (the frame's body).  The owner
	 * takes 'c' with 'conn_set_owner', or ends it. */
	void (*on_bulk)(void *context, struct conn *c, struct bytes hello);
	/* The same for a connection that brings a query. */
	void (*on_query)(void *context, struct conn *c, struct bytes hello);
};

/* Starts without a listening socket; 'tls' and 'calls' are borrowed. */
int links_new(struct ev_loop *loop, struct tls *tls,
	const struct links_calls *calls, void *context, struct links **out,
	struct err *err);

/* Ends everything at once, without callbacks. NULL is accepted.  Waits for
 * name look-ups that run. */
void links_free(struct links *links);

/* Accepts on the listening socket 'fd' (borrowed), which is made
 * non-blocking. */
int links_listen(struct links *links, int fd, struct err *err);

/* Dials "HOST:PORT"; answered by 'on_up' or 'on_down' with this 'dial'. */
void links_open(struct links *links, uint32_t dial, const char *address);

/* Queues one message (copied); a link that is gone is ignored. */
void links_send(
	struct links *links, uint32_t link, uint16_t type, struct bytes body);

/* Ends a link after what was queued is sent, CONN_FLUSH_MS at most; then
 * 'on_down' with LINK_CLOSED.  'why' is for the log. */
void links_close(struct links *links, uint32_t link, const char *why);

/* What other dials can share; borrowed, lives as long as 'links'. */
const struct dialler *links_get_dialler(const struct links *links);

/* Links that stand, and guests. */
unsigned links_count(const struct links *links);
unsigned links_guest_count(const struct links *links);

#endif
