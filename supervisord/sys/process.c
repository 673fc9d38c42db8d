#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hash.h"

#define STAT_MAX	 4096
#define FIELD_START_TIME 22

/* The start of a small file of /proc as a text; its size or -errno. */
static ssize_t
read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, out, size - 1);
	int code = n < 0 ? -errno : 0;
	close(fd);
	if (code)
		return code;
	out[n] = '\0';
	return n;
}

/* Which boot this is, as a number. */
static uint64_t
boot_hash(void)
{
	static uint64_t hash;
	char text[64] = "";
	if (!hash) {
		(void)read_text(
			"/proc/sys/kernel/random/boot_id", text, sizeof text);
		hash = hash_text(text, 1) | 1;
	}
	return hash;
}

/* Field 22 of /proc/PID/stat, ticks since boot; 0 when it is gone.  The second
 * field is "(name)", and a name may hold anything. */
static uint64_t
start_ticks(pid_t pid)
{
	char path[64], text[STAT_MAX];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (read_text(path, text, sizeof text) < 0)
		return 0;
	const char *at = strrchr(text, ')');
	for (int field = 2; at && field < FIELD_START_TIME; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

/* Whether the process behind a pidfd has ended. */
static bool
has_ended(int pidfd)
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
	uint64_t ticks = start_ticks(pid);
	snprintf(path, sizeof path, "/proc/%d", (int)pid);
	int code = stat(path, &st) ? -ESRCH : 0;
	/* Looked at last: until here it was one process all along. */
	if (code || ticks == 0 || has_ended(fd)) {
		close(fd);
		return -ESRCH;
	}
	id->start = hash_mix(ticks, boot_hash()) | 1;
	id->uid = st.st_uid;
	return fd;
}
