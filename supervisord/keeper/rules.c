#include "keeper/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/capability.h"

static int
resolve_users(const struct conf_policy *o, struct policy *p)
{
	uid_t *uids = calloc(o->allowed_users.count + 1, sizeof *uids);
	if (!uids)
		return -ENOMEM;
	for (size_t i = 0; i < o->allowed_users.count; i++)
		if (ids_find_user(o->allowed_users.items[i],
			    &uids[p->user_count]) == 0)
			p->user_count++;
	p->users = uids;
	return 0;
}

static int
resolve_groups(const struct conf_policy *o, struct policy *p)
{
	gid_t *gids = calloc(o->allowed_groups.count + 1, sizeof *gids);
	if (!gids)
		return -ENOMEM;
	for (size_t i = 0; i < o->allowed_groups.count; i++)
		if (ids_find_group(o->allowed_groups.items[i],
			    &gids[p->group_count]) == 0)
			p->group_count++;
	p->groups = gids;
	return 0;
}

/* A path that does not exist stays as written: it allows nothing that does,
 * and the list does not become empty, which would allow everything. */
static int
resolve_paths(const struct conf_policy *o, struct policy *p)
{
	const char **paths = calloc(o->allowed_paths.count + 1, sizeof *paths);
	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < o->allowed_paths.count; i++) {
		const char *given = o->allowed_paths.items[i];
		const char *real = realpath(given, NULL);
		paths[p->path_count++] = real ? real : given;
	}
	p->paths = paths;
	return 0;
}

int
rules_resolve(const struct conf_policy *o, struct policy *p, struct err *err)
{
	memset(p, 0, sizeof *p);
	p->own_uid = geteuid();
	p->own_gid = getegid();
	p->allow_root = o->allow_root;
	p->allow_raise = o->allow_raise;
	for (size_t i = 0; i < o->allowed_capabilities.count; i++) {
		int n = capability_number(o->allowed_capabilities.items[i]);
		p->capabilities |= n < 0 ? 0 : UINT64_C(1) << n;
	}
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit l;
		bool is_bounded =
			getrlimit(i, &l) == 0 && l.rlim_max != RLIM_INFINITY;
		p->hard[i] = is_bounded ? l.rlim_max : KLIMIT_INFINITY;
	}
	if (resolve_users(o, p) < 0 || resolve_groups(o, p) < 0 ||
		resolve_paths(o, p) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}
