#include "node/api_role.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/peer.h"

const char *
api_role_key(enum api_role role)
{
	switch (role) {
	case ROLE_READ:
		return "read_group";
	case ROLE_OPERATE:
		return "operate_group";
	case ROLE_ADMIN:
	case ROLE_NONE:
		break;
	}
	return "admin_group";
}

static int
resolve_one(struct api_groups *groups, enum api_role role, const char *name,
	struct err *err)
{
	if (!name || !*name)
		return 0;
	errno = 0;
	struct group *group = getgrnam(name);
	if (!group)
		return err_set(err, -ENOENT,
			"api.%s: there is no group '%s' on this host",
			api_role_key(role), name);
	groups->gids[role] = group->gr_gid;
	groups->is_set[role] = true;
	return 0;
}

int
api_groups_resolve(struct api_groups *groups, const char *read_group,
	const char *operate_group, const char *admin_group, struct err *err)
{
	*groups = (struct api_groups){0};
	int read = resolve_one(groups, ROLE_READ, read_group, err);
	int operate = resolve_one(groups, ROLE_OPERATE, operate_group, err);
	int admin = resolve_one(groups, ROLE_ADMIN, admin_group, err);
	return read ? read : operate ? operate : admin;
}

static bool
is_in(const gid_t *gids, size_t count, gid_t gid)
{
	for (size_t i = 0; i < count; i++)
		if (gids[i] == gid)
			return true;
	return false;
}

enum api_role
api_role_of(const struct api_groups *groups, uid_t uid, const gid_t *gids,
	size_t count)
{
	if (uid == 0 || uid == geteuid())
		return ROLE_ADMIN;
	for (enum api_role role = ROLE_ADMIN; role > ROLE_NONE; role--)
		if (groups->is_set[role] &&
			is_in(gids, count, groups->gids[role]))
			return role;
	return ROLE_NONE;
}

/* Supplementary groups of the peer, with room for one more in front.  '*out'
 * is malloced; returns how many, 0 where the kernel has no answer. */
static size_t
peer_groups(int socket, gid_t **out)
{
	socklen_t size = 64 * sizeof(gid_t);
	for (int attempt = 0; attempt < 3; attempt++) {
		gid_t *gids = malloc(size + sizeof(gid_t));
		if (!gids)
			break;
		if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, gids + 1,
			    &size) == 0) {
			*out = gids;
			return size / sizeof(gid_t);
		}
		free(gids);
		if (errno != ERANGE)
			break;
	}
	*out = malloc(sizeof(gid_t));
	return 0;
}

int
api_peer_read(
	struct api_peer *peer, const struct api_groups *groups, int socket)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	*peer = (struct api_peer){.uid = (uid_t)-1};
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	gid_t *gids = NULL;
	size_t count = peer_groups(socket, &gids);
	if (!gids)
		return -ENOMEM;
	gids[0] = cred.gid;
	peer->uid = cred.uid;
	peer->pid = cred.pid;
	peer->start = peer_start(socket, cred.pid);
	peer->role = api_role_of(groups, cred.uid, gids, count + 1);
	free(gids);
	return 0;
}
