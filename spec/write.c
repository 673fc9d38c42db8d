#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "spec/value.h"
#include "sys/units.h"

static void
write_texts(struct json *j, const struct spec_texts *texts)
{
	json_raw(j, "[");
	for (size_t i = 0; i < texts->count; i++) {
		json_raw(j, i ? "," : "");
		json_text(j, texts->items[i]);
	}
	json_raw(j, "]");
}

static void
write_codes(struct json *j, const struct spec_codes *codes)
{
	json_raw(j, "[");
	for (size_t i = 0; i < codes->count; i++) {
		json_raw(j, i ? "," : "");
		json_number(j, codes->items[i]);
	}
	json_raw(j, "]");
}

static void
write_pairs(struct json *j, const struct spec_pairs *pairs)
{
	json_raw(j, "{");
	for (size_t i = 0; i < pairs->count; i++) {
		json_raw(j, i ? "," : "");
		json_text(j, pairs->items[i].key);
		json_raw(j, ":");
		json_text(j, pairs->items[i].value);
	}
	json_raw(j, "}");
}

static const char *
format_limit(uint64_t limit, char *buffer, size_t size)
{
	if (limit == SPEC_UNLIMITED)
		snprintf(buffer, size, "unlimited");
	else
		snprintf(buffer, size, "%" PRIu64, limit);
	return buffer;
}

static const char *
limit_name(int resource)
{
	const struct value_limit *l = value_limits;
	while (l->name && l->resource != resource)
		l++;
	CHECK(l->name);
	return l->name;
}

static void
write_rlimits(struct json *j, const struct spec_rlimits *limits)
{
	json_raw(j, "{");
	for (size_t i = 0; i < limits->count; i++) {
		const struct spec_rlimit *l = &limits->items[i];
		char soft[24], hard[24], both[52];
		format_limit(l->soft, soft, sizeof soft);
		format_limit(l->hard, hard, sizeof hard);
		snprintf(both, sizeof both, "%s:%s", soft, hard);
		json_raw(j, i ? "," : "");
		json_text(j, limit_name(l->resource));
		json_raw(j, ":");
		json_text(j, l->soft == l->hard ? soft : both);
	}
	json_raw(j, "}");
}

static void
write_depends(struct json *j, const struct spec_depends *depends)
{
	json_raw(j, "{");
	for (size_t i = 0; i < depends->count; i++) {
		const struct spec_depend *d = &depends->items[i];
		json_raw(j, i ? "," : "");
		json_text(j, d->service);
		json_raw(j, ":{\"condition\":");
		json_text(j, value_condition_word(d->condition));
		json_raw(j, "}");
	}
	json_raw(j, "}");
}

static const char *
find_word(const struct spec_key *key, int32_t value)
{
	const struct key_word *w = key->words;
	while (w->word && (w->kind != WORD_USUAL || w->value != value))
		w++;
	CHECK(w->word);
	return w->word;
}

static void
write_signal(int32_t number, char *text, size_t size)
{
	if (number)
		units_signal_name(number, text, size);
	else
		snprintf(text, size, "none");
}

/* Writes the types whose canonical form is a short text. */
static void
write_short(struct json *j, const struct spec_key *key, const void *member)
{
	char text[32] = "";
	int32_t number;
	memcpy(&number, member, sizeof number);
	if (key->type == KEY_PERCENT)
		snprintf(text, sizeof text, "%" PRId32 "%%", number);
	else if (key->type == KEY_UMASK)
		snprintf(text, sizeof text, "%04o", (unsigned)number);
	else if (key->type == KEY_SIGNAL)
		write_signal(number, text, sizeof text);
	else if (key->type == KEY_DURATION)
		units_format_duration(
			*(const int64_t *)member, text, sizeof text);
	else
		units_format_size(*(const uint64_t *)member, text, sizeof text);
	json_text(j, text);
}

void
value_write(struct json *j, const struct spec_key *key, const struct spec *spec)
{
	CHECK(key->offset != KEY_NO_MEMBER);
	const void *member = (const char *)spec + key->offset;
	switch (key->type) {
	case KEY_TEXT:
		json_text(j, *(char *const *)member);
		break;
	case KEY_BOOL:
		json_raw(j, *(const bool *)member ? "true" : "false");
		break;
	case KEY_INT:
		json_number(j, *(const int32_t *)member);
		break;
	case KEY_WORD:
		json_text(j, find_word(key, *(const int32_t *)member));
		break;
	case KEY_PERCENT:
	case KEY_UMASK:
	case KEY_SIGNAL:
	case KEY_DURATION:
	case KEY_SIZE:
		write_short(j, key, member);
		break;
	case KEY_COMMAND:
	case KEY_TEXTS:
		write_texts(j, member);
		break;
	case KEY_CODES:
		write_codes(j, member);
		break;
	case KEY_PAIRS:
		write_pairs(j, member);
		break;
	case KEY_RLIMITS:
		write_rlimits(j, member);
		break;
	case KEY_DEPENDS:
		write_depends(j, member);
		break;
	case KEY_BLOCK:
	case KEY_LATER:
	case KEY_TYPE_COUNT:
		UNREACHABLE();
	}
}
