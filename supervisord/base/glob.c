#include "base/glob.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The character at 'p' as its bytes, and behind it '*p'.  At a NUL it stays. */
static uint32_t
take(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	const unsigned following = s[0] >= 0xf0	  ? 3
				   : s[0] >= 0xe0 ? 2
				   : s[0] >= 0xc0 ? 1
						  : 0;
	uint32_t value = s[0];
	unsigned n = 1;
	for (; n <= following && (s[n] & 0xc0) == 0x80; n++)
		value = value << 8 | s[n];
	if (s[0])
		*p += n;
	return value;
}

/* Where the class that '*p' stands in, behind its '[' and '^', has its first
 * item; a ']' there is an item. */
static const char *
class_begin(const char *p, bool *is_turned)
{
	*is_turned = *p == '^' || *p == '!';
	return p + *is_turned;
}

/* Reads one item "a" or "a-z" of a class, a '\' before a character left out;
 * false at its end. */
static bool
next_item(const char **p, bool is_first, uint32_t *low, uint32_t *high)
{
	if (!**p || (**p == ']' && !is_first))
		return false;
	if (**p == '\\' && (*p)[1])
		++*p;
	*low = *high = take(p);
	if (**p != '-' || (*p)[1] == ']' || !(*p)[1])
		return true;
	++*p;
	if (**p == '\\' && (*p)[1])
		++*p;
	*high = take(p);
	return true;
}

/* Whether the class behind whose '[' '*p' stands has 'ch'; '*p' comes to stand
 * behind its ']'. */
static bool
class_has(const char **p, uint32_t ch)
{
	bool is_turned, has = false, is_first = true;
	uint32_t low, high;
	*p = class_begin(*p, &is_turned);
	for (; next_item(p, is_first, &low, &high); is_first = false)
		has |= ch >= low && ch <= high;
	*p += **p == ']';
	return has != is_turned;
}

/* Whether the one element at '*p', which is no '*', matches 'ch'. */
static bool
element_matches(const char **p, uint32_t ch)
{
	if (**p == '[') {
		++*p;
		return class_has(p, ch);
	}
	if (**p == '?') {
		++*p;
		return true;
	}
	if (**p == '\\')
		++*p;
	return take(p) == ch;
}

const char *
glob_fault(const char *pattern)
{
	const char *p = pattern;
	uint32_t low, high;
	while (*p) {
		bool is_turned, is_first = true;
		if (*p == '\\' && !p[1])
			return "nothing follows its last '\\'";
		if (*p == '\\')
			p++;
		else if (*p == '[') {
			p = class_begin(p + 1, &is_turned);
			for (; next_item(&p, is_first, &low, &high);
				is_first = false)
				if (low > high)
					return "a range in it ends before it "
					       "begins";
			if (*p != ']')
				return "a '[' in it has no ']'";
		}
		take(&p);
	}
	return NULL;
}

bool
glob_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL; /* the last '*', and where what
						  follows it is tried */
	while (*text) {
		const char *p = pattern, *t = text;
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
			continue;
		}
		if (*pattern && element_matches(&p, take(&t))) {
			pattern = p;
			text = t;
			continue;
		}
		if (!star)
			return false;
		take(&from);
		pattern = star;
		text = from;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool
glob_is_pattern(const char *text)
{
	return strpbrk(text, "*?[\\") != NULL;
}
