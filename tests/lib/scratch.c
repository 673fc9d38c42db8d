#include "tests/lib/scratch.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/files.h"

#define WAIT_MS 60000

static char dir[200];

const char *
scratch_begin(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/skep-test-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void
scratch_end(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
scratch_path(const char *name)
{
	static char paths[16][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 16];
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

void
scratch_write(const char *name, const void *data, size_t size)
{
	FILE *f = fopen(scratch_path(name), "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
}

char *
scratch_read(const char *name, size_t *size_out)
{
	char *data;
	size_t size;
	if (files_read_all(scratch_path(name), 1 << 30, &data, &size, NULL) < 0)
		return NULL;
	if (size_out)
		*size_out = size;
	return data;
}

int64_t
scratch_size(const char *name)
{
	struct stat st;
	return lstat(scratch_path(name), &st) < 0 ? -1 : (int64_t)st.st_size;
}

bool
scratch_wait(bool (*is_true)(void *arg), void *arg)
{
	struct timespec ms = {.tv_nsec = 1000000};
	for (int i = 0; i < WAIT_MS; i++) {
		if (is_true(arg))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}
