#include "logger/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t renames = PTHREAD_MUTEX_INITIALIZER;

void
rotate_lock(void)
{
	pthread_mutex_lock(&renames);
}

void
rotate_unlock(void)
{
	pthread_mutex_unlock(&renames);
}

const char *
rotate_name(char text[NAME_MAX + 1], const char *name, uint32_t number,
	enum rotate_form form)
{
	if (number == 0)
		snprintf(text, NAME_MAX + 1, "%s", name);
	else
		snprintf(text, NAME_MAX + 1, "%s.%" PRIu32 "%s", name, number,
			form == ROTATE_PACKED ? ".gz" : "");
	return text;
}

static bool
exists(int dir, const char *name, uint32_t number, enum rotate_form form)
{
	char text[NAME_MAX + 1];
	struct stat st;
	return fstatat(dir, rotate_name(text, name, number, form), &st,
		       AT_SYMLINK_NOFOLLOW) == 0;
}

static int
remove_one(int dir, const char *name, uint32_t number, enum rotate_form form)
{
	char text[NAME_MAX + 1];
	return unlinkat(dir, rotate_name(text, name, number, form), 0);
}

/* The number where shifting ends: the lowest gap, or the oldest file. */
static uint32_t
find_end(int dir, const char *name, uint32_t files_max)
{
	uint32_t i = 1;
	while (i < files_max && (exists(dir, name, i, ROTATE_PLAIN) ||
					exists(dir, name, i, ROTATE_PACKED)))
		i++;
	return i;
}

/* Removes files that a larger count of former times has left behind. */
static void
remove_beyond(int dir, const char *name, uint32_t files_max)
{
	uint32_t i = files_max + 1;
	bool is_found = true;
	for (; i != 0 && is_found; i++) {
		is_found = remove_one(dir, name, i, ROTATE_PLAIN) == 0;
		is_found |= remove_one(dir, name, i, ROTATE_PACKED) == 0;
	}
}

/* Renames number 'i' - 1 to 'i', which is free or the oldest. */
static int
shift(int dir, const char *name, uint32_t i, struct err *err)
{
	char from[NAME_MAX + 1];
	char to[NAME_MAX + 1];
	enum rotate_form form = ROTATE_PLAIN;
	if (i > 1 && !exists(dir, name, i - 1, ROTATE_PLAIN))
		form = ROTATE_PACKED;
	else if (i > 1)
		remove_one(dir, name, i - 1, ROTATE_PACKED);
	rotate_name(from, name, i - 1, form);
	rotate_name(to, name, i, form);
	/* At no time may a plain file stand beside a newer packed one. */
	if (form == ROTATE_PACKED)
		remove_one(dir, name, i, ROTATE_PLAIN);
	if (renameat(dir, from, dir, to) < 0)
		return err_sys(
			err, -errno, "%s: cannot be renamed to %s", from, to);
	if (form == ROTATE_PLAIN)
		remove_one(dir, name, i, ROTATE_PACKED);
	return 0;
}

static int
rotate_locked(int dir, const char *name, uint32_t files_max, struct err *err)
{
	int r = 0;
	if (files_max == 0 && unlinkat(dir, name, 0) < 0)
		return err_sys(err, -errno, "%s: cannot be removed", name);
	uint32_t i = files_max ? find_end(dir, name, files_max) : 0;
	for (; i > 0 && r == 0; i--)
		r = shift(dir, name, i, err);
	if (r == 0)
		remove_beyond(dir, name, files_max);
	return r;
}

int
rotate_files(int dir, const char *name, uint32_t files_max, struct err *err)
{
	rotate_lock();
	int r = rotate_locked(dir, name, files_max, err);
	rotate_unlock();
	return r;
}

uint32_t
rotate_find_plain(int dir, const char *name, uint32_t files_max)
{
	uint32_t i = files_max;
	while (i > 0 && !exists(dir, name, i, ROTATE_PLAIN))
		i--;
	return i;
}

/* The number of the plain rotated file that is this one; 0: none. */
static uint32_t
find_file(int dir, const char *name, uint32_t files_max, dev_t device,
	ino_t inode)
{
	char text[NAME_MAX + 1];
	struct stat st;
	for (uint32_t i = 1; i <= files_max; i++) {
		rotate_name(text, name, i, ROTATE_PLAIN);
		if (fstatat(dir, text, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_dev == device && st.st_ino == inode)
			return i;
	}
	return 0;
}

int
rotate_replace(int dir, const char *name, uint32_t files_max, dev_t device,
	ino_t inode, const char *packed, struct err *err)
{
	char to[NAME_MAX + 1];
	int r = 0;
	uint32_t i = find_file(dir, name, files_max, device, inode);
	rotate_name(to, name, i, ROTATE_PACKED);
	if (i == 0)
		r = err_set(err, -ENOENT, "%s: its rotated file is gone", name);
	else if (renameat(dir, packed, dir, to) < 0)
		r = err_sys(
			err, -errno, "%s: cannot be renamed to %s", packed, to);
	else
		remove_one(dir, name, i, ROTATE_PLAIN);
	return r;
}
