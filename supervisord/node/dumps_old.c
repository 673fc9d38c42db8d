#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "node/dumps_private.h"

#define OLD_SIZE_MIN (16 * STATE_CHUNK_SIZE) /* smaller ones just travel */
#define OLD_KEPT_S   (7 * 86400)
#define OLD_INFIX    ".old."
#define FOR_INFIX    ".for."

/* Calls 'each' for every old copy; 'name' is whose it is. */
typedef void old_each_fn(struct dumps *d, int dir, const char *file,
	const char *name, void *arg);

static void
each_with(struct dumps *d, const char *infix, old_each_fn *each, void *arg)
{
	DIR *dir = opendir(d->dir);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		size_t front = DUMPS_HEX_SIZE + strlen(infix);
		if (strlen(e->d_name) > front &&
			strncmp(e->d_name + DUMPS_HEX_SIZE, infix,
				strlen(infix)) == 0)
			each(d, dirfd(dir), e->d_name, e->d_name + front, arg);
	}
	closedir(dir);
}

static void
each_old(struct dumps *d, old_each_fn *each, void *arg)
{
	each_with(d, OLD_INFIX, each, arg);
}

/* --- Keeping and forgetting --- */

static void
forget_one(
	struct dumps *d, int dir, const char *file, const char *name, void *arg)
{
	(void)d;
	if (strcmp(name, arg) == 0)
		unlinkat(dir, file, 0);
}

void
dumps_old_forget(struct dumps *d, const char *name)
{
	char copy[INSTANCE_NAME_MAX + 1];
	snprintf(copy, sizeof copy, "%s", name);
	each_old(d, forget_one, copy);
}

/* Whether the disk has room for 'size' more bytes, and a tenth of it left. */
static bool
has_room(const struct dumps *d, uint64_t size)
{
	struct statvfs fs;
	if (statvfs(d->dir, &fs) < 0)
		return false;
	uint64_t free_b = (uint64_t)fs.f_bavail * fs.f_frsize;
	uint64_t tenth = (uint64_t)fs.f_blocks * fs.f_frsize / 10;
	return free_b >= tenth && free_b - tenth >= size;
}

void
dumps_old_keep(
	struct dumps *d, const uint8_t root[DIGEST_SIZE], const char *name)
{
	char path[PATH_MAX], old[PATH_MAX];
	struct stat st;
	struct err ignored;
	if (dumps_make_path(d, root, NULL, NULL, path, &ignored) < 0 ||
		dumps_make_path(d, root, "old", name, old, &ignored) < 0 ||
		stat(path, &st) < 0 || st.st_size < (off_t)OLD_SIZE_MIN ||
		!has_room(d, 0))
		return;
	dumps_old_forget(d, name);
	/* Where the disk knows no second names there are no old copies. */
	if (link(path, old) < 0)
		unlink(old);
}

/* The name is younger than its bytes: the time of its making is told by the
 * change of the number of names. */
static void
sweep_one(
	struct dumps *d, int dir, const char *file, const char *name, void *arg)
{
	const bool *is_full = arg;
	struct stat st;
	(void)d;
	(void)name;
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		(*is_full || time(NULL) - st.st_ctim.tv_sec > OLD_KEPT_S))
		unlinkat(dir, file, 0);
}

void
dumps_old_sweep(struct dumps *d, uint64_t size)
{
	bool is_full = !has_room(d, size);
	each_old(d, sweep_one, &is_full);
}

/* --- Looking for chunks --- */

/* What is looked for, and where it goes. */
struct wanted {
	const char *name;
	int fd;
	const struct manifest *m;
	bool *has;
	uint64_t *missing; /* chunks, in the order of their digests */
	uint64_t count;	   /* of 'missing' */
	uint8_t *chunk;	   /* STATE_CHUNK_SIZE bytes */
};

static const uint8_t *
digest_of(const struct manifest *m, uint64_t index)
{
	return m->digests + index * DIGEST_SIZE;
}

/* Chunks by digest, and those alike by place. */
static int
compare_chunks(const void *a, const void *b, void *manifest)
{
	const uint64_t *x = a, *y = b;
	int order = memcmp(
		digest_of(manifest, *x), digest_of(manifest, *y), DIGEST_SIZE);
	return order ? order : (*x > *y) - (*x < *y);
}

/* Lists what is missing; false when that is nothing, or without memory. */
static bool
list_missing(struct wanted *w)
{
	for (uint64_t i = 0; i < w->m->count; i++)
		w->count += !w->has[i];
	if (w->count == 0)
		return false;
	w->missing = calloc(w->count, sizeof *w->missing);
	w->chunk = malloc(STATE_CHUNK_SIZE);
	if (!w->missing || !w->chunk)
		return false;
	uint64_t at = 0;
	for (uint64_t i = 0; i < w->m->count; i++)
		if (!w->has[i])
			w->missing[at++] = i;
	qsort_r(w->missing, w->count, sizeof *w->missing, compare_chunks,
		(void *)(uintptr_t)w->m);
	return true;
}

/* The first of 'missing' whose digest is not below this one. */
static uint64_t
find_digest(const struct wanted *w, const uint8_t digest[DIGEST_SIZE])
{
	uint64_t low = 0, high = w->count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (memcmp(digest_of(w->m, w->missing[middle]), digest,
			    DIGEST_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts the chunk, of 'size' bytes, wherever it is wanted. */
static void
give_chunk(struct wanted *w, size_t size)
{
	uint8_t digest[DIGEST_SIZE];
	dumps_digest(w->chunk, size, digest);
	for (uint64_t i = find_digest(w, digest); i < w->count; i++) {
		uint64_t index = w->missing[i];
		if (memcmp(digest_of(w->m, index), digest, DIGEST_SIZE) != 0)
			return;
		if (!w->has[index] &&
			dumps_chunk_size(w->m->size, index) == size &&
			dumps_write_at(w->fd, w->chunk, size,
				index * STATE_CHUNK_SIZE) == 0)
			w->has[index] = true;
	}
}

static void
reuse_one(
	struct dumps *d, int dir, const char *file, const char *name, void *arg)
{
	struct wanted *w = arg;
	struct stat st;
	if (strcmp(name, w->name) != 0)
		return;
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	uint64_t size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	uint64_t count = dumps_chunk_count(size);
	for (uint64_t i = 0; i < count && !d->is_stopping; i++) {
		size_t bytes = dumps_chunk_size(size, i);
		if (dumps_read_at(fd, w->chunk, bytes, i * STATE_CHUNK_SIZE) ==
			0)
			give_chunk(w, bytes);
	}
	close(fd);
}

/* The same of a state that is still needed: its bytes stand under its root. */
static void
reuse_needed(
	struct dumps *d, int dir, const char *file, const char *name, void *arg)
{
	char root[DUMPS_HEX_SIZE + 1];
	snprintf(root, sizeof root, "%s", file);
	reuse_one(d, dir, root, name, arg);
}

void
dumps_old_reuse(struct dumps *d, const char *name, int fd,
	const struct manifest *m, bool *has)
{
	struct wanted w = {.name = name, .fd = fd, .m = m, .has = has};
	if (list_missing(&w)) {
		each_old(d, reuse_one, &w);
		each_with(d, FOR_INFIX, reuse_needed, &w);
	}
	free(w.missing);
	free(w.chunk);
}
