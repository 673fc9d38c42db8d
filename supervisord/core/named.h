/* A table of things that have an instance's name, at most one of each name.
 *
 * For what only some names have (checkpoints, states of copies that lost): it
 * is found by the name, whether or not there is an instance of it, and walked
 * in the order in which it was made.
 *
 * Memory: the core's arena, a slot for each thing.  A full table is a result.
 */
#ifndef SKEP_CORE_NAMED_H
#define SKEP_CORE_NAMED_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slots.h"

struct core;
struct core_limits;

/* What each thing begins with. */
struct named {
	struct list in_all; /* named_table.all */
	struct map_link by_name;
	char name[INSTANCE_NAME_MAX + 1];
};

struct named_table {
	struct slots slots; /* of things, each of which begins with its name */
	struct map by_name;
	struct list all; /* oldest first */
};

/* The room of a table for 'max' things of 'size' bytes, or for as many as there
 * can be instances, if that is less. */
size_t named_need(const struct core_limits *limits, uint32_t max, size_t size);
/* Makes it, empty, with memory of the core, of which that room is taken. */
void named_init(
	struct core *c, struct named_table *t, uint32_t max, size_t size);

/* Borrows the thing of that name, or NULL. */
void *named_find(const struct named_table *t, const char *name);
/* Makes one where there is none; all but its head is zero.  NULL when the table
 * is full. */
void *named_make(struct named_table *t, const char *name);
/* Its slot is free. */
void named_free(struct named_table *t, struct named *thing);

#endif
