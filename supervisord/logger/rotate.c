#include "logger/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of the file with this number, 0 being the active one. */
static const char *
numbered(char text[NAME_MAX + 1], const char *name, uint32_t number)
{
	if (number == 0)
		snprintf(text, NAME_MAX + 1, "%s", name);
	else
		snprintf(text, NAME_MAX + 1, "%s.%" PRIu32, name, number);
	return text;
}

static bool
exists(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The number where shifting ends: the lowest gap, or the oldest file. */
static uint32_t
find_end(int dir, const char *name, uint32_t files_max)
{
	char text[NAME_MAX + 1];
	uint32_t i = 1;
	while (i < files_max && exists(dir, numbered(text, name, i)))
		i++;
	return i;
}

/* Removes files that a larger count of former times has left behind. */
static void
remove_beyond(int dir, const char *name, uint32_t files_max)
{
	char text[NAME_MAX + 1];
	uint32_t i = files_max + 1;
	while (i != 0 && unlinkat(dir, numbered(text, name, i), 0) == 0)
		i++;
}

int
rotate_files(int dir, const char *name, uint32_t files_max, struct err *err)
{
	char from[NAME_MAX + 1];
	char to[NAME_MAX + 1];
	if (files_max == 0 && unlinkat(dir, name, 0) < 0)
		return err_sys(err, -errno, "%s: cannot be removed", name);
	uint32_t i = files_max ? find_end(dir, name, files_max) : 0;
	for (; i > 0; i--) {
		numbered(from, name, i - 1);
		numbered(to, name, i);
		if (renameat(dir, from, dir, to) < 0)
			return err_sys(err, -errno,
				"%s: cannot be renamed to %s", from, to);
	}
	remove_beyond(dir, name, files_max);
	return 0;
}
