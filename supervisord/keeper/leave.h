/* Room for controllers: cgroup v2 hands none on from a cgroup that holds
 * processes itself.  So when a service has limits, skepd and its helpers leave
 * theirs (OWN of cgroup.h) for a leaf beneath, OWN/CGROUP_OWN_LEAF, unless
 * anybody else is there too: a shell that started us is not ours to move.
 */
#ifndef SKEP_KEEPER_LEAVE_H
#define SKEP_KEEPER_LEAVE_H

/* Empties the cgroup with the directory 'own' of us and what descends from us.
 * -EBUSY when others are in it; nothing is moved then. */
int leave_own(const char *own);

#endif
