/* Which names changed in the last step: for who keeps a copy of what they are.
 *
 * A list of the names with a row that became another one, was shown or went,
 * and of the instances of a service of which another thing is wanted; or the
 * word that all may have, when there were too many.  It holds what the last
 * step did and nothing else; reading it and not reading it are the same to the
 * core, and no decision depends on it.  Its bound is 'changes_max' of the
 * limits; with 0 nothing is noted.
 */
#ifndef SKEP_CORE_CHANGES_H
#define SKEP_CORE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/member.h"

struct core;
struct core_limits;
struct name;
struct row;

struct changes {
	struct name **names; /* used, so that the text of one that is gone by
				now is still there */
	uint32_t count;
	bool is_all;
};

size_t changes_need(const struct core_limits *limits);
void changes_init(struct core *c);
/* A step begins: what was noted is forgotten. */
void changes_begin(struct core *c);
/* A row changed that is shown. */
void changes_on_row(struct core *c, const struct row *row);
/* What is wanted of an instance changed, and what its service says of itself
 * may have too. */
void changes_on_instance(struct core *c, const char *name);
/* The rows of a host count now, or do so no longer. */
void changes_on_host(struct core *c, member_id id);

#endif
