#include "tests/dialogue/golden.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
golden_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	if (!f || getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	if (f)
		fclose(f);
	return text;
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
}

/* Prints the first line in which two texts differ. */
static void
print_difference(const char *path, const char *want, const char *got)
{
	unsigned line = 1;
	const char *want_line = want, *got_line = got;
	for (; *want && *want == *got; want++, got++)
		if (*want == '\n') {
			line++;
			want_line = want + 1;
			got_line = got + 1;
		}
	printf("%s:%u:\n-%.*s\n+%.*s\n", path, line,
		(int)strcspn(want_line, "\n"), want_line,
		(int)strcspn(got_line, "\n"), got_line);
}

bool
golden_compare(
	const char *path, const char *want, const char *got, bool is_golden)
{
	bool is_same = !strcmp(want, got);
	if (!is_same && is_golden)
		write_file(path, got);
	else if (!is_same)
		print_difference(path, want, got);
	return is_same || is_golden;
}
