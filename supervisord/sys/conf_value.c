#include "sys/conf_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/hours.h"
#include "sys/capability.h"
#include "sys/event_kinds.h"
#include "sys/nearest.h"
#include "sys/units.h"

#define LETTERS                                                                \
	"abcdefghijklmnopqrstuvwxyz"                                           \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                           \
	"0123456789"

/* What a reader gets: the row, the whole, and where to put the value. */
struct conf_reading {
	const struct conf_key *key;
	struct conf *conf;
	void *member;
	struct err *err;
};

static bool
is_name(const char *text, size_t max)
{
	size_t length = strlen(text);
	return length >= 1 && length <= max && isalnum((unsigned char)*text) &&
	       strspn(text, LETTERS "._-") == length;
}

static int
read_name(const struct conf_reading *r, const char *value)
{
	if (!is_name(value, r->key->max))
		return err_set(r->err, -EINVAL,
			"'%.100s' is not a name: 1 to %" PRIu64
			" letters, digits, '.', '_' or '-'",
			value, r->key->max);
	strcpy(r->member, value);
	return 0;
}

static bool
is_group(const char *text)
{
	return strlen(text) < CONF_GROUP_SIZE && text[0] != '-' &&
	       strspn(text, LETTERS "._-@$") == strlen(text);
}

static int
read_group(const struct conf_reading *r, const char *value)
{
	if (!is_group(value))
		return err_set(
			r->err, -EINVAL, "'%.100s' is not a group", value);
	strcpy(r->member, value);
	return 0;
}

static int
read_path(const struct conf_reading *r, const char *value)
{
	if (value[0] != '/')
		return err_set(r->err, -EINVAL,
			"'%.100s' is not an absolute path", value);
	if (strlen(value) > r->key->max)
		return err_set(r->err, -EINVAL,
			"is longer than %" PRIu64 " characters", r->key->max);
	strcpy(r->member, value);
	return 0;
}

