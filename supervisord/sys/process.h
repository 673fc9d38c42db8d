/* Processes that are not ours: is this one still that one?
 *
 * A pid alone names nobody: it is used again.  With the time of its start and
 * the boot that it belongs to it names one process.  Nothing here needs rights
 * beyond those to read /proc.
 */
#ifndef SKEP_SYS_PROCESS_H
#define SKEP_SYS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What tells a process from all others that have had or will have its pid. */
struct process_id {
	uint64_t start; /* of start time and boot; not 0 */
	uid_t uid;	/* that it runs as */
};

/* A pidfd (CLOEXEC, the caller's) of a living process, readable when it has
 * ended, and who that is in '*id'.  -ESRCH: there is none, or it has ended;
 * else another -errno. */
int process_open(pid_t pid, struct process_id *id);
/* Whether the process behind a pidfd has ended. */
bool process_has_ended(int pidfd);

#endif
