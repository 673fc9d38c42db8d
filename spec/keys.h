/* The table of keys: what a service may say, once.
 *
 * Each row is one key with its type, its default, its bounds, one sentence of
 * help, and the member of 'struct spec' it fills.  The parser, the canonical
 * body, the digests, the JSON schema and the documentation read the rows; to
 * add a key is to add a row and its member.
 *
 * A row marked KEY_LATER is a key that the documentation promises for a later
 * version: it is refused by name instead of being ignored.  The same holds
 * for single words of a key.
 */
#ifndef SKEP_SPEC_KEYS_H
#define SKEP_SPEC_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value looks like, and the type of its member. */
enum key_type {
	KEY_BLOCK,    /* a map of further rows; bool, or no member */
	KEY_TEXT,     /* char * */
	KEY_BOOL,     /* bool */
	KEY_INT,      /* int32_t */
	KEY_PERCENT,  /* int32_t */
	KEY_UMASK,    /* int32_t, octal digits */
	KEY_SIGNAL,   /* int32_t */
	KEY_WORD,     /* int32_t, one of 'words' */
	KEY_DURATION, /* int64_t, milliseconds */
	KEY_SIZE,     /* uint64_t, bytes */
	KEY_COMMAND,  /* struct spec_texts: a list, or one text to split */
	KEY_TEXTS,    /* struct spec_texts */
	KEY_CODES,    /* struct spec_codes */
	KEY_PAIRS,    /* struct spec_pairs */
	KEY_RLIMITS,  /* struct spec_rlimits */
	KEY_DEPENDS,  /* struct spec_depends */
	KEY_LATER,    /* no member: refused with "not supported yet" */
	KEY_TYPE_COUNT,
};

/* One word of a KEY_WORD. */
struct key_word {
	const char *word;
	int32_t value;
	enum {
		WORD_USUAL, /* written in the canonical body */
		WORD_ALIAS, /* accepted, an older system's word */
		WORD_LATER, /* refused with "not supported yet" */
	} kind;
};

/* What a text must look like. */
struct key_shape {
	bool (*fits)(const char *text);
	const char *what;    /* "an absolute path": for messages */
	const char *pattern; /* the same as a regular expression (ECMA 262),
				for the schema */
	/* Says what is wrong with a text that does not fit, in place of "'TEXT'
	 * is not WHAT"; NULL: that will do. */
	void (*why)(const char *text, char *out, size_t size);
};

/* Bits of 'flags'. */
#define KEY_RESTARTS 1u /* a change needs a restart of the process */
#define KEY_EXPANDS  2u /* %i %p %n %H %% are replaced at a start */
#define KEY_REQUIRED 4u /* there is no default */
#define KEY_OPTIONAL                                                           \
	8u /* a command: the empty list is "none"; a signal:                   \
	      "none" is a word for it, stored as 0 */

/* No member: 'offset' of rows that have none. */
#define KEY_NO_MEMBER SIZE_MAX

/* One row. */
struct spec_key {
	const char *path; /* "restart.delay" */
	enum key_type type;
	unsigned flags;	      /* KEY_* */
	size_t offset;	      /* of the member in struct spec */
	const char *fallback; /* the default, as it is written in a file; NULL
				 for blocks, lists and maps (empty) */
	int64_t min;	      /* KEY_INT, KEY_PERCENT: range; KEY_DURATION: */
	int64_t max;	      /* range in ms; lists and maps: 'max' items */
	const struct key_word *words;	   /* KEY_WORD; ends with word NULL */
	const struct key_shape *shape;	   /* texts; items of lists; values of
					      maps; NULL: any text */
	const struct key_shape *key_shape; /* keys of maps */
	const char *help;		   /* one sentence */
};

/* All rows, in the order of the documentation; a block stands before its
 * members.  '*count' is their number. */
const struct spec_key *spec_keys(size_t *count);

/* The row of 'path', or NULL. */
const struct spec_key *spec_key_find(const char *path);

/* The last part of a row's path: "delay". */
const char *spec_key_leaf(const struct spec_key *key);

/* Whether the row stands directly inside 'block' (a path; "" = top). */
bool spec_key_is_in(const struct spec_key *key, const char *block);

/* The nearest known path to the unknown key 'leaf' written in 'block', or
 * NULL when none is near.  A key of exactly that name in another block comes
 * first, since then only the place is wrong. */
const char *spec_key_nearest(const char *block, const char *leaf);

#endif
