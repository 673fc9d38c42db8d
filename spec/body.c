#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "spec/body.h"
#include "spec/value.h"

#define KEYS_MAX 192

/* Which keys go into a text. */
enum coverage {
	COVER_ALL, /* the body */
	COVER_RUN, /* those whose change needs a restart */
};

/* A text being written: the table sorted, and what to leave out. */
struct writing {
	struct json *j;
	const struct spec *spec;
	const struct spec *defaults;
	enum coverage coverage;
	const struct spec_key *keys[KEYS_MAX]; /* by path */
	size_t count;
};

static int
compare_paths(const void *a, const void *b)
{
	const struct spec_key *const *x = a, *const *y = b;
	return strcmp((*x)->path, (*y)->path);
}

void
body_set_defaults(struct spec *spec)
{
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	for (size_t i = 0; i < count; i++)
		if (keys[i].type != KEY_LATER && keys[i].type != KEY_BLOCK)
			value_set_default(&keys[i], spec);
	spec->name = pool_text(&spec->pool, "");
}

static bool
is_covered(const struct writing *w, const struct spec_key *key)
{
	return key->type != KEY_LATER &&
	       (w->coverage == COVER_ALL || key->type == KEY_BLOCK ||
		       (key->flags & KEY_RESTARTS));
}

/* Writes the comma, when one is needed, and "KEY":. */
static void
begin_key(struct json *j, const char *key)
{
	bool is_first = j->length == 0 || j->text[j->length - 1] == '{';
	json_raw(j, is_first ? "" : ",");
	json_text(j, key);
	json_raw(j, ":");
}

/* Writes one value, and takes it back when it equals the default. */
static void
put_value(struct writing *w, const struct spec_key *key)
{
	size_t before = w->j->length;
	begin_key(w->j, spec_key_leaf(key));
	size_t start = w->j->length;
	value_write(w->j, key, w->spec);
	size_t end = w->j->length;
	value_write(w->j, key, w->defaults);
	size_t size = end - start;
	bool is_default =
		w->j->length - end == size &&
		memcmp(w->j->text + start, w->j->text + end, size) == 0;
	json_cut(w->j, is_default ? before : end);
}

/* Writes the "x-" keys that stand directly in 'block'. */
static void
put_extras(struct writing *w, const char *block)
{
	size_t length = strlen(block);
	if (w->coverage != COVER_ALL)
		return;
	for (size_t i = 0; i < w->spec->extras.count; i++) {
		const struct spec_pair *extra = &w->spec->extras.items[i];
		const char *leaf = extra->key;
		if (length) {
			if (strncmp(leaf, block, length) != 0 ||
				leaf[length] != '.')
				continue;
			leaf += length + 1;
		}
		if (strncmp(leaf, "x-", 2) != 0)
			continue;
		begin_key(w->j, leaf);
		json_raw(w->j, extra->value);
	}
}

static void put_block(struct writing *w, const char *block);

/* Writes one row: a block with what is in it, or a value. */
static void
put_key(struct writing *w, const struct spec_key *key)
{
	if (key->type != KEY_BLOCK) {
		put_value(w, key);
		return;
	}
	bool is_present = key->offset != KEY_NO_MEMBER &&
			  *(const bool *)((const char *)w->spec + key->offset);
	size_t before = w->j->length;
	begin_key(w->j, spec_key_leaf(key));
	json_raw(w->j, "{");
	size_t start = w->j->length;
	put_block(w, key->path);
	if (w->j->length == start && !is_present)
		json_cut(w->j, before);
	else
		json_raw(w->j, "}");
}

static void
put_block(struct writing *w, const char *block)
{
	for (size_t i = 0; i < w->count; i++)
		if (spec_key_is_in(w->keys[i], block) &&
			is_covered(w, w->keys[i]))
			put_key(w, w->keys[i]);
	put_extras(w, block);
}

/* Writes what 'coverage' says of 'spec', as one map. */
static void
put_service(struct json *j, const struct spec *spec, enum coverage coverage)
{
	struct spec defaults = {0};
	body_set_defaults(&defaults);
	struct writing w = {.j = j,
		.spec = spec,
		.defaults = &defaults,
		.coverage = coverage};
	const struct spec_key *keys = spec_keys(&w.count);
	CHECK(w.count <= KEYS_MAX);
	for (size_t i = 0; i < w.count; i++)
		w.keys[i] = &keys[i];
	qsort(w.keys, w.count, sizeof w.keys[0], compare_paths);
	json_raw(j, "{");
	put_block(&w, "");
	json_raw(j, "}");
	pool_fini(&defaults.pool);
}

/* Room for a value that is written before it is taken back. */
#define SCRATCH_SIZE (2 * SPEC_BODY_MAX)

/* Writes into fresh memory; the caller frees 'j->text'. */
static void
write_new(struct json *j, const struct spec *spec, enum coverage coverage)
{
	char *text = malloc(SCRATCH_SIZE);
	if (!text)
		panic(__FILE__, __LINE__, "out of memory");
	json_init(j, text, SCRATCH_SIZE);
	json_raw(j, "{\"services\":{");
	json_text(j, spec->name);
	json_raw(j, ":");
	put_service(j, spec, coverage);
	json_raw(j, "}}");
}

int
spec_to_body(const struct spec *spec, char *out, size_t size)
{
	struct json j;
	write_new(&j, spec, COVER_ALL);
	int length = -E2BIG;
	if (!j.is_full && j.length < size && j.length <= SPEC_BODY_MAX) {
		memcpy(out, j.text, j.length + 1);
		length = (int)j.length;
	}
	free(j.text);
	return length;
}

/* Behind the text that begins at 'at'. */
static const char *
skip_text(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

struct bytes
spec_body_meta(const void *data, size_t size)
{
	static const char key[] = "\"meta\":";
	const size_t key_size = sizeof key - 1;
	const char *at = data, *end = at + size, *start = NULL;
	unsigned depth = 0;
	while (at < end) {
		/* In "services", and in that in the one service. */
		if (depth == 3 && (size_t)(end - at) > key_size &&
			memcmp(at, key, key_size) == 0)
			start = at += key_size;
		if (*at == '"') {
			at = skip_text(at, end);
			continue;
		}
		depth += *at == '{' || *at == '[';
		if ((*at == '}' || *at == ']') && depth-- == 4 && start)
			return (struct bytes){start, (size_t)(at + 1 - start)};
		at++;
	}
	return (struct bytes){NULL, 0};
}

static uint64_t
digest(const struct spec *spec, enum coverage coverage)
{
	struct json j;
	write_new(&j, spec, coverage);
	uint64_t hash = hash_bytes(j.text, j.length, coverage);
	free(j.text);
	return hash;
}

uint64_t
spec_digest(const struct spec *spec)
{
	return digest(spec, COVER_ALL);
}

uint64_t
spec_run_digest(const struct spec *spec)
{
	return digest(spec, COVER_RUN);
}
