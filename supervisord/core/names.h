/* Names, each kept once, and what is found by them.
 *
 * The name of an instance stands in its slot, in a row of each host that has
 * said something of it, and in many slots as that of a service or of a former
 * owner: all share one text.  What a change of a row touches hangs on it, the
 * rows and the instance of that name, since with many names each look-up is a
 * walk through far memory.
 *
 * A name lives while somebody uses it: 'names_take' and 'names_give' count.
 * Whoever keeps its 'text' keeps a use.  There is room for as many as all
 * tables together can use, so none is ever refused.
 */
#ifndef SKEP_CORE_NAMES_H
#define SKEP_CORE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"

struct buddy;
struct core;
struct core_limits;
struct instance;
struct row;

/* One name. */
struct name {
	struct map_link by_text; /* in names.by_text; the hash is NAME_SEED's */
	struct row *rows;	 /* registry.c's: the first of its chain */
	struct instance *instance; /* instance.c's, or NULL */
	uint32_t uses : 31;
	uint32_t is_changed : 1; /* changes.c's: it is in its list */
	char text[]; /* ROW_NAME_MAX bytes at most */
};

/* What texts are hashed with: as rows of instances are. */
#define NAME_SEED 1

struct names {
	struct map by_text;
	struct buddy *blocks; /* of the names */
};

size_t names_need(const struct core_limits *limits);
void names_init(struct core *c);

/* Borrows the name with that text, or NULL when nobody uses it. */
struct name *names_find(const struct core *c, const char *text);
/* Makes sure of it and uses it once more; 'text' (copied) has
 * ROW_NAME_MAX bytes at most. */
struct name *names_take(struct core *c, const char *text);
/* Uses it once less; then it may be gone. */
void names_give(struct core *c, struct name *name);

/* The name of a text that is one's own. */
static inline struct name *
names_of(const char *text)
{
	return container_of(text, struct name, text);
}

/* Audits the table; panics where it is inconsistent. */
void names_check(const struct core *c);

#endif
