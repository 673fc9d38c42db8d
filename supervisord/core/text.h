/* Building a text in a caller's buffer, without stdio: the core's sentences
 * for people.  What does not fit is cut; the result always ends in a NUL.
 */
#ifndef SKEP_CORE_TEXT_H
#define SKEP_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A text in the making. */
struct text {
	char *at;    /* buffer, borrowed */
	size_t size; /* bytes in it */
	size_t used; /* characters so far */
};

/* Starts an empty text in 'size' (at least 1) bytes at 'buffer'. */
void text_init(struct text *t, char *buffer, size_t size);
/* Appends a text; NULL counts as "". */
void text_add(struct text *t, const char *s);
/* Appends a number in decimal. */
void text_add_number(struct text *t, int64_t n);
/* Appends a duration for people: "340 ms", "12 s", "5 min". */
void text_add_duration(struct text *t, int64_t ms);

#endif
