/* Runs dialogues and compares what they print with what they say.
 *
 *	dialogue [--golden] FILE...
 *
 * With --golden the files are rewritten instead, for review.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/dialogue/golden.h"
#include "tests/dialogue/script.h"

static bool
run_one(const char *path, bool is_golden)
{
	char *want = golden_read(path);
	char *text = strdup(want);
	char *got = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&got, &size);
	CHECK(text && out);
	struct script s;
	script_init(&s, out);
	script_run(&s, text);
	script_fini(&s);
	fclose(out);
	bool is_same = golden_compare(path, want, got, is_golden);
	free(want);
	free(text);
	free(got);
	return is_same;
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
