#include "keeper/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper/file.h"
#include "keeper/keeper.h"
#include "sys/say.h"

#define RECORD_MAX 16384

uint64_t
record_read_start_time(pid_t pid)
{
	char path[64];
	char *text;
	uint64_t value = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read_all(path, RECORD_MAX, &text, NULL) < 0)
		return 0;
	/* The second field is "(name)", and a name may hold anything. */
	const char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (at)
		value = strtoull(at, NULL, 10);
	free(text);
	return value;
}

void
record_write(const struct instance *i)
{
	const struct keeper *k = i->keeper;
	char name[17];
	char *text;
	snprintf(name, sizeof name, "%016" PRIx64, i->iid);
	if (asprintf(&text,
		    "name=%s\nepoch=%" PRIu64 "\npid=%d\nstart_time=%" PRIu64
		    "\nboot_id=%s\ncgroup=%s%s%s\nrun_digest=%016" PRIx64
		    "\nstarted_wall_ms=%" PRId64 "\n",
		    i->name, i->epoch, (int)i->pid, i->start_time, k->boot_id,
		    k->cgroups.path, i->cgroup_fd >= 0 ? "/" : "",
		    i->cgroup_fd >= 0 ? name : "", i->run_digest,
		    i->started_wall_ms) < 0)
		return;
	int rc = file_replace_at(k->dirs.instances, name, text);
	if (rc < 0)
		say(SAY_WARNING, "%s/instances/%s: %s",
			k->options.conf.node.run_dir, name, strerror(-rc));
	free(text);
}

void
record_remove(const struct dirs *d, uint64_t iid)
{
	char name[17];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	unlinkat(d->instances, name, 0);
}

/* The value of 'key' in a record, into 'out'. */
static bool
read_value(const char *text, const char *key, char *out, size_t size)
{
	size_t length = strlen(key);
	for (const char *at = text; at && *at;) {
		if (strncmp(at, key, length) == 0 && at[length] == '=') {
			at += length + 1;
			snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
			return true;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static bool
is_cgroup_populated(const char *path)
{
	char events[PATH_MAX + 16];
	snprintf(events, sizeof events, "%s/cgroup.events", path);
	int fd = open(events, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	int populated = cgroup_read_populated(fd);
	close(fd);
	return populated != 0;
}

/* Judges the record's text. */
static bool
is_recorded_alive(const struct keeper *k, const char *text, struct err *err)
{
	char boot[64], cgroup[PATH_MAX], pid[24], start[24];
	if (!read_value(text, "boot_id", boot, sizeof boot) ||
		strcmp(boot, k->boot_id) != 0)
		return false;
	if (read_value(text, "cgroup", cgroup, sizeof cgroup) && *cgroup &&
		is_cgroup_populated(cgroup)) {
		err_set(err, 0,
			"a process of an earlier skepd still runs in "
			"%s",
			cgroup);
		return true;
	}
	if (!read_value(text, "pid", pid, sizeof pid) ||
		!read_value(text, "start_time", start, sizeof start))
		return false;
	uint64_t now = record_read_start_time((pid_t)strtol(pid, NULL, 10));
	if (now == 0 || now != strtoull(start, NULL, 10))
		return false;
	err_set(err, 0, "the process %s of an earlier skepd still runs", pid);
	return true;
}

bool
record_is_alive(struct keeper *k, uint64_t iid, struct err *err)
{
	char name[17];
	char *text;
	bool is_alive = false;
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	if (k->cgroups.is_usable && cgroup_is_populated(&k->cgroups, iid)) {
		err_set(err, 0,
			"a process of an earlier skepd still runs in "
			"%s/%s",
			k->cgroups.path, name);
		return true;
	}
	int fd = openat(
		k->dirs.instances, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (file_read_fd(fd, RECORD_MAX, &text) == 0) {
		is_alive = is_recorded_alive(k, text, err);
		free(text);
	}
	close(fd);
	return is_alive;
}
