#include "node/specdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "spec/spec.h"
#include "sys/clock.h"
#include "sys/say.h"

#define SETTLE_S 0.2 /* editors write a file in several steps */
#define WATCHED                                                                \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |            \
		IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR)

/* A service as a file last gave it. */
struct given {
	char service[SERVICE_NAME_MAX + 1];
	uint64_t digest;
};

/* One file that is or was there. */
struct file {
	struct list link; /* in specdir.files */
	char name[NAME_MAX + 1];
	uint64_t applied; /* digest when it was last applied; 0: never */
	uint64_t latest;  /* digest when it was last read; 0: unreadable */
	struct given *given;
	size_t given_count;
	bool is_seen;	/* by the scan under way */
	bool is_broken; /* 'error' says why it is not in force */
	struct err error;
	int64_t broken_wall_ms; /* since when */
};

struct batch;

/* One service on its way. */
struct item {
	struct batch *batch;
	struct given given;
};

/* The services of one reading of one file, on their way. */
struct batch {
	struct list link; /* in specdir.batches */
	struct specdir *dir;
	struct file *file;
	uint64_t digest;
	size_t left; /* answers to come */
	bool is_refused;
	struct item items[];
};

struct specdir {
	struct specdir_hooks hooks;
	struct ev_loop *loop;
	char *folder;
	struct list files;
	struct list batches;
	bool is_started;
	int inotify; /* -1: there is none */
	int watch;   /* -1: the folder is not there */
	ev_io changed;
	ev_timer settled;
};

/* --- What was found --- */

static struct file *
file_get(struct specdir *d, const char *name)
{
	list_each (it, &d->files) {
		struct file *f = container_of(it, struct file, link);
		if (strcmp(f->name, name) == 0)
			return f;
	}
	struct file *f = calloc(1, sizeof *f);
	CHECK(f);
	snprintf(f->name, sizeof f->name, "%s", name);
	list_append(&d->files, &f->link);
	return f;
}

/* Says and keeps a mistake; the same one is said once. */
static void
file_set_broken(struct file *f, const char *text)
{
	if (!f->is_broken || strcmp(f->error.text, text) != 0)
		say(SAY_WARNING, "services: %s", text);
	if (!f->is_broken)
		f->broken_wall_ms = clock_wall_ms();
	f->is_broken = true;
	snprintf(f->error.text, sizeof f->error.text, "%s", text);
}

static void
file_set_sound(struct file *f)
{
	f->is_broken = false;
	f->error.text[0] = '\0';
}

/* --- Submitting --- */

static struct given *
given_find(const struct file *f, const char *service)
{
	for (size_t i = 0; i < f->given_count; i++)
		if (strcmp(f->given[i].service, service) == 0)
			return &f->given[i];
	return NULL;
}

static void
given_set(struct file *f, const struct given *given)
{
	struct given *old = given_find(f, given->service);
	if (!old) {
		size_t size = (f->given_count + 1) * sizeof *f->given;
		f->given = realloc(f->given, size);
		CHECK(f->given);
		old = &f->given[f->given_count++];
	}
	*old = *given;
}

/* Keeps what a file gave: u64 digest of the file (0: not all of it), u32
 * count, and so many (text service, u64 digest). */
static void
file_keep(struct specdir *d, const struct file *f)
{
	size_t capacity = 16 + f->given_count * (sizeof(struct given) + 8);
	struct writer w;
	void *buffer = malloc(capacity);
	CHECK(buffer);
	writer_init(&w, buffer, capacity);
	writer_u64(&w, f->applied);
	writer_u32(&w, (uint32_t)f->given_count);
	for (size_t i = 0; i < f->given_count; i++) {
		writer_text(&w, f->given[i].service);
		writer_u64(&w, f->given[i].digest);
	}
	CHECK(!w.bad);
	d->hooks.keep(d->hooks.context, f->name, writer_done(&w));
	free(buffer);
}

static void
batch_end(struct batch *b)
{
	struct file *f = b->file;
	bool is_current = f->latest == b->digest;
	if (!b->is_refused && is_current)
		file_set_sound(f);
	if (is_current)
		f->applied = b->is_refused ? 0 : b->digest;
	file_keep(b->dir, f);
	list_remove(&b->link);
	free(b);
}

static bool
reply_is_yes(enum reply_code code)
{
	return code == REPLY_OK || code == REPLY_UNCHANGED;
}

