#include "keeper/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/procstat.h"

/* The kernel's struct pidfd_info of Linux 6.15, PIDFD_INFO_SIZE_VER0 and the
 * exit code; headers are older than that nearly everywhere. */
struct exit_info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};

#define INFO_EXIT (1ULL << 3)
#define GET_INFO  _IOWR(0xFF, 11, struct exit_info)

pid_t
proc_parent(pid_t pid)
{
	char *stat = procstat_read(pid);
	pid_t parent = stat ? (pid_t)procstat_number(stat, PROCSTAT_PARENT) : 0;
	free(stat);
	return parent;
}

bool
proc_is_launching(pid_t pid)
{
	char *stat = procstat_read(pid);
	bool is = stat && strstr(stat, "(" PROC_LAUNCHING_NAME ")");
	free(stat);
	return is;
}

int
proc_open(pid_t pid, uint64_t start_time)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	if (start_time != 0 && procstat_start_time(pid) == start_time)
		return fd;
	close(fd);
	return -ESRCH;
}

/* A zombie's status, which is in its stat for those who may trace it. */
static bool
read_zombie(pid_t pid, uint64_t start_time, int *status_out)
{
	char *stat = procstat_read(pid);
	const char *state = stat ? procstat_field(stat, PROCSTAT_STATE) : NULL;
	bool is_it = state && *state == 'Z' &&
		     procstat_number(stat, PROCSTAT_START_TIME) == start_time;
	bool may_see = geteuid() == 0;
	if (is_it && may_see)
		*status_out = (int)procstat_number(stat, PROCSTAT_EXIT_CODE);
	free(stat);
	return is_it && may_see;
}

int
proc_read_end(int pidfd, pid_t pid, uint64_t start_time, int *status_out)
{
	struct exit_info info = {.mask = INFO_EXIT};
	if (ioctl(pidfd, GET_INFO, &info) == 0 && (info.mask & INFO_EXIT)) {
		*status_out = info.exit_code;
		return 0;
	}
	if (read_zombie(pid, start_time, status_out))
		return 0;
	/* It may have been reaped between the two looks. */
	info = (struct exit_info){.mask = INFO_EXIT};
	if (ioctl(pidfd, GET_INFO, &info) < 0)
		return -ENODATA;
	if (!(info.mask & INFO_EXIT))
		return -EAGAIN;
	*status_out = info.exit_code;
	return 0;
}
