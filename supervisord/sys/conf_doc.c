/* What the documentation says of the rows of skep.conf. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "sys/conf_value.h"
#include "sys/units.h"

static const char *
form_name(enum conf_type type)
{
	static const char *const names[CONF_TYPE_COUNT] = {
		[CONF_NAME] = "name",
		[CONF_GROUP] = "group",
		[CONF_PATH] = "path",
		[CONF_ADDRESS] = "HOST[:PORT]",
		[CONF_NUMBER] = "number",
		[CONF_SIZE] = "size",
		[CONF_DURATION] = "duration",
		[CONF_HOURS] = "HH:MM-HH:MM",
		[CONF_PATTERNS] = "list of host patterns",
		[CONF_BOOL] = "yes | no",
		[CONF_CHOICE] = "word",
		[CONF_LIST] = "list of names or numbers",
		[CONF_PATHS] = "list of paths",
		[CONF_GLOBS] = "list of patterns",
		[CONF_KINDS] = "list of patterns",
		[CONF_CAPS] = "list of capabilities",
		[CONF_JOIN] = "list of HOST[:PORT]",
		[CONF_LABELS] = "list of KEY=VALUE",
		[CONF_POOLS] = "list of names",
		[CONF_LATER] = "text",
	};
	CHECK(type < CONF_TYPE_COUNT && names[type]);
	return names[type];
}

/* The words that are taken: "psk | none". */
static void
write_words(const struct conf_key *key, char *out, size_t size)
{
	size_t used = 0;
	for (uint32_t i = 0; i < key->word_count; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
			i ? " | " : "", key->words[i]);
	CHECK(used < size);
}

/* A bound of a duration; nothing is 0, which needs no unit. */
static const char *
duration_text(uint64_t ms, char *out, size_t size)
{
	return ms ? units_format_duration((int64_t)ms, out, size) : "0";
}

static void
write_range(const struct conf_key *key, char *out, size_t size)
{
	char low[32], high[32];
	out[0] = '\0';
	if (key->type == CONF_NUMBER)
		snprintf(out, size, "From %" PRIu64 " to %" PRIu64 ".",
			key->min, key->max);
	else if (key->type == CONF_DURATION)
		snprintf(out, size, "From %s to %s.",
			duration_text(key->min, low, sizeof low),
			duration_text(key->max, high, sizeof high));
	else if (key->type == CONF_SIZE)
		snprintf(out, size, "0, or from %s to %s.",
			units_format_size(key->min, low, sizeof low),
			units_format_size(key->max, high, sizeof high));
}

void
conf_value_doc(const struct conf_key *key, struct conf_doc *out)
{
	*out = (struct conf_doc){
		.section = key->section,
		.key = key->key,
		.fallback = key->fallback,
		.help = key->help,
		.has_words = key->type == CONF_CHOICE,
		.is_supported = key->type != CONF_LATER && !key->is_later,
	};
	if (out->has_words)
		write_words(key, out->form, sizeof out->form);
	else
		snprintf(out->form, sizeof out->form, "%s",
			form_name(key->type));
	write_range(key, out->range, sizeof out->range);
}
