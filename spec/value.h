/* One value of a service: from a node of the file into its member of 'struct
 * spec', and from the member into canonical JSON.  Both go by the type of the
 * key's row.
 */
#ifndef SKEP_SPEC_VALUE_H
#define SKEP_SPEC_VALUE_H

#include "spec/json.h"
#include "spec/keys.h"
#include "spec/spec.h"
#include "spec/tree.h"

/* Reads 'node' into the member that 'key' names.  Texts are copied into the
 * spec's pool.  -EINVAL with "KEY: ..." in 'place->err'. */
int value_read(const struct place *place, const struct spec_key *key,
	const struct node *node, struct spec *spec);

/* Fills the member with the key's default. */
void value_set_default(const struct spec_key *key, struct spec *spec);

/* Writes the member.  Not for blocks and keys without one. */
void value_write(
	struct json *j, const struct spec_key *key, const struct spec *spec);

/* The word for an enum depend_condition. */
const char *value_condition_word(int32_t condition);

/* Resource limits by name; NULL ends the list.  'resource' is RLIMIT_*. */
struct value_limit {
	const char *name;
	int resource;
};
extern const struct value_limit value_limits[];

#endif
