#include "base/name.h"

#include <stdint.h>

/* What a first byte promises: how many bytes there are, and the least number
 * that needs so many. */
struct form {
	size_t length; /* 0: no character begins so */
	uint32_t min;
	uint32_t bits; /* of the number that stand in the first byte */
};

static struct form
form_of(unsigned char first)
{
	if (first < 0x80)
		return (struct form){1, 0, first};
	if (first >= 0xc2 && first < 0xe0)
		return (struct form){2, 0x80, first & 0x1f};
	if (first >= 0xe0 && first < 0xf0)
		return (struct form){3, 0x800, first & 0x0f};
	if (first >= 0xf0 && first < 0xf5)
		return (struct form){4, 0x10000, first & 0x07};
	return (struct form){0, 0, 0};
}

/* Reads one character at 'at' of 'left' bytes; its length, or 0 when the bytes
 * are none. */
static size_t
read_one(const unsigned char *at, size_t left, uint32_t *out)
{
	const struct form form = form_of(at[0]);
	if (form.length == 0 || form.length > left)
		return 0;
	uint32_t n = form.bits;
	for (size_t i = 1; i < form.length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		n = n << 6 | (at[i] & 0x3f);
	}
	if (n < form.min || n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
		return 0;
	*out = n;
	return form.length;
}

static bool
is_control(uint32_t n)
{
	return n < 0x20 || (n >= 0x7f && n < 0xa0);
}

const char *
name_fault(struct bytes name, size_t max, size_t *at)
{
	const unsigned char *text = name.data;
	*at = 0;
	if (name.size == 0)
		return "it is empty";
	for (size_t i = 0; i < name.size && i < max;) {
		uint32_t n;
		size_t length = read_one(text + i, name.size - i, &n);
		*at = i;
		if (length == 0)
			return "it is not UTF-8";
		if (is_control(n))
			return "it has a control character";
		i += length;
	}
	*at = max;
	return name.size > max ? "it is too long" : NULL;
}

bool
name_is_runtime(struct bytes name)
{
	size_t at;
	return !name_fault(name, RUNTIME_NAME_MAX, &at);
}
