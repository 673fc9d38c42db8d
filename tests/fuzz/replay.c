/* Gives the files and folders of the command line to a fuzz target, and each
 * file also cut short and with single bytes changed, as a small fuzzer would.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE_MAX_ (1 << 20) /* bytes of a file that are used */
#define VARIANTS  200	    /* of each kind, per file */

static unsigned long input_count;

/* An exact copy on the heap, so that a sanitizer sees reads past the end. */
static void
run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	input_count++;
}

static void
run_variants(uint8_t *data, size_t size)
{
	static const uint8_t bytes[] = "\0\n\t :{}[]\"'&*%-\\\x80\xff";
	size_t step = size / VARIANTS + 1;
	run(data, size);
	for (size_t i = 0; i < size; i += step) {
		uint8_t kept = data[i];
		run(data, i);
		data[i] = bytes[(i / step) % (sizeof bytes - 1)];
		run(data, size);
		data[i] = kept;
	}
}

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(SIZE_MAX_);
	if (!f || !data) {
		perror(path);
		return 1;
	}
	size_t size = fread(data, 1, SIZE_MAX_, f);
	fclose(f);
	run_variants(data, size);
	free(data);
	return 0;
}

static int
replay(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return replay_file(path);
	int failed = 0;
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		char file[4096];
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		struct stat st;
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			failed |= replay_file(file);
	}
	closedir(dir);
	return failed;
}

int
main(int argc, char **argv)
{
	int failed = argc < 2;
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%lu inputs replayed\n", input_count);
	return failed || input_count == 0;
}
