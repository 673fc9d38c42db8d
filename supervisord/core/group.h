/* Groups of names: who is in them, as rows say.
 *
 * That a name is in a group is a row of the host where its process runs
 * (ROW_MEMBER, its name GROUP, ROW_GROUP_END, MEMBER); so it is replicated,
 * repaired and forgotten as everything else that such a host says.  A row
 * comes while the process of its member runs, and goes with it:
 *
 *   by spec   'groups' of its service; follows the spec without a restart
 *   joined    at run time, until it leaves, or until this run of it ends;
 *             written down, so that the next node here knows of it
 *
 * Members are found by their group and groups by their member, in the rows of
 * all hosts, without a walk over other rows.
 */
#ifndef SKEP_CORE_GROUP_H
#define SKEP_CORE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slots.h"
#include "core/core.h"

struct instance;
struct row;

/* Groups that are in use. */
struct name_group {
	struct map_link by_text; /* in groups.by_text */
	struct list members;	 /* struct membership, in their coming */
	uint32_t count;		 /* of these */
	char text[GROUP_NAME_MAX + 1];
};

/* One name in one group: a host shows a row of it, or it has joined here. */
struct membership {
	struct map_link by_text;   /* in groups.memberships: the whole name */
	struct map_link by_member; /* in groups.by_member: the member's */
	struct list in_group;
	struct list in_joined; /* groups.joined, with 'joined' */
	struct name_group *group;
	const char *text;   /* the row's name: in 'names', used */
	const char *member; /* the part of it behind the group */
	uint64_t joined;    /* here, by that run of it; 0: not by a word */
};

struct groups {
	struct slots groups;
	struct slots slots; /* of struct membership */
	struct map by_text;
	struct map memberships;
	struct map by_member;
	struct list joined; /* here, by a word */
	uint64_t full;	    /* members that found no room, counted */
};

void group_init(struct core *c);
size_t group_need(const struct core_limits *limits);

/* A TABLE_GROUP record of an earlier life; then BOOT, after instances. */
void group_on_load(struct core *c, struct bytes key, struct bytes value);
void group_on_boot(struct core *c);

/* A shown row of this kind changed, came, or goes. */
void group_on_row(struct core *c, const struct row *row);

/* An instance here began, ended, or is declared otherwise: puts and deletes
 * what it is in. */
void group_follow(struct core *c, const struct instance *inst);

/* A process here has its name no more: it is in nothing. */
void group_forget(struct core *c, const char *name);

/* An operator's word, on the host where 'member' runs: REQUEST_GROUP_JOIN or
 * _LEAVE; what is wrong in '*text', else "". */
enum reply_code group_word(struct core *c, enum request_op op,
	const char *member, const char *group, const char **text);

/* Finds a group that has members, or NULL. */
const struct name_group *group_find(const struct core *c, const char *name);
/* Walks its members in no order that hosts share: NULL starts and ends. */
const struct membership *group_next(
	const struct name_group *g, const struct membership *after);
/* The row that counts of a member: of the hosts that are present the one with
 * the highest epoch, then of the lower name; NULL when none of them has it. */
const struct row *group_row(const struct core *c, const struct membership *m);

/* Audits the tables; panics where they are inconsistent. */
void group_check(const struct core *c);

#endif
