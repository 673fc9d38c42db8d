#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_private.h"

static void
api_text_reserve(struct api_text *t, size_t more)
{
	size_t need = t->size + more + 1;
	if (need <= t->capacity)
		return;
	size_t capacity = t->capacity ? t->capacity : 256;
	while (capacity < need)
		capacity *= 2;
	t->data = realloc(t->data, capacity);
	CHECK(t->data);
	t->capacity = capacity;
}

void
api_text_add(struct api_text *t, const void *data, size_t size)
{
	api_text_reserve(t, size);
	if (size)
		memcpy(t->data + t->size, data, size);
	t->size += size;
	t->data[t->size] = '\0';
}

void
api_text_printf(struct api_text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	CHECK(length >= 0);
	api_text_reserve(t, (size_t)length);
	va_start(args, format);
	vsnprintf(t->data + t->size, (size_t)length + 1, format, args);
	va_end(args);
	t->size += (size_t)length;
}

void
api_text_add_json(struct api_text *t, json_t *json)
{
	char *data = json_dumps(
		json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	CHECK(data);
	api_text_add(t, data, strlen(data));
	free(data);
	json_decref(json);
}

void
api_text_add_line(struct api_text *t, json_t *json)
{
	api_text_add_json(t, json);
	api_text_add(t, "\n", 1);
}

void
api_text_drop(struct api_text *t, size_t size)
{
	CHECK(size <= t->size);
	t->size -= size;
	memmove(t->data, t->data + size, t->size);
}

size_t
api_text_take(const struct api_text *t, size_t *taken, void *buffer, size_t max)
{
	CHECK(*taken <= t->size);
	size_t left = t->size - *taken;
	size_t size = left < max ? left : max;
	if (size)
		memcpy(buffer, t->data + *taken, size);
	*taken += size;
	return size;
}

void
api_text_fini(struct api_text *t)
{
	free(t->data);
	*t = (struct api_text){0};
}
