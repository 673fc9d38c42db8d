#include "ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void
table_init(struct table *t, const char *const *headers)
{
	memset(t, 0, sizeof(*t));
	t->headers = headers;
	while (headers[t->columns])
		t->columns++;
	CHECK(t->columns <= TABLE_COLUMNS_MAX);
}

void
table_fini(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
}

void
table_paint(struct table *t, enum paint paint, const char *text)
{
	if (t->count == t->capacity) {
		t->capacity = t->capacity ? 2 * t->capacity : 64;
		t->cells = realloc(t->cells, t->capacity * sizeof(*t->cells));
		CHECK(t->cells);
	}
	struct cell *cell = &t->cells[t->count++];
	cell->text = strdup(text ? text : "");
	cell->paint = paint;
	CHECK(cell->text);
}

void
table_add(struct table *t, const char *text)
{
	table_paint(t, PAINT_NONE, text);
}

void
table_printf(struct table *t, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_add(t, text);
}

/* Characters in a UTF-8 text: bytes that do not continue one. */
static size_t
width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static bool
is_shown(const struct table *t, size_t column, bool is_wide)
{
	return is_wide || t->headers[column][0] != '+';
}

static const char *
header_text(const struct table *t, size_t column)
{
	const char *header = t->headers[column];
	return *header == '+' ? header + 1 : header;
}

static void
measure(const struct table *t, size_t widths[TABLE_COLUMNS_MAX])
{
	for (size_t i = 0; i < t->columns; i++)
		widths[i] = width_of(header_text(t, i));
	for (size_t i = 0; i < t->count; i++) {
		size_t width = width_of(t->cells[i].text);
		if (width > widths[i % t->columns])
			widths[i % t->columns] = width;
	}
}

const char *
paint_begin(enum paint paint)
{
	switch (paint) {
	case PAINT_GOOD:
		return "\033[32m";
	case PAINT_BUSY:
		return "\033[33m";
	case PAINT_BAD:
		return "\033[31m";
	case PAINT_DIM:
		return "\033[2m";
	case PAINT_NONE:
		break;
	}
	return "";
}

const char *
paint_end(enum paint paint)
{
	return paint == PAINT_NONE ? "" : "\033[0m";
}

enum paint
paint_for_state(const char *state)
{
	static const struct {
		const char *state;
		enum paint paint;
	} known[] = {
		{"ready", PAINT_GOOD},
		{"alive", PAINT_GOOD},
		{"starting", PAINT_BUSY},
		{"stopping", PAINT_BUSY},
		{"handoff", PAINT_BUSY},
		{"pending", PAINT_BUSY},
		{"suspect", PAINT_BUSY},
		{"draining", PAINT_BUSY},
		{"backoff", PAINT_BAD},
		{"failed", PAINT_BAD},
		{"unplaced", PAINT_BAD},
		{"lost", PAINT_BAD},
		{"refused", PAINT_BAD},
		{"dead", PAINT_BAD},
		{"undrainable", PAINT_BAD},
		{"stopped", PAINT_DIM},
		{"exited", PAINT_DIM},
		{"left", PAINT_DIM},
		{"unknown", PAINT_DIM},
		{"drained", PAINT_GOOD},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].state, state) == 0)
			return known[i].paint;
	return PAINT_NONE;
}

static void
print_cell(FILE *out, const char *text, enum paint paint, size_t width)
{
	size_t used = width_of(text);
	fprintf(out, "%s%s%s", paint_begin(paint), text, paint_end(paint));
	for (; used < width; used++)
		fputc(' ', out);
}

void
table_print(const struct table *t, FILE *out, bool is_wide, bool is_colour)
{
	size_t widths[TABLE_COLUMNS_MAX];
	size_t last = 0;
	measure(t, widths);
	for (size_t i = 0; i < t->columns; i++)
		if (is_shown(t, i, is_wide))
			last = i;
	size_t rows = t->count / t->columns;
	for (size_t row = 0; row <= rows; row++) {
		for (size_t i = 0; i <= last; i++) {
			if (!is_shown(t, i, is_wide))
				continue;
			const struct cell *cell =
				row ? &t->cells[(row - 1) * t->columns + i]
				    : NULL;
			print_cell(out, cell ? cell->text : header_text(t, i),
				cell && is_colour ? cell->paint : PAINT_NONE,
				i == last ? 0 : widths[i] + 2);
		}
		fputc('\n', out);
	}
}
