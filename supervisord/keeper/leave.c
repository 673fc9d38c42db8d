#include "keeper/leave.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/cgroup.h"
#include "keeper/file.h"
#include "keeper/proc.h"

#define PROCS_MAX (1 << 20)
#define DEPTH	  8 /* generations between us and a helper's child */
#define ROUNDS	  5 /* helpers may fork meanwhile */

static bool
is_ours(pid_t pid)
{
	for (int n = 0; n < DEPTH && pid > 0; n++) {
		if (pid == getpid())
			return true;
		pid = proc_parent(pid);
	}
	return false;
}

/* Calls 'act' with each process of the cgroup until it fails: how many there
 * are, or -errno. */
static int
each_process(int dir, int leaf, int (*act)(int leaf, pid_t pid))
{
	char *text;
	int count = 0;
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = file_read_fd(fd, PROCS_MAX, &text);
	close(fd);
	if (rc < 0)
		return rc;
	for (char *at = text, *end; rc == 0; at = end, count++) {
		pid_t pid = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		rc = act(leaf, pid);
	}
	free(text);
	return rc < 0 ? rc : count;
}

static int
check(int leaf, pid_t pid)
{
	(void)leaf;
	return is_ours(pid) ? 0 : -EBUSY;
}

static int
move(int leaf, pid_t pid)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", (int)pid);
	ssize_t written = write(leaf, text, (size_t)n);
	/* One that has ended meanwhile needs no moving. */
	return written < 0 && errno != ESRCH ? -errno : 0;
}

/* Moves until nobody is left. */
static int
empty(int dir, int leaf)
{
	for (int round = 0; round < ROUNDS; round++) {
		int count = each_process(dir, leaf, check);
		if (count <= 0)
			return count;
		count = each_process(dir, leaf, move);
		if (count < 0)
			return count;
	}
	return -EBUSY;
}

int
leave_own(const char *own)
{
	int dir = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	int rc = each_process(dir, -1, check);
	if (rc >= 0)
		rc = mkdirat(dir, CGROUP_OWN_LEAF, 0755) < 0 && errno != EEXIST
			     ? -errno
			     : 0;
	int leaf = rc < 0 ? -1
			  : openat(dir, CGROUP_OWN_LEAF "/cgroup.procs",
				    O_WRONLY | O_CLOEXEC);
	if (rc == 0)
		rc = leaf < 0 ? -errno : empty(dir, leaf);
	if (leaf >= 0)
		close(leaf);
	close(dir);
	return rc < 0 ? rc : 0;
}
