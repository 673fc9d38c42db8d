/* The schema is JSON and says of every key what the table says. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "spec/keys.h"

static json_t *schema;

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "panic: %s:%d: %s\n", file, line, what);
	abort();
}

/* The properties of a service, or of one of its blocks. */
static json_t *
properties_of(const char *block)
{
	json_t *service = NULL;
	json_unpack(schema, "{s:{s:{s:o}}}", "properties", "services",
		"additionalProperties", &service);
	json_t *p = json_object_get(service, "properties");
	/* Each part of the path is one block further in. */
	while (*block) {
		char part[64];
		size_t length = strcspn(block, ".");
		snprintf(part, sizeof part, "%.*s", (int)length, block);
		p = json_object_get(json_object_get(p, part), "properties");
		block += length + (block[length] == '.');
	}
	return p;
}

/* The JSON type a key must have there; NULL: not told by "type". */
static const char *
type_of(const struct spec_key *key)
{
	switch (key->type) {
	case KEY_BLOCK:
	case KEY_PAIRS:
	case KEY_RLIMITS:
	case KEY_DEPENDS:
		return "object";
	case KEY_BOOL:
		return "boolean";
	case KEY_INT:
		return "integer";
	case KEY_PERCENT:
	case KEY_TEXT:
	case KEY_UMASK:
	case KEY_SIGNAL:
	case KEY_DURATION:
	case KEY_SIZE:
		return "string";
	case KEY_TEXTS:
	case KEY_CODES:
		return "array";
	case KEY_WORD:
	case KEY_COMMAND:
	case KEY_LATER:
	case KEY_TYPE_COUNT:
		return NULL;
	}
	return NULL;
}

static void
check_type(const struct spec_key *key, json_t *entry)
{
	const char *wanted = type_of(key);
	json_t *type = json_object_get(entry, "type");
	if (json_is_array(type))
		type = json_array_get(type, 0);
	if (wanted)
		ck_assert_str_eq(json_string_value(type), wanted);
	else if (key->type == KEY_WORD)
		ck_assert(json_is_array(json_object_get(entry, "enum")));
	else
		ck_assert(json_is_array(json_object_get(entry, "anyOf")));
}

START_TEST(key_stands_in_the_schema)
{
	size_t count;
	const struct spec_key *key = &spec_keys(&count)[_i];
	char block[64] = "";
	const char *leaf = spec_key_leaf(key);
	if (leaf != key->path)
		snprintf(block, sizeof block, "%.*s",
			(int)(leaf - key->path - 1), key->path);
	json_t *entry = json_object_get(properties_of(block), leaf);
	if (key->type == KEY_LATER) {
		ck_assert_msg(!entry, "%s is promised", key->path);
		return;
	}
	ck_assert_msg(entry != NULL, "%s is missing", key->path);
	ck_assert_str_eq(
		json_string_value(json_object_get(entry, "description")),
		key->help);
	if (key->fallback)
		ck_assert(json_object_get(entry, "default"));
	check_type(key, entry);
}
END_TEST

START_TEST(schema_has_no_other_keys)
{
	size_t count, blocks = 0, known = 0;
	const struct spec_key *keys = spec_keys(&count);
	size_t listed = json_object_size(properties_of(""));
	for (size_t i = 0; i < count; i++) {
		known += keys[i].type != KEY_LATER;
		if (keys[i].type != KEY_BLOCK)
			continue;
		listed += json_object_size(properties_of(keys[i].path));
		blocks++;
	}
	ck_assert_uint_eq(blocks, 15);
	ck_assert_uint_eq(listed, known);
}
END_TEST

int
main(void)
{
	json_error_t error;
	schema = json_load_file(
		"skep-service.schema.json", JSON_REJECT_DUPLICATES, &error);
	if (!schema) {
		fprintf(stderr, "skep-service.schema.json:%d: %s\n", error.line,
			error.text);
		return EXIT_FAILURE;
	}
	size_t count;
	spec_keys(&count);
	Suite *s = suite_create("spec schema");
	TCase *t = tcase_create("schema");
	tcase_add_loop_test(t, key_stands_in_the_schema, 0, (int)count);
	tcase_add_test(t, schema_has_no_other_keys);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	json_decref(schema);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
