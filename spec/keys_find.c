/* Looking rows up. */
#include <string.h>

#include "spec/keys.h"
#include "sys/nearest.h"

const struct spec_key *
spec_key_find(const char *path)
{
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	return NULL;
}

const char *
spec_key_leaf(const struct spec_key *key)
{
	const char *dot = strrchr(key->path, '.');
	return dot ? dot + 1 : key->path;
}

bool
spec_key_is_in(const struct spec_key *key, const char *block)
{
	const char *leaf = spec_key_leaf(key);
	size_t length = strlen(block);
	if (length == 0)
		return leaf == key->path;
	return (size_t)(leaf - key->path) == length + 1 &&
	       strncmp(key->path, block, length) == 0;
}

/* The first row, of any block, with this last part. */
static const char *
path_of_leaf(const char *leaf)
{
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(spec_key_leaf(&keys[i]), leaf) == 0)
			return keys[i].path;
	return NULL;
}

const char *
spec_key_nearest(const char *block, const char *leaf)
{
	const char *elsewhere = path_of_leaf(leaf);
	if (elsewhere)
		return elsewhere;
	struct nearest n;
	nearest_init(&n, leaf);
	const struct spec_key *best = NULL;
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	for (size_t i = 0; i < count; i++) {
		if (!spec_key_is_in(&keys[i], block))
			continue;
		nearest_offer(&n, spec_key_leaf(&keys[i]));
		if (n.best == spec_key_leaf(&keys[i]))
			best = &keys[i];
	}
	return best ? best->path : NULL;
}
