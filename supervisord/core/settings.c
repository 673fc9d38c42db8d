#include "core/settings.h"

#include <string.h>

#include "base/duration.h"
#include "base/hash.h"
#include "base/hours.h"
#include "core/core_private.h"
#include "core/pattern.h"

#define EXPECT_MAX 10000
#define PASS_KEY   SETTING_REBALANCE_PASS

/* How a value is written. */
enum setting_form {
	FORM_NUMBER,
	FORM_DURATION,
	FORM_WORD,
	FORM_HOURS,
	FORM_PATTERNS
};

static const char *const minority_words[] = {
	[MINORITY_TAKEOVER] = "takeover",
	[MINORITY_KEEP] = "keep",
	[MINORITY_FREEZE] = "freeze",
	[MINORITY_STOP] = "stop",
	NULL,
};

static const char *const rebalance_words[] = {
	[REBALANCE_OFF] = "off",
	[REBALANCE_AUTO] = "auto",
	[REBALANCE_MANUAL] = "manual",
	NULL,
};

/* One key: what it may be, and what holds when nobody said. */
struct setting {
	const char *key;
	enum setting_form form;
	const char *fallback;
	int64_t min; /* numbers, and durations in ms */
	int64_t max;
	const char *wrong;	  /* what to say of any other value */
	const char *const *words; /* FORM_WORD, in order of the enum */
	bool is_later;		  /* hosts before it do not know it: in the
				     digest only where it was set */
};

#define HOUR_MS 3600000
static const struct setting table[] = {
	{"expect", FORM_NUMBER, "0", 0, EXPECT_MAX,
		"must be a number of hosts from 0 to 10000", NULL, false},
	{"settle_timeout", FORM_DURATION, "60s", 0, HOUR_MS,
		"must be a duration from 0 to 1h, like 60s", NULL, false},
	{"failure_timeout", FORM_DURATION, "2s", 500, HOUR_MS,
		"must be a duration from 500ms to 1h, like 2s", NULL, false},
	{"restart_grace", FORM_DURATION, "5s", 0, HOUR_MS,
		"must be a duration from 0 to 1h, like 5s", NULL, false},
	{"minority_hold", FORM_DURATION, "10s", 0, HOUR_MS,
		"must be a duration from 0 to 1h, like 10s", NULL, false},
	{"on_minority", FORM_WORD, "takeover", 0, 0,
		"must be takeover, keep, freeze or stop", minority_words,
		false},
	{"rebalance", FORM_WORD, "off", 0, 0, "must be auto, manual or off",
		rebalance_words, false},
	{"rebalance_max", FORM_NUMBER, "5", 1, REBALANCE_MOVES_MAX,
		"must be a number of moves from 1 to 100", NULL, true},
	{"rebalance_hold", FORM_DURATION, "60s", 1000, 24 * HOUR_MS,
		"must be a duration from 1s to 24h, like 60s", NULL, true},
	{"rebalance_window", FORM_HOURS, "", 0, 0,
		"must be hours of the day in UTC, like 02:00-04:30, or empty "
		"for all day",
		NULL, true},
	{"allow", FORM_PATTERNS, "", 0, 0, NULL, NULL, false},
	{"deny", FORM_PATTERNS, "", 0, 0, NULL, NULL, false},
	/* The rest is not for people: 'skepctl rebalance' counts here. */
	{PASS_KEY, FORM_NUMBER, "0", 0, INT64_MAX,
		"is set by 'skepctl rebalance'", NULL, true},
};
#define SETTING_COUNT	     (sizeof table / sizeof *table)
#define SETTING_PEOPLE_COUNT (SETTING_COUNT - 1)

static const struct setting *
find(const char *key)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (!strcmp(table[i].key, key))
			return &table[i];
	return NULL;
}

/* Reads a value of any form but patterns; false when it is out of bounds. */
static bool
read_value(const struct setting *s, const char *text, int64_t *out)
{
	uint64_t number;
	struct hours hours;
	switch (s->form) {
	case FORM_NUMBER:
		if (!duration_parse_number(text, (uint64_t)s->max, &number))
			return false;
		*out = (int64_t)number;
		return *out >= s->min;
	case FORM_DURATION:
		return duration_parse(text, out) && *out >= s->min &&
		       *out <= s->max;
	case FORM_WORD:
		for (*out = 0; s->words[*out]; ++*out)
			if (!strcmp(s->words[*out], text))
				return true;
		return false;
	case FORM_HOURS:
		if (!hours_parse(text, &hours))
			return false;
		*out = (int64_t)hours.from << 32 | hours.until;
		return true;
	case FORM_PATTERNS:
		break;
	}
	UNREACHABLE();
}

const char *
settings_check(const char *key, const char *value)
{
	const struct setting *s = find(key);
	if (!s)
		return "is not a cluster setting";
	if (strlen(value) > SETTING_VALUE_MAX)
		return "is longer than 255 characters";
	if (s->form == FORM_PATTERNS)
		return pattern_list_check(value);
	int64_t ignored;
	return read_value(s, value, &ignored) ? NULL : s->wrong;
}

const char *
settings_key(unsigned index)
{
	return index < SETTING_PEOPLE_COUNT ? table[index].key : NULL;
}

