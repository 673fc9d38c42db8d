#include "spec/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/check.h"
#include "spec/spec.h"

#define ANCHORS_MAX    256  /* in one file */
#define MERGE_KEYS_MAX 1024 /* of a map with "<<" */
#define KEY_LENGTH_MAX 255  /* libyaml reads keys of up to 1024, escaped */

/* A name for a node. */
struct anchor {
	const char *name;
	struct node *node;
};

/* One document being built. */
struct builder {
	const struct place *place;
	struct pool *pool;
	yaml_parser_t parser;
	const unsigned char *data; /* the input, for hints */
	size_t size;
	struct anchor anchors[ANCHORS_MAX];
	size_t anchor_count;
};

/* A list of nodes that grows by doubling inside a pool. */
struct node_list {
	struct node **items;
	size_t count;
	size_t capacity;
};

static int build_node(struct builder *b, const yaml_event_t *event, int depth,
	struct node **out);

/* Sets the sentence; it stays one line whatever it quotes. */
static int __attribute__((format(printf, 4, 0)))
fail_at(const struct place *place, int line, int column, const char *format,
	va_list ap)
{
	char text[ERR_TEXT_SIZE];
	vsnprintf(text, sizeof text, format, ap);
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return err_set(place->err, -EINVAL, "%s:%d:%d: %s", place->file, line,
		column, text);
}

static int __attribute__((format(printf, 3, 4)))
fail_mark(const struct builder *b, const yaml_mark_t *mark, const char *format,
	...)
{
	va_list ap;
	va_start(ap, format);
	fail_at(b->place, (int)mark->line + 1, (int)mark->column + 1, format,
		ap);
	va_end(ap);
	return -EINVAL;
}

