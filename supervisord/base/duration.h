/* Durations as people write them, without the C library's help.
 *
 * "500ms", "10s", "5m", "2h", "7d"; "0" is allowed.  No sign, no space, no
 * fraction.  The same language as sys/units.h, for the pure side of the
 * house.
 */
#ifndef SKEP_BASE_DURATION_H
#define SKEP_BASE_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of the longest text that duration_format writes, and its NUL. */
#define DURATION_TEXT_SIZE 24

/* Reads a duration into milliseconds.  False when the text is not of the
 * form or does not fit. */
bool duration_parse(const char *text, int64_t *ms_out);

/* Reads a plain number in decimal, at most 'max'. */
bool duration_parse_number(const char *text, uint64_t max, uint64_t *out);

/* Writes a duration (0 or more) in its largest exact unit: "1500ms", "10s",
 * "5m"; returns 'buffer'. */
const char *duration_format(int64_t ms, char buffer[static DURATION_TEXT_SIZE]);

/* Writes a number in decimal; returns 'buffer'. */
const char *duration_format_number(
	uint64_t n, char buffer[static DURATION_TEXT_SIZE]);

#endif
