/* "Did you mean ...?": the known word that is nearest to a wrong one.
 *
 * Distance is that of optimal string alignment (insert, delete, replace, swap
 * of neighbours, each 1).  A word is near enough when at most half of the
 * longer one differs, or when the wrong word is an abbreviation of it (its
 * letters in order, three or more: "cmd" for "command").  Of two equally near
 * words the one offered first wins, so the answer is always the same.
 */
#ifndef SKEP_SYS_NEAREST_H
#define SKEP_SYS_NEAREST_H

#include <stddef.h>

/* A search: start it, offer every known word, read 'best'. */
struct nearest {
	const char *word; /* the wrong word, borrowed */
	const char *best; /* nearest so far, borrowed; NULL: none is near */
	size_t distance;  /* of 'best' */
};

/* Starts a search for 'word' (borrowed). */
void nearest_init(struct nearest *n, const char *word);

/* Offers one known word (borrowed). */
void nearest_offer(struct nearest *n, const char *known);

#endif
