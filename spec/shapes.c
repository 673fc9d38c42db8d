#include "spec/shapes.h"

#include <regex.h>
#include <string.h>

#include "base/limits.h"
#include "base/name.h"
#include "spec/cron.h"
#include "spec/spec.h"
#include "sys/capability.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Whether 'text' has 1 to 'max' characters, the first of 'first', the others
 * of 'rest'. */
static bool
is_word(const char *text, const char *first, const char *rest, size_t max)
{
	size_t length = strlen(text);
	return length >= 1 && length <= max && strchr(first, text[0]) &&
	       strspn(text + 1, rest) == length - 1;
}

static bool
fits_line(const char *text)
{
	return strlen(text) <= 1000 && !strpbrk(text, "\t\n");
}

bool
spec_name_is_valid(const char *text)
{
	return is_word(text, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._-",
		SERVICE_NAME_MAX);
}

static bool
fits_user(const char *text)
{
	return text[0] == '\0' || is_word(text, LOWER UPPER DIGITS "_",
					  LOWER UPPER DIGITS "._@$-", 255);
}

static bool
fits_path(const char *text)
{
	return text[0] == '\0' || (text[0] == '/' && strlen(text) < 4096 &&
					  !strpbrk(text, "\t\n"));
}

/* Whether a part of a path, 'length' characters, is the name of something. */
static bool
is_part(const char *part, size_t length)
{
	return length > 0 && !(length == 1 && part[0] == '.') &&
	       !(length == 2 && memcmp(part, "..", 2) == 0);
}

static bool
fits_state_path(const char *text)
{
	if (text[0] == '\0')
		return true;
	if (strlen(text) >= 4000 || strpbrk(text, "\t\n"))
		return false;
	for (const char *at = text + (text[0] == '/');;) {
		size_t length = strcspn(at, "/");
		if (!is_part(at, length))
			return false;
		if (at[length] == '\0')
			return true;
		at += length + 1;
	}
}

static bool
fits_env_file(const char *text)
{
	if (text[0] == '-')
		return text[1] != '\0' && fits_path(text + 1);
	return fits_path(text);
}

static bool
fits_variable(const char *text)
{
	return is_word(text, LOWER UPPER "_", LOWER UPPER DIGITS "_", 255) &&
	       strncmp(text, "SKEP_", 5) != 0 &&
	       strcmp(text, "NOTIFY_SOCKET") != 0 &&
	       strcmp(text, "WATCHDOG_USEC") != 0;
}

static bool
fits_strategy(const char *text)
{
	return is_word(text, LOWER, LOWER DIGITS "_-", POLICY_STRATEGY_MAX);
}

static bool
fits_host(const char *text)
{
	return text[0] == '\0' ||
	       is_word(text, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._-",
		       NODE_NAME_MAX);
}

static bool
fits_address(const char *text)
{
	return is_word(
		text, LOWER UPPER DIGITS "[:", LOWER UPPER DIGITS "._:-]", 255);
}

static bool
fits_url_path(const char *text)
{
	if (text[0] != '/' || strlen(text) > 1000)
		return false;
	for (const char *s = text; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static bool
fits_regex(const char *text)
{
	regex_t regex;
	if (text[0] == '\0')
		return true;
	if (strlen(text) > 255 ||
		regcomp(&regex, text, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	regfree(&regex);
	return true;
}

static bool
fits_capability(const char *text)
{
	return capability_number(text) >= 0;
}

static void
tell_capability(const char *text, char *out, size_t size)
{
	(void)capability_fault(text, out, size);
}

static bool
fits_cron(const char *text)
{
	char why[CRON_FAULT_SIZE];
	return text[0] == '\0' || !cron_fault(text, why, sizeof why);
}

static void
tell_cron(const char *text, char *out, size_t size)
{
	(void)cron_fault(text, out, size);
}

static bool
fits_timezone(const char *text)
{
	return is_word(text, LOWER UPPER, LOWER UPPER DIGITS "/_+-", 63) &&
	       !strstr(text, "//");
}

static bool
fits_group(const char *text)
{
	size_t at;
	return !name_fault(
		(struct bytes){text, strlen(text)}, GROUP_NAME_MAX, &at);
}

const struct key_shape shape_line = {
	fits_line, "one line of at most 1000 bytes", "^[^\\t\\n]*$", NULL};
const struct key_shape shape_name = {spec_name_is_valid,
	"a name: 1 to 63 letters, digits, '.', '_' or '-', the first a letter "
	"or digit",
	"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", NULL};
const struct key_shape shape_user = {fits_user,
	"the name or number of a user or group",
	"^([A-Za-z0-9_][A-Za-z0-9._@$-]{0,254})?$", NULL};
const struct key_shape shape_path = {
	fits_path, "an absolute path", "^(/[^\\t\\n]*)?$", NULL};
const struct key_shape shape_state_path = {fits_state_path,
	"a path to a file, without '.', '..', '//' or a '/' at its end",
	"^$|^(?!(.*/)?\\.{1,2}(/|$))/?[^/\\t\\n]+(/[^/\\t\\n]+)*$", NULL};
const struct key_shape shape_env_file = {fits_env_file,
	"an absolute path, or '-' and one", "^(-?/[^\\t\\n]*)?$", NULL};
const struct key_shape shape_variable = {fits_variable,
	"the name of a variable: letters, digits and '_', and not one that "
	"skep sets itself",
	"^(?!SKEP_|NOTIFY_SOCKET$|WATCHDOG_USEC$)[A-Za-z_][A-Za-z0-9_]*$",
	NULL};
const struct key_shape shape_strategy = {fits_strategy,
	"the name of a strategy: lower-case letters, digits, '-' or '_'",
	"^[a-z][a-z0-9_-]{0,62}$", NULL};
const struct key_shape shape_address = {fits_address,
	"a host name or an address", "^[A-Za-z0-9[:][A-Za-z0-9._:\\]-]{0,254}$",
	NULL};
const struct key_shape shape_url_path = {
	fits_url_path, "a path that starts with '/'", "^/[!-~]*$", NULL};
const struct key_shape shape_regex = {fits_regex,
	"an extended regular expression of at most 255 characters",
	"^.{0,255}$", NULL};
const struct key_shape shape_capability = {fits_capability,
	"a capability without 'CAP_', such as NET_BIND_SERVICE",
	"^(?!CAP_)[A-Z][A-Z0-9_]{0,62}$", tell_capability};
const struct key_shape shape_cron = {fits_cron,
	"five fields of crontab(5): minute, hour, day of the month, month, day "
	"of the week",
	"^$|^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$|"
	"^ *[^ ]+( +[^ ]+){4} *$",
	tell_cron};
const struct key_shape shape_timezone = {fits_timezone,
	"the name of a time zone, such as UTC or Europe/Vienna",
	"^[A-Za-z][A-Za-z0-9/_+-]{0,62}$", NULL};
const struct key_shape shape_group = {fits_group,
	"the name of a group: 1 to 127 bytes without control characters",
	"^[^\\u0000-\\u001f\\u007f-\\u009f]{1,127}$", NULL};
const struct key_shape shape_host = {fits_host, "the name of a host",
	"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$", NULL};
