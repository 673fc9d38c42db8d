/* Host patterns of 'allow' and 'deny': a comma-separated list of literals
 * and /expressions/.
 *
 * An expression is a small regular expression, anchored at both ends: '.',
 * '*', '+', '?' after a single character or class, classes such as [a-z0-9]
 * and [^x], '\' before a special character.  No groups and no alternatives
 * (list the alternatives): what is left runs in bounded time and needs no
 * library, so that the pure core can use it and every host agrees.
 */
#ifndef SKEP_CORE_PATTERN_H
#define SKEP_CORE_PATTERN_H

#include <stdbool.h>

/* Whether one of the patterns in 'list' matches all of 'text'. */
bool pattern_list_matches(const char *list, const char *text);

/* NULL if 'list' is well-formed, else what is wrong with it (static). */
const char *pattern_list_check(const char *list);

#endif
