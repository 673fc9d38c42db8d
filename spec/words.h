/* One text into words, as a shell would split it, without a shell.
 *
 * Blanks and newlines separate.  '...' keeps everything; "..." keeps
 * everything but \" \\ \$ \` and a backslash at the end of a line, which
 * vanishes; outside quotes a backslash keeps the next character.  There are
 * no variables, no patterns, no comments: $, * and # are plain characters.
 */
#ifndef SKEP_SPEC_WORDS_H
#define SKEP_SPEC_WORDS_H

#include "spec/spec.h"

/* Splits 'text' into words in 'pool'.  Returns NULL, or what is wrong ("a
 * quote is not closed"). */
const char *words_split(
	struct pool *pool, const char *text, struct spec_texts *out);

#endif
