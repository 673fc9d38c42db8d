#include "keeper/closer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/check.h"
#include "keeper/spawn.h"

#define CHILDREN_MAX 64

/* A child that closes. */
struct closer {
	pid_t pid; /* 0: this place is free */
	uint64_t iid;
};

static struct closer closers[CHILDREN_MAX];
static size_t busy_count; /* of 'closers' that are not free */

static bool
is_pipe(int fd)
{
	return fcntl(fd, F_GETPIPE_SZ) >= 0;
}

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* Closes the pipes, and leaves the others in 'out': how many. */
static size_t
close_pipes(const int *fds, size_t count, int *out)
{
	size_t left = 0;
	for (size_t i = 0; i < count; i++)
		if (is_pipe(fds[i]))
			close(fds[i]);
		else
			out[left++] = fds[i];
	return left;
}

static struct closer *
find_free(void)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (closers[i].pid == 0)
			return &closers[i];
	return NULL;
}

void
closer_close(uint64_t iid, const int *fds, size_t count)
{
	struct spawned child;
	int others[CLOSER_FDS_MAX];
	CHECK(count <= CLOSER_FDS_MAX);
	count = close_pipes(fds, count, others);
	if (count == 0)
		return;
	struct closer *c = find_free();
	if (!c || spawn_sharing(&child) < 0) {
		/* Too many hang, or the kernel cannot. */
		close_all(others, count);
		return;
	}
	if (child.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		close_all(others, count);
		_exit(0);
	}
	close(child.pidfd);
	*c = (struct closer){child.pid, iid};
	busy_count++;
}

bool
closer_is_busy(uint64_t iid)
{
	for (size_t i = 0; busy_count > 0 && i < CHILDREN_MAX; i++)
		if (closers[i].pid != 0 && closers[i].iid == iid)
			return true;
	return false;
}

bool
closer_on_exit(pid_t pid, uint64_t *iid)
{
	for (size_t i = 0; busy_count > 0 && i < CHILDREN_MAX; i++) {
		if (closers[i].pid != pid)
			continue;
		*iid = closers[i].iid;
		closers[i].pid = 0;
		busy_count--;
		return true;
	}
	return false;
}
