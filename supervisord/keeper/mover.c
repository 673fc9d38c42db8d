#include "keeper/mover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/spawn.h"

/* The mover's own bound, out of the way: handoff.max_size is the node's to
 * hold, which reads what is collected and has read what is put. */
#define SIZE_MAX_TEXT "16TiB"

/* Executes the mover in this process; the descriptors 0 to 2 are set. */
static _Noreturn void
execute(const char *libexec_dir, const char *verb, const char *work_dir)
{
	static char locale[] = "LC_ALL=C";
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/skep-mover", libexec_dir);
	char *argv[] = {(char *)"skep-mover", (char *)(uintptr_t)verb,
		(char *)"--max-size", (char *)SIZE_MAX_TEXT,
		(char *)(uintptr_t)work_dir, NULL};
	char *env[] = {locale, NULL};
	spawn_cloexec_from(3);
	execve(path, argv, env);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* Reads the mover's one line until it closes its end. */
static void
read_line(int fd, char *out, size_t size)
{
	size_t have = 0;
	char rest[256];
	for (;;) {
		bool is_full = have + 1 >= size;
		ssize_t n = is_full ? read(fd, rest, sizeof rest)
				    : read(fd, out + have, size - 1 - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!is_full)
			have += (size_t)n;
	}
	out[have] = 0;
	out[strcspn(out, "\n")] = 0;
}

static int
wait_put(pid_t pid, const char *line, struct err *err)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, -EIO, "skep-mover put: %s",
		*line ? line : "ended without a word");
}

int
mover_put(const char *libexec_dir, const char *work_dir, int state_fd,
	struct err *err)
{
	int said[2];
	char line[400];
	if (pipe2(said, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "pipe");
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, -errno, "skep-mover cannot be forked");
	if (pid == 0) {
		spawn_move_fd(state_fd, 0);
		spawn_move_fd(said[1], 2);
		execute(libexec_dir, "put", work_dir);
	}
	close(said[1]);
	read_line(said[0], line, sizeof line);
	close(said[0]);
	return wait_put(pid, line, err);
}

pid_t
mover_start_get(const char *libexec_dir, const char *work_dir,
	const struct ids *ids, int socket, struct err *err)
{
	struct spawned child;
	int rc = spawn_fork(-1, &child, err);
	if (rc < 0)
		return rc;
	if (child.pid > 0) {
		close(child.pidfd);
		return child.pid;
	}
	struct err why = {""};
	spawn_reset();
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		spawn_move_fd(null, 0);
	spawn_move_fd(socket, 1);
	if (ids_switch(ids, &why) < 0) {
		dprintf(2, "skep-mover get: %s\n", why.text);
		_exit(127);
	}
	execute(libexec_dir, "get", work_dir);
}
