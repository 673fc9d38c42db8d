/* Services of an earlier skepd become ours.
 *
 * A keeper that was killed, crashed or left leaves its services running, in
 * their cgroups, with their output in FIFOs that they hold open themselves.
 * The next one reads their records before it starts its helpers:
 *
 *   the leader lives (pid and start time)   RUNNING, watched by a pidfd
 *   it is gone, something is in the cgroup  LEAVING
 *   nothing is left                         EMPTY, and how it ended is known
 *                                           only if it was written down
 *   its cgroup is empty, its lock is held   a stray: something of it left its
 *                                           cgroup.  Said, and left alone; a
 *                                           start of it is refused meanwhile
 *
 * A start that was not yet its program is killed.  A process that is not our
 * child is not reaped by us: how it ended comes from proc_read_end within
 * ADOPT_END_MS, or is KSTATUS_UNKNOWN.
 */
#ifndef SKEP_KEEPER_ADOPT_H
#define SKEP_KEEPER_ADOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper/loop.h"
#include "sys/err.h"

struct keeper;

#define ADOPT_END_MS 3000

/* Takes over all that is on record. */
void adopt_all(struct keeper *k);

/* Takes over an instance that the program before us in this process wrote
 * down, with its descriptors. */
void adopt_resume(struct keeper *k, uint64_t iid, const char *text);

/* Whether something of an earlier skepd runs as 'iid', which is not one of
 * our instances; 'err' says what. */
bool adopt_is_stray(struct keeper *k, uint64_t iid, struct err *err);

/* Callbacks of an adopted instance: its leader has ended, and the time in
 * which the kernel may say how. */
void adopt_on_end(struct watch *w, uint32_t events);
void adopt_on_timer(struct timer *t);

#endif