/* Reads 1 to 5 digits as a port. */
static int
parse_port(const char *text, uint16_t *port)
{
	size_t length = strlen(text);
	if (length < 1 || length > 5 || strspn(text, "0123456789") != length)
		return -EINVAL;
	long n = strtol(text, NULL, 10);
	if (n < 1 || n > 65535)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

static bool
is_host(const char *host, bool is_v6)
{
	if (is_v6)
		return strchr(host, ':') &&
		       strspn(host, LETTERS ":.%") == strlen(host);
	return strcmp(host, "*") == 0 || is_name(host, ADDRESS_MAX);
}

int
conf_split_address(
	const char *address, char host[ADDRESS_MAX + 1], uint16_t *port)
{
	bool is_v6 = address[0] == '[';
	const char *start = address + is_v6;
	size_t length = strcspn(start, is_v6 ? "]" : ":");
	const char *rest = start + length;
	if (length < 1 || length > ADDRESS_MAX - 9)
		return -EINVAL;
	if (is_v6 && *rest++ != ']')
		return -EINVAL;
	memcpy(host, start, length);
	host[length] = '\0';
	*port = CONF_PORT;
	if (!is_host(host, is_v6) || (*rest && *rest != ':'))
		return -EINVAL;
	return *rest ? parse_port(rest + 1, port) : 0;
}

/* Reads an address and writes it with its port. */
static int
read_address_into(struct err *err, const char *value, char *out)
{
	char host[ADDRESS_MAX + 1];
	uint16_t port;
	if (conf_split_address(value, host, &port) < 0)
		return err_set(err, -EINVAL,
			"'%.100s' is not HOST, HOST:PORT or [V6]:PORT", value);
	const char *form = strchr(host, ':') ? "[%s]:%u" : "%s:%u";
	if (form[0] == '[')
		snprintf(out, ADDRESS_MAX + 1, "[%.240s]:%u", host, port);
	else
		snprintf(out, ADDRESS_MAX + 1, "%.240s:%u", host, port);
	return 0;
}

static int
read_address(const struct conf_reading *r, const char *value)
{
	return read_address_into(r->err, value, r->member);
}

static int
read_number(const struct conf_reading *r, const char *value)
{
	size_t length = strlen(value);
	uint64_t n = strtoull(value, NULL, 10);
	bool fits = length <= 10 && strspn(value, "0123456789") == length &&
		    n >= r->key->min && n <= r->key->max;
	if (!fits)
		return err_set(r->err, -EINVAL,
			"must be a number, %" PRIu64 " to %" PRIu64
			", not '%.100s'",
			r->key->min, r->key->max, value);
	if (r->member)
		*(uint32_t *)r->member = (uint32_t)n;
	return 0;
}

static int
read_size(const struct conf_reading *r, const char *value)
{
	char low[32], high[32];
	uint64_t n;
	int rc = units_parse_size(value, &n);
	if (rc == -EINVAL)
		return err_set(r->err, rc,
			"'%.100s' is not a size (such as 0, 64KiB or 5MiB)",
			value);
	if (rc || (n && n < r->key->min) || n > r->key->max)
		return err_set(r->err, -EINVAL,
			"must be 0, or %s to %s, not %.100s",
			units_format_size(r->key->min, low, sizeof low),
			units_format_size(r->key->max, high, sizeof high),
			value);
	*(uint64_t *)r->member = n;
	return 0;
}

static int
read_duration(const struct conf_reading *r, const char *value)
{
	int64_t ms;
	char min[32], max[32];
	int rc = units_parse_duration(value, &ms);
	if (rc == -EINVAL)
		return err_set(r->err, -EINVAL,
			"'%.100s' is not a duration (such as 500ms, 10s or "
			"5m)",
			value);
	if (rc || (uint64_t)ms < r->key->min || (uint64_t)ms > r->key->max)
		return err_set(r->err, -EINVAL, "must be %s to %s, not %.100s",
			units_format_duration(
				(int64_t)r->key->min, min, sizeof min),
			units_format_duration(
				(int64_t)r->key->max, max, sizeof max),
			value);
	return 0;
}

static int
read_bool(const struct conf_reading *r, const char *value)
{
	bool is_yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
	bool is_no = strcmp(value, "no") == 0 || strcmp(value, "false") == 0;
	if (!is_yes && !is_no)
		return err_set(r->err, -EINVAL,
			"must be yes or no, not '%.100s'", value);
	*(bool *)r->member = is_yes;
	return 0;
}

static int
read_choice(const struct conf_reading *r, const char *value)
{
	char known[128] = "";
	struct nearest n;
	nearest_init(&n, value);
	for (uint32_t i = 0; r->key->words[i]; i++) {
		if (strcmp(r->key->words[i], value) == 0) {
			if (i >= r->key->word_count)
				return err_set(r->err, -EINVAL,
					"%s: not supported yet", value);
			if (r->member)
				*(int32_t *)r->member = (int32_t)i;
			return 0;
		}
		if (i >= r->key->word_count)
			continue;
		nearest_offer(&n, r->key->words[i]);
		size_t length = strlen(known);
		snprintf(known + length, sizeof known - length, "%s%s",
			length ? ", " : "", r->key->words[i]);
	}
	if (n.best)
		return err_set(r->err, -EINVAL,
			"'%.100s' is none of %s; did you mean '%s'?", value,
			known, n.best);
	return err_set(r->err, -EINVAL, "'%.100s' is none of %s", value, known);
}

/* Cuts the next item of a comma list out of '*rest' into 'item'.  Returns 1,
 * 0 at the end, or -EINVAL. */
static int
next_item(const char **rest, char *item, size_t size, struct err *err)
{
	const char *start = *rest + strspn(*rest, " \t,");
	if (*start == '\0')
		return 0;
	size_t length = strcspn(start, ",");
	*rest = start + length;
	while (length &&
		(start[length - 1] == ' ' || start[length - 1] == '\t'))
		length--;
	if (length >= size)
		return err_set(err, -EINVAL,
			"'%.40s...' is longer than %zu characters", start,
			size - 1);
	memcpy(item, start, length);
	item[length] = '\0';
	return 1;
}

static int
check_word(const char *item, struct err *err)
{
	return is_group(item) ? 0
			      : err_set(err, -EINVAL,
					"'%.100s' is not the name or number of "
					"a user or group",
					item);
}

static int
check_path(const char *item, struct err *err)
{
	return item[0] == '/'
		       ? 0
		       : err_set(err, -EINVAL,
				 "'%.100s' is not an absolute path", item);
}

static int
check_capability(const char *item, struct err *err)
{
	char why[256];
	return capability_fault(item, why, sizeof why)
		       ? err_set(err, -EINVAL, "%s", why)
		       : 0;
}

static int
check_glob(const char *item, struct err *err)
{
	const char *fault = glob_fault(item);
	return fault ? err_set(err, -EINVAL, "'%.100s': %s", item, fault) : 0;
}

/* A pattern that no kind matches would be silence where a word was awaited. */
static int
check_kind(const char *item, struct err *err)
{
	int rc = check_glob(item, err);
	if (rc)
		return rc;
	struct nearest n;
	nearest_init(&n, item);
	for (const struct event_kind *k = event_kinds; k->name; k++) {
		if (glob_matches(item, k->name))
			return 0;
		nearest_offer(&n, k->name);
	}
	if (n.best)
		return err_set(err, -EINVAL,
			"there is no kind '%.40s'; did you mean '%s'?", item,
			n.best);
	return err_set(err, -EINVAL,
		"there is no kind '%.40s'; skep.conf(5) lists them", item);
}

static int
read_items(const struct conf_reading *r, const char *value,
	int (*check)(const char *item, struct err *err))
{
	struct conf_list *list = r->member;
	char item[CONF_WORD_SIZE];
	int rc;
	list->count = 0;
	while ((rc = next_item(&value, item, sizeof item, r->err)) > 0) {
		if (list->count == CONF_LIST_MAX)
			return err_set(r->err, -EINVAL, "more than %d items",
				CONF_LIST_MAX);
		rc = check(item, r->err);
		if (rc)
			return rc;
		strcpy(list->items[list->count++], item);
	}
	return rc;
}

static int
read_list(const struct conf_reading *r, const char *value)
{
	return read_items(r, value, check_word);
}

static int
read_paths(const struct conf_reading *r, const char *value)
{
	return read_items(r, value, check_path);
}

static int
read_globs(const struct conf_reading *r, const char *value)
{
	return read_items(r, value, check_glob);
}

static int
read_kinds(const struct conf_reading *r, const char *value)
{
	return read_items(r, value, check_kind);
}

static int
read_caps(const struct conf_reading *r, const char *value)
{
	return read_items(r, value, check_capability);
}

static int
read_join(const struct conf_reading *r, const char *value)
{
	struct conf_cluster *c = &r->conf->cluster;
	char item[ADDRESS_MAX + 1], address[ADDRESS_MAX + 1];
	int rc;
	while ((rc = next_item(&value, item, sizeof item, r->err)) > 0) {
		rc = read_address_into(r->err, item, address);
		if (rc)
			return rc;
		if (item[0] == '*')
			return err_set(r->err, -EINVAL,
				"'%s' is no address to connect to", item);
		uint32_t i = 0;
		while (i < c->join_count && strcmp(c->join[i], address) != 0)
			i++;
		if (i < c->join_count)
			continue;
		if (c->join_count == CONF_JOIN_MAX)
			return err_set(r->err, -EINVAL, "more than %d hosts",
				CONF_JOIN_MAX);
		strcpy(c->join[c->join_count++], address);
	}
	return rc;
}

static int
read_label(const struct conf_reading *r, char *item, struct conf_label *label)
{
	char *equals = strchr(item, '=');
	if (!equals)
		return err_set(
			r->err, -EINVAL, "'%.100s' is not KEY=VALUE", item);
	*equals = '\0';
	const char *value = equals + 1;
	if (!is_name(item, LABEL_MAX) || strlen(value) > LABEL_MAX)
		return err_set(r->err, -EINVAL,
			"'%.100s=%.100s' is not KEY=VALUE of at most %d "
			"characters each",
			item, value, LABEL_MAX);
	strcpy(label->key, item);
	strcpy(label->value, value);
	return 0;
}

static int
read_labels(const struct conf_reading *r, const char *value)
{
	struct conf_node *node = &r->conf->node;
	char item[2 * LABEL_MAX + 64];
	int rc;
	node->label_count = 0;
	while ((rc = next_item(&value, item, sizeof item, r->err)) > 0) {
		struct conf_label label;
		rc = read_label(r, item, &label);
		if (rc)
			return rc;
		for (uint32_t i = 0; i < node->label_count; i++)
			if (strcmp(node->labels[i].key, label.key) == 0)
				return err_set(r->err, -EINVAL,
					"label '%s' stands there twice",
					label.key);
		if (node->label_count == LABELS_MAX)
			return err_set(r->err, -EINVAL, "more than %d labels",
				LABELS_MAX);
		node->labels[node->label_count++] = label;
	}
	return rc;
}

static int
read_pools(const struct conf_reading *r, const char *value)
{
	if (strcmp(value, "default") == 0)
		return 0;
	return err_set(r->err, -EINVAL,
		"pools other than 'default': not supported yet");
}

static int
read_later(const struct conf_reading *r, const char *value)
{
	(void)value;
	return err_set(r->err, -EINVAL, "not supported yet");
}

/* Checks one host pattern: a host name, or /regex/. */
static int
check_pattern(const struct conf_reading *r, char *item)
{
	size_t length = strlen(item);
	if (item[0] != '/')
		return is_name(item, NODE_NAME_MAX)
			       ? 0
			       : err_set(r->err, -EINVAL,
					 "'%.100s' is neither a host name nor "
					 "/regex/",
					 item);
	if (length < 3 || item[length - 1] != '/')
		return err_set(r->err, -EINVAL,
			"'%.100s' lacks the '/' at its end", item);
	item[length - 1] = '\0';
	regex_t regex;
	if (regcomp(&regex, item + 1, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(r->err, -EINVAL,
			"'%.100s/' is not a regular expression", item);
	regfree(&regex);
	return 0;
}

static int
read_patterns(const struct conf_reading *r, const char *value)
{
	char item[CONF_WORD_SIZE];
	int rc;
	while ((rc = next_item(&value, item, sizeof item, r->err)) > 0) {
		rc = check_pattern(r, item);
		if (rc)
			return rc;
	}
	return rc;
}

static int
read_hours(const struct conf_reading *r, const char *value)
{
	struct hours ignored;
	if (hours_parse(value, &ignored))
		return 0;
	return err_set(r->err, -EINVAL,
		"'%.40s' is not hours of the day in UTC (such as 02:00-04:30)",
		value);
}

static int (*const readers[CONF_TYPE_COUNT])(
	const struct conf_reading *, const char *) = {
	[CONF_NAME] = read_name,
	[CONF_GROUP] = read_group,
	[CONF_PATH] = read_path,
	[CONF_ADDRESS] = read_address,
	[CONF_NUMBER] = read_number,
	[CONF_SIZE] = read_size,
	[CONF_DURATION] = read_duration,
	[CONF_HOURS] = read_hours,
	[CONF_PATTERNS] = read_patterns,
	[CONF_BOOL] = read_bool,
	[CONF_CHOICE] = read_choice,
	[CONF_LIST] = read_list,
	[CONF_PATHS] = read_paths,
	[CONF_GLOBS] = read_globs,
	[CONF_KINDS] = read_kinds,
	[CONF_CAPS] = read_caps,
	[CONF_JOIN] = read_join,
	[CONF_LABELS] = read_labels,
	[CONF_POOLS] = read_pools,
	[CONF_LATER] = read_later,
};

static int
read_setting(const struct conf_reading *r, const char *value)
{
	struct conf_setting *s = r->conf->settings;
	while (strcmp(s->key, r->key->key) != 0)
		s++;
	if (strlen(value) > SETTING_VALUE_MAX)
		return err_set(r->err, -EINVAL, "is longer than %d characters",
			SETTING_VALUE_MAX);
	int rc = readers[r->key->type](r, value);
	if (rc)
		return rc;
	strcpy(s->value, value);
	s->is_given = true;
	return 0;
}

/* Whether an empty value is a value of its own. */
static bool
may_be_empty(enum conf_type type)
{
	return type == CONF_GROUP || type == CONF_LIST || type == CONF_PATHS ||
	       type == CONF_GLOBS || type == CONF_KINDS || type == CONF_CAPS ||
	       type == CONF_LABELS || type == CONF_PATTERNS ||
	       type == CONF_HOURS;
}

int
conf_value_read(const struct conf_key *key, const char *value,
	struct conf *conf, struct err *err)
{
	struct conf_reading r = {.key = key, .conf = conf, .err = err};
	if (value[0] == '\0' && !may_be_empty(key->type))
		return 0;
	if (key->is_setting)
		return read_setting(&r, value);
	r.member = (char *)conf + key->offset;
	return readers[key->type](&r, value);
}
