#include "keeper/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper/file.h"
#include "keeper/leave.h"

#define TEXT_SIZE     64
#define FILE_MAX      65536
#define CPU_PERIOD_US 100000

/* One limit. */
struct limit {
	const char *key;
	const char *controller;
	const char *file;
	const char *fallback;  /* what stands there without a limit */
	char value[TEXT_SIZE]; /* "": there is none */
};

#define LIMITS 6

static void
set_number(struct limit *l, uint64_t value)
{
	if (value > 0)
		snprintf(l->value, sizeof l->value, "%" PRIu64, value);
}

static void
list_limits(const struct kproto_resources *r, struct limit out[LIMITS])
{
	const struct limit all[LIMITS] = {
		{"memory_max", "memory", "memory.max", "max", ""},
		{"memory_high", "memory", "memory.high", "max", ""},
		{"cpu_max", "cpu", "cpu.max", "max 100000", ""},
		{"cpu_weight", "cpu", "cpu.weight", "100", ""},
		{"pids_max", "pids", "pids.max", "max", ""},
		{"io_weight", "io", "io.weight", "default 100", ""},
	};
	memcpy(out, all, sizeof all);
	set_number(&out[0], r->memory_max);
	set_number(&out[1], r->memory_high);
	if (r->cpu_max > 0)
		snprintf(out[2].value, TEXT_SIZE, "%" PRIu64 " %d",
			(uint64_t)r->cpu_max * CPU_PERIOD_US / 100,
			CPU_PERIOD_US);
	set_number(&out[3], r->cpu_weight);
	set_number(&out[4], r->pids_max);
	if (r->io_weight > 0)
		snprintf(out[5].value, TEXT_SIZE, "default %" PRIu32,
			r->io_weight);
}

bool
limits_are_set(const struct kproto_resources *r)
{
	struct limit all[LIMITS];
	list_limits(r, all);
	for (size_t i = 0; i < LIMITS; i++)
		if (*all[i].value)
			return true;
	return false;
}

static int
write_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	int rc = n < 0 ? -errno : (size_t)n == strlen(text) ? 0 : -EIO;
	close(fd);
	return rc;
}

/* Whether the directory's cgroup.controllers names the controller; the text
 * without its newline stays in 'names'. */
static bool
has_controller(int dir, const char *controller, char *names, size_t names_size)
{
	char *text;
	bool has = false;
	*names = 0;
	int fd = openat(dir, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : file_read_fd(fd, FILE_MAX, &text);
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		return false;
	snprintf(names, names_size, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	char *rest = strdup(names), *at = rest;
	for (char *word; at && (word = strsep(&at, " "));)
		has = has || strcmp(word, controller) == 0;
	free(rest);
	return has;
}

/* Hands the controller on from the directory 'path' to those beneath. */
static int
enable_in(const char *path, const char *controller, struct err *err)
{
	char names[256], word[TEXT_SIZE];
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, -errno, "%s", path);
	int rc = 0;
	snprintf(word, sizeof word, "+%s", controller);
	if (!has_controller(dir, controller, names, sizeof names))
		rc = err_set(err, -ENOENT,
			"%s has '%s' only: on a hybrid host the others are "
			"with cgroup v1, boot with "
			"systemd.unified_cgroup_hierarchy=1; under systemd "
			"skepd.service needs Delegate=yes",
			path, names);
	else
		rc = write_at(dir, "cgroup.subtree_control", word);
	if (rc == -EBUSY && leave_own(path) == 0)
		rc = write_at(dir, "cgroup.subtree_control", word);
	close(dir);
	if (rc == -EBUSY)
		return err_set(err, rc,
			"%s holds processes that are not skepd's, so that "
			"cgroup v2 hands none of its controllers on: start "
			"skepd in a cgroup of its own, as skepd.service does",
			path);
	return rc < 0 && !*err->text ? err_sys(err, rc, "%s", path) : rc;
}

/* Enables the controller in the three directories above an instance's. */
static int
enable(const struct cgroups *c, const char *controller, struct err *err)
{
	char path[PATH_MAX];
	int rc = 0;
	for (int up = 2; rc == 0 && up >= 0; up--) {
		snprintf(path, sizeof path, "%s", c->path);
		for (int n = 0; n < up; n++) {
			char *slash = strrchr(path, '/');
			if (!slash || slash == path)
				return err_set(err, -ENOENT, "%s", c->path);
			*slash = 0;
		}
		rc = enable_in(path, controller, err);
	}
	return rc;
}

static int
write_one(
	const struct cgroups *c, int fd, const struct limit *l, struct err *err)
{
	struct err why = {""};
	if (!*l->value) {
		write_at(fd, l->file, l->fallback);
		return 0;
	}
	int rc = write_at(fd, l->file, l->value);
	if (rc == -ENOENT) {
		rc = enable(c, l->controller, &why);
		if (rc < 0)
			return err_set(err, -ENOENT,
				"resources.%s: no %s controller here (%s)",
				l->key, l->controller, why.text);
		rc = write_at(fd, l->file, l->value);
	}
	if (rc < 0)
		return err_sys(err, rc, "resources.%s: '%s' into %s", l->key,
			l->value, l->file);
	return 0;
}

int
limits_write(const struct cgroups *c, int fd, const struct kproto_resources *r,
	struct err *err)
{
	struct limit all[LIMITS];
	int rc = 0;
	list_limits(r, all);
	for (size_t i = 0; rc == 0 && i < LIMITS; i++) {
		if (fd >= 0)
			rc = write_one(c, fd, &all[i], err);
		else if (*all[i].value)
			rc = err_set(err, -ENOENT,
				"resources.%s: there are no cgroups for "
				"services here (%s)",
				all[i].key, c->why);
	}
	return rc;
}

uint64_t
limits_count_oom(int fd)
{
	char *text;
	uint64_t count = 0;
	int events = openat(fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return 0;
	int rc = file_read_fd(events, FILE_MAX, &text);
	close(events);
	if (rc < 0)
		return 0;
	for (const char *at = text; at && *at;) {
		sscanf(at, "oom_kill %" SCNu64, &count);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	free(text);
	return count;
}
