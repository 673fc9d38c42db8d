/* Users and groups: names into numbers, and the switch to them.
 *
 * Look-ups go through the host's name service and may block for as long as
 * it likes, so they are made in a child, never in the loop.
 *
 * Errors: 0 or -errno; the text names the user or the group.
 */
#ifndef SKEP_KEEPER_IDS_H
#define SKEP_KEEPER_IDS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sys/err.h"
#include "sys/kproto.h"

#define IDS_GROUPS_MAX 128

/* Who a process is to be. */
struct ids {
	uid_t uid;
	gid_t gid;
	gid_t groups[IDS_GROUPS_MAX]; /* supplementary, without 'gid' */
	size_t group_count;
	char user[64];	      /* LOGNAME; "" when the uid has no name */
	char home[PATH_MAX];  /* "/" when it has no name */
	char shell[PATH_MAX]; /* "/bin/sh" when it has no name */
};

/* What of it is remembered while it runs: no more than a switch needs. */
struct ids_kept {
	uid_t uid;
	gid_t gid;
	size_t group_count;
	gid_t groups[];
};

/* What the host's databases give to a user anyway. */
struct ids_own {
	gid_t groups[IDS_GROUPS_MAX]; /* the primary group among them */
	size_t count;
};

/* The ids of this process. */
void ids_init_self(struct ids *ids);

/* Remembers ids with 'count' groups (copied).  NULL without memory or with
 * more than IDS_GROUPS_MAX groups; freed with free(). */
struct ids_kept *ids_keep(
	uid_t uid, gid_t gid, const gid_t *groups, size_t count);

/* Whether they are those. */
bool ids_are(const struct ids_kept *kept, uid_t uid, gid_t gid,
	const gid_t *groups, size_t count);

/* Ids to switch to, from what was remembered. */
void ids_recall(const struct ids_kept *kept, struct ids *out);

/* Looks up 'user' ("" = this process's own), 'group' ("" = the user's) and
 * the supplementary 'extra' groups.  The user's own memberships are in
 * 'ids->groups' too, and alone in 'own'.  A number stands for itself.
 * -ENOENT for names nobody knows. */
int ids_look_up(const char *user, const char *group,
	const struct kproto_texts *extra, struct ids *ids, struct ids_own *own,
	struct err *err);

/* A user's uid by name or number: -ENOENT when unknown. */
int ids_find_user(const char *name, uid_t *out);
int ids_find_group(const char *name, gid_t *out);

/* Becomes 'ids' for good.  Without root only our own ids will do. */
int ids_switch(const struct ids *ids, struct err *err);

#endif
