#include "core/text.h"

#include <string.h>

#include "base/check.h"

void
text_init(struct text *t, char *buffer, size_t size)
{
	CHECK(size >= 1);
	t->at = buffer;
	t->size = size;
	t->used = 0;
	buffer[0] = '\0';
}

void
text_add(struct text *t, const char *s)
{
	size_t length = s ? strlen(s) : 0;
	size_t room = t->size - 1 - t->used;
	if (length > room)
		length = room;
	if (length)
		memcpy(t->at + t->used, s, length);
	t->used += length;
	t->at[t->used] = '\0';
}

void
text_add_number(struct text *t, int64_t n)
{
	char digits[24];
	size_t at = sizeof digits - 1;
	uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;
	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (n < 0)
		digits[--at] = '-';
	text_add(t, digits + at);
}

void
text_add_duration(struct text *t, int64_t ms)
{
	if (ms < 1000) {
		text_add_number(t, ms);
		text_add(t, " ms");
	} else if (ms < 300 * 1000) {
		text_add_number(t, (ms + 500) / 1000);
		text_add(t, " s");
	} else {
		text_add_number(t, (ms + 30000) / 60000);
		text_add(t, " min");
	}
}
