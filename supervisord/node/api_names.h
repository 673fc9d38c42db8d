/* What the handlers of /v1/names share: a name as a document, a word about
 * one as a line. */
#ifndef SKEP_NODE_API_NAMES_H
#define SKEP_NODE_API_NAMES_H

#include "core/registry.h"
#include "node/api_private.h"
#include "node/tracks.h"

/* What somebody wants of a name. */
struct name_word {
	bool is_end;	    /* it is to be unregistered */
	const char *name;   /* borrowed from the document */
	pid_t pid;	    /* 0: none was given */
	char *meta;	    /* malloced text, or NULL */
	int64_t timeout_ms; /* 0: the usual one */
};

/* Reads a word from a document (borrowed).  False: '*out' holds nothing, and
 * 'why' says what is wrong, in NOTE_TEXT_MAX bytes. */
bool api_name_word_read(const json_t *o, struct name_word *out, char *why);
void api_name_word_fini(struct name_word *word);

/* Has it done, by the asker of 'c'; 'done' is called once, perhaps before this
 * returns. */
void api_name_word_do(struct call *c, const struct name_word *word,
	node_reply_fn *done, void *context);

/* An answer to it, {"name", "result"} or {"name", "error"}; where another has
 * the name, who that is. */
json_t *api_name_answer(
	const char *name, enum reply_code code, const char *text);

/* A row of a tracked name. */
json_t *api_name_row(const struct core *core, const struct row *row);

/* POST /v1/names with a line for each word (api_names_bulk.c). */
void api_post_names_bulk(struct call *c);

#endif
