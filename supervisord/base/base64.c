#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_write(const void *data, size_t size, char *out)
{
	const unsigned char *bytes = data;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t n = (uint32_t)bytes[i] << 16;
		n |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		n |= left > 2 ? bytes[i + 2] : 0;
		*out++ = digits[n >> 18];
		*out++ = digits[n >> 12 & 63];
		*out++ = left > 1 ? digits[n >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[n & 63] : '=';
	}
	*out = '\0';
}

/* The value of four letters, of which the last 'padding' count as 0. */
static bool
read_four(const char *text, size_t padding, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < 4; i++) {
		char letter = i < 4 - padding ? text[i] : 'A';
		const char *digit = memchr(digits, letter, 64);
		if (!digit)
			return false;
		*out = *out << 6 | (uint32_t)(digit - digits);
	}
	return true;
}

bool
base64_read(const char *text, size_t size, void *out, size_t *out_size)
{
	unsigned char *bytes = out;
	size_t used = 0, padding = 0;
	uint32_t n;
	if (size % 4)
		return false;
	while (padding < 2 && padding < size && text[size - padding - 1] == '=')
		padding++;
	for (size_t i = 0; i < size; i += 4) {
		size_t less = i + 4 == size ? padding : 0;
		if (!read_four(text + i, less, &n))
			return false;
		for (size_t k = 0; k < 3 - less; k++)
			bytes[used++] = (unsigned char)(n >> (16 - 8 * k));
	}
	*out_size = used;
	return true;
}
