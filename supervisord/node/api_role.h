/* Roles on the control socket: who is at the other end, and what it may do.
 *
 * The kernel says who connected (uid, gid, pid, supplementary groups), so
 * nothing needs to be sent.  Roles contain each other: admin may do what
 * operate may, operate what read may.  Root and the node's own user are
 * admin; the groups of [api] give the rest.
 */
#ifndef SKEP_NODE_API_ROLE_H
#define SKEP_NODE_API_ROLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/err.h"

/* What a peer may do; each contains the ones before it. */
enum api_role {
	ROLE_NONE,
	ROLE_READ,    /* look at everything */
	ROLE_OPERATE, /* apply, start, stop, move, drain */
	ROLE_ADMIN,   /* the cluster itself: settings, members, keys */
};

/* The groups of [api], resolved. */
struct api_groups {
	gid_t gids[ROLE_ADMIN + 1]; /* by role */
	bool is_set[ROLE_ADMIN + 1];
};

/* Who is at the other end. */
struct api_peer {
	uid_t uid;
	pid_t pid;
	uint64_t start; /* for peer_lives (sys/peer.h) */
	enum api_role role;
};

/* Resolves the names of the three groups; "" or NULL gives the role to no
 * group, and so does an unknown name: then -ENOENT, the text names the key,
 * and the other two are resolved all the same. */
int api_groups_resolve(struct api_groups *groups, const char *read_group,
	const char *operate_group, const char *admin_group, struct err *err);

/* The role of somebody with this uid and these groups. */
enum api_role api_role_of(const struct api_groups *groups, uid_t uid,
	const gid_t *gids, size_t count);

/* Asks the kernel who is at the other end of 'socket'. */
int api_peer_read(
	struct api_peer *peer, const struct api_groups *groups, int socket);

/* The key of [api] that would give 'role', for refusals. */
const char *api_role_key(enum api_role role);

#endif
