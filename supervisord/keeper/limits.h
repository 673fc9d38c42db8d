/* The limits of an instance's cgroup, in the files of cgroup v2.
 *
 * They are written before anything is started into the cgroup.  A file is
 * there when the controller was enabled in cgroup.subtree_control of every
 * directory above; that is done when it is needed.  A limit that cannot be in
 * force fails the start: it is never passed over in silence.  What has no limit
 * gets the kernel's default where the directory is an older one.
 */
#ifndef SKEP_KEEPER_LIMITS_H
#define SKEP_KEEPER_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper/cgroup.h"
#include "sys/err.h"
#include "sys/kproto.h"

/* Whether there is a limit at all. */
bool limits_are_set(const struct kproto_resources *r);

/* Writes all of them into the cgroup with the directory 'fd', -1 without
 * cgroups.  The sentence names the key. */
int limits_write(const struct cgroups *c, int fd,
	const struct kproto_resources *r, struct err *err);

/* How many processes of the cgroup the kernel has killed for memory. */
uint64_t limits_count_oom(int fd);

#endif
