/* The lock that every service holds: run_dir/instances/IID.lock.
 *
 * Each start locks it; the service inherits the locked descriptor, and so do
 * all of its children, in whatever group or cgroup.  A file that something of
 * an earlier start still holds is replaced by a new one.  While one of them has
 * it open, a skepd that did not see the start knows that something of it lives.
 * A service that closes all descriptors gives this up; its cgroup and its pid
 * stay.
 */
#ifndef SKEP_KEEPER_LOCK_H
#define SKEP_KEEPER_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/dirs.h"
#include "sys/err.h"

/* Where the descriptor goes in the service, or the first free one above; the
 * first free one of all where the limit of files is lower. */
#define LOCK_FD_MIN 64

/* Takes the lock of a new start; the descriptor (CLOEXEC) is the
 * caller's, who gives it to the child and closes it. */
int lock_take(const struct dirs *d, uint64_t iid, struct err *err);

/* In the child: from now on the lock outlives exec. */
void lock_pass_on(int fd);

/* Whether a process has the lock of the last start. */
bool lock_is_held(const struct dirs *d, uint64_t iid);

/* Whether a process of that group has it, as far as /proc shows us: then the
 * group is that of the last start, whoever led it. */
bool lock_is_in_group(const struct dirs *d, uint64_t iid, pid_t group);

/* Removes the file. */
void lock_remove(const struct dirs *d, uint64_t iid);

#endif
