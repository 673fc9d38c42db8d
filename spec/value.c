#include "spec/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "spec/expand.h"
#include "spec/shapes.h"
#include "spec/words.h"
#include "sys/nearest.h"
#include "sys/units.h"

/* What a reader of one type gets. */
struct reading {
	const struct place *place;
	const struct spec_key *key;
	struct pool *pool;
};

const struct value_limit value_limits[] = {
	{"as", RLIMIT_AS},
	{"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},
	{"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},
	{"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
	{NULL, 0},
};

static int
read_text(const struct reading *r, const struct node *n, void *out)
{
	const struct spec_key *key = r->key;
	if (key->shape && !key->shape->fits(n->text)) {
		char why[ERR_TEXT_SIZE / 2];
		if (!key->shape->why)
			return tree_fail(r->place, n, "%s: '%.100s' is not %s",
				key->path, n->text, key->shape->what);
		key->shape->why(n->text, why, sizeof why);
		return tree_fail(r->place, n, "%s: %s", key->path, why);
	}
	*(char **)out = pool_copy(r->pool, n->text, n->length);
	return 0;
}

static int
read_bool(const struct reading *r, const struct node *n, void *out)
{
	bool is_true = strcmp(n->text, "true") == 0;
	if (!n->is_plain || (!is_true && strcmp(n->text, "false") != 0))
		return tree_fail(r->place, n,
			"%s: must be true or false, not '%.100s'", r->key->path,
			n->text);
	*(bool *)out = is_true;
	return 0;
}

/* Reads decimal digits with an optional '-', nothing else. */
static bool
parse_integer(const char *text, int64_t *out)
{
	const char *digits = text + (*text == '-');
	size_t length = strlen(digits);
	if (length < 1 || length > 18 || strspn(digits, "0123456789") != length)
		return false;
	*out = strtoll(text, NULL, 10);
	return true;
}

static int
read_int(const struct reading *r, const struct node *n, void *out)
{
	const struct spec_key *key = r->key;
	int64_t number;
	if (!n->is_plain || !parse_integer(n->text, &number))
		return tree_fail(r->place, n,
			"%s: must be a whole number, not '%.100s'", key->path,
			n->text);
	if (number < key->min || number > key->max)
		return tree_fail(r->place, n,
			"%s: must be %" PRId64 " to %" PRId64 ", not %s",
			key->path, key->min, key->max, n->text);
	*(int32_t *)out = (int32_t)number;
	return 0;
}

static int
read_percent(const struct reading *r, const struct node *n, void *out)
{
	char digits[8];
	int64_t number;
	size_t length = n->length;
	bool fits = length >= 2 && length < sizeof digits &&
		    n->text[length - 1] == '%';
	if (fits) {
		memcpy(digits, n->text, length - 1);
		digits[length - 1] = '\0';
		fits = parse_integer(digits, &number) &&
		       number >= r->key->min && number <= r->key->max;
	}
	if (!fits)
		return tree_fail(r->place, n,
			"%s: must be %" PRId64 "%% to %" PRId64
			"%%, not '%.100s'",
			r->key->path, r->key->min, r->key->max, n->text);
	*(int32_t *)out = (int32_t)number;
	return 0;
}

static int
read_umask(const struct reading *r, const struct node *n, void *out)
{
	bool fits = n->length >= 1 && n->length <= 5 &&
		    strspn(n->text, "01234567") == n->length;
	long mask = fits ? strtol(n->text, NULL, 8) : -1;
	if (mask < 0 || mask > r->key->max)
		return tree_fail(r->place, n,
			"%s: must be octal digits, \"0000\" to \"0777\", not "
			"'%.100s'",
			r->key->path, n->text);
	*(int32_t *)out = (int32_t)mask;
	return 0;
}

static int
read_signal(const struct reading *r, const struct node *n, void *out)
{
	int number;
	char name[32] = "";
	if ((r->key->flags & KEY_OPTIONAL) && strcmp(n->text, "none") == 0) {
		*(int32_t *)out = 0;
		return 0;
	}
	int rc = units_parse_signal(n->text, &number);
	if (rc == 0)
		units_signal_name(number, name, sizeof name);
	if (rc || strncmp(name, "SIG", 3) != 0)
		return tree_fail(r->place, n,
			"%s: '%.100s' is not a signal (such as SIGTERM)",
			r->key->path, n->text);
	*(int32_t *)out = number;
	return 0;
}

/* Names the known words and the nearest one. */
static int
fail_word(const struct reading *r, const struct node *n)
{
	char known[256] = "";
	struct nearest nearest;
	nearest_init(&nearest, n->text);
	for (const struct key_word *w = r->key->words; w->word; w++) {
		if (w->kind == WORD_LATER)
			continue;
		nearest_offer(&nearest, w->word);
		size_t length = strlen(known);
		if (w->kind == WORD_USUAL)
			snprintf(known + length, sizeof known - length, "%s%s",
				length ? ", " : "", w->word);
	}
	if (nearest.best)
		return tree_fail(r->place, n,
			"%s: '%.100s' is none of %s; did you mean '%s'?",
			r->key->path, n->text, known, nearest.best);
	return tree_fail(r->place, n, "%s: '%.100s' is none of %s",
		r->key->path, n->text, known);
}

static int
read_word(const struct reading *r, const struct node *n, void *out)
{
	for (const struct key_word *w = r->key->words; w->word; w++) {
		if (strcmp(w->word, n->text) != 0)
			continue;
		if (w->kind == WORD_LATER)
			return tree_fail(r->place, n,
				"%s: %s: not supported yet", r->key->path,
				w->word);
		*(int32_t *)out = w->value;
		return 0;
	}
	return fail_word(r, n);
}

static int
fail_duration(const struct reading *r, const struct node *n)
{
	int64_t number;
	if (parse_integer(n->text, &number) && number > 0)
		return tree_fail(r->place, n,
			"%s: '%s' has no unit; write %ss for seconds",
			r->key->path, n->text, n->text);
	return tree_fail(r->place, n,
		"%s: '%.100s' is not a duration (such as 500ms, 10s or 5m)",
		r->key->path, n->text);
}

static int
read_duration(const struct reading *r, const struct node *n, void *out)
{
	const struct spec_key *key = r->key;
	int64_t ms;
	int rc = units_parse_duration(n->text, &ms);
	if (rc == -EINVAL)
		return fail_duration(r, n);
	if (rc || ms < key->min || ms > key->max) {
		char min[32], max[32];
		return tree_fail(r->place, n,
			"%s: must be %s to %s, not %.100s", key->path,
			units_format_duration(key->min, min, sizeof min),
			units_format_duration(key->max, max, sizeof max),
			n->text);
	}
	*(int64_t *)out = ms;
	return 0;
}

static int
read_size(const struct reading *r, const struct node *n, void *out)
{
	uint64_t bytes;
	int rc = units_parse_size(n->text, &bytes);
	if (rc == -EINVAL)
		return tree_fail(r->place, n,
			"%s: '%.100s' is not a size (such as 64MiB)",
			r->key->path, n->text);
	if (rc || bytes < (uint64_t)r->key->min)
		return tree_fail(r->place, n, "%s: %.100s is too %s",
			r->key->path, n->text, rc ? "large" : "small");
	*(uint64_t *)out = bytes;
	return 0;
}

static int
check_specifiers(
	const struct reading *r, const struct node *n, const char *text)
{
	const char *bad = expand_find_unknown(text);
	if (!bad || !(r->key->flags & KEY_EXPANDS))
		return 0;
	return tree_fail(r->place, n,
		"%s: '%.2s' is not a specifier; known are %%i, %%p, %%n, %%H "
		"and %%%% (a plain %%)",
		r->key->path, bad);
}

/* Insists that an item of a list or map is a text (or number). */
static int
check_item(const struct reading *r, const struct node *n, const char *name)
{
	const char *dot = *name ? "." : "";
	if (n->kind != NODE_SCALAR)
		return tree_fail(r->place, n,
			"%s%s%s: must be a text, not a %s", r->key->path, dot,
			name, n->kind == NODE_LIST ? "list" : "map");
	if (tree_is_null(n))
		return tree_fail(r->place, n,
			"%s%s%s: has no value; write \"\" for an empty text",
			r->key->path, dot, name);
	return check_specifiers(r, n, n->text);
}

static int
check_count(const struct reading *r, const struct node *n, size_t count)
{
	if (count <= (size_t)r->key->max)
		return 0;
	return tree_fail(r->place, n,
		"%s: %zu are too many; %" PRId64 " are allowed", r->key->path,
		count, r->key->max);
}

/* Copies the items of a list; each fits the key's shape. */
static int
read_items(
	const struct reading *r, const struct node *n, struct spec_texts *texts)
{
	int rc = check_count(r, n, n->count);
	if (rc)
		return rc;
	char **items = pool_take(r->pool, (n->count + 1) * sizeof *items);
	for (size_t i = 0; i < n->count; i++) {
		const struct node *item = n->items[i];
		rc = check_item(r, item, "");
		if (rc == 0)
			rc = read_text(r, item, &items[i]);
		if (rc)
			return rc;
	}
	*texts = (struct spec_texts){items, n->count};
	return 0;
}

static int
read_texts(const struct reading *r, const struct node *n, void *out)
{
	struct spec_texts *texts = out;
	int rc = read_items(r, n, texts);
	if (rc)
		return rc;
	for (size_t i = 1; i < texts->count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(texts->items[i], texts->items[k]) == 0)
				return tree_fail(r->place, n->items[i],
					"%s: '%s' stands there twice",
					r->key->path, texts->items[i]);
	return 0;
}

static int
read_command_text(
	const struct reading *r, const struct node *n, struct spec_texts *texts)
{
	const char *wrong = words_split(r->pool, n->text, texts);
	if (wrong)
		return tree_fail(r->place, n, "%s: %s", r->key->path, wrong);
	int rc = check_specifiers(r, n, n->text);
	return rc ? rc : check_count(r, n, texts->count);
}

static int
read_command(const struct reading *r, const struct node *n, void *out)
{
	struct spec_texts *texts = out;
	int rc = n->kind == NODE_LIST ? read_items(r, n, texts)
				      : read_command_text(r, n, texts);
	if (rc)
		return rc;
	if (texts->count == 0 && (r->key->flags & KEY_OPTIONAL))
		return 0;
	if (texts->count == 0 || texts->items[0][0] == '\0')
		return tree_fail(
			r->place, n, "%s: names no program", r->key->path);
	const char *program = texts->items[0];
	if (strchr(program, '/') && program[0] != '/' && program[0] != '%')
		return tree_fail(r->place, n,
			"%s: '%.100s' must be an absolute path, or a name "
			"without '/' to be found in PATH",
			r->key->path, program);
	return 0;
}

static int
read_code(
	const struct reading *r, const struct node *n, struct spec_codes *codes)
{
	int64_t code;
	if (n->kind != NODE_SCALAR || !n->is_plain ||
		!parse_integer(n->text, &code) || code < 0 || code > 255)
		return tree_fail(r->place, n,
			"%s: an exit code is a number, 0 to 255", r->key->path);
	if (memchr(codes->items, (int)code, codes->count))
		return tree_fail(r->place, n, "%s: %s stands there twice",
			r->key->path, n->text);
	codes->items[codes->count++] = (uint8_t)code;
	return 0;
}

static int
read_codes(const struct reading *r, const struct node *n, void *out)
{
	struct spec_codes *codes = out;
	int rc = check_count(r, n, n->count);
	*codes = (struct spec_codes){0};
	for (size_t i = 0; i < n->count && rc == 0; i++)
		rc = read_code(r, n->items[i], codes);
	return rc;
}

static int
compare_pairs(const void *a, const void *b)
{
	const struct spec_pair *x = a, *y = b;
	return strcmp(x->key, y->key);
}

static int
read_pair(const struct reading *r, const struct node *key,
	const struct node *value, struct spec_pair *out)
{
	if (r->key->key_shape && !r->key->key_shape->fits(key->text))
		return tree_fail(r->place, key, "%s: '%.100s' is not %s",
			r->key->path, key->text, r->key->key_shape->what);
	out->key = pool_copy(r->pool, key->text, key->length);
	int rc = check_item(r, value, key->text);
	return rc ? rc : read_text(r, value, &out->value);
}

static int
read_pairs(const struct reading *r, const struct node *n, void *out)
{
	struct spec_pairs *pairs = out;
	struct spec_pair *items =
		pool_take(r->pool, (n->count + 1) * sizeof *items);
	int rc = check_count(r, n, n->count);
	for (size_t i = 0; i < n->count && rc == 0; i++)
		rc = read_pair(r, n->keys[i], n->items[i], &items[i]);
	if (rc)
		return rc;
	qsort(items, n->count, sizeof *items, compare_pairs);
	*pairs = (struct spec_pairs){items, n->count};
	return 0;
}

/* Reads one side of a limit: a number, a size, or "unlimited". */
static bool
parse_limit(const char *text, size_t length, uint64_t *out)
{
	char copy[32];
	if (length >= sizeof copy)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strcmp(copy, "unlimited") == 0 || strcmp(copy, "infinity") == 0) {
		*out = SPEC_UNLIMITED;
		return true;
	}
	return units_parse_size(copy, out) == 0;
}

static int
read_limit_value(const struct reading *r, const char *name,
	const struct node *n, struct spec_rlimit *limit)
{
	int rc = check_item(r, n, name);
	if (rc)
		return rc;
	size_t length = strcspn(n->text, ":");
	bool has_hard = n->text[length] == ':';
	const char *hard = n->text + length + 1;
	bool fits = parse_limit(n->text, length, &limit->soft);
	limit->hard = limit->soft;
	if (has_hard)
		fits = fits && parse_limit(hard, strlen(hard), &limit->hard);
	if (!fits)
		return tree_fail(r->place, n,
			"%s.%s: '%.100s' is no limit: a number, a size, "
			"'unlimited', or 'SOFT:HARD'",
			r->key->path, name, n->text);
	if (limit->soft > limit->hard)
		return tree_fail(r->place, n,
			"%s.%s: the soft limit is above the hard one",
			r->key->path, name);
	return 0;
}

static int
fail_limit_name(const struct reading *r, const struct node *name)
{
	struct nearest nearest;
	nearest_init(&nearest, name->text);
	for (const struct value_limit *l = value_limits; l->name; l++)
		nearest_offer(&nearest, l->name);
	if (nearest.best)
		return tree_fail(r->place, name,
			"%s: unknown limit '%.100s'; did you mean '%s'?",
			r->key->path, name->text, nearest.best);
	return tree_fail(r->place, name, "%s: unknown limit '%.100s'",
		r->key->path, name->text);
}

/* Walks the known names in their order, so the result is sorted. */
static int
read_rlimits(const struct reading *r, const struct node *n, void *out)
{
	struct spec_rlimits *limits = out;
	size_t known = 0;
	*limits = (struct spec_rlimits){0};
	for (const struct value_limit *l = value_limits; l->name; l++) {
		const struct node *value = tree_get(n, l->name);
		if (!value)
			continue;
		struct spec_rlimit *limit = &limits->items[limits->count++];
		limit->resource = l->resource;
		known++;
		int rc = read_limit_value(r, l->name, value, limit);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < n->count && known < n->count; i++) {
		const struct value_limit *l = value_limits;
		while (l->name && strcmp(l->name, n->keys[i]->text) != 0)
			l++;
		if (!l->name)
			return fail_limit_name(r, n->keys[i]);
	}
	return 0;
}

/* --- What must be there first --- */

static const char *const condition_words[] = {
	[DEPEND_READY] = "ready",
	[DEPEND_STARTED] = "started",
	[DEPEND_COMPLETED] = "completed",
};

static int
read_condition(const struct reading *r, const char *service,
	const struct node *n, struct spec_depend *out)
{
	struct nearest nearest;
	nearest_init(&nearest, n->text);
	for (int32_t i = 0; i <= DEPEND_COMPLETED; i++) {
		out->condition = i;
		if (strcmp(n->text, condition_words[i]) == 0)
			return 0;
		nearest_offer(&nearest, condition_words[i]);
	}
	return tree_fail(r->place, n,
		"%s.%s.condition: '%.100s' is none of ready, started, "
		"completed%s%s%s",
		r->key->path, service, n->text,
		nearest.best ? "; did you mean '" : "",
		nearest.best ? nearest.best : "", nearest.best ? "'?" : "");
}

/* The map after the name of a service: 'condition', or nothing. */
static int
read_depend(const struct reading *r, const struct node *key,
	const struct node *value, struct spec_depend *out)
{
	if (!spec_name_is_valid(key->text))
		return tree_fail(r->place, key, "%s: '%.100s' is not %s",
			r->key->path, key->text, shape_name.what);
	out->service = pool_copy(r->pool, key->text, key->length);
	out->condition = DEPEND_READY;
	if (value->kind == NODE_SCALAR && tree_is_null(value))
		return 0;
	const struct node *word =
		value->kind == NODE_MAP ? tree_get(value, "condition") : NULL;
	if (value->kind != NODE_MAP || value->count != (word ? 1 : 0) ||
		(word && word->kind != NODE_SCALAR))
		return tree_fail(r->place, value,
			"%s.%s: must be a map with the key 'condition' (ready, "
			"started or completed) and nothing else",
			r->key->path, key->text);
	return word ? read_condition(r, key->text, word, out) : 0;
}

static int
compare_depends(const void *a, const void *b)
{
	const struct spec_depend *x = a, *y = b;
	return strcmp(x->service, y->service);
}

static int
read_depends(const struct reading *r, const struct node *n, void *out)
{
	struct spec_depends *depends = out;
	struct spec_depend *items =
		pool_take(r->pool, (n->count + 1) * sizeof *items);
	int rc = check_count(r, n, n->count);
	for (size_t i = 0; i < n->count && rc == 0; i++)
		rc = read_depend(r, n->keys[i], n->items[i], &items[i]);
	if (rc)
		return rc;
	qsort(items, n->count, sizeof *items, compare_depends);
	*depends = (struct spec_depends){items, n->count};
	return 0;
}

const char *
value_condition_word(int32_t condition)
{
	return condition_words[condition];
}

/* How each type is read, and what kind of node it needs. */
static const struct {
	int (*read)(const struct reading *, const struct node *, void *);
	enum node_kind kind;
	const char *what; /* for the message when the kind is wrong */
} types[KEY_TYPE_COUNT] = {
	[KEY_TEXT] = {read_text, NODE_SCALAR, "a text"},
	[KEY_BOOL] = {read_bool, NODE_SCALAR, "true or false"},
	[KEY_INT] = {read_int, NODE_SCALAR, "a whole number"},
	[KEY_PERCENT] = {read_percent, NODE_SCALAR, "a percentage"},
	[KEY_UMASK] = {read_umask, NODE_SCALAR, "octal digits"},
	[KEY_SIGNAL] = {read_signal, NODE_SCALAR, "a signal"},
	[KEY_WORD] = {read_word, NODE_SCALAR, "a word"},
	[KEY_DURATION] = {read_duration, NODE_SCALAR, "a duration"},
	[KEY_SIZE] = {read_size, NODE_SCALAR, "a size"},
	[KEY_COMMAND] = {read_command, NODE_LIST, "a list or a text"},
	[KEY_TEXTS] = {read_texts, NODE_LIST, "a list"},
	[KEY_CODES] = {read_codes, NODE_LIST, "a list of numbers"},
	[KEY_PAIRS] = {read_pairs, NODE_MAP, "a map"},
	[KEY_RLIMITS] = {read_rlimits, NODE_MAP, "a map of limits"},
	[KEY_DEPENDS] = {read_depends, NODE_MAP, "a map of services"},
};

static const char *const kind_names[] = {
	[NODE_SCALAR] = "one value",
	[NODE_LIST] = "a list",
	[NODE_MAP] = "a map",
};

static void *
member(const struct spec_key *key, struct spec *spec)
{
	CHECK(key->offset != KEY_NO_MEMBER);
	return (char *)spec + key->offset;
}

int
value_read(const struct place *place, const struct spec_key *key,
	const struct node *node, struct spec *spec)
{
	struct reading r = {place, key, &spec->pool};
	CHECK(types[key->type].read);
	if (tree_is_null(node))
		return tree_fail(place, node,
			"%s: has no value; leave the key out or give it one",
			key->path);
	bool is_command_text =
		key->type == KEY_COMMAND && node->kind == NODE_SCALAR;
	if (node->kind != types[key->type].kind && !is_command_text)
		return tree_fail(place, node, "%s: must be %s, not %s",
			key->path, types[key->type].what,
			kind_names[node->kind]);
	if (node->kind == NODE_SCALAR && !is_command_text) {
		int rc = check_specifiers(&r, node, node->text);
		if (rc)
			return rc;
	}
	return types[key->type].read(&r, node, member(key, spec));
}

void
value_set_default(const struct spec_key *key, struct spec *spec)
{
	if (key->type == KEY_CODES)
		*(struct spec_codes *)member(key, spec) =
			(struct spec_codes){.count = 1};
	if (!key->fallback || key->type == KEY_CODES)
		return;
	struct place nowhere = {.file = "default"};
	struct reading r = {&nowhere, key, &spec->pool};
	char *text = pool_text(&spec->pool, key->fallback);
	struct node n = {.kind = NODE_SCALAR,
		.is_plain = true,
		.text = text,
		.length = strlen(text)};
	int rc = types[key->type].read(&r, &n, member(key, spec));
	CHECK(rc == 0);
}