static void
on_reply(void *context, enum reply_code code, const char *text)
{
	struct item *item = context;
	struct batch *b = item->batch;
	if (reply_is_yes(code)) {
		given_set(b->file, &item->given);
	} else {
		struct err err;
		err_set(&err, 0, "%s/%s: %s: %s", b->dir->folder, b->file->name,
			item->given.service,
			text && text[0] ? text : reply_code_name(code));
		b->is_refused = true;
		file_set_broken(b->file, err.text);
	}
	if (--b->left == 0)
		batch_end(b);
}

static void
submit_spec(struct item *item, const struct spec *spec)
{
	static char body[SPEC_BODY_MAX + 1];
	struct specdir *d = item->batch->dir;
	const struct given *last = given_find(item->batch->file, spec->name);
	struct spec_policy policy;
	int length = spec_to_body(spec, body, sizeof body);
	if (length < 0) {
		on_reply(item, REPLY_INVALID, "is too large");
		return;
	}
	spec_policy_from(spec, &policy);
	struct input in = {
		.kind = INPUT_SPEC_SET,
		.spec_set =
			{
				.name = spec->name,
				.digest = item->given.digest,
				.run_digest = spec_run_digest(spec),
				.policy = &policy,
				.body = {body, (size_t)length},
				.source =
					{
						.file = item->batch->file->name,
						.last_digest =
							last ? last->digest : 0,
						.is_initial = true,
					},
				.actor =
					{
						.uid = (uint32_t)geteuid(),
						.pid = (uint32_t)getpid(),
					},
			},
	};
	d->hooks.submit(d->hooks.context, &in, on_reply, item);
}

static void
submit_set(struct specdir *d, struct file *f, const struct spec_set *set,
	uint64_t digest)
{
	struct batch *b =
		calloc(1, sizeof *b + set->count * sizeof b->items[0]);
	CHECK(b);
	b->dir = d;
	b->file = f;
	b->digest = digest;
	b->left = set->count + 1; /* ours: answers may come at once */
	list_append(&d->batches, &b->link);
	for (size_t i = 0; i < set->count; i++) {
		struct item *item = &b->items[i];
		item->batch = b;
		item->given.digest = spec_digest(set->items[i]);
		snprintf(item->given.service, sizeof item->given.service, "%s",
			set->items[i]->name);
		submit_spec(item, set->items[i]);
	}
	if (--b->left == 0)
		batch_end(b);
}

/* --- Reading --- */

/* Reads a whole regular file of at most SPEC_FILE_MAX bytes into memory that
 * the caller frees. */
static int
read_file(const char *path, char **out, size_t *size_out, struct err *err)
{
	int code = 0;
	char *data = NULL;
	size_t size = 0;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	if (fstat(fd, &st))
		code = err_sys(err, -errno, "%s", path);
	else if (!S_ISREG(st.st_mode))
		code = err_set(err, -EINVAL, "%s: is no regular file", path);
	else if (st.st_size > SPEC_FILE_MAX)
		code = err_set(err, -E2BIG, "%s: is larger than %u bytes", path,
			SPEC_FILE_MAX);
	if (code)
		goto out;
	data = malloc(SPEC_FILE_MAX);
	CHECK(data);
	for (;;) {
		ssize_t n = read(fd, data + size, SPEC_FILE_MAX - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			code = err_sys(err, -errno, "%s", path);
		if (n <= 0)
			break;
		size += (size_t)n;
	}
out:
	close(fd);
	if (code) {
		free(data);
		return code;
	}
	*out = data;
	*size_out = size;
	return 0;
}

static void
scan_file(struct specdir *d, struct file *f)
{
	char path[PATH_MAX];
	struct err err = {0};
	char *data = NULL;
	size_t size = 0;
	snprintf(path, sizeof path, "%s/%s", d->folder, f->name);
	f->latest = 0;
	if (read_file(path, &data, &size, &err)) {
		file_set_broken(f, err.text);
		return;
	}
	f->latest = hash_bytes(data, size, 0);
	struct spec_set *set = NULL;
	if (f->latest == f->applied)
		file_set_sound(f);
	else if (spec_parse_buffer(path, data, size, &set, &err))
		file_set_broken(f, err.text);
	else
		submit_set(d, f, set, f->latest);
	spec_set_free(set);
	free(data);
}

static int
is_spec_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return entry->d_name[0] != '.' && dot &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static void
watch_folder(struct specdir *d)
{
	if (d->inotify >= 0 && d->watch < 0)
		d->watch = inotify_add_watch(d->inotify, d->folder, WATCHED);
}

/* Mistakes of files that are gone are gone with them. */
static void
forget_missing(struct specdir *d)
{
	list_each (it, &d->files) {
		struct file *f = container_of(it, struct file, link);
		if (!f->is_seen)
			file_set_sound(f);
		f->is_seen = false;
	}
}

void
specdir_scan(struct specdir *d)
{
	struct dirent **entries = NULL;
	if (!d->is_started)
		return;
	watch_folder(d);
	int count = scandir(d->folder, &entries, is_spec_file, alphasort);
	if (count < 0 && errno != ENOENT)
		say(SAY_WARNING, "services: folder %s: %s", d->folder,
			strerror(errno));
	for (int i = 0; i < count; i++) {
		struct file *f = file_get(d, entries[i]->d_name);
		free(entries[i]);
		f->is_seen = true;
		scan_file(d, f);
	}
	free(entries);
	forget_missing(d);
}

/* --- Watching --- */

static void
on_settled(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	specdir_scan(w->data);
}

static void
on_changed(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)revents;
	struct specdir *d = w->data;
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t n;
	while ((n = read(d->inotify, buffer, sizeof buffer)) > 0) {
		for (char *at = buffer; at < buffer + n;) {
			struct inotify_event *e = (struct inotify_event *)at;
			if (e->mask & IN_IGNORED)
				d->watch = -1;
			at += sizeof *e + e->len;
		}
	}
	ev_timer_stop(loop, &d->settled);
	ev_timer_set(&d->settled, SETTLE_S, 0.);
	ev_timer_start(loop, &d->settled);
}

