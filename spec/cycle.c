#include "spec/cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define TEXT_MAX 400 /* characters of a circle in a message */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

/* A walk along 'depends_on'. */
struct walk {
	const struct spec_set *set;
	const struct spec **by_name; /* sorted */
	unsigned char *marks;	     /* enum mark, beside 'by_name' */
	size_t *path;		     /* indices into 'by_name' */
	size_t *next;		     /* the dependency to look at, per level */
	size_t depth;
};

static int
compare_names(const void *a, const void *b)
{
	const struct spec *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/* The index of a service in 'by_name', or the set's size. */
static size_t
find(const struct walk *w, const char *name)
{
	size_t low = 0, high = w->set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(w->by_name[middle]->name, name);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return w->set->count;
}

static void
open_service(struct walk *w, size_t i)
{
	w->marks[i] = MARK_OPEN;
	w->path[w->depth] = i;
	w->next[w->depth++] = 0;
}

/* Goes on until a service that is on the path comes up again: its index, or
 * the set's size when all that hang together are done. */
static size_t
walk_from(struct walk *w, size_t start)
{
	open_service(w, start);
	while (w->depth) {
		size_t i = w->path[w->depth - 1];
		const struct spec_depends *d = &w->by_name[i]->depends_on;
		if (w->next[w->depth - 1] == d->count) {
			w->marks[i] = MARK_DONE;
			w->depth--;
			continue;
		}
		size_t to = find(w, d->items[w->next[w->depth - 1]++].service);
		if (to == w->set->count || w->marks[to] == MARK_DONE)
			continue;
		if (w->marks[to] == MARK_OPEN)
			return to;
		open_service(w, to);
	}
	return w->set->count;
}

static int
fail(const struct walk *w, size_t again, const struct place *place,
	const struct node *services)
{
	char text[TEXT_MAX] = "";
	size_t from = 0, length = 0;
	while (w->path[from] != again)
		from++;
	for (size_t i = from; i < w->depth && length < sizeof text; i++)
		length += (size_t)snprintf(text + length, sizeof text - length,
			"%s -> ", w->by_name[w->path[i]]->name);
	const char *name = w->by_name[again]->name;
	const struct node *map = tree_get(services, name);
	return tree_fail(place, tree_get(map, "depends_on"),
		"depends_on: a circle: %.300s%s; none of them could ever start",
		text, name);
}

static void *
take(size_t count, size_t size)
{
	void *p = calloc(count + 1, size);
	if (!p)
		panic(__FILE__, __LINE__, "out of memory");
	return p;
}

int
cycle_check(const struct place *place, const struct node *services,
	const struct spec_set *set)
{
	struct walk w = {.set = set,
		.by_name = take(set->count, sizeof *w.by_name),
		.marks = take(set->count, 1),
		.path = take(set->count, sizeof *w.path),
		.next = take(set->count, sizeof *w.next)};
	int rc = 0;
	for (size_t i = 0; i < set->count; i++)
		w.by_name[i] = set->items[i];
	qsort(w.by_name, set->count, sizeof *w.by_name, compare_names);
	for (size_t i = 0; i < set->count && rc == 0; i++) {
		size_t again =
			w.marks[i] == MARK_NEW ? walk_from(&w, i) : set->count;
		if (again != set->count)
			rc = fail(&w, again, place, services);
	}
	free(w.by_name);
	free(w.marks);
	free(w.path);
	free(w.next);
	return rc;
}
