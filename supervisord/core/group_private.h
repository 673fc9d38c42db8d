/* What the index of groups (group.c) and those who write rows (group_run.c)
 * share.
 */
#ifndef SKEP_CORE_GROUP_PRIVATE_H
#define SKEP_CORE_GROUP_PRIVATE_H

#include "core/core_private.h"

/* Members that get no row of ours at boot: of instances, which are not
 * published yet. */
#define GROUP_UNTOLD_MAX 1024
/* Groups that one name is in by words: each is a write when it ends. */
#define GROUPS_OF_ONE_MAX 1024

/* Finds what the index has under a row's name, or NULL. */
struct membership *group_membership(const struct core *c, const char *text);
/* The same, entered if need be; NULL when there is no room. */
struct membership *group_enter(struct core *c, const char *text);
/* Drops what nobody says any more. */
void group_drop_if_idle(struct core *c, struct membership *m);

#endif
