/* The control API: HTTP/1.1 and JSON on the control socket.
 *
 * What skepctl, dashboards and scripts speak; skep-api(7) documents every
 * path.  libmicrohttpd does the parsing and runs inside the node's loop: no
 * thread, no lock.  A request that the core answers later is suspended and
 * costs one small struct; its asker going away cancels it.
 *
 * Who may do what comes from the socket (SO_PEERCRED and SO_PEERGROUPS) and
 * from [api] of skep.conf, see api_role.h.
 *
 * Bounds: a body is at most API_BODY_MAX bytes and must be whole within
 * API_BODY_S seconds, or its connection is closed.  All bodies together are at
 * most API_BODIES_MAX bytes, and half of that for askers who may only look;
 * what would be more is refused.  A body is kept until its request is answered.
 * None is read while it comes, so none may take longer: who has more to say
 * sends it in pieces, as 'skepctl register -f' does.
 *
 * A connection that says, or takes, nothing for API_IDLE_S seconds is closed,
 * at most API_CLIENTS_MAX are open (fewer when RLIMIT_NOFILE is small), and
 * when those are nearly taken who has been silent for longest is closed for
 * each that comes.  A follower of events that reads too slowly is told which it
 * missed; other streams are cut off once API_STREAM_MAX bytes wait for their
 * reader.
 */
#ifndef SKEP_NODE_API_H
#define SKEP_NODE_API_H

#include "sys/err.h"

#define API_BODY_MAX	(8u << 20)
#define API_BODY_S	60
#define API_BODIES_MAX	(64u << 20)
#define API_IDLE_S	15
#define API_CLIENTS_MAX 10240
#define API_STREAM_MAX	(1u << 20)

struct api;
struct node;

/* Starts to answer on 'control_fd', a listening Unix socket (taken on
 * success).  'tcp_fd' is -1: the API over TCP is not supported yet.  'n' is
 * borrowed; its loop, conf and core must be set.  Returns NULL on error. */
struct api *api_new(
	struct node *n, int control_fd, int tcp_fd, struct err *err);

/* Ends all connections, stops listening and frees; NULL is accepted.
 * Callbacks that are still outstanding elsewhere stay harmless. */
void api_free(struct api *api);

#endif
