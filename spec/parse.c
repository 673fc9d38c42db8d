#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "spec/body.h"
#include "spec/cycle.h"
#include "spec/rules.h"
#include "spec/value.h"
#include "sys/nearest.h"

/* One service being read. */
struct service {
	const struct place *place;
	struct spec *spec;
	size_t extras_max; /* room in 'spec->extras' */
};

static bool
is_extra(const char *key)
{
	return strncmp(key, "x-", 2) == 0;
}

static int
fail_unknown(
	const struct place *place, const struct node *key, const char *block)
{
	const char *nearest = spec_key_nearest(block, key->text);
	const char *dot = *block ? "." : "";
	if (nearest)
		return tree_fail(place, key,
			"unknown key '%s%s%.100s'; did you mean '%s'?", block,
			dot, key->text, nearest);
	return tree_fail(
		place, key, "unknown key '%s%s%.100s'", block, dot, key->text);
}

/* Keeps an "x-" key as text. */
static int
keep_extra(struct service *s, const char *path, const struct node *value)
{
	char *text = malloc(SPEC_BODY_MAX);
	if (!text)
		panic(__FILE__, __LINE__, "out of memory");
	struct json j;
	json_init(&j, text, SPEC_BODY_MAX);
	json_tree(&j, value);
	int rc = 0;
	struct pool *pool = &s->spec->pool;
	struct spec_pairs *extras = &s->spec->extras;
	CHECK(extras->count < s->extras_max);
	if (j.is_full) {
		rc = tree_fail(s->place, value, "%s: too large", path);
	} else {
		struct spec_pair *extra = &extras->items[extras->count++];
		extra->key = pool_text(pool, path);
		extra->value = pool_copy(pool, text, j.length);
	}
	free(text);
	return rc;
}

static int read_block(struct service *s, const struct node *map,
	const struct spec_key *block);

/* Reads one KEY: VALUE of a known key. */
static int
read_known(struct service *s, const struct spec_key *key,
	const struct node *name, const struct node *value)
{
	if (key->type == KEY_LATER)
		return tree_fail(
			s->place, name, "%s: not supported yet", key->path);
	if (key->type != KEY_BLOCK)
		return value_read(s->place, key, value, s->spec);
	if (value->kind != NODE_MAP)
		return tree_fail(
			s->place, value, "%s: must be a map", key->path);
	if (key->offset != KEY_NO_MEMBER)
		*(bool *)((char *)s->spec + key->offset) = true;
	return read_block(s, value, key);
}

/* Reads the keys of 'block', or of the service itself (NULL). */
static int
read_block(
	struct service *s, const struct node *map, const struct spec_key *block)
{
	const char *prefix = block ? block->path : "";
	int rc = 0;
	for (size_t i = 0; i < map->count && rc == 0; i++) {
		const struct node *name = map->keys[i];
		char path[320];
		snprintf(path, sizeof path, "%s%s%s", prefix,
			*prefix ? "." : "", name->text);
		const struct spec_key *key = spec_key_find(path);
		bool is_here = key && spec_key_is_in(key, prefix);
		if (is_extra(name->text))
			rc = keep_extra(s, path, map->items[i]);
		else if (!is_here)
			rc = fail_unknown(s->place, name, prefix);
		else
			rc = read_known(s, key, name, map->items[i]);
	}
	return rc;
}

static int
compare_pairs(const void *a, const void *b)
{
	const struct spec_pair *x = a, *y = b;
	return strcmp(x->key, y->key);
}

/* The keys of a service and of its blocks; depth is bounded by the tree. */
static size_t
count_keys(const struct node *map)
{
	size_t count = map->count;
	for (size_t i = 0; i < map->count; i++)
		if (map->items[i]->kind == NODE_MAP)
			count += count_keys(map->items[i]);
	return count;
}

static int
check_size(const struct place *place, const struct node *name,
	const struct spec *spec)
{
	char *body = malloc(SPEC_BODY_MAX + 1);
	if (!body)
		panic(__FILE__, __LINE__, "out of memory");
	int rc = spec_to_body(spec, body, SPEC_BODY_MAX + 1);
	free(body);
	if (rc >= 0)
		return 0;
	return tree_fail(place, name,
		"%s: too large: more than %d bytes in canonical form",
		name->text, SPEC_BODY_MAX);
}

static int
read_service(const struct place *place, const struct node *name,
	const struct node *map, struct spec *spec)
{
	if (!spec_name_is_valid(name->text))
		return tree_fail(place, name,
			"'%.100s' cannot name a service: 1 to 63 letters, "
			"digits, '.', '_' or '-', the first a letter or digit",
			name->text);
	if (map->kind != NODE_MAP)
		return tree_fail(
			place, map, "%s: must be a map of keys", name->text);
	body_set_defaults(spec);
	spec->name = pool_text(&spec->pool, name->text);
	spec->line = name->line;
	struct service s = {place, spec, count_keys(map)};
	spec->extras.items = pool_take(
		&spec->pool, (s.extras_max + 1) * sizeof(struct spec_pair));
	int rc = read_block(&s, map, NULL);
	if (rc)
		return rc;
	qsort(spec->extras.items, spec->extras.count, sizeof(struct spec_pair),
		compare_pairs);
	rc = rules_apply(place, name, map, spec);
	return rc ? rc : check_size(place, name, spec);
}

