#include "core/pattern.h"

#include <stddef.h>
#include <string.h>

/* Work bound of one match: far above any sane pattern, far below a stall. */
#define STEPS_MAX 100000

/* One element of an expression: where it starts and how long it is. */
static size_t
element_length(const char *p, const char *end)
{
	if (*p == '\\')
		return p + 1 < end ? 2 : 1;
	if (*p != '[')
		return 1;
	const char *q = p + 1;
	if (q < end && *q == '^')
		q++;
	if (q < end && *q == ']')
		q++;
	while (q < end && *q != ']')
		q++;
	return (size_t)(q - p) + (q < end);
}

/* Whether the class '[...]' at 'p', 'length' long, has 'ch' in it. */
static bool
class_has(const char *p, size_t length, char ch)
{
	const char *q = p + 1, *end = p + length - 1;
	bool is_negated = *q == '^';
	bool has = false;
	q += is_negated;
	while (q < end) {
		if (q + 2 < end && q[1] == '-') {
			has |= ch >= q[0] && ch <= q[2];
			q += 3;
		} else {
			has |= ch == *q++;
		}
	}
	return has != is_negated;
}

static bool
element_matches(const char *p, size_t length, char ch)
{
	if (*p == '\\' && length == 2)
		return p[1] == ch;
	if (*p == '[' && length > 1)
		return class_has(p, length, ch);
	return *p == '.' || *p == ch;
}

static bool
match_here(const char *p, const char *end, const char *text, unsigned *steps)
{
	while (p < end) {
		if ((*steps)++ > STEPS_MAX)
			return false;
		size_t length = element_length(p, end);
		char repeat = p + length < end ? p[length] : '\0';
		bool is_here = *text && element_matches(p, length, *text);
		if (repeat != '*' && repeat != '+' && repeat != '?') {
			if (!is_here)
				return false;
			p += length;
			text++;
			continue;
		}
		const char *rest = p + length + 1;
		unsigned taken = 0;
		unsigned max = repeat == '?' ? 1 : (unsigned)strlen(text);
		while (taken < max && element_matches(p, length, text[taken]))
			taken++;
		for (unsigned n = taken + 1; n-- > (repeat == '+' ? 1u : 0u);)
			if (match_here(rest, end, text + n, steps))
				return true;
		return false;
	}
	return *text == '\0';
}

static bool
pattern_matches(const char *p, size_t length, const char *text)
{
	if (length >= 2 && p[0] == '/' && p[length - 1] == '/') {
		unsigned steps = 0;
		return match_here(p + 1, p + length - 1, text, &steps);
	}
	return strlen(text) == length && memcmp(p, text, length) == 0;
}

/* The next pattern of a list: skips blanks and commas; length 0 at the end.
 * A comma inside of an expression belongs to it. */
static const char *
next_pattern(const char *list, size_t *length_out)
{
	while (*list == ' ' || *list == ',')
		list++;
	const char *end = list;
	if (*list == '/') {
		end++;
		while (*end && *end != '/')
			end += *end == '\\' && end[1] ? 2 : 1;
		end += *end == '/';
	} else {
		while (*end && *end != ',' && *end != ' ')
			end++;
	}
	*length_out = (size_t)(end - list);
	return list;
}

bool
pattern_list_matches(const char *list, const char *text)
{
	size_t length;
	for (const char *p = next_pattern(list, &length); length;
		p = next_pattern(p + length, &length))
		if (pattern_matches(p, length, text))
			return true;
	return false;
}

/* What is wrong with one expression (without its slashes), or NULL. */
static const char *
check_expression(const char *p, const char *end)
{
	bool can_repeat = false;
	while (p < end) {
		if (strchr("(){}|^$", *p))
			return "groups, alternatives and anchors are not "
			       "supported in host patterns: list them apart";
		if (strchr("*+?", *p)) {
			if (!can_repeat)
				return "a repetition in a host pattern "
				       "follows nothing";
			can_repeat = false;
			p++;
			continue;
		}
		size_t length = element_length(p, end);
		if (*p == '[' && (length < 3 || p[length - 1] != ']'))
			return "a class in a host pattern is not closed";
		if (*p == '\\' && length < 2)
			return "a host pattern ends in a backslash";
		p += length;
		can_repeat = true;
	}
	return NULL;
}

const char *
pattern_list_check(const char *list)
{
	size_t length;
	for (const char *p = next_pattern(list, &length); length;
		p = next_pattern(p + length, &length)) {
		if (*p != '/')
			continue;
		if (length < 2 || p[length - 1] != '/')
			return "a host pattern in slashes is not closed";
		const char *why = check_expression(p + 1, p + length - 1);
		if (why)
			return why;
	}
	return NULL;
}
