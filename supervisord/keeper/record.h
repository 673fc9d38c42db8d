/* What is known of a running instance, for a keeper that comes after us:
 * run_dir/instances/IID, lines of KEY=value. */
#ifndef SKEP_KEEPER_RECORD_H
#define SKEP_KEEPER_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/dirs.h"
#include "keeper/instance.h"
#include "sys/err.h"

/* Field 22 of /proc/PID/stat, 0 when it cannot be read. */
uint64_t record_read_start_time(pid_t pid);

/* Writes down a start: name, epoch, pid, start time, boot id, cgroup. */
void record_write(const struct instance *i);

/* Nothing of it is left. */
void record_remove(const struct dirs *d, uint64_t iid);

/* Whether a process of an earlier skepd still runs as 'iid'; 'err' says which
 * and where.  Looks at the cgroup's "populated" first, then at the pid and
 * start time on record. */
bool record_is_alive(struct keeper *k, uint64_t iid, struct err *err);

#endif
