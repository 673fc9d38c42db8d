/* Processes that are not our children: services of an earlier skepd.
 *
 * A pid alone names nobody: it is used again.  Together with the start time
 * of its /proc/PID/stat, read after a pidfd to it was opened, it names one
 * process of this boot.  How such a process ended is known as long as it is a
 * zombie, and from Linux 6.15 on also after somebody else reaped it, by
 * PIDFD_GET_INFO on a pidfd that was open before.
 */
#ifndef SKEP_KEEPER_PROC_H
#define SKEP_KEEPER_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a child that is not yet its program calls itself; see 'child_run'. */
#define PROC_LAUNCHING_NAME "skep-launching"

/* The parent of a process, 0 when it is gone. */
pid_t proc_parent(pid_t pid);

/* Whether the process is a start that an earlier skepd did not finish. */
bool proc_is_launching(pid_t pid);

/* A pidfd (CLOEXEC, the caller's) of the process 'pid' that was started at
 * 'start_time'; -ESRCH when it is gone. */
int proc_open(pid_t pid, uint64_t start_time);

/* How the process behind 'pidfd', which is not our child, ended: 0 and its
 * wait status; -EAGAIN when it has not been reaped yet, so that a POLLHUP
 * will come; -ENODATA when the kernel does not tell. */
int proc_read_end(int pidfd, pid_t pid, uint64_t start_time, int *status_out);

#endif
