#include "keeper/loan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

#define LOANS_MAX 256
#define PARK_MIN  512 /* where descriptors are parked */

/* What one child was lent. */
struct loan {
	pid_t pid; /* 0: this one is free */
	size_t count;
	int fds[LOAN_FDS_MAX];
};

static struct loan loans[LOANS_MAX];
static size_t open_count; /* of 'loans' that are not free */

/* For each loan, in memory that all children share: it has its own. */
static volatile unsigned char *is_over;

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void
loan_end(struct loan *l)
{
	close_all(l->fds, l->count);
	l->pid = 0;
	open_count--;
}

void
loan_collect(void)
{
	for (size_t i = 0; open_count > 0 && i < LOANS_MAX; i++)
		if (loans[i].pid != 0 && is_over[i])
			loan_end(&loans[i]);
}

void
loan_on_gone(pid_t pid)
{
	for (size_t i = 0; open_count > 0 && i < LOANS_MAX; i++)
		if (loans[i].pid == pid)
			loan_end(&loans[i]);
}

/* Closes from 'first' to 'last' in a table of our own. */
static int
close_own(unsigned first, unsigned last)
{
	return syscall(SYS_close_range, first, last, CLOSE_RANGE_UNSHARE) < 0
		       ? -errno
		       : 0;
}

/* A free loan, or NULL: the kernel cannot, or all are open. */
static struct loan *
find_free(void)
{
	if (!is_over) {
		void *shared = mmap(NULL, LOANS_MAX, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		/* Nothing is open there: this only asks. */
		if (shared == MAP_FAILED || close_own(~0U, ~0U) < 0)
			return NULL;
		is_over = shared;
	}
	for (size_t i = 0; i < LOANS_MAX; i++)
		if (loans[i].pid == 0)
			return &loans[i];
	return NULL;
}

/* Adds 'fd' to the rising 'kept', once. */
static size_t
add_kept(int *kept, size_t count, int fd)
{
	size_t at = count;
	while (at > 0 && kept[at - 1] > fd)
		at--;
	if (at == 0 || kept[at - 1] == fd)
		return count; /* one of 0 to 2, or none, or a second time */
	memmove(kept + at + 1, kept + at, (count - at) * sizeof *kept);
	kept[at] = fd;
	return count + 1;
}

int
loan_keep(const int *fds, size_t count, int also)
{
	CHECK(count <= LOAN_FDS_MAX);
	int kept[LOAN_FDS_MAX + 2] = {2};
	size_t n = add_kept(kept, 1, also);
	for (size_t i = 0; i < count; i++)
		n = add_kept(kept, n, fds[i]);
	/* First: of a shared table only what is below is copied. */
	int rc = close_own((unsigned)kept[n - 1] + 1, ~0U);
	for (size_t i = 1; rc == 0 && i < n; i++)
		if (kept[i] > kept[i - 1] + 1)
			rc = close_own((unsigned)kept[i - 1] + 1,
				(unsigned)kept[i] - 1);
	return rc;
}

/* The child's side. */
static void
receive(const struct loan *l, const int *fds, size_t count, int also)
{
	int rc = loan_keep(fds, count, also);
	if (!l)
		return; /* a copy: what is not closed now is CLOEXEC */
	if (rc < 0)
		_exit(126);
	is_over[l - loans] = true;
}

int
loan_fork(int cgroup_fd, const int *fds, size_t count, int also,
	struct spawned *out, struct err *err)
{
	CHECK(count <= LOAN_FDS_MAX);
	loan_collect();
	struct loan *l = find_free();
	if (l)
		is_over[l - loans] = false;
	int rc = l ? spawn_fork_sharing(cgroup_fd, out, err)
		   : spawn_fork(cgroup_fd, out, err);
	if (rc == 0 && out->pid == 0) {
		receive(l, fds, count, also);
		return 0;
	}
	if (rc < 0 || !l) {
		close_all(fds, count);
		return rc;
	}
	l->pid = out->pid;
	l->count = count;
	memcpy(l->fds, fds, count * sizeof *fds);
	open_count++;
	return 0;
}

int
loan_park(int fd)
{
	int parked = fcntl(fd, F_DUPFD_CLOEXEC, PARK_MIN);
	if (parked < 0)
		return fd;
	close(fd);
	return parked;
}
