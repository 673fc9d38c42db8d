#include "keeper/mover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "keeper/spawn.h"

/* The mover's own bound, out of the way: handoff.max_size is the node's to
 * hold, which reads what is collected and has read what is put. */
#define SIZE_MAX_TEXT "16TiB"

#define WORDS_MAX    20
#define EXIT_ALREADY 3
#define ROOT_MAX     64 /* bytes of a digest */

/* Executes the mover in this process; the descriptors 0 to 2 are set. */
static _Noreturn void
execute(const struct mover_order *o, const char *verb, const char *side)
{
	static char locale[] = "LC_ALL=C";
	static char epoch[24], root[2 * ROOT_MAX + 1], path[PATH_MAX];
	static char before[24], stay[24];
	const char *argv[WORDS_MAX] = {
		"skep-mover", verb, "--max-size", SIZE_MAX_TEXT};
	size_t count = 4;
	if (side) {
		argv[count++] = "--as";
		argv[count++] = side;
	}
	hex_write(o->root.data,
		o->root.size < ROOT_MAX ? o->root.size : ROOT_MAX, root);
	snprintf(epoch, sizeof epoch, "%" PRIu64, o->epoch);
	snprintf(before, sizeof before, "%" PRIu64, o->before);
	snprintf(stay, sizeof stay, "%" PRIu64, o->stay);
	const struct {
		bool is_given;
		const char *name, *value;
	} options[] = {
		{true, "--path", o->state_path},
		{true, "--epoch", epoch},
		{root[0] != '\0', "--root", root},
		{o->stay != 0, "--before", before},
		{o->stay != 0, "--stay", stay},
	};
	size_t taken = o->state_path[0] ? sizeof options / sizeof *options : 0;
	for (size_t i = 0; i < taken; i++) {
		if (!options[i].is_given)
			continue;
		argv[count++] = options[i].name;
		argv[count++] = options[i].value;
	}
	argv[count++] = "--";
	argv[count] = o->work_dir;
	snprintf(path, sizeof path, "%s/skep-mover", o->libexec_dir);
	char *env[] = {locale, NULL};
	spawn_cloexec_from(3);
	execve(path, (char *const *)(uintptr_t)argv, env);
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
wait_for(pid_t pid, const char *verb, const char *line, struct err *err)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ALREADY)
		return -EALREADY;
	return err_set(err, -EIO, "skep-mover %s: %s", verb,
		*line ? line : "ended without a word");
}

/* Runs it with 'input', -1 for none, and as the 'side', NULL for none. */
static int
run(const struct mover_order *order, const char *verb, const char *side,
	int input, char said[MOVER_SAID_SIZE], struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "pipe");
	pid_t pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return err_sys(err, -errno, "skep-mover cannot be forked");
	}
	if (pid == 0) {
		if (input >= 0)
			spawn_move_fd(input, 0);
		spawn_move_fd(ends[1], 1);
		spawn_move_fd(ends[1], 2);
		execute(order, verb, side);
	}
	close(ends[1]);
	read_line(ends[0], said, MOVER_SAID_SIZE);
	close(ends[0]);
	return wait_for(pid, verb, said, err);
}

int
mover_put(const struct mover_order *order, int state_fd,
	char said[MOVER_SAID_SIZE], struct err *err)
{
	return run(order, "put", NULL, state_fd, said, err);
}

int
mover_set_aside(const struct mover_order *order, char said[MOVER_SAID_SIZE],
	struct err *err)
{
	return run(order, "aside", NULL, -1, said, err);
}

static const char *const side_names[] = {
	[MOVER_MINE] = "mine",
	[MOVER_THEIRS] = "theirs",
	[MOVER_JOINED] = "joined",
};

void
mover_side_path(const struct mover_order *order, enum mover_side side,
	char out[PATH_MAX])
{
	bool has_path = order->state_path[0] != '\0';
	snprintf(out, PATH_MAX, "%.*s%s.skep-%s", PATH_MAX - 32,
		has_path ? order->state_path : order->work_dir,
		has_path ? "" : "/state-in", side_names[side]);
}

int
mover_lay(const struct mover_order *order, enum mover_side side, int state_fd,
	struct err *err)
{
	char said[MOVER_SAID_SIZE];
	return run(order, "lay", side_names[side], state_fd, said, err);
}

int
mover_join(const struct mover_order *order, char said[MOVER_SAID_SIZE],
	struct err *err)
{
	return run(order, "join", NULL, -1, said, err);
}

/* Starts it as 'ids' with 'output' as descriptor 1. */
static pid_t
start(const struct mover_order *order, const char *verb, const struct ids *ids,
	int output, struct err *err)
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
	spawn_move_fd(output, 1);
	/* The service decides how much there is to do: it goes before us. */
	spawn_set_oom_score(0);
	spawn_reset_scheduling();
	if (ids_switch(ids, &why) < 0) {
		dprintf(2, "skep-mover %s: %s\n", verb, why.text);
		_exit(127);
	}
	execute(order, verb, NULL);
}

pid_t
mover_start_get(const struct mover_order *order, const struct ids *ids,
	int socket, struct err *err)
{
	return start(order, order->is_checkpoint ? "checkpoint" : "get", ids,
		socket, err);
}

pid_t
mover_start_aside(
	const struct mover_order *order, const struct ids *ids, struct err *err)
{
	return start(order, "aside", ids, 2, err);
}
