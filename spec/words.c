#include "spec/words.h"

#include <string.h>

#define BLANKS " \t\n"

/* A text being split. */
struct splitter {
	const char *at;	   /* next character */
	char *word;	   /* end of the word being written */
	const char *wrong; /* what is wrong, or NULL */
};

/* Copies up to the closing single quote. */
static void
copy_single(struct splitter *s)
{
	while (*s->at && *s->at != '\'')
		*s->word++ = *s->at++;
	if (*s->at)
		s->at++;
	else
		s->wrong = "a single quote is not closed";
}

/* Copies up to the closing double quote. */
static void
copy_double(struct splitter *s)
{
	while (*s->at && *s->at != '"') {
		if (s->at[0] == '\\' && s->at[1] == '\n') {
			s->at += 2;
			continue;
		}
		if (s->at[0] == '\\' && s->at[1] && strchr("\"\\$`", s->at[1]))
			s->at++;
		*s->word++ = *s->at++;
	}
	if (*s->at)
		s->at++;
	else
		s->wrong = "a double quote is not closed";
}

static void
copy_escaped(struct splitter *s)
{
	if (*s->at == '\0')
		s->wrong = "a backslash stands at the end";
	else if (*s->at == '\n')
		s->at++;
	else
		*s->word++ = *s->at++;
}

/* Copies one word and its NUL. */
static void
copy_word(struct splitter *s)
{
	while (*s->at && !strchr(BLANKS, *s->at) && !s->wrong) {
		char c = *s->at++;
		if (c == '\'')
			copy_single(s);
		else if (c == '"')
			copy_double(s);
		else if (c == '\\')
			copy_escaped(s);
		else
			*s->word++ = c;
	}
	*s->word++ = '\0';
}

const char *
words_split(struct pool *pool, const char *text, struct spec_texts *out)
{
	size_t length = strlen(text);
	/* A word needs a character and a blank, or it is the last. */
	char *words = pool_take(pool, 2 * length + 2);
	char **items = pool_take(pool, (length / 2 + 2) * sizeof *items);
	struct splitter s = {.at = text, .word = words};
	size_t count = 0;
	for (;;) {
		s.at += strspn(s.at, BLANKS);
		if (*s.at == '\0' || s.wrong)
			break;
		items[count++] = s.word;
		copy_word(&s);
	}
	*out = (struct spec_texts){items, count};
	return s.wrong;
}