/* Insists on 'services' and nothing else at the top; finds its value. */
static int
find_services(const struct place *place, const struct node *root,
	const struct node **out)
{
	*out = NULL;
	if (root->kind != NODE_MAP)
		return tree_fail(place, root,
			"the file must be a map with the key 'services'");
	for (size_t i = 0; i < root->count; i++) {
		const struct node *key = root->keys[i];
		if (is_extra(key->text))
			continue;
		if (strcmp(key->text, "services") == 0) {
			*out = root->items[i];
			continue;
		}
		struct nearest n;
		nearest_init(&n, key->text);
		nearest_offer(&n, "services");
		return tree_fail(place, key,
			n.best ? "unknown key '%.100s'; did you mean "
				 "'services'?"
			       : "unknown key '%.100s'; at the top stands "
				 "'services' and nothing else",
			key->text);
	}
	if (!*out)
		return tree_fail(place, root, "the key 'services' is missing");
	if ((*out)->kind != NODE_MAP || (*out)->count == 0)
		return tree_fail(place, *out,
			"services: must be a map with at least one service");
	return 0;
}

static int
read_services(const struct place *place, const struct node *services,
	struct spec_set *set)
{
	set->items = calloc(services->count, sizeof(struct spec *));
	if (!set->items)
		panic(__FILE__, __LINE__, "out of memory");
	int rc = 0;
	for (size_t i = 0; i < services->count && rc == 0; i++) {
		struct spec *spec = calloc(1, sizeof *spec);
		if (!spec)
			panic(__FILE__, __LINE__, "out of memory");
		set->items[set->count++] = spec;
		rc = read_service(
			place, services->keys[i], services->items[i], spec);
	}
	return rc ? rc : cycle_check(place, services, set);
}

int
spec_parse_buffer(const char *name, const void *data, size_t size,
	struct spec_set **out, struct err *err)
{
	struct place place = {name, err};
	*out = NULL;
	if (size > SPEC_FILE_MAX)
		return err_set(err, -E2BIG, "%s: larger than %u MiB", name,
			SPEC_FILE_MAX >> 20);
	struct pool pool = {0};
	struct node *root;
	const struct node *services;
	struct spec_set *set = calloc(1, sizeof *set);
	if (!set)
		panic(__FILE__, __LINE__, "out of memory");
	int rc = tree_parse(&place, data, size, &pool, &root);
	if (rc == 0)
		rc = find_services(&place, root, &services);
	if (rc == 0)
		rc = read_services(&place, services, set);
	pool_fini(&pool);
	if (rc)
		spec_set_free(set);
	else
		*out = set;
	return rc;
}

/* Reads up to 'size' bytes; returns how many, or -errno. */
static ssize_t
read_all(int fd, char *data, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = read(fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Reads a whole regular file into fresh memory. */
static int
load(int fd, const char *path, char **data, size_t *size, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", path);
	if (st.st_size > SPEC_FILE_MAX)
		return err_set(err, -E2BIG, "%s: larger than %u MiB", path,
			SPEC_FILE_MAX >> 20);
	size_t room = (size_t)st.st_size + 1;
	*data = malloc(room);
	if (!*data)
		panic(__FILE__, __LINE__, "out of memory");
	ssize_t n = read_all(fd, *data, room);
	if (n < 0)
		return err_sys(err, (int)n, "%s", path);
	if ((size_t)n == room)
		return err_set(
			err, -EAGAIN, "%s: grew while it was read", path);
	*size = (size_t)n;
	return 0;
}

int
spec_parse_file(const char *path, struct spec_set **out, struct err *err)
{
	*out = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	char *data = NULL;
	size_t size = 0;
	int rc = load(fd, path, &data, &size, err);
	close(fd);
	if (rc == 0)
		rc = spec_parse_buffer(path, data, size, out, err);
	free(data);
	return rc;
}

int
spec_from_body(
	const void *data, size_t size, struct spec **out, struct err *err)
{
	struct spec_set *set;
	*out = NULL;
	int rc = spec_parse_buffer("body", data, size, &set, err);
	if (rc)
		return rc;
	if (set->count == 1) {
		*out = set->items[0];
		set->count = 0;
	} else {
		rc = err_set(err, -EINVAL, "body: holds %zu services, not one",
			set->count);
	}
	spec_set_free(set);
	return rc;
}

void
spec_free(struct spec *spec)
{
	if (!spec)
		return;
	pool_fini(&spec->pool);
	free(spec);
}

void
spec_set_free(struct spec_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		spec_free(set->items[i]);
	free(set->items);
	free(set);
}
