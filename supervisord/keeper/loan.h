/* Forks whose price does not grow with what the keeper has open.
 *
 * The keeper holds some descriptors for each instance.  To copy them all into
 * a child, and to close them all at its exec, would make each start dearer
 * than the one before.  So a child is born with our table of descriptors
 * itself (CLONE_FILES), and before anything else takes out of it the few that
 * it needs (close_range with CLOSE_RANGE_UNSHARE, Linux 5.9).  Until it has
 * done so they are lent: they stay open here under the same number.  It says
 * so in memory that both share; a child that died before is noticed when it
 * is reaped.
 *
 * The kernel copies all below the highest descriptor that is needed, so what
 * stays open for long is parked above (loan_park).
 *
 * Where the kernel cannot, or too many are lent at a time, the child gets a
 * copy of the table as after any fork.
 */
#ifndef SKEP_KEEPER_LOAN_H
#define SKEP_KEEPER_LOAN_H

#include <stddef.h>
#include <sys/types.h>

#include "keeper/spawn.h"
#include "sys/err.h"

#define LOAN_FDS_MAX 8 /* that one child is given */

/* As spawn_fork.  'fds' are the child's: taken in the parent, on errors too;
 * in the child they, 'also' and 0 to 2 are all that is open.  'also' stays
 * ours, and open; -1: none. */
int loan_fork(int cgroup_fd, const int *fds, size_t count, int also,
	struct spawned *out, struct err *err);

/* In a child of spawn_fork: closes all but 'fds', 'also' (-1: none) and 0 to
 * 2.  -errno where the kernel cannot; what is left is CLOEXEC. */
int loan_keep(const int *fds, size_t count, int also);

/* Closes what children do not need here any more. */
void loan_collect(void);

/* A child was reaped, perhaps before it had its own. */
void loan_on_gone(pid_t pid);

/* Moves a CLOEXEC descriptor that stays open for long out of the way; 'fd' is
 * taken.  Returns its new number, or the old one where it cannot be moved. */
int loan_park(int fd);

#endif
