/* Which instance of this host a process belongs to.
 *
 * By its cgroup, which the keeper made for the instance; where cgroups are not
 * tracked, by its process group or session, which is weaker: a service can
 * leave them.
 */
#ifndef SKEP_NODE_WHOSE_H
#define SKEP_NODE_WHOSE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/limits.h"

struct node;

/* Writes the name of the instance that 'pid' belongs to.  False: to none. */
bool whose_process(
	struct node *n, pid_t pid, char name[static INSTANCE_NAME_MAX + 1]);

#endif
