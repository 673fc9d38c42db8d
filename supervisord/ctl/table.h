/* Tables for people: aligned columns under capital headers.
 *
 * Cells are copied.  A column whose header begins with '+' is shown only in
 * wide tables.  The last column is never padded.  Widths count characters of
 * UTF-8, not bytes.
 */
#ifndef SKEP_CTL_TABLE_H
#define SKEP_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 16

/* Colours mean something: good, waiting, bad, unimportant. */
enum paint { PAINT_NONE, PAINT_GOOD, PAINT_BUSY, PAINT_BAD, PAINT_DIM };

struct cell {
	char *text; /* owned */
	enum paint paint;
};

struct table {
	const char *const *headers; /* NULL-terminated, borrowed */
	size_t columns;
	struct cell *cells; /* row by row, owned */
	size_t count;	    /* cells */
	size_t capacity;
};

/* Starts a table; 'headers' is borrowed for its life. */
void table_init(struct table *t, const char *const *headers);
void table_fini(struct table *t);

/* Adds the next cell of the row; after the last one a new row begins. */
void table_add(struct table *t, const char *text);
void table_paint(struct table *t, enum paint paint, const char *text);
void table_printf(struct table *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints headers and rows; without rows only the headers. */
void table_print(
	const struct table *t, FILE *out, bool is_wide, bool is_colour);

/* What 'state' of an instance or node looks like. */
enum paint paint_for_state(const char *state);

/* The escape sequences; "" for PAINT_NONE. */
const char *paint_begin(enum paint paint);
const char *paint_end(enum paint paint);

#endif
