/* Older states that lie beside a state_path of this host, under the names that
 * skep-mover gave them (mover/mover.h): they are listed, never used, and never
 * removed by skep.
 *
 * The folders are looked at, with the rights of this process; what it may not
 * look into is told as such.  All functions block and are for threads.
 */
#ifndef SKEP_NODE_ASIDE_H
#define SKEP_NODE_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

/* Files that are counted for the size of a folder; of more it is not told. */
#define ASIDE_FILES_MAX 20000
/* Copies of one state that are told. */
#define ASIDE_TOLD_MAX 100

/* One copy, or one place that cannot be looked at; texts are borrowed. */
struct aside_item {
	const char *path; /* of the copy; of the place, with 'error' */
	uint64_t epoch;	  /* of the run that it was set aside for */
	bool is_folder;
	int64_t size;	   /* bytes of the files; -1: not counted */
	int64_t wall_ms;   /* when it got that name */
	const char *error; /* NULL: none */
};

typedef void aside_each_fn(void *context, const struct aside_item *item);

/* Calls 'each' for every copy beside 'state_path', an absolute path. */
void aside_walk(const char *state_path, aside_each_fn *each, void *context);

#endif
