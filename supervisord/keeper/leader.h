/* Another process of the instance becomes its leader, by MAINPID=. */
#ifndef SKEP_KEEPER_LEADER_H
#define SKEP_KEEPER_LEADER_H

#include <sys/types.h>

#include "keeper/instance.h"

/* Makes 'pid', which must run in the cgroup of 'i', the leader: signals for
 * the leader go to it, and its end is the instance's.  Nothing changes when it
 * is none of its processes, or one of its hooks or probes. */
void leader_change(struct instance *i, pid_t pid);

/* The instance whose leader is 'pid' though we may not be its parent; NULL. */
struct instance *leader_find(struct keeper *k, pid_t pid);

#endif
