#include "spec/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void
json_init(struct json *j, char *text, size_t size)
{
	CHECK(size > 0);
	*j = (struct json){.text = text, .size = size};
	text[0] = '\0';
}

static void
put(struct json *j, const char *text, size_t length)
{
	if (j->is_full || length >= j->size - j->length) {
		j->is_full = true;
		return;
	}
	memcpy(j->text + j->length, text, length);
	j->length += length;
	j->text[j->length] = '\0';
}

void
json_raw(struct json *j, const char *text)
{
	put(j, text, strlen(text));
}

static void
put_unicode(struct json *j, unsigned code)
{
	char text[8];
	snprintf(text, sizeof text, "\\u%04x", code & 0xffff);
	json_raw(j, text);
}

/* The character of the basic plane that starts at 's', when YAML would not
 * give it back as it is; 0 for all others. */
static unsigned
find_special(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return s[0];
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return s[1];
	if (s[0] != 0xe2 && s[0] != 0xef)
		return 0;
	if (s[1] == 0 || s[2] == 0)
		return 0;
	unsigned code = (s[0] & 15u) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u);
	bool is_special = code == 0x2028 || code == 0x2029 || code == 0xfeff ||
			  code >= 0xfffe;
	return is_special ? code : 0;
}

void
json_text(struct json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	json_raw(j, "\"");
	while (*s) {
		unsigned code = find_special(s);
		if (*s == '"' || *s == '\\') {
			char escaped[2] = {'\\', (char)*s};
			put(j, escaped, 2);
		} else if (*s == '\n') {
			json_raw(j, "\\n");
		} else if (*s == '\t') {
			json_raw(j, "\\t");
		} else if (code) {
			put_unicode(j, code);
			s += code < 0x80 ? 0 : code < 0x800 ? 1 : 2;
		} else {
			put(j, (const char *)s, 1);
		}
		s++;
	}
	json_raw(j, "\"");
}

void
json_number(struct json *j, int64_t number)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)number);
	json_raw(j, text);
}

static const char *
skip_digits(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return s;
}

/* Whether 's' is a number as JSON writes it. */
static bool
is_number(const char *s)
{
	s += *s == '-';
	const char *end = skip_digits(s);
	if (end == s || (*s == '0' && end > s + 1))
		return false;
	if (*end == '.') {
		s = end + 1;
		end = skip_digits(s);
		if (end == s)
			return false;
	}
	if (*end == 'e' || *end == 'E') {
		s = end + 1;
		s += *s == '-' || *s == '+';
		end = skip_digits(s);
		if (end == s)
			return false;
	}
	return *end == '\0';
}

static void
put_scalar(struct json *j, const struct node *n)
{
	bool is_json = n->is_plain && (strcmp(n->text, "true") == 0 ||
					      strcmp(n->text, "false") == 0 ||
					      is_number(n->text));
	if (tree_is_null(n))
		json_raw(j, "null");
	else if (is_json)
		json_raw(j, n->text);
	else
		json_text(j, n->text);
}

/* A pair of a map, for sorting. */
struct pair {
	const struct node *key;
	const struct node *value;
};

static int
compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	return strcmp(x->key->text, y->key->text);
}

static void
put_map(struct json *j, const struct node *n)
{
	struct pair *pairs = calloc(n->count + 1, sizeof *pairs);
	if (!pairs)
		panic(__FILE__, __LINE__, "out of memory");
	for (size_t i = 0; i < n->count; i++)
		pairs[i] = (struct pair){n->keys[i], n->items[i]};
	qsort(pairs, n->count, sizeof *pairs, compare_pairs);
	json_raw(j, "{");
	for (size_t i = 0; i < n->count && !j->is_full; i++) {
		json_raw(j, i ? "," : "");
		json_text(j, pairs[i].key->text);
		json_raw(j, ":");
		json_tree(j, pairs[i].value);
	}
	json_raw(j, "}");
	free(pairs);
}

void
json_tree(struct json *j, const struct node *node)
{
	if (j->is_full)
		return;
	if (node->kind == NODE_SCALAR) {
		put_scalar(j, node);
	} else if (node->kind == NODE_MAP) {
		put_map(j, node);
	} else {
		json_raw(j, "[");
		for (size_t i = 0; i < node->count && !j->is_full; i++) {
			json_raw(j, i ? "," : "");
			json_tree(j, node->items[i]);
		}
		json_raw(j, "]");
	}
}

void
json_cut(struct json *j, size_t length)
{
	CHECK(length <= j->length);
	j->length = length;
	j->text[length] = '\0';
}
