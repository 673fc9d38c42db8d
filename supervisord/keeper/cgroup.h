/* A cgroup for every instance, so that "stopped" can mean "nothing is left".
 *
 * All of ours live in MOUNT/OWN/skep/ID/IID: MOUNT is where cgroup v2 is
 * mounted (also the "unified" mount of a hybrid host), OWN the keeper's own
 * cgroup (or the one above, see CGROUP_OWN_LEAF), ID a hash of
 * run_dir, IID the instance.  The keeper and its helpers stay in OWN.  Where
 * this cannot be written, 'is_usable' is false and 'why' says so; services are
 * then tracked by process group.
 *
 * Errors: 0 or -errno, with the sentence in 'err' where there is one.
 */
#ifndef SKEP_KEEPER_CGROUP_H
#define SKEP_KEEPER_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/err.h"

/* Where skepd itself goes, beneath OWN, when OWN must be empty (leave.h): a
 * keeper in a cgroup of this name belongs to the one above. */
#define CGROUP_OWN_LEAF "supervisor"

/* Where our cgroups are. */
struct cgroups {
	bool is_usable;		    /* false: track by process group */
	char path[PATH_MAX];	    /* the directory that holds all instances */
	char kernel_path[PATH_MAX]; /* the same as /proc/PID/cgroup has it */
	int fd;			    /* that directory, -1 when not usable */
	char why[ERR_TEXT_SIZE];    /* why it is not usable, else "" */
};

/* Finds the directory of our own v2 cgroup (OWN above).  'mountinfo' and 'self'
 * are the contents of /proc/self/mountinfo and /proc/self/cgroup.  Returns
 * -ENOENT when there is no v2 mount or it does not show our cgroup,
 * -ENAMETOOLONG when 'size' does not hold the path.  Pure. */
int cgroup_locate(
	const char *mountinfo, const char *self, char *out, size_t size);

/* Finds and makes the directory for the instances of this keeper and tries a
 * start into it. Never fails: see 'is_usable'. */
void cgroups_init(struct cgroups *c, uint64_t id);

/* Removes the directory if it is empty, and closes it. */
void cgroups_fini(struct cgroups *c);

/* Makes the cgroup of 'iid' and returns its directory as a descriptor, the
 * caller's to close.  An empty one that is there goes first; what cannot go is
 * used as it is: 'is_new' tells which. */
int cgroup_open(
	const struct cgroups *c, uint64_t iid, bool *is_new, struct err *err);

/* The same for the cgroup 'name' beneath the directory 'fd'. */
int cgroup_open_beneath(int fd, const char *name, struct err *err);

/* Opens the cgroup 'name' beneath the directory 'fd'; -ENOENT. */
int cgroup_find_beneath(int fd, const char *name);

/* Removes it with what is beneath it, if it holds no process. */
void cgroup_remove_beneath(int fd, const char *name);

/* Moves the processes of the cgroup 'from' into 'to'; some may stay behind,
 * which 'cgroup_has_any' tells. */
void cgroup_move(int from, int to);

/* Whether the cgroup with the directory 'fd' holds a process. */
bool cgroup_has_any(int fd);

/* Opens cgroup.events of the directory 'fd'; EPOLLPRI tells of changes. */
int cgroup_open_events(int fd);

/* Reads "populated" from cgroup.events: 0, 1 or -errno. */
int cgroup_read_populated(int events_fd);

/* Whether a cgroup holds nothing, not even another one, and is not frozen. */
bool cgroup_is_bare(int fd, int events_fd);

/* Whether one that is bare works as one that was just made: nobody has changed
 * how, and no controller has something charged to it or a limit there. */
bool cgroup_is_untouched(int fd);

/* Whether the cgroup of 'iid' exists and holds a process. */
bool cgroup_is_populated(const struct cgroups *c, uint64_t iid);

/* Whether the process is in the cgroup of 'iid' or beneath it; 'foreign' is the
 * directory of that cgroup where it is not beneath our own, else NULL. */
bool cgroup_holds(
	const struct cgroups *c, uint64_t iid, const char *foreign, pid_t pid);

/* Kills everything inside, whatever it does. */
int cgroup_kill(int fd);

/* Sends 'signal' to every process inside, except to those that come while
 * this runs.  Returns -ESRCH when there was none. */
int cgroup_signal(int fd, int signal);

/* Removes the empty cgroup of 'iid' with what services made beneath it. */
void cgroup_remove(const struct cgroups *c, uint64_t iid);

/* The same for the cgroup at 'path', which an earlier keeper made elsewhere. */
void cgroup_remove_path(const char *path);

#endif
