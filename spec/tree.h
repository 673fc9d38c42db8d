/* A YAML document as a tree, with the place of every value.
 *
 * What libyaml's events say, kept: scalars with their text, lists, maps with
 * their keys in the order of the file.  Aliases point at the node they stand
 * for (a tree with shared branches); "<<" merges are done.  Refused here, with
 * the exact place: more than one document, an empty one, duplicate keys, keys
 * that are not texts, tags, aliases of what contains them, anything beyond
 * the bounds of spec.h, NUL and other control characters (tab and newline are
 * fine inside a text).
 */
#ifndef SKEP_SPEC_TREE_H
#define SKEP_SPEC_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/pool.h"
#include "sys/err.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

/* One value. */
struct node {
	enum node_kind kind;
	int line;	     /* of its first character, from 1 */
	int column;	     /* in characters, from 1 */
	bool is_plain;	     /* scalar without quotes */
	char *text;	     /* scalar; a text without NUL inside */
	size_t length;	     /* characters of 'text' */
	size_t count;	     /* items, or pairs of a map */
	struct node **items; /* list: values */
	struct node **keys;  /* map: scalars, beside 'items' */
	size_t weight; /* values below and with it, aliases multiplied out */
};

/* Where messages come from and go to. */
struct place {
	const char *file; /* name in messages, borrowed */
	struct err *err;  /* may be NULL */
};

/* Builds the tree of 'size' bytes at 'data' in 'pool', which owns all of it.
 * -EINVAL with the sentence in 'place->err'. */
int tree_parse(const struct place *place, const void *data, size_t size,
	struct pool *pool, struct node **out);

/* The value of 'key' in a map, or NULL. */
const struct node *tree_get(const struct node *map, const char *key);

/* Whether a scalar is "nothing": empty, "~" or "null", without quotes. */
bool tree_is_null(const struct node *node);

/* Sets "FILE:LINE:COLUMN: ..." and returns -EINVAL. */
int tree_fail(const struct place *place, const struct node *at,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
