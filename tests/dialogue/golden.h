/* Files that hold what a test must print. */
#ifndef SKEP_TESTS_DIALOGUE_GOLDEN_H
#define SKEP_TESTS_DIALOGUE_GOLDEN_H

#include <stdbool.h>

/* A whole file with a NUL, "" if there is none; the caller frees it. */
char *golden_read(const char *path);

/* Whether 'got' is what stands in 'path' ('want').  If not, prints the first
 * line that differs, or with 'is_golden' writes 'got' there. */
bool golden_compare(
	const char *path, const char *want, const char *got, bool is_golden);

#endif