int
tree_fail(const struct place *place, const struct node *at, const char *format,
	...)
{
	va_list ap;
	va_start(ap, format);
	fail_at(place, at->line, at->column, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* The line and column of a byte, for errors that libyaml gives by offset. */
static yaml_mark_t
mark_of_offset(const struct builder *b, size_t offset)
{
	yaml_mark_t mark = {.index = offset};
	for (size_t i = 0; i < offset && i < b->size; i++) {
		mark.column++;
		if (b->data[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

/* Whether the line of 'mark' is indented with a tab. */
static bool
is_tab_indented(const struct builder *b, size_t line)
{
	size_t i = 0;
	for (; line && i < b->size; i++)
		line -= b->data[i] == '\n';
	while (i < b->size && b->data[i] == ' ')
		i++;
	return i < b->size && b->data[i] == '\t';
}

/* Says what libyaml found wrong. */
static int
fail_parser(const struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	if (p->error == YAML_READER_ERROR) {
		yaml_mark_t mark = mark_of_offset(b, p->problem_offset);
		return fail_mark(
			b, &mark, "not valid UTF-8 text: %s", p->problem);
	}
	if (is_tab_indented(b, p->problem_mark.line))
		return fail_mark(b, &p->problem_mark,
			"a tab cannot indent YAML; use spaces");
	return fail_mark(b, &p->problem_mark, "not valid YAML: %s",
		p->problem ? p->problem : "no memory");
}

static int
next_event(struct builder *b, yaml_event_t *event)
{
	return yaml_parser_parse(&b->parser, event) ? 0 : fail_parser(b);
}

static struct node *
node_new(struct builder *b, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *n = pool_take(b->pool, sizeof *n);
	n->kind = kind;
	n->line = (int)mark->line + 1;
	n->column = (int)mark->column + 1;
	n->weight = 1;
	return n;
}

static void
list_add(struct pool *pool, struct node_list *list, struct node *node)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 8;
		struct node **items =
			pool_take(pool, capacity * sizeof(struct node *));
		if (list->count)
			memcpy(items, list->items,
				list->count * sizeof(struct node *));
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = node;
}

/* Adds the weight of 'child' to 'parent', within the bound. */
static int
add_weight(
	const struct builder *b, struct node *parent, const struct node *child)
{
	parent->weight += child->weight;
	if (parent->weight <= SPEC_NODES_MAX)
		return 0;
	return tree_fail(b->place, parent,
		"more than %d values, aliases multiplied out", SPEC_NODES_MAX);
}

/* The first control character of 'text', or 0.  C1 controls and the
 * non-characters at U+FFFE are two and three bytes of UTF-8. */
static unsigned
find_control(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
			return c + 0x100;
		unsigned char d = (unsigned char)text[i + 1];
		if (c == 0xc2 && d < 0xa0)
			return d + 0x100u;
	}
	return 0;
}

static int
build_scalar(struct builder *b, const yaml_event_t *event, struct node **out)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	unsigned control = find_control(text, length);
	if (control)
		return fail_mark(b, &event->start_mark,
			"a text cannot hold the control character 0x%02x",
			control - 0x100);
	struct node *n = node_new(b, NODE_SCALAR, &event->start_mark);
	n->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = pool_copy(b->pool, text, length);
	n->length = length;
	*out = n;
	return 0;
}

static int
build_list(struct builder *b, const yaml_event_t *start, int depth,
	struct node **out)
{
	struct node *n = node_new(b, NODE_LIST, &start->start_mark);
	struct node_list items = {0};
	for (;;) {
		yaml_event_t event;
		int rc = next_event(b, &event);
		if (rc)
			return rc;
		bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
		struct node *item = NULL;
		if (!is_end)
			rc = build_node(b, &event, depth + 1, &item);
		yaml_event_delete(&event);
		if (is_end)
			break;
		if (rc == 0)
			rc = add_weight(b, n, item);
		if (rc)
			return rc;
		list_add(b->pool, &items, item);
	}
	n->items = items.items;
	n->count = items.count;
	*out = n;
	return 0;
}

/* Orders keys by text, equal ones by their place. */
static int
compare_keys(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a;
	const struct node *y = *(struct node *const *)b;
	int order = strcmp(x->text, y->text);
	if (order)
		return order;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

static int
check_duplicates(const struct builder *b, const struct node *map)
{
	if (map->count < 2)
		return 0;
	size_t size = map->count * sizeof(struct node *);
	struct node **sorted = malloc(size);
	if (!sorted)
		panic(__FILE__, __LINE__, "out of memory");
	memcpy(sorted, map->keys, size);
	qsort(sorted, map->count, sizeof(struct node *), compare_keys);
	int rc = 0;
	for (size_t i = 1; i < map->count && rc == 0; i++)
		if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0)
			rc = tree_fail(b->place, sorted[i],
				"duplicate key '%s'; the first is in line %d",
				sorted[i]->text, sorted[i - 1]->line);
	free(sorted);
	return rc;
}

static bool
is_merge_key(const struct node *key)
{
	return key->is_plain && strcmp(key->text, "<<") == 0;
}

/* Adds the pairs of 'from' that 'keys' does not have yet. */
static int
merge_map(struct builder *b, const struct node *from, struct node *map,
	struct node_list *keys, struct node_list *items)
{
	if (from->kind != NODE_MAP)
		return tree_fail(
			b->place, from, "'<<' merges a map, or a list of maps");
	for (size_t i = 0; i < from->count; i++) {
		size_t k = 0;
		while (k < keys->count &&
			strcmp(keys->items[k]->text, from->keys[i]->text) != 0)
			k++;
		if (k < keys->count)
			continue;
		int rc = add_weight(b, map, from->items[i]);
		if (rc)
			return rc;
		if (keys->count >= MERGE_KEYS_MAX)
			return tree_fail(b->place, map,
				"more than %d keys in a map with '<<'",
				MERGE_KEYS_MAX);
		list_add(b->pool, keys, from->keys[i]);
		list_add(b->pool, items, from->items[i]);
	}
	return 0;
}

/* Replaces the "<<" key of 'map', if it has one, by what it stands for. */
static int
do_merge(struct builder *b, struct node *map)
{
	struct node_list keys = {0}, items = {0};
	const struct node *source = NULL;
	for (size_t i = 0; i < map->count; i++) {
		if (is_merge_key(map->keys[i])) {
			source = map->items[i];
			continue;
		}
		list_add(b->pool, &keys, map->keys[i]);
		list_add(b->pool, &items, map->items[i]);
	}
	if (!source)
		return 0;
	int rc = 0;
	if (source->kind != NODE_LIST)
		rc = merge_map(b, source, map, &keys, &items);
	else
		for (size_t i = 0; i < source->count && rc == 0; i++)
			rc = merge_map(b, source->items[i], map, &keys, &items);
	map->keys = keys.items;
	map->items = items.items;
	map->count = keys.count;
	return rc;
}

/* Reads one key; '*out' is NULL at the end of the map. */
static int
build_key(struct builder *b, struct node **out)
{
	*out = NULL;
	yaml_event_t event;
	int rc = next_event(b, &event);
	if (rc)
		return rc;
	if (event.type == YAML_SCALAR_EVENT)
		rc = build_scalar(b, &event, out);
	else if (event.type != YAML_MAPPING_END_EVENT)
		rc = fail_mark(b, &event.start_mark, "a key must be a text");
	yaml_event_delete(&event);
	if (rc == 0 && *out && (*out)->length > KEY_LENGTH_MAX)
		rc = tree_fail(b->place, *out, "a key of more than %d bytes",
			KEY_LENGTH_MAX);
	return rc;
}

static int
build_map(struct builder *b, const yaml_event_t *start, int depth,
	struct node **out)
{
	struct node *n = node_new(b, NODE_MAP, &start->start_mark);
	struct node_list keys = {0}, items = {0};
	for (;;) {
		struct node *key, *value = NULL;
		int rc = build_key(b, &key);
		if (rc)
			return rc;
		if (!key)
			break;
		yaml_event_t event;
		rc = next_event(b, &event);
		if (rc)
			return rc;
		rc = build_node(b, &event, depth + 1, &value);
		yaml_event_delete(&event);
		if (rc == 0)
			rc = add_weight(b, n, value);
		if (rc)
			return rc;
		list_add(b->pool, &keys, key);
		list_add(b->pool, &items, value);
	}
	n->keys = keys.items;
	n->items = items.items;
	n->count = keys.count;
	int rc = check_duplicates(b, n);
	*out = n;
	return rc ? rc : do_merge(b, n);
}

static int
resolve_alias(
	const struct builder *b, const yaml_event_t *event, struct node **out)
{
	const char *name = (const char *)event->data.alias.anchor;
	for (size_t i = b->anchor_count; i > 0; i--) {
		if (strcmp(b->anchors[i - 1].name, name) == 0) {
			*out = b->anchors[i - 1].node;
			return 0;
		}
	}
	return fail_mark(b, &event->start_mark,
		"alias '*%s' has no complete anchor '&%s' before it", name,
		name);
}

static int
add_anchor(struct builder *b, const yaml_char_t *name, struct node *node)
{
	if (!name)
		return 0;
	if (b->anchor_count == ANCHORS_MAX)
		return tree_fail(
			b->place, node, "more than %d anchors", ANCHORS_MAX);
	b->anchors[b->anchor_count].name =
		pool_text(b->pool, (const char *)name);
	b->anchors[b->anchor_count++].node = node;
	return 0;
}

static int
refuse_tag(const struct builder *b, const yaml_event_t *event,
	const yaml_char_t *tag)
{
	if (!tag)
		return 0;
	return fail_mark(b, &event->start_mark,
		"tags such as '%s' have no meaning here", (const char *)tag);
}

/* Builds what 'event' starts.  libyaml gives a node's text, anchor and tag in
 * a member of its own for each kind. */
static int
build_node(struct builder *b, const yaml_event_t *event, int depth,
	struct node **out)
{
	if (depth > SPEC_DEPTH_MAX)
		return fail_mark(b, &event->start_mark,
			"nested deeper than %d levels", SPEC_DEPTH_MAX);
	if (event->type == YAML_ALIAS_EVENT)
		return resolve_alias(b, event, out);
	const yaml_char_t *anchor, *tag;
	int (*build)(struct builder *, const yaml_event_t *, int,
		struct node **) = NULL;
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		build = build_list;
	} else {
		CHECK(event->type == YAML_MAPPING_START_EVENT);
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		build = build_map;
	}
	int rc = refuse_tag(b, event, tag);
	if (rc == 0)
		rc = build ? build(b, event, depth, out)
			   : build_scalar(b, event, out);
	return rc ? rc : add_anchor(b, anchor, *out);
}

/* Reads events up to one that is not the start of the stream. */
static int
build_document(struct builder *b, struct node **out)
{
	yaml_event_t event;
	int rc = next_event(b, &event); /* start of the stream */
	if (rc)
		return rc;
	yaml_event_delete(&event);
	rc = next_event(b, &event); /* start of the document, or the end */
	if (rc)
		return rc;
	bool is_empty = event.type == YAML_STREAM_END_EVENT;
	yaml_event_delete(&event);
	if (is_empty)
		return err_set(b->place->err, -EINVAL,
			"%s:1:1: the file is empty; it must hold 'services:'",
			b->place->file);
	rc = next_event(b, &event);
	if (rc)
		return rc;
	rc = build_node(b, &event, 1, out);
	yaml_event_delete(&event);
	return rc;
}

/* Insists that the first document was the only one. */
static int
check_end(struct builder *b)
{
	yaml_event_t event;
	int rc = next_event(b, &event); /* end of the document */
	if (rc)
		return rc;
	yaml_event_delete(&event);
	rc = next_event(b, &event);
	if (rc)
		return rc;
	if (event.type != YAML_STREAM_END_EVENT)
		rc = fail_mark(b, &event.start_mark,
			"a second document; one file holds one document");
	yaml_event_delete(&event);
	return rc;
}

int
tree_parse(const struct place *place, const void *data, size_t size,
	struct pool *pool, struct node **out)
{
	struct builder b = {
		.place = place, .pool = pool, .data = data, .size = size};
	if (!yaml_parser_initialize(&b.parser))
		panic(__FILE__, __LINE__, "out of memory");
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, data, size);
	int rc = build_document(&b, out);
	if (rc == 0)
		rc = check_end(&b);
	yaml_parser_delete(&b.parser);
	return rc;
}

const struct node *
tree_get(const struct node *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->items[i];
	return NULL;
}

bool
tree_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->is_plain &&
	       (node->length == 0 || strcmp(node->text, "~") == 0 ||
		       strcmp(node->text, "null") == 0);
}
