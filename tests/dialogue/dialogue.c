/* Runs dialogues and compares what they print with what they say.
 *
 *	dialogue [--golden] FILE...
 *
 * With --golden the files are rewritten instead, for review.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogue/script.h"

/* A whole file with a NUL; the caller frees it. */
static char *
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	if (!f || getdelim(&text, &size, '\0', f) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
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

static bool
run_one(const char *path, bool is_golden)
{
	char *want = read_file(path);
	char *text = strdup(want);
	char *got = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&got, &size);
	CHECK(text && out);
	script_run(text, out);
	fclose(out);
	bool is_same = !strcmp(want, got);
	if (!is_same && is_golden)
		write_file(path, got);
	else if (!is_same)
		print_difference(path, want, got);
	free(want);
	free(text);
	free(got);
	return is_same || is_golden;
}

int
main(int argc, char **argv)
{
	bool is_golden = argc > 1 && !strcmp(argv[1], "--golden");
	int failures = 0;
	for (int i = 1 + is_golden; i < argc; i++)
		failures += !run_one(argv[i], is_golden);
	printf("%d dialogues, %d differ\n", argc - 1 - is_golden, failures);
	return failures != 0;
}
