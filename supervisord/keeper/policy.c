#include "keeper/policy.h"

#include <string.h>

#include "sys/capability.h"

/* Sets the sentence and says no. */
#define REFUSE(why, ...) (err_set((why), 0, __VA_ARGS__), false)

static bool
has_uid(const uid_t *list, size_t count, uid_t uid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == uid)
			return true;
	return false;
}

static bool
has_gid(const gid_t *list, size_t count, gid_t gid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == gid)
			return true;
	return false;
}

static bool
check_user(const struct policy *p, const struct kproto_start *start,
	const struct ids *ids, struct err *why)
{
	if (p->own_uid != 0) {
		if (ids->uid == p->own_uid)
			return true;
		return REFUSE(why,
			"user %s: skepd runs as uid %u and starts services as "
			"itself only; other users need a skepd run by root",
			start->user, (unsigned)p->own_uid);
	}
	if (ids->uid == 0) {
		if (p->allow_root)
			return true;
		if (!*start->user)
			return REFUSE(why,
				"the service names no user and would run as "
				"root: give it a `user:`, or set allow_root = "
				"yes in [policy] of skep.conf");
		return REFUSE(why,
			"user %s is root: allow_root in [policy] of skep.conf "
			"is not set",
			start->user);
	}
	if (has_uid(p->users, p->user_count, ids->uid))
		return true;
	return REFUSE(why,
		"user %s is not in allowed_users in [policy] of skep.conf",
		start->user);
}

static bool
check_group(const struct policy *p, const struct ids_own *own, gid_t gid,
	struct err *why)
{
	if (has_gid(own->groups, own->count, gid) ||
		has_gid(p->groups, p->group_count, gid))
		return true;
	if (p->own_uid != 0 && gid == p->own_gid)
		return true;
	return REFUSE(why,
		"group %u is not the user's own and not in allowed_groups in "
		"[policy] of skep.conf",
		(unsigned)gid);
}

static bool
check_groups(const struct policy *p, const struct ids *ids,
	const struct ids_own *own, struct err *why)
{
	/* An allowed root has every group anyway. */
	if (p->own_uid == 0 && ids->uid == 0)
		return true;
	/* Without root the process keeps the groups that it has. */
	if (!check_group(p, own, ids->gid, why))
		return false;
	for (size_t i = 0; p->own_uid == 0 && i < ids->group_count; i++)
		if (!check_group(p, own, ids->groups[i], why))
			return false;
	return true;
}

static bool
check_raise(const struct policy *p, const struct kproto_start *start,
	struct err *why)
{
	if (p->allow_raise)
		return true;
	if (start->nice < 0)
		return REFUSE(why,
			"nice %d is below 0: allow_raise in [policy] of "
			"skep.conf is not set",
			start->nice);
	if (start->oom_score_adj < 0)
		return REFUSE(why,
			"oom_score_adj %d is below 0: allow_raise in [policy] "
			"of skep.conf is not set",
			start->oom_score_adj);
	for (uint32_t i = 0; i < start->rlimit_count; i++) {
		const struct kproto_rlimit *l = &start->rlimits[i];
		if (l->resource < RLIM_NLIMITS &&
			l->hard > p->hard[l->resource])
			return REFUSE(why,
				"hard limit %u is above skepd's own: "
				"allow_raise in [policy] of skep.conf is not "
				"set",
				l->resource);
	}
	return true;
}

static bool
check_capabilities(const struct policy *p, const struct kproto_start *start,
	struct err *why)
{
	struct reader r;
	reader_init(&r, start->capabilities.packed.data,
		start->capabilities.packed.size);
	for (uint32_t i = 0; i < start->capabilities.count; i++) {
		const char *name = reader_text(&r);
		int number = capability_number(name);
		if (number < 0 || !((p->capabilities >> number) & 1))
			return REFUSE(why,
				"capability %s is not in allowed_capabilities "
				"in [policy] of skep.conf",
				name);
	}
	return true;
}

bool
policy_check_start(const struct policy *p, const struct kproto_start *start,
	const struct ids *ids, const struct ids_own *own, struct err *why)
{
	return check_user(p, start, ids, why) &&
	       check_groups(p, ids, own, why) && check_raise(p, start, why) &&
	       check_capabilities(p, start, why);
}

/* Whether 'path' is 'allowed' or lies beneath it. */
static bool
is_beneath(const char *path, const char *allowed)
{
	size_t length = strlen(allowed);
	while (length > 1 && allowed[length - 1] == '/')
		length--;
	if (length == 1 && allowed[0] == '/')
		return true;
	return length > 0 && strncmp(path, allowed, length) == 0 &&
	       (path[length] == 0 || path[length] == '/');
}

bool
policy_check_program(const struct policy *p, const char *path, struct err *why)
{
	for (size_t i = 0; i < p->path_count; i++)
		if (is_beneath(path, p->paths[i]))
			return true;
	if (p->path_count == 0)
		return true;
	return REFUSE(why,
		"%s is not in allowed_paths in [policy] of skep.conf", path);
}

bool
policy_check_environment(
	const struct policy *p, char *const *vars, struct err *why)
{
	for (size_t i = 0; p->path_count > 0 && vars[i]; i++)
		if (strncmp(vars[i], "LD_", 3) == 0)
			return REFUSE(why,
				"the variable %.*s would get around "
				"allowed_paths in [policy] of skep.conf",
				(int)strcspn(vars[i], "="), vars[i]);
	return true;
}
