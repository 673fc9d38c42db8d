/* A new process with a pidfd, born in its cgroup.
 *
 * clone3(CLONE_PIDFD | CLONE_INTO_CGROUP); on kernels before 5.7 fork, and
 * the child walks into the cgroup before anything else.  The keeper has one
 * thread, so the child may do all that a forked process may.
 */
#ifndef SKEP_KEEPER_SPAWN_H
#define SKEP_KEEPER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/err.h"

/* A process just born. */
struct spawned {
	pid_t pid; /* 0 in the child */
	int pidfd; /* CLOEXEC, the parent's to close; -1 in the child */
	uint64_t start_time; /* field 22 of its stat, in the parent */
};

/* Forks.  'cgroup_fd' is the directory of the child's cgroup, -1 for ours.
 * Returns 0 in both processes; a child that cannot enter its cgroup exits
 * with 126 by itself. */
int spawn_fork(int cgroup_fd, struct spawned *out, struct err *err);

/* As above, but where the kernel can the child shares our table of
 * descriptors: see keeper/loan.h, which is the only one to call this. */
int spawn_fork_sharing(int cgroup_fd, struct spawned *out, struct err *err);

/* Whether the next is possible here. */
bool spawn_can_beside(void);

/* Clones a child of our parent into the cgroup, which runs 'run' in our memory
 * and on our stack, and ends when it has left them by its exec or its end.
 * Nothing of ours may be of use to anybody any more. */
_Noreturn void spawn_beside(int cgroup_fd, void (*run)(void));

/* In that child: field 22 of its stat, or 0. */
uint64_t spawn_own_start_time(void);

/* From now on 'fd' is closed in every child before anything else: a child that
 * outlives us before its exec must not hold what the next skepd needs. */
void spawn_keep_back(int fd);

/* From now on children walk into their cgroups.  Needed where our own cgroup
 * was once emptied with cgroup.kill: Linux since 6.14 then kills whatever is
 * cloned from it into another one. */
void spawn_avoid_clone_into(void);

/* In the child: default dispositions, nothing blocked, a session of its own. */
void spawn_reset(void);

/* In the child: the kernel's oom_score_adj; 0 or -errno. */
int spawn_set_oom_score(int score);

/* In the child: a skepd that its host favours does not favour what it starts:
 * the usual scheduling, and no class of I/O.  What may not be changed stays. */
void spawn_reset_scheduling(void);

/* In the child: every descriptor from 'first' on closes at exec. */
void spawn_cloexec_from(unsigned first);

/* In the child: 'from' becomes descriptor 'to', open across exec. */
int spawn_move_fd(int from, int to);

#endif
