/* Writes the JSON schema of a file of services, from the table of keys.
 *
 * Editors read it (yaml-language-server, VS Code) to complete and to check
 * while one types.  The parser checks more than a schema can say; what the
 * schema refuses, the parser refuses too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "spec/json.h"
#include "spec/keys.h"
#include "spec/shapes.h"
#include "spec/value.h"

#define SCHEMA_SIZE 262144
#define DURATION    "^(0|[0-9]+(ms|s|m|h|d))$"
#define SIZE_TEXT   "^(0|[0-9]+([KMGT]iB|[KMG]?B)?)$"
#define EXTRA	    "\"patternProperties\":{\"^x-\":{}}"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "genschema: %s:%d: %s\n", file, line, what);
	exit(1);
}

static void
put_pattern(struct json *j, const char *pattern)
{
	json_raw(j, "\"pattern\":");
	json_text(j, pattern);
}

static void
put_range(struct json *j, const struct spec_key *key)
{
	json_raw(j, "\"type\":\"integer\",\"minimum\":");
	json_number(j, key->min);
	json_raw(j, ",\"maximum\":");
	json_number(j, key->max);
}

static void
put_words(struct json *j, const struct spec_key *key)
{
	const char *comma = "";
	json_raw(j, "\"enum\":[");
	for (const struct key_word *w = key->words; w->word; w++) {
		if (w->kind == WORD_LATER)
			continue;
		json_raw(j, comma);
		json_text(j, w->word);
		comma = ",";
	}
	json_raw(j, "]");
}

/* A list of at most 'max' texts of the key's shape. */
static void
put_list(struct json *j, const struct spec_key *key)
{
	json_raw(j, "\"type\":\"array\",\"maxItems\":");
	json_number(j, key->max);
	json_raw(j, ",\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]");
	if (key->shape) {
		json_raw(j, ",");
		put_pattern(j, key->shape->pattern);
	}
	json_raw(j, "}");
}

static void
put_map(struct json *j, const struct spec_key *key)
{
	json_raw(j, "\"type\":\"object\",\"maxProperties\":");
	json_number(j, key->max);
	json_raw(j, ",\"propertyNames\":{");
	put_pattern(j, key->key_shape->pattern);
	json_raw(j, "},\"additionalProperties\":{\"type\":[\"string\","
		    "\"number\",\"boolean\"]}");
}

static void
put_limits(struct json *j)
{
	json_raw(j, "\"type\":\"object\",\"additionalProperties\":false,"
		    "\"properties\":{");
	for (const struct value_limit *l = value_limits; l->name; l++) {
		json_raw(j, l == value_limits ? "" : ",");
		json_text(j, l->name);
		json_raw(j, ":{\"type\":[\"string\",\"integer\"]}");
	}
	json_raw(j, "}");
}

static void
put_depends(struct json *j, const struct spec_key *key)
{
	json_raw(j, "\"type\":\"object\",\"maxProperties\":");
	json_number(j, key->max);
	json_raw(j, ",\"propertyNames\":{");
	put_pattern(j, shape_name.pattern);
	json_raw(j,
		"},\"additionalProperties\":{\"type\":[\"object\",\"null\"],"
		"\"additionalProperties\":false,\"properties\":{"
		"\"condition\":{\"enum\":[\"ready\",\"started\","
		"\"completed\"]}}}");
}

static void put_block(struct json *j, const char *block);

static void
put_text(struct json *j, const struct spec_key *key)
{
	json_raw(j, "\"type\":[\"string\",\"number\"]");
	if (key->shape) {
		json_raw(j, ",");
		put_pattern(j, key->shape->pattern);
	}
}

static void
put_patterned(struct json *j, const char *types, const char *pattern)
{
	json_raw(j, "\"type\":");
	json_raw(j, types);
	json_raw(j, ",");
	put_pattern(j, pattern);
}

