#include "sys/conf_read.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sys/conf.h"

#define BLANKS	  " \t"
#define WORD_SIZE 64 /* inih keeps 49 characters of names */

/* What the next call of the handler brings. */
enum part {
	PART_NEW,   /* the start of a value */
	PART_LINE,  /* a line that continues it, after a blank */
	PART_PIECE, /* more of the same line, joined as it is */
};

/* The state between inih's calls of the reader and of the handler. */
struct conf_source {
	const char *name;
	const char *at; /* next unread byte */
	const char *end;
	const struct conf_listener *listener;
	struct err *err;
	int rc;		/* of the first error; ends the reading */
	int line;	/* being read */
	char *text;	/* the current line, CONF_LINE_MAX + 1 bytes */
	char *rest;	/* what of 'text' inih has not got, or NULL */
	enum part part; /* that inih has got */
	char *value;	/* collected so far, CONF_LINE_MAX + 1 bytes */
	size_t length;	/* of 'value' */
	bool has_value; /* 'value' waits for its end */
	int value_line; /* where it began */
	char section[WORD_SIZE];
	char key[WORD_SIZE];
};

static void
fail(struct conf_source *s, const char *text)
{
	s->rc = err_set(s->err, -EINVAL, "%s:%d: %s", s->name, s->line, text);
}

/* Hands the collected value over. */
static void
flush_value(struct conf_source *s)
{
	if (!s->has_value || s->rc)
		return;
	s->has_value = false;
	s->rc = s->listener->on_value(
		s->listener->context, s->section, s->key, s->value, s->err);
	if (s->rc)
		err_wrap(s->err, s->rc, "%s:%d", s->name, s->value_line);
}

/* Ends the text where a comment starts, and takes blanks off its end. */
static void
strip(char *text)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++) {
		bool is_comment =
			text[i] == ';' &&
			(i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t');
		if (is_comment)
			length = i;
	}
	if (text[strspn(text, BLANKS)] == '#')
		length = 0;
	while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	text[length] = '\0';
}

/* Copies the next physical line to 'text'; false at the end or on an error. */
static bool
take_line(struct conf_source *s)
{
	if (s->at == s->end)
		return false;
	s->line++;
	const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
	const char *stop = newline ? newline : s->end;
	size_t length = (size_t)(stop - s->at);
	if (length > CONF_LINE_MAX) {
		fail(s, "the line is longer than 65536 bytes");
		return false;
	}
	memcpy(s->text, s->at, length);
	s->at = newline ? newline + 1 : s->end;
	if (length && s->text[length - 1] == '\r')
		length--;
	s->text[length] = '\0';
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)s->text[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			fail(s, "the line holds a control character");
			return false;
		}
	}
	strip(s->text);
	return true;
}

/* Checks a section line and tells the listener. */
static void
open_section(struct conf_source *s)
{
	char name[WORD_SIZE];
	size_t length = strcspn(s->text, "]");
	if (s->text[length] != ']' || s->text[length + 1] != '\0') {
		fail(s, "a section looks like [name]");
		return;
	}
	if (length - 1 >= sizeof name)
		length = sizeof name;
	memcpy(name, s->text + 1, length - 1);
	name[length - 1] = '\0';
	s->rc = s->listener->on_section(s->listener->context, name, s->err);
	if (s->rc)
		err_wrap(s->err, s->rc, "%s:%d", s->name, s->line);
}

/* Looks at a fresh line before inih gets it. */
static void
inspect_line(struct conf_source *s)
{
	bool is_indented = strspn(s->text, BLANKS) > 0;
	if (is_indented && !s->has_value) {
		fail(s, "an indented line continues nothing");
		return;
	}
	s->part = is_indented ? PART_LINE : PART_NEW;
	if (is_indented)
		return;
	flush_value(s);
	if (s->rc)
		return;
	if (s->text[0] == '[')
		open_section(s);
	else if (!strchr(s->text, '='))
		fail(s, "expected KEY = VALUE or [section]");
}

/* How much of 'text' to hand over, at most 'room' bytes: inih trims blanks
 * and takes comments, so neither may stand at the cut. */
static size_t
find_cut(const char *text, size_t room)
{
	size_t cut = room;
	while (cut > 0 && (strchr(BLANKS ";#", text[cut]) ||
				  strchr(BLANKS, text[cut - 1])))
		cut--;
	return cut;
}

/* Writes the next piece of the current line to inih's buffer. */
static char *
give_piece(struct conf_source *s, char *out, size_t size)
{
	size_t lead = s->part == PART_PIECE;
	size_t length = strlen(s->rest);
	size_t room = size - 2 - lead; /* newline and NUL */
	size_t give = length <= room ? length : find_cut(s->rest, room);
	if (give == 0) {
		fail(s, "too many blanks in a row");
		return NULL;
	}
	if (lead)
		out[0] = ' ';
	memcpy(out + lead, s->rest, give);
	memcpy(out + lead + give, "\n", 2);
	s->rest = give < length ? s->rest + give : NULL;
	return out;
}

/* inih's reader: the next line, or piece of one, for its buffer. */
static char *
on_read(char *out, int size, void *stream)
{
	struct conf_source *s = stream;
	if (s->rest) {
		s->part = PART_PIECE;
		return s->rc ? NULL : give_piece(s, out, (size_t)size);
	}
	while (s->rc == 0 && take_line(s)) {
		if (s->text[0] == '\0')
			continue;
		inspect_line(s);
		if (s->rc)
			break;
		s->rest = s->text;
		return give_piece(s, out, (size_t)size);
	}
	return NULL;
}

static void
append(struct conf_source *s, const char *text)
{
	size_t length = strlen(text);
	if (length > CONF_LINE_MAX - s->length) {
		fail(s, "the value is longer than 65536 bytes");
		return;
	}
	memcpy(s->value + s->length, text, length + 1);
	s->length += length;
}

/* inih's handler: a value, or more of the one before. */
static int
on_pair(void *stream, const char *section, const char *key, const char *value)
{
	struct conf_source *s = stream;
	if (s->rc)
		return 1;
	if (s->part == PART_NEW) {
		s->has_value = true;
		s->value_line = s->line;
		s->length = 0;
		strncpy(s->section, section, WORD_SIZE - 1);
		strncpy(s->key, key, WORD_SIZE - 1);
	} else if (s->part == PART_LINE && s->length) {
		append(s, " ");
	}
	append(s, value);
	return 1;
}

int
conf_read(const char *name, const char *data, size_t size,
	const struct conf_listener *listener, struct err *err)
{
	struct conf_source s = {.name = name,
		.at = data,
		.end = data + size,
		.listener = listener,
		.err = err};
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		s.at += 3;
	s.text = malloc(CONF_LINE_MAX + 1);
	s.value = malloc(CONF_LINE_MAX + 1);
	int rc = -ENOMEM;
	if (!s.text || !s.value) {
		err_sys(err, rc, "%s", name);
		goto out;
	}
	int bad_line = ini_parse_stream(on_read, &s, on_pair, &s);
	if (bad_line && s.rc == 0)
		fail(&s, "the file has a line that is not KEY = VALUE");
	flush_value(&s);
	rc = s.rc;
out:
	free(s.text);
	free(s.value);
	return rc;
}
