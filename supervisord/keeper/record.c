#include "keeper/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper/file.h"
#include "keeper/keeper.h"
#include "sys/say.h"

#define RECORD_MAX 16384
#define NAME_SIZE  17

/* A number of an instance that its record holds. */
struct field {
	const char *key;
	size_t offset; /* in struct instance */
	size_t size;   /* 1, 4 or 8 bytes */
};

#define FIELD(key, member)                                                     \
	{                                                                      \
		key, offsetof(struct instance, member),                        \
			sizeof((struct instance *)0)->member                   \
	}

static const struct field fields[] = {
	FIELD("state", state),
	FIELD("epoch", epoch),
	FIELD("run_digest", run_digest),
	FIELD("pid", pid),
	FIELD("start_time", start_time),
	FIELD("group", group),
	FIELD("status", status),
	FIELD("has_handoff", has_handoff),
	FIELD("has_checkpoint", has_checkpoint),
	FIELD("has_state_path", has_state_path),
	FIELD("started_wall_ms", started_wall_ms),
	FIELD("is_undrained", is_undrained),
	FIELD("is_ready", is_ready),
	FIELD("has_failed", has_failed),
	FIELD("has_said_ready", has_said_ready),
	FIELD("readiness", readiness),
	FIELD("watchdog_ms", watchdog_ms),
	FIELD("oom_kills", oom_kills),
	FIELD("was_oom", was_oom),
	FIELD("was_unwatched", was_unwatched),
	FIELD("stop_signal", stop_signal),
	FIELD("stop_timeout_ms", stop_timeout_ms),
	FIELD("hook_timeout_ms", hook_timeout_ms),
	FIELD("stop_rank", stop_rank),
	FIELD("stop_all", stop_all),
	FIELD("ignore_before", answered_before.marks[0]),
	FIELD("restart_before", answered_before.marks[1]),
	FIELD("state_before", answered_before.marks[2]),
	FIELD("log_target", log.target),
	FIELD("log_max_size", log.max_size),
	FIELD("log_max_files", log.max_files),
	FIELD("log_when_full", log.when_full),
	FIELD("log_max_age_ms", log.max_age_ms),
	FIELD("log_is_compressed", log.is_compressed),
};

/* What is true in this process only. */
static const struct field live_fields[] = {
	FIELD("is_child", is_child),
	FIELD("is_killed", is_killed),
	FIELD("step", step),
	FIELD("pidfd", pidfd),
	FIELD("fifo_fd", fifo_fd),
	FIELD("report_fd", report.fd),
	FIELD("notify_fd", notify.socket.fd),
	FIELD("ready_fd", notify.ready.fd),
};

#define COUNT(table) (sizeof table / sizeof *table)

static uint64_t
field_get(const struct instance *i, const struct field *f)
{
	const char *at = (const char *)i + f->offset;
	uint64_t v8;
	uint32_t v4;
	switch (f->size) {
	case 1:
		return *(const unsigned char *)at;
	case 4:
		memcpy(&v4, at, sizeof v4);
		return v4;
	default:
		memcpy(&v8, at, sizeof v8);
		return v8;
	}
}

static void
field_set(struct instance *i, const struct field *f, uint64_t value)
{
	char *at = (char *)i + f->offset;
	uint32_t v4 = (uint32_t)value;
	switch (f->size) {
	case 1:
		*(unsigned char *)at = (unsigned char)value;
		return;
	case 4:
		memcpy(at, &v4, sizeof v4);
		return;
	default:
		memcpy(at, &value, sizeof value);
	}
}

static const char *
name_of(uint64_t iid, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016" PRIx64, iid);
	return out;
}

static void
put_ids(FILE *out, const struct ids_kept *ids)
{
	if (!ids)
		return;
	fprintf(out, "ids=%u:%u", (unsigned)ids->uid, (unsigned)ids->gid);
	for (size_t n = 0; n < ids->group_count; n++)
		fprintf(out, ":%u", (unsigned)ids->groups[n]);
	fputs("\n", out);
}

static void
put_fields(FILE *out, const struct instance *i, const struct field *table,
	size_t count)
{
	for (size_t n = 0; n < count; n++)
		fprintf(out, "%s=%" PRIu64 "\n", table[n].key,
			field_get(i, &table[n]));
}

void
record_put(FILE *out, const struct instance *i, bool is_live)
{
	const struct keeper *k = i->keeper;
	char name[NAME_SIZE];
	fprintf(out, "boot_id=%s\nname=%s\n", k->boot_id, i->name);
	/* That of an empty one is removed. */
	bool has_cgroup = instance_is_alive(i);
	if (has_cgroup && i->foreign_cgroup)
		fprintf(out, "cgroup=%s\n", i->foreign_cgroup);
	else if (has_cgroup && i->cgroup_fd >= 0)
		fprintf(out, "cgroup=%s/%s\n", k->cgroups.path,
			name_of(i->iid, name));
	put_ids(out, i->ids);
	put_fields(out, i, fields, COUNT(fields));
	if (is_live)
		put_fields(out, i, live_fields, COUNT(live_fields));
}

