#include "keeper/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "keeper/spawn.h"

#define REMOVE_DEPTH 16			 /* directories in directories */
#define INLINE_MAX   ((int64_t)64 << 20) /* bytes on disk, freed at once */

/* What a command writes, before it is whole, and then. */
static const struct {
	const char *part;
	const char *whole;
} parts[] = {
	[WORKDIR_STATE] = {"state.part", "state"},
	[WORKDIR_CHECKPOINT] = {"checkpoint.part", "checkpoint"},
};

#define IGNORE_NAME   "state.ignore"
#define STATE_NAME    "state"
#define UNSEALED_NAME "state.skep-unsealed"

/* The answers, the strongest word first: who says "ignore" or "restart" after
 * it wrote a state has changed its mind. */
static const struct {
	const char *name;
	enum kproto_answer answer;
} answers[] = {
	{IGNORE_NAME, KANSWER_IGNORE},
	{"state.restart", KANSWER_RESTART},
	{STATE_NAME, KANSWER_RESUME},
};

_Static_assert(sizeof answers / sizeof answers[0] == WORKDIR_ANSWERS,
	"a mark for each");

void
workdir_path(const struct dirs *d, uint64_t iid, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.*s/work/%016" PRIx64, PATH_MAX - 32,
		d->options->conf.node.state_dir, iid);
}

