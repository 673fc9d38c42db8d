#include "sys/process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hash.h"
#include "sys/files.h"
#include "sys/procstat.h"

#define BOOT_ID_MAX 64

/* Which boot this is, as a number. */
static uint64_t
boot_hash(void)
{
	static uint64_t hash;
	char *text;
	size_t size;
	if (hash)
		return hash;
	int code = files_read_all("/proc/sys/kernel/random/boot_id",
		BOOT_ID_MAX, &text, &size, NULL);
	hash = hash_text(code ? "" : text, 1) | 1;
	free(text);
	return hash;
}

bool
process_has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	return poll(&p, 1, 0) != 0;
}

int
process_open(pid_t pid, struct process_id *id)
{
	char path[64];
	struct stat st;
	if (pid <= 0)
		return -ESRCH;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* A thread that is no leader is no process. */
	if (fd < 0)
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	uint64_t ticks = procstat_start_time(pid);
	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	int code = stat(path, &st) ? -ESRCH : 0;
	/* Looked at last: until here it was one process all along. */
	if (code || ticks == 0 || process_has_ended(fd)) {
		close(fd);
		return -ESRCH;
	}
	id->start = hash_mix(ticks, boot_hash()) | 1;
	id->uid = st.st_uid;
	return fd;
}
