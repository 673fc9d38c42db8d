/* The registry in shared memory: keeps run_dir/registry (node/regwriter.h) as
 * the core sees the names of the cluster.
 *
 * After each step it writes the names that changed; when there were too many to
 * be named, it goes through all, some at a time between other work.  A new node
 * fills a file beside the one that is there and gives it the name when it knows
 * as much as it decides by, at the latest after 10 s: so no name is missed
 * because the node began again.
 *
 * A file system without room is a warning, and another try each 10 s; lookups
 * say meanwhile that names are lacking.  Without a file at all nothing else is
 * different.
 */
#ifndef SKEP_NODE_PUBLISH_H
#define SKEP_NODE_PUBLISH_H

#include <ev.h>

#include "core/core.h"

/* Names that one step may name. */
#define PUBLISH_CHANGES_MAX 16384

struct publish;

/* Begins to keep the file 'registry' in 'run_dir' (copied); 'core' is booted
 * and lives longer. */
struct publish *publish_new(struct ev_loop *loop, struct core *core,
	const char *run_dir, uint32_t names_max);
/* Ends it; a file that has its name stays.  NULL is accepted. */
void publish_free(struct publish *p);

/* The core took a step.  NULL is accepted. */
void publish_on_step(struct publish *p);

#endif
