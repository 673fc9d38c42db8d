#include "base/name_part.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"

#define HASH_SIZE 32 /* digits behind "%+" */
#define CUT_SIZE  (NAME_FILE_MAX - HASH_SIZE - 2)

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
is_part(char c)
{
	return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

/* How many characters of 'text' are a part of an instance's name. */
static size_t
part_length(const char *text)
{
	size_t length = 0;
	if (!is_alnum(*text))
		return 0;
	while (is_part(text[length]))
		length++;
	return length <= SERVICE_NAME_MAX ? length : 0;
}

size_t
name_service_length(const char *name)
{
	size_t service = part_length(name);
	if (service && name[service] == '@') {
		const char *instance = name + service + 1;
		size_t length = part_length(instance);
		if (length && !instance[length])
			return service;
	}
	return strlen(name);
}

bool
name_is_of_several(const char *name)
{
	return name[name_service_length(name)] != '\0';
}

static void
put_hex(char *out, uint64_t value, int digits)
{
	while (digits--)
		*out++ = "0123456789ABCDEF"[value >> 4 * digits & 15];
}

void
name_to_file(const char *name, char out[static NAME_FILE_MAX + 1])
{
	size_t used = 0, cut = 0;
	for (const char *at = name; *at; at++) {
		bool is_plain = at == name ? is_alnum(*at)
					   : is_part(*at) || *at == '@';
		size_t size = is_plain ? 1 : 3;
		if (used + size > NAME_FILE_MAX) {
			memcpy(out + cut, "%+", 2);
			put_hex(out + cut + 2,
				hash_text(name, 1), 16);
			put_hex(out + cut + 18,
				hash_text(name, 2), 16);
			used = cut + 2 + HASH_SIZE;
			break;
		}
		out[used] = is_plain ? *at : '%';
		if (!is_plain)
			put_hex(out + used + 1, (unsigned char)*at, 2);
		used += size;
		if (used <= CUT_SIZE)
			cut = used;
	}
	out[used] = '\0';
}

bool
name_is_file(const char *name)
{
	char file[NAME_FILE_MAX + 1];
	name_to_file(name, file);
	return strcmp(file, name) == 0;
}
