#include "keeper/env.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
env_init(struct env *e)
{
	e->count = 0;
	e->capacity = 64;
	e->vars = calloc(e->capacity, sizeof *e->vars);
	return e->vars ? 0 : -ENOMEM;
}

void
env_fini(struct env *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->vars[i]);
	free(e->vars);
	e->vars = NULL;
	e->count = e->capacity = 0;
}

/* The place of the variable whose key has 'length' characters, or count. */
static size_t
find(const struct env *e, const char *key, size_t length)
{
	size_t i = 0;
	while (i < e->count && (strncmp(e->vars[i], key, length) != 0 ||
				       e->vars[i][length] != '='))
		i++;
	return i;
}

static int
make_room(struct env *e)
{
	if (e->count + 1 < e->capacity)
		return 0;
	char **more = reallocarray(e->vars, e->capacity * 2, sizeof *more);
	if (!more)
		return -ENOMEM;
	e->vars = more;
	e->capacity *= 2;
	return 0;
}

int
env_set_pair(struct env *e, const char *pair)
{
	const char *equals = strchr(pair, '=');
	if (!equals || equals == pair)
		return -EINVAL;
	char *copy = strdup(pair);
	if (!copy)
		return -ENOMEM;
	size_t at = find(e, pair, (size_t)(equals - pair));
	if (at < e->count) {
		free(e->vars[at]);
	} else if (make_room(e) < 0) {
		free(copy);
		return -ENOMEM;
	} else {
		e->count++;
		e->vars[e->count] = NULL;
	}
	e->vars[at] = copy;
	return 0;
}

int
env_set(struct env *e, const char *key, const char *value)
{
	char *pair;
	if (asprintf(&pair, "%s=%s", key, value) < 0)
		return -ENOMEM;
	int rc = env_set_pair(e, pair);
	free(pair);
	return rc;
}

const char *
env_get(const struct env *e, const char *key)
{
	size_t length = strlen(key);
	size_t at = find(e, key, length);
	return at < e->count ? e->vars[at] + length + 1 : NULL;
}

int
env_set_texts(struct env *e, const struct kproto_texts *texts)
{
	struct reader r;
	int rc = 0;
	reader_init(&r, texts->packed.data, texts->packed.size);
	for (uint32_t i = 0; rc == 0 && i < texts->count; i++)
		rc = env_set_pair(e, reader_text(&r));
	return rc;
}

static char *
trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t n = strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		text[--n] = 0;
	return text;
}

static char *
unquote(char *value)
{
	size_t n = strlen(value);
	if (n < 2 || value[0] != value[n - 1] ||
		(value[0] != '"' && value[0] != '\''))
		return value;
	value[n - 1] = 0;
	return value + 1;
}

static int
set_line(struct env *e, char *line)
{
	line = trim(line);
	if (!*line || *line == '#' || *line == ';')
		return 0;
	char *equals = strchr(line, '=');
	if (!equals)
		return -EINVAL;
	*equals = 0;
	const char *key = trim(line);
	if (!*key || strpbrk(key, " \t"))
		return -EINVAL;
	return env_set(e, key, unquote(trim(equals + 1)));
}

int
env_set_file(struct env *e, char *text, struct err *err)
{
	int number = 0;
	for (char *line; (line = strsep(&text, "\n"));) {
		number++;
		int rc = set_line(e, line);
		if (rc < 0)
			return err_set(err, rc, "line %d: %s", number,
				rc == -EINVAL ? "is not KEY=value"
					      : "out of memory");
	}
	return 0;
}
