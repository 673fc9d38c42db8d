/* Patterns over names, as people type them: '*', '?', '[a-z]', '[^x]', '\'.
 *
 * '*' is any text, also none and also one with '/'; '?' is one character; a
 * class is one of the characters in it, '^' or '!' first turns it round, ']'
 * first is itself; '\' takes the next character as it is.  All of the text has
 * to match.  Characters are those of UTF-8; a byte that is none stands for
 * itself.
 *
 * Only the last '*' is ever gone back to, which suffices for what has no
 * alternatives: time is at most the product of both lengths.
 */
#ifndef SKEP_BASE_GLOB_H
#define SKEP_BASE_GLOB_H

#include <stdbool.h>

/* NULL when 'pattern' is well-formed; else what is wrong with it, for people
 * (static). */
const char *glob_fault(const char *pattern);

/* Whether a well-formed 'pattern' matches all of 'text'. */
bool glob_matches(const char *pattern, const char *text);

/* Whether it says more than a name would: it has a '*', '?', '[' or '\'. */
bool glob_is_pattern(const char *text);

#endif