struct specdir *
specdir_new(struct ev_loop *loop, const char *folder,
	const struct specdir_hooks *hooks)
{
	struct specdir *d = calloc(1, sizeof *d);
	CHECK(d);
	d->hooks = *hooks;
	d->loop = loop;
	d->folder = strdup(folder);
	CHECK(d->folder);
	list_init(&d->files);
	list_init(&d->batches);
	d->inotify = d->watch = -1;
	ev_timer_init(&d->settled, on_settled, SETTLE_S, 0.);
	d->settled.data = d;
	return d;
}

void
specdir_start(struct specdir *d)
{
	CHECK(!d->is_started);
	d->is_started = true;
	d->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->inotify < 0) {
		say(SAY_WARNING,
			"services: no inotify (%s): send SIGHUP after changes",
			strerror(errno));
	} else {
		ev_io_init(&d->changed, on_changed, d->inotify, EV_READ);
		d->changed.data = d;
		ev_io_start(d->loop, &d->changed);
	}
	specdir_scan(d);
}

void
specdir_free(struct specdir *d)
{
	if (!d)
		return;
	ev_timer_stop(d->loop, &d->settled);
	if (d->inotify >= 0) {
		ev_io_stop(d->loop, &d->changed);
		close(d->inotify);
	}
	list_each_safe (it, &d->batches) {
		list_remove(it);
		free(container_of(it, struct batch, link));
	}
	list_each_safe (it, &d->files) {
		struct file *f = container_of(it, struct file, link);
		list_remove(it);
		free(f->given);
		free(f);
	}
	free(d->folder);
	free(d);
}

void
specdir_load(struct specdir *d, const char *file, struct bytes value)
{
	struct file *f = file_get(d, file);
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint64_t applied = reader_u64(&r);
	uint32_t count = reader_u32(&r);
	for (uint32_t i = 0; i < count && !r.bad; i++) {
		struct given given = {0};
		const char *service = reader_text(&r);
		snprintf(given.service, sizeof given.service, "%s", service);
		given.digest = reader_u64(&r);
		if (!r.bad)
			given_set(f, &given);
	}
	f->applied = reader_is_done(&r) ? applied : 0;
}

void
specdir_walk_broken(
	const struct specdir *d, specdir_broken_fn *fn, void *context)
{
	list_each (it, &d->files) {
		struct file *f = container_of(it, struct file, link);
		char path[PATH_MAX];
		if (!f->is_broken)
			continue;
		snprintf(path, sizeof path, "%s/%s", d->folder, f->name);
		fn(context, path, f->error.text, f->broken_wall_ms);
	}
}
