/* Which instance of this host the process at the other end of a socket belongs
 * to.
 *
 * By its cgroup, which the keeper made for the instance; where cgroups are not
 * tracked, by its process group or session, which is weaker: a service can
 * leave them.
 */
#ifndef SKEP_NODE_WHOSE_H
#define SKEP_NODE_WHOSE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"

struct node;

/* What is known of it. */
enum whose {
	WHOSE_UNKNOWN, /* it has ended, or /proc does not show it */
	WHOSE_NOBODY,  /* of no instance */
	WHOSE_INSTANCE
};

/* Writes the name of the instance that 'pid', who connected 'socket', belongs
 * to; "" if it is of none.  'start' is what peer_start (sys/peer.h) gave when
 * the connection came, or 0 where it comes just now. */
enum whose whose_peer(struct node *n, int socket, pid_t pid, uint64_t start,
	char name[static INSTANCE_NAME_MAX + 1]);

#endif