int
record_write(const struct instance *i, struct err *err)
{
	const struct keeper *k = i->keeper;
	char name[NAME_SIZE];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return err_sys(err, -errno, "a record");
	record_put(out, i, false);
	int rc = fclose(out) != 0 ? -ENOMEM : 0;
	if (rc == 0)
		rc = file_replace_at(
			k->dirs.instances, name_of(i->iid, name), text);
	free(text);
	return rc < 0 ? err_sys(err, rc, "%s/instances/%s",
				k->options.conf.node.run_dir,
				name_of(i->iid, name))
		      : 0;
}

void
record_update(const struct instance *i)
{
	struct err err = {""};
	if (record_write(i, &err) < 0)
		say(SAY_WARNING, "%s: %s", i->name, err.text);
}

void
record_remove(const struct dirs *d, uint64_t iid)
{
	char name[NAME_SIZE];
	unlinkat(d->instances, name_of(iid, name), 0);
}

/* Whether the whole name is an iid. */
static bool
parse_iid(const char *name, uint64_t *iid)
{
	if (strlen(name) != NAME_SIZE - 1 ||
		strspn(name, "0123456789abcdef") != NAME_SIZE - 1)
		return false;
	*iid = strtoull(name, NULL, 16);
	return true;
}

void
record_each(struct keeper *k, void (*visit)(struct keeper *, uint64_t))
{
	int fd = openat(
		k->dirs.instances, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t iid;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (parse_iid(e->d_name, &iid))
			visit(k, iid);
	closedir(dir);
}

/* The value of 'key' in a record, into 'out'. */
static bool
read_value(const char *text, const char *key, char *out, size_t size)
{
	size_t length = strlen(key);
	for (const char *at = text; at && *at;) {
		if (strncmp(at, key, length) == 0 && at[length] == '=') {
			at += length + 1;
			int n = (int)strcspn(at, "\n");
			return snprintf(out, size, "%.*s", n, at) < (int)size;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static struct ids_kept *
read_ids(const char *text)
{
	char value[RECORD_MAX];
	gid_t numbers[IDS_GROUPS_MAX + 2];
	size_t count = 0;
	if (!read_value(text, "ids", value, sizeof value))
		return NULL;
	for (char *at = value; *at && count < IDS_GROUPS_MAX + 2;) {
		numbers[count++] = (gid_t)strtoul(at, &at, 10);
		if (*at && *at++ != ':')
			return NULL;
	}
	if (count < 2)
		return NULL;
	return ids_keep(numbers[0], numbers[1], numbers + 2, count - 2);
}

/* Whether the numbers are such as we write. */
static bool
is_sensible(const struct instance *i)
{
	return (unsigned)i->state <= INSTANCE_FORGOTTEN && i->pid >= 0 &&
	       i->group >= 0 && i->epoch > 0 && i->log.target >= KLOG_FILE &&
	       i->log.target <= KLOG_JOURNAL;
}

/* A key that is missing leaves its member as it is: the record may be of an
 * older skepd, which did not know it. */
static void
read_fields(struct instance *i, const char *text, const struct field *table,
	size_t count)
{
	char value[32];
	for (size_t n = 0; n < count; n++) {
		if (read_value(text, table[n].key, value, sizeof value))
			field_set(i, &table[n], strtoull(value, NULL, 10));
	}
}

/* Fills 'i' from the text of a record. */
static bool
read_all(struct instance *i, const char *text, char cgroup[PATH_MAX])
{
	char value[PATH_MAX];
	if (!read_value(text, "name", value, sizeof value) || !*value ||
		strlen(value) > INSTANCE_NAME_MAX)
		return false;
	i->name = strdup(value);
	i->log.name = i->name;
	i->log.iid = i->iid;
	i->ids = read_ids(text);
	if (!read_value(text, "cgroup", cgroup, PATH_MAX))
		*cgroup = 0;
	read_fields(i, text, fields, COUNT(fields));
	i->log.epoch = i->epoch;
	return i->name && is_sensible(i);
}

int
record_read(struct instance *i, char cgroup[PATH_MAX], struct err *err)
{
	const struct keeper *k = i->keeper;
	char name[NAME_SIZE], boot[64];
	char *text;
	int fd = openat(k->dirs.instances, name_of(i->iid, name),
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : file_read_fd(fd, RECORD_MAX, &text);
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		return err_sys(err, rc, "%s/instances/%s",
			k->options.conf.node.run_dir, name);
	if (!read_value(text, "boot_id", boot, sizeof boot) ||
		strcmp(boot, k->boot_id) != 0)
		rc = -ESTALE;
	else if (!read_all(i, text, cgroup))
		rc = err_set(err, -EBADMSG, "%s/instances/%s makes no sense",
			k->options.conf.node.run_dir, name);
	free(text);
	return rc;
}

bool
record_parse_live(struct instance *i, const char *text, char cgroup[PATH_MAX])
{
	read_fields(i, text, live_fields, COUNT(live_fields));
	return read_all(i, text, cgroup);
}
