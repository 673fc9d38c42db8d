/* The environment of a service while it is put together, in its child. */
#ifndef SKEP_KEEPER_ENV_H
#define SKEP_KEEPER_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/err.h"
#include "sys/kproto.h"

/* Variables as execve wants them.  All memory is its own and lives until
 * exec or exit. */
struct env {
	char **vars; /* "KEY=value", NULL at the end */
	size_t count;
	size_t capacity; /* of 'vars', the NULL included */
};

/* An empty environment. */
int env_init(struct env *e);

/* Releases it. */
void env_fini(struct env *e);

/* Sets one variable, in place of an earlier one. 'value' is copied. */
int env_set(struct env *e, const char *key, const char *value);

/* Sets "KEY=value". */
int env_set_pair(struct env *e, const char *pair);

/* The value of 'key', borrowed, or NULL. */
const char *env_get(const struct env *e, const char *key);

/* Sets all of 'texts' ("KEY=value"). */
int env_set_texts(struct env *e, const struct kproto_texts *texts);

/* Sets what an environment file says: lines KEY=value, "#" and ";" comments,
 * spaces around trimmed, one pair of quotes around the value taken off.
 * Later lines win, and all win over what was set before.  'text' is changed.
 * -EINVAL names the line. */
int env_set_file(struct env *e, char *text, struct err *err);

#endif