static int
open_dir(const struct dirs *d, uint64_t iid)
{
	char name[17];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	int fd = openat(
		d->work, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Removes 'name' in 'parent', a directory with its contents. */
static void
remove_tree(int parent, const char *name, int depth)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	int fd = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	struct dirent *e;
	while (depth > 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(fd, e->d_name, depth - 1);
	closedir(dir);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Removes the files that we know. */
static void
clear(int fd)
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		remove_tree(fd, answers[i].name, REMOVE_DEPTH);
	remove_tree(fd, "state-in", REMOVE_DEPTH);
	remove_tree(fd, "state-in.skep-mine", REMOVE_DEPTH);
	remove_tree(fd, "state-in.skep-theirs", REMOVE_DEPTH);
	remove_tree(fd, "state-in.skep-joined", REMOVE_DEPTH);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		remove_tree(fd, parts[i].part, REMOVE_DEPTH);
	remove_tree(fd, parts[WORKDIR_CHECKPOINT].whole, REMOVE_DEPTH);
}

int
workdir_prepare(const struct dirs *d, uint64_t iid, uid_t uid, gid_t gid,
	struct err *err)
{
	char name[17];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	if (mkdirat(d->work, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "%s/work/%s",
			d->options->conf.node.state_dir, name);
	int fd = open_dir(d, iid);
	if (fd < 0)
		return err_sys(err, fd, "%s/work/%s",
			d->options->conf.node.state_dir, name);
	int rc = 0;
	if (fchmod(fd, 0700) < 0 ||
		(geteuid() == 0 && fchown(fd, uid, gid) < 0))
		rc = err_sys(err, -errno, "%s/work/%s",
			d->options->conf.node.state_dir, name);
	clear(fd);
	close(fd);
	return rc;
}

void
workdir_make(const struct dirs *d, uint64_t iid)
{
	char name[17];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	/* Why it cannot be made, the start will say. */
	(void)!mkdirat(d->work, name, 0700);
}

void
workdir_clear(const struct dirs *d, uint64_t iid)
{
	int fd = open_dir(d, iid);
	if (fd < 0)
		return;
	clear(fd);
	close(fd);
}

/* Tells the file from one that stood there earlier, written or renamed anew;
 * 0 for none. */
static uint32_t
mark_of(int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	const uint64_t seen[] = {(uint64_t)st.st_ino,
		(uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec};
	return (uint32_t)hash_bytes(seen, sizeof seen, 0) | 1;
}

void
workdir_mark_answers(
	const struct dirs *d, uint64_t iid, struct workdir_marks *out)
{
	*out = (struct workdir_marks){0};
	int fd = open_dir(d, iid);
	if (fd < 0)
		return;
	for (size_t i = 0; i < WORKDIR_ANSWERS; i++)
		out->marks[i] = mark_of(fd, answers[i].name);
	close(fd);
}

int
workdir_read_answer(
	const struct dirs *d, uint64_t iid, const struct workdir_marks *before)
{
	int answer = 0;
	int fd = open_dir(d, iid);
	if (fd < 0)
		return 0;
	for (size_t i = 0; !answer && i < WORKDIR_ANSWERS; i++) {
		uint32_t mark = mark_of(fd, answers[i].name);
		if (mark && !(before && mark == before->marks[i]))
			answer = (int)answers[i].answer;
	}
	close(fd);
	return answer;
}

/* Removes what was taken aside in a process of its own. */
static void
remove_apart(const struct dirs *d, const char *aside)
{
	struct spawned child;
	if (spawn_fork(-1, &child, NULL) < 0)
		return;
	if (child.pid == 0) {
		remove_tree(d->work, aside, REMOVE_DEPTH);
		_exit(0);
	}
	close(child.pidfd);
}

/* Whether nobody waits for long while it is removed. */
static bool
is_small(const struct stat *st)
{
	return !S_ISDIR(st->st_mode) &&
	       (!S_ISREG(st->st_mode) ||
		       (int64_t)st->st_blocks * 512 <= INLINE_MAX);
}

/* Frees the name in the work directory 'fd'.  A tree or a file may be of any
 * size, and nobody waits for it. */
static void
free_name(const struct dirs *d, uint64_t iid, int fd, const char *name)
{
	char aside[40];
	struct stat st, other;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (is_small(&st)) {
		unlinkat(fd, name, 0);
		return;
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(
			aside, sizeof aside, ".%016" PRIx64 ".part.%u", iid, i);
		/* To replace one that still goes would be to wait for it. */
		if (fstatat(d->work, aside, &other, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (renameat(fd, name, d->work, aside) == 0)
			remove_apart(d, aside);
		return;
	}
}

bool
workdir_keep_unsealed(const struct dirs *d, uint64_t iid, char path[PATH_MAX])
{
	char work[PATH_MAX];
	struct stat st;
	int fd = open_dir(d, iid);
	if (fd < 0)
		return false;
	bool is_kept = false;
	if (fstatat(fd, STATE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		free_name(d, iid, fd, UNSEALED_NAME);
		is_kept = renameat(fd, STATE_NAME, fd, UNSEALED_NAME) == 0;
	}
	close(fd);
	workdir_path(d, iid, work);
	snprintf(path, PATH_MAX, "%.*s/" UNSEALED_NAME, PATH_MAX - 32, work);
	return is_kept;
}

void
workdir_clear_ignore(const struct dirs *d, uint64_t iid)
{
	int fd = open_dir(d, iid);
	if (fd < 0)
		return;
	unlinkat(fd, IGNORE_NAME, 0);
	close(fd);
}

void
workdir_clear_part(const struct dirs *d, uint64_t iid, enum workdir_part what)
{
	int fd = open_dir(d, iid);
	if (fd < 0)
		return;
	free_name(d, iid, fd, parts[what].part);
	close(fd);
}

bool
workdir_has_checkpoint(const struct dirs *d, uint64_t iid)
{
	struct stat st;
	int fd = open_dir(d, iid);
	if (fd < 0)
		return false;
	int rc = fstatat(
		fd, parts[WORKDIR_CHECKPOINT].whole, &st, AT_SYMLINK_NOFOLLOW);
	close(fd);
	return rc == 0;
}

void
workdir_clear_checkpoint(const struct dirs *d, uint64_t iid)
{
	int fd = open_dir(d, iid);
	if (fd < 0)
		return;
	free_name(d, iid, fd, parts[WORKDIR_CHECKPOINT].whole);
	close(fd);
}

void
workdir_take_part(const struct dirs *d, uint64_t iid, enum workdir_part what)
{
	struct stat part, whole;
	int fd = open_dir(d, iid);
	if (fd < 0)
		return;
	/* What the rename would replace may be a large file. */
	if (fstatat(fd, parts[what].part, &part, AT_SYMLINK_NOFOLLOW) == 0 &&
		fstatat(fd, parts[what].whole, &whole, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		S_ISREG(whole.st_mode) && !is_small(&whole))
		free_name(d, iid, fd, parts[what].whole);
	/* None is no state; the core asks for it, and hears so. */
	renameat(fd, parts[what].part, fd, parts[what].whole);
	close(fd);
}

void
workdir_remove(const struct dirs *d, uint64_t iid)
{
	char name[17], aside[32];
	snprintf(name, sizeof name, "%016" PRIx64, iid);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(aside, sizeof aside, ".%s.%u", name, i);
		if (renameat(d->work, name, d->work, aside) == 0)
			break;
		if (errno == ENOENT)
			return;
	}
	remove_apart(d, aside);
}

/* Removes what was taken aside: names that begin with a dot. */
static void
remove_asides(const struct dirs *d)
{
	int fd = openat(d->work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] == '.' && strcmp(e->d_name, ".") != 0 &&
			strcmp(e->d_name, "..") != 0)
			remove_tree(d->work, e->d_name, REMOVE_DEPTH);
}

void
workdir_sweep(const struct dirs *d)
{
	struct spawned child;
	if (spawn_fork(-1, &child, NULL) < 0)
		return;
	if (child.pid == 0) {
		remove_asides(d);
		_exit(0);
	}
	close(child.pidfd);
}