/* The text in force: the cluster's, if it makes sense, or the fallback. */
static const char *
text_in_force(const struct core *c, const struct setting *s,
	char buffer[static SETTING_VALUE_MAX + 1])
{
	const struct entry *e = specs_find(c, ENTRY_SETTING, s->key);
	const char *text;
	if (e && specs_get_setting(e, &text, buffer, SETTING_VALUE_MAX + 1) &&
		!settings_check(s->key, text))
		return text;
	return s->fallback;
}

const char *
settings_text(const struct core *c, const char *key, char *buffer, size_t size)
{
	const struct setting *s = find(key);
	char value[SETTING_VALUE_MAX + 1];
	const char *text = s ? text_in_force(c, s, value) : "";
	CHECK(size > 0);
	size_t length = strnlen(text, size - 1);
	memcpy(buffer, text, length);
	buffer[length] = '\0';
	return buffer;
}

/* Puts one value into the struct that others read. */
static void
apply(struct settings *to, const struct setting *s, const char *text)
{
	int64_t value = 0;
	if (s->form != FORM_PATTERNS) {
		bool is_good = read_value(s, text, &value);
		CHECK(is_good);
	}
	const char *key = s->key;
	if (!strcmp(key, "expect"))
		to->expect = (uint32_t)value;
	else if (!strcmp(key, "settle_timeout"))
		to->settle_timeout_ms = value;
	else if (!strcmp(key, "failure_timeout"))
		to->failure_timeout_ms = value;
	else if (!strcmp(key, "restart_grace"))
		to->restart_grace_ms = value;
	else if (!strcmp(key, "minority_hold"))
		to->minority_hold_ms = value;
	else if (!strcmp(key, "on_minority"))
		to->on_minority = (enum on_minority)value;
	else if (!strcmp(key, "rebalance"))
		to->rebalance = (enum rebalance_mode)value;
	else if (!strcmp(key, "rebalance_max"))
		to->rebalance_max = (uint32_t)value;
	else if (!strcmp(key, "rebalance_hold"))
		to->rebalance_hold_ms = value;
	else if (!strcmp(key, "rebalance_window"))
		to->rebalance_window = (struct hours){
			(uint32_t)(value >> 32), (uint32_t)value};
	else if (!strcmp(key, PASS_KEY))
		to->rebalance_pass = (uint64_t)value;
	else if (!strcmp(key, "allow"))
		memcpy(to->allow, text, strlen(text) + 1);
	else if (!strcmp(key, "deny"))
		memcpy(to->deny, text, strlen(text) + 1);
	else
		UNREACHABLE();
}

/* Adds one value to the digest, as what it means: "60s" is "1m". */
static uint64_t
digest_of(const struct setting *s, const char *text)
{
	int64_t value = 0;
	uint64_t h = hash_text(s->key, 0);
	if (s->form == FORM_PATTERNS)
		return hash_text(text, h);
	bool is_good = read_value(s, text, &value);
	CHECK(is_good);
	int64_t unset = value;
	if (s->is_later && read_value(s, s->fallback, &unset) && value == unset)
		return 0;
	return hash_mix(h, (uint64_t)value);
}

void
settings_init(struct core *c)
{
	memset(&c->settings, 0, sizeof c->settings);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = &table[i];
		apply(&c->settings, s, s->fallback);
		c->settings.digest += digest_of(s, s->fallback);
	}
}

void
settings_refresh(struct core *c)
{
	struct settings *to = &c->settings;
	uint64_t before = to->digest;
	to->digest = 0;
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		char buffer[SETTING_VALUE_MAX + 1];
		const char *text = text_in_force(c, &table[i], buffer);
		apply(to, &table[i], text);
		to->digest += digest_of(&table[i], text);
	}
	if (to->digest != before)
		duty_mark_all(c);
}

void
settings_seed(struct core *c)
{
	const char *const *pair = c->config.settings;
	c->specs.is_seeding = true;
	for (; pair && pair[0]; pair += 2) {
		uint64_t after;
		if (specs_find(c, ENTRY_SETTING, pair[0]) ||
			settings_check(pair[0], pair[1]))
			continue;
		specs_set_setting(c, pair[0], pair[1], &after);
	}
	c->specs.is_seeding = false;
}

void
settings_on_request(struct core *c, const struct input_request *r)
{
	CHECK(r->op == REQUEST_CLUSTER_SET);
	const char *wrong = strcmp(r->name, PASS_KEY)
				    ? settings_check(r->name, r->arg)
				    : find(PASS_KEY)->wrong;
	if (wrong) {
		core_reply(c, r->id, 0, REPLY_INVALID,
			effects_format(&c->fx, "%s %s", r->name, wrong));
		return;
	}
	uint64_t after;
	enum reply_code code = specs_set_setting(c, r->name, r->arg, &after);
	if (code == REPLY_UNCHANGED) {
		core_reply(c, r->id, after, REPLY_UNCHANGED, "unchanged");
		return;
	}
	if (code != REPLY_OK) {
		core_reply(c, r->id, 0, code,
			"the table of the desired state is full");
		return;
	}
	core_note_by(c, NOTE_OPERATOR, c->config.node, 0,
		effects_format(&c->fx, "cluster set %s %s", r->name, r->arg),
		&r->actor);
	core_reply(c, r->id, after, REPLY_OK, "");
}
