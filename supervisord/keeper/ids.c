#include "keeper/ids.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a decimal id that fills the whole text. */
static bool
parse_number(const char *text, unsigned *out)
{
	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	unsigned long v = strtoul(text, NULL, 10);
	if (v >= UINT_MAX)
		return false;
	*out = (unsigned)v;
	return true;
}

/* The entry by name or else by number; NULL with errno when there is none. */
static const struct passwd *
find_passwd(const char *name)
{
	unsigned number;
	errno = 0;
	const struct passwd *p = getpwnam(name);
	if (!p && parse_number(name, &number))
		p = getpwuid(number);
	return p;
}

static void
set_passwd(struct ids *ids, const struct passwd *p)
{
	snprintf(ids->user, sizeof ids->user, "%s", p ? p->pw_name : "");
	snprintf(ids->home, sizeof ids->home, "%s",
		p && p->pw_dir[0] ? p->pw_dir : "/");
	snprintf(ids->shell, sizeof ids->shell, "%s",
		p && p->pw_shell[0] ? p->pw_shell : "/bin/sh");
	if (p) {
		ids->uid = p->pw_uid;
		ids->gid = p->pw_gid;
	}
}

struct ids_kept *
ids_keep(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	size_t size = count * sizeof *groups;
	struct ids_kept *kept =
		count <= IDS_GROUPS_MAX ? malloc(sizeof *kept + size) : NULL;
	if (!kept)
		return NULL;
	kept->uid = uid;
	kept->gid = gid;
	kept->group_count = count;
	memcpy(kept->groups, groups, size);
	return kept;
}

bool
ids_are(const struct ids_kept *kept, uid_t uid, gid_t gid, const gid_t *groups,
	size_t count)
{
	return kept->uid == uid && kept->gid == gid &&
	       kept->group_count == count &&
	       memcmp(kept->groups, groups, count * sizeof *groups) == 0;
}

void
ids_recall(const struct ids_kept *kept, struct ids *out)
{
	ids_init_self(out);
	out->uid = kept->uid;
	out->gid = kept->gid;
	out->group_count = kept->group_count;
	memcpy(out->groups, kept->groups,
		kept->group_count * sizeof *kept->groups);
}

/* Adds a group once. */
static int
add_group(gid_t *groups, size_t *count, gid_t gid)
{
	for (size_t i = 0; i < *count; i++)
		if (groups[i] == gid)
			return 0;
	if (*count == IDS_GROUPS_MAX)
		return -E2BIG;
	groups[(*count)++] = gid;
	return 0;
}

void
ids_init_self(struct ids *ids)
{
	memset(ids, 0, sizeof *ids);
	set_passwd(ids, NULL);
	ids->uid = geteuid();
	ids->gid = getegid();
	int n = getgroups(IDS_GROUPS_MAX, ids->groups);
	ids->group_count = n > 0 ? (size_t)n : 0;
}

int
ids_find_user(const char *name, uid_t *out)
{
	const struct passwd *p = find_passwd(name);
	unsigned number;
	if (p)
		*out = p->pw_uid;
	else if (parse_number(name, &number))
		*out = number;
	else
		return -ENOENT;
	return 0;
}

int
ids_find_group(const char *name, gid_t *out)
{
	unsigned number;
	const struct group *g = getgrnam(name);
	if (g)
		*out = g->gr_gid;
	else if (parse_number(name, &number))
		*out = number;
	else
		return -ENOENT;
	return 0;
}

static int
look_up_user(const char *user, struct ids *ids, struct err *err)
{
	unsigned number;
	const struct passwd *p = find_passwd(user);
	if (!p && !parse_number(user, &number))
		return err_set(err, errno && errno != ESRCH ? -errno : -ENOENT,
			"user %s: no such user on this host", user);
	set_passwd(ids, p);
	if (!p)
		ids->uid = ids->gid = number;
	return 0;
}

/* The groups that the host's databases give to the user. */
static int
look_up_own(const struct ids *ids, struct ids_own *own, struct err *err)
{
	int count = IDS_GROUPS_MAX;
	own->count = 0;
	if (!ids->user[0])
		return add_group(own->groups, &own->count, ids->gid);
	if (getgrouplist(ids->user, ids->gid, own->groups, &count) < 0)
		return err_set(err, -E2BIG,
			"user %s: is in %d groups, at most %d will do",
			ids->user, count, IDS_GROUPS_MAX);
	own->count = (size_t)count;
	return 0;
}

static int
look_up_extra(
	const struct kproto_texts *extra, struct ids *ids, struct err *err)
{
	struct reader r;
	reader_init(&r, extra->packed.data, extra->packed.size);
	for (uint32_t i = 0; i < extra->count; i++) {
		const char *name = reader_text(&r);
		gid_t gid;
		if (ids_find_group(name, &gid) < 0)
			return err_set(err, -ENOENT,
				"group %s: no such group on this host", name);
		if (add_group(ids->groups, &ids->group_count, gid) < 0)
			return err_set(err, -E2BIG, "too many groups");
	}
	return 0;
}

int
ids_look_up(const char *user, const char *group,
	const struct kproto_texts *extra, struct ids *ids, struct ids_own *own,
	struct err *err)
{
	int rc = 0;
	ids_init_self(ids);
	if (*user) {
		ids->group_count = 0;
		rc = look_up_user(user, ids, err);
	} else {
		set_passwd(ids, getpwuid(ids->uid));
	}
	if (rc == 0)
		rc = look_up_own(ids, own, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < own->count; i++)
		add_group(ids->groups, &ids->group_count, own->groups[i]);
	if (*group && ids_find_group(group, &ids->gid) < 0)
		return err_set(err, -ENOENT,
			"group %s: no such group on this host", group);
	return look_up_extra(extra, ids, err);
}

int
ids_switch(const struct ids *ids, struct err *err)
{
	if (geteuid() != 0) {
		if (ids->uid == geteuid() && ids->gid == getegid())
			return 0;
		return err_set(err, -EPERM,
			"only root can switch to uid %u, gid %u",
			(unsigned)ids->uid, (unsigned)ids->gid);
	}
	if (setgroups(ids->group_count, ids->groups) < 0)
		return err_sys(err, -errno, "setgroups");
	if (setresgid(ids->gid, ids->gid, ids->gid) < 0)
		return err_sys(err, -errno, "setresgid %u", (unsigned)ids->gid);
	if (setresuid(ids->uid, ids->uid, ids->uid) < 0)
		return err_sys(err, -errno, "setresuid %u", (unsigned)ids->uid);
	return 0;
}
