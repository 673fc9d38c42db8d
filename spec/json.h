/* Writing compact JSON into a buffer.
 *
 * Only what the canonical body and the schema need: the caller writes the
 * punctuation itself with 'json_raw'.  Texts are written so that a YAML
 * parser reads exactly the same text back: what YAML would fold or refuse
 * (line separators, the byte order mark) is escaped.
 *
 * Errors: what does not fit sets 'is_full' and is left out; test once.
 */
#ifndef SKEP_SPEC_JSON_H
#define SKEP_SPEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/tree.h"

/* A buffer being written; always holds a NUL-terminated text. */
struct json {
	char *text;    /* borrowed */
	size_t size;   /* bytes in 'text' */
	size_t length; /* characters written */
	bool is_full;  /* something did not fit */
};

/* Starts writing into 'size' bytes (at least 1) at 'text'. */
void json_init(struct json *j, char *text, size_t size);

/* Writes characters as they are. */
void json_raw(struct json *j, const char *text);

/* Writes a text in quotes. */
void json_text(struct json *j, const char *text);

/* Writes a number. */
void json_number(struct json *j, int64_t number);

/* Writes a tree with the keys of maps in sorted order.  Plain scalars that
 * are JSON (true, false, null, a number) stay what they are, all others
 * become texts. */
void json_tree(struct json *j, const struct node *node);

/* Takes back everything after 'length' characters. */
void json_cut(struct json *j, size_t length);

#endif