/* The type of one key, without braces. */
static void
put_type(struct json *j, const struct spec_key *key)
{
	switch (key->type) {
	case KEY_BLOCK:
		put_block(j, key->path);
		break;
	case KEY_TEXT:
		put_text(j, key);
		break;
	case KEY_BOOL:
		json_raw(j, "\"type\":\"boolean\"");
		break;
	case KEY_INT:
		put_range(j, key);
		break;
	case KEY_PERCENT:
		put_patterned(j, "\"string\"", "^[0-9]{1,3}%$");
		break;
	case KEY_UMASK:
		put_patterned(j, "[\"string\",\"integer\"]", "^[0-7]{1,5}$");
		break;
	case KEY_SIGNAL:
		put_patterned(j, "[\"string\",\"integer\"]",
			"^([A-Za-z0-9]+|(SIG)?RTMIN\\+[0-9]+)$");
		break;
	case KEY_WORD:
		put_words(j, key);
		break;
	case KEY_DURATION:
		put_patterned(j, "[\"string\",\"integer\"]", DURATION);
		break;
	case KEY_SIZE:
		put_patterned(j, "[\"string\",\"integer\"]", SIZE_TEXT);
		break;
	case KEY_COMMAND:
		json_raw(j, "\"anyOf\":[{\"type\":\"string\"},{");
		put_list(j, key);
		json_raw(j,
			key->flags & KEY_OPTIONAL ? "}]" : ",\"minItems\":1}]");
		break;
	case KEY_TEXTS:
		put_list(j, key);
		json_raw(j, ",\"uniqueItems\":true");
		break;
	case KEY_CODES:
		json_raw(j, "\"type\":\"array\",\"uniqueItems\":true,"
			    "\"maxItems\":16,\"items\":{\"type\":\"integer\","
			    "\"minimum\":0,\"maximum\":255}");
		break;
	case KEY_PAIRS:
		put_map(j, key);
		break;
	case KEY_RLIMITS:
		put_limits(j);
		break;
	case KEY_DEPENDS:
		put_depends(j, key);
		break;
	case KEY_LATER:
	case KEY_TYPE_COUNT:
		panic(__FILE__, __LINE__, "no such type");
	}
}

/* The default, for people: as it would be written. */
static void
put_default(struct json *j, const struct spec_key *key)
{
	if (!key->fallback)
		return;
	bool is_json = key->type == KEY_BOOL || key->type == KEY_INT ||
		       key->type == KEY_CODES;
	json_raw(j, ",\"default\":");
	if (is_json)
		json_raw(j, key->fallback);
	else
		json_text(j, key->fallback);
}

/* The members of 'block' as the body of an object schema. */
static void
put_block(struct json *j, const char *block)
{
	size_t count;
	const struct spec_key *keys = spec_keys(&count);
	const char *comma = "";
	json_raw(j, "\"type\":\"object\",\"additionalProperties\":false," EXTRA
		    ",\"properties\":{");
	for (size_t i = 0; i < count; i++) {
		if (!spec_key_is_in(&keys[i], block) ||
			keys[i].type == KEY_LATER)
			continue;
		json_raw(j, comma);
		comma = ",";
		json_text(j, spec_key_leaf(&keys[i]));
		json_raw(j, ":{\"description\":");
		json_text(j, keys[i].help);
		json_raw(j, ",");
		put_type(j, &keys[i]);
		put_default(j, &keys[i]);
		json_raw(j, "}");
	}
	json_raw(j, "}");
}

static void
put_schema(struct json *j)
{
	json_raw(j, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
		    "\"title\":\"skep services\",\"type\":\"object\","
		    "\"required\":[\"services\"],"
		    "\"additionalProperties\":false," EXTRA
		    ",\"properties\":{\"services\":{\"type\":\"object\","
		    "\"minProperties\":1,\"propertyNames\":{");
	put_pattern(j, shape_name.pattern);
	json_raw(j, "},\"additionalProperties\":{\"required\":[\"command\"],"
		    "\"not\":{\"required\":[\"replicas\",\"instances\"]},");
	put_block(j, "");
	json_raw(j, "}}}}\n");
}

int
main(void)
{
	static char text[SCHEMA_SIZE];
	struct json j;
	json_init(&j, text, sizeof text);
	put_schema(&j);
	if (j.is_full)
		panic(__FILE__, __LINE__, "SCHEMA_SIZE is too small");
	fputs(text, stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}
