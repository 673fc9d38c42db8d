#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "sys/clock.h"
#include "sys/units.h"

const char *
get_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

int64_t
get_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

bool
get_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

const char *
age_text(const json_t *o, const char *key, char *buffer, size_t size)
{
	char name[64];
	snprintf(name, sizeof(name), "%s_ms", key);
	int64_t since = get_int(o, name);
	if (since <= 0)
		return "-";
	int64_t age = clock_wall_ms() - since;
	return units_format_age(age < 0 ? 0 : age, buffer, size);
}

void
show_json(const json_t *o)
{
	json_dumpf(o, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
	putchar('\n');
}

void
show_names(const json_t *list, const char *key)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o) printf("%s\n", get_text(o, key));
}

void
show_table(struct ctl *ctl, struct table *t)
{
	table_print(t, stdout, ctl->opt.output == OUTPUT_WIDE, ctl->is_colour);
	table_fini(t);
}

const char *
bytes_text(int64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0;
	int64_t tenths = bytes;
	if (bytes < 1024) {
		snprintf(buffer, size, "%lld B", (long long)bytes);
		return buffer;
	}
	/* Of the last division the tenths are wanted, rounded down: what is
	 * almost there is not there. */
	while (tenths >= 1024 * 1024 && unit + 2 < 7) {
		tenths /= 1024;
		unit++;
	}
	tenths = tenths * 10 / 1024;
	snprintf(buffer, size, "%lld.%lld %s", (long long)(tenths / 10),
		(long long)(tenths % 10), units[unit + 1]);
	return buffer;
}

const char *
or_dash(const char *text)
{
	return *text ? text : "-";
}

void
tell(struct ctl *ctl, const char *format, ...)
{
	if (ctl->opt.is_quiet)
		return;
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}
