#include "keeper/former.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper/file.h"
#include "keeper/keeper.h"
#include "keeper/proc.h"
#include "sys/procstat.h"
#include "sys/say.h"

#define MARK	  "skepd"
#define GRACE_MS  2000
#define KILL_MS	  5000
#define TEXT_MAX  4096
#define TEXT_FORM "boot_id=%s\n%s=%" PRIu64 "\nstart_time=%" PRIu64 "\n"

/* Two numbers of this boot from a file beside the records. */
static bool
read_mark(struct keeper *k, const char *name, uint64_t *first,
	uint64_t *start_time)
{
	char *text, boot[64], key[16];
	int fd = openat(
		k->dirs.instances, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	int rc = file_read_fd(fd, TEXT_MAX, &text);
	close(fd);
	if (rc < 0)
		return false;
	int found = sscanf(text,
		"boot_id=%63s %15[a-z]=%" SCNu64 " start_time=%" SCNu64, boot,
		key, first, start_time);
	free(text);
	return found == 4 && strcmp(boot, k->boot_id) == 0;
}

static void
write_mark(struct keeper *k, const char *name, const char *key, uint64_t first,
	uint64_t start_time)
{
	char text[256];
	snprintf(text, sizeof text, TEXT_FORM, k->boot_id, key, first,
		start_time);
	int rc = file_replace_at(k->dirs.instances, name, text);
	if (rc < 0)
		say(SAY_WARNING, "%s/instances/%s: %s",
			k->options.conf.node.run_dir, name, strerror(-rc));
}

static bool
has_ended_within(int pidfd, int ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	return poll(&p, 1, ms) > 0;
}

static void
clear_one(struct keeper *k, const char *program)
{
	uint64_t pid, start_time;
	if (!read_mark(k, program, &pid, &start_time))
		return;
	int fd = proc_open((pid_t)pid, start_time);
	if (fd < 0)
		return;
	if (!has_ended_within(fd, GRACE_MS)) {
		say(SAY_WARNING,
			"%s of an earlier skepd (pid %" PRIu64
			") still runs: killed",
			program, pid);
		syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
		if (!has_ended_within(fd, KILL_MS))
			say(SAY_ERROR, "pid %" PRIu64 " cannot be killed", pid);
	}
	close(fd);
}

void
former_clear(struct keeper *k)
{
	clear_one(k, k->node.ops->program);
	clear_one(k, k->logger.ops->program);
}

void
former_note(struct keeper *k, const char *program, pid_t pid)
{
	write_mark(k, program, "pid", (uint64_t)pid, procstat_start_time(pid));
}

static void
on_good_run(struct timer *t)
{
	struct keeper *k = container_of(t, struct keeper, good_run);
	write_mark(k, MARK, "ends", 0, 0);
}

void
former_begin(struct keeper *k)
{
	uint64_t ends, unused;
	if (read_mark(k, MARK, &ends, &unused)) {
		k->crashes = (uint32_t)ends + 1;
		say(SAY_WARNING,
			"the skepd before ended without being asked to, "
			"%u times in a row now",
			k->crashes);
	}
	write_mark(k, MARK, "ends", k->crashes, 0);
	timer_init(&k->good_run, on_good_run);
	loop_arm(&k->loop, &k->good_run, FORMER_GOOD_RUN_MS);
}

void
former_end(struct keeper *k)
{
	loop_disarm(&k->good_run);
	unlinkat(k->dirs.instances, MARK, 0);
}
