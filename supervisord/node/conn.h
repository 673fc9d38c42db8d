/* One connection between two hosts: non-blocking TCP, TLS, frames.
 *
 *   connecting -> handshake -> open -> flushing -> (on_close, freed)
 *                    any state ---------------------^
 *
 * A connection lives from 'conn_dial' or 'conn_accept' until its 'on_close'
 * returns, and then frees itself.  'on_close' is always called from the loop
 * with no other function of the connection on the stack, so every callback
 * may close any connection, its own included.  After 'conn_close' and
 * 'conn_abort' no callback but 'on_close' comes.
 *
 * Sending never blocks and never fails: bytes queue up.  A queue above its
 * bound ends a control connection as LINK_TIMEOUT, because a peer that reads
 * so slowly is not well; who streams asks 'conn_queued' and waits for
 * 'on_drain' instead.
 *
 * Memory: a connection that is idle holds no buffers, TLS's included.
 * Time: connecting takes at most 'connect_ms', the handshake
 * 'handshake_ms', flushing 'flush_ms'; data that the other end does not
 * acknowledge for CONN_USER_TIMEOUT_MS ends it.
 */
#ifndef SKEP_NODE_CONN_H
#define SKEP_NODE_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/cursor.h"
#include "core/input.h"
#include "node/tls.h"

#define CONN_CONNECT_MS	     3000
#define CONN_HANDSHAKE_MS    5000
#define CONN_FLUSH_MS	     1000
#define CONN_USER_TIMEOUT_MS 10000
#define CONN_QUEUE_MAX	     (8u << 20) /* bytes, control connections */
#define CONN_QUEUE_LOW	     (1u << 20) /* 'on_drain' below this */

struct conn; /* private */

/* Why a connection ended, finer than the core's word for it: each kind is
 * one line a minute in the log. */
#define CONN_ENDS(X)                                                           \
	X(CONN_END_CLOSED, LINK_CLOSED, "closed by this host")                 \
	X(CONN_END_REFUSED, LINK_REFUSED, "connection refused")                \
	X(CONN_END_RESET, LINK_RESET, "the other end closed it")               \
	X(CONN_END_TIMEOUT, LINK_TIMEOUT, "no answer")                         \
	X(CONN_END_SLOW, LINK_TIMEOUT, "slow peer: it does not read")          \
	X(CONN_END_UNREACHABLE, LINK_UNREACHABLE, "host not reachable")        \
	X(CONN_END_KEY, LINK_AUTH, "wrong key")                                \
	X(CONN_END_GARBAGE, LINK_AUTH, "what came is not TLS")                 \
	X(CONN_END_FORBIDDEN, LINK_AUTH, "not a loopback address")             \
	X(CONN_END_HANDSHAKE, LINK_SILENT, "the handshake took too long")      \
	X(CONN_END_FRAME, LINK_PROTOCOL, "a frame of impossible length")       \
	X(CONN_END_BROKEN, LINK_PROTOCOL, "damaged TLS records")               \
	X(CONN_END_HELLO, LINK_PROTOCOL, "the first frame is no Hello")        \
	X(CONN_END_MEMORY, LINK_CLOSED, "out of memory")

enum conn_end {
#define X(end, reason, text) end,
	CONN_ENDS(X)
#undef X
		CONN_END_COUNT,
};

/* The core's word for an end, and a sentence's worth of text. */
enum link_down_reason conn_end_reason(enum conn_end end);
const char *conn_end_text(enum conn_end end);

/* What the owner is told; 'owner' is what 'conn_set_owner' gave. */
struct conn_owner {
	/* TCP stands, and nothing was said yet; only where we dialled, may be
	 * NULL. */
	void (*on_reached)(void *owner, struct conn *c);
	/* TCP stands, TLS too, the key is proven. */
	void (*on_open)(void *owner, struct conn *c);
	/* One frame; 'body' is borrowed. */
	void (*on_frame)(
		void *owner, struct conn *c, uint16_t type, struct bytes body);
	/* The queue fell below CONN_QUEUE_LOW; may be NULL. */
	void (*on_drain)(void *owner, struct conn *c);
	/* It is over; 'c' is freed when this returns. 'text' is borrowed. */
	void (*on_close)(void *owner, struct conn *c, enum conn_end end,
		const char *text);
};

/* Starts connecting to 'address'. NULL, with errno, when no socket can be
 * had; every later failure comes as 'on_close'. */
struct conn *conn_dial(struct ev_loop *loop, struct tls *tls,
	const struct sockaddr *address, socklen_t address_size,
	const struct conn_owner *calls, void *owner);

/* Starts the handshake on the accepted socket 'fd' (taken, also on error).
 * NULL: out of memory. */
struct conn *conn_accept(struct ev_loop *loop, struct tls *tls, int fd,
	const struct conn_owner *calls, void *owner);

/* Hands the connection to another owner, from within any callback but
 * 'on_close'; frames that follow go there. */
void conn_set_owner(
	struct conn *c, const struct conn_owner *calls, void *owner);

/* Removes the bound on the queue: the owner minds it by 'conn_queued'. */
void conn_set_streaming(struct conn *c);

/* Queues one frame (copied); its body is 'head' and 'tail' together, at most
 * FRAME_MAX bytes.  Does nothing once it is closing. */
void conn_send(
	struct conn *c, uint16_t type, struct bytes head, struct bytes tail);

/* Bytes queued and not yet taken by the kernel. */
size_t conn_queued(const struct conn *c);

/* Bytes of frames received so far, heads included. */
uint64_t conn_received(const struct conn *c);

/* Ends it after what is queued was sent, CONN_FLUSH_MS at most. */
void conn_close(struct conn *c);

/* Ends it at once; 'on_close' comes from the loop. 'text' NULL: that of
 * 'end'. */
void conn_abort(struct conn *c, enum conn_end end, const char *text);

/* Frees it at once without 'on_close'; not from within its callbacks. */
void conn_free(struct conn *c);

/* The other end as "ADDRESS:PORT", for people; borrowed. */
const char *conn_peer(const struct conn *c);

/* Writes an address as "1.2.3.4:5" or "[::1]:5". */
void conn_format_address(
	const struct sockaddr *address, char *text, size_t size);

#endif
