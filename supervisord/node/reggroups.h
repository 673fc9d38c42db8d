/* Who is in which group, in the registry's file: what skep_registry_members
 * reads (client/members.c).
 *
 * The file has a row for each place of a group, which names who has it, and one
 * that says how many places there are; their form stands in client/regfile.h.
 * A member keeps its place until it leaves, so that who walks through them
 * meets everybody once.  Who comes takes the first that is free.
 *
 * One of these goes with one writer and knows what that has written.
 */
#ifndef SKEP_NODE_REGGROUPS_H
#define SKEP_NODE_REGGROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "client/regfile.h"
#include "node/regwriter.h"

struct reggroups;

/* For that writer, which outlives it; never NULL. */
struct reggroups *reggroups_new(struct regwriter *writer);
/* Frees it and leaves the file as it is; NULL is accepted. */
void reggroups_free(struct reggroups *g);

/* 'text' is GROUP, REGFILE_GROUP_END, MEMBER: it is in the group from now on.
 * -ENOSPC as 'regwriter_put' says it; then it is not. */
int reggroups_put(struct reggroups *g, const char *text);
/* It is not in the group; nothing happens if that is so already. */
void reggroups_delete(struct reggroups *g, const char *text);

/* Whether a row of that name is one of a group's, and not a name's. */
static inline bool
reggroups_is_row(const char *name)
{
	return strchr(name, REGFILE_GROUP_END) != NULL;
}

/* Which member the row of that name is about, as a text like those above:
 * NULL for the row that counts.  Borrowed until the next put or delete. */
const char *reggroups_member(const struct reggroups *g, const char *name);

#endif
