#include "sys/procstat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/files.h"

#define STAT_MAX 16384

char *
procstat_read(pid_t pid)
{
	char path[64];
	char *text;
	size_t size;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	return files_read_all(path, STAT_MAX, &text, &size, NULL) ? NULL : text;
}

const char *
procstat_field(const char *stat, int number)
{
	const char *at = strrchr(stat, ')');
	for (int field = 2; at && field < number; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

uint64_t
procstat_number(const char *stat, int number)
{
	const char *at = procstat_field(stat, number);
	return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t
procstat_start_time(pid_t pid)
{
	char *stat = procstat_read(pid);
	uint64_t value = stat ? procstat_number(stat, PROCSTAT_START_TIME) : 0;
	free(stat);
	return value;
}
