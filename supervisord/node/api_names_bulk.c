/* POST /v1/names with newline-delimited JSON: a word about a name in each line,
 * and a line of answer to each, in their order.
 *
 * WINDOW words are under way at a time, and no more are begun while answers
 * wait to be read: who reads slowly is served slowly.  The body is bounded, as
 * any; who has more to say sends the rest when the answers are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/api_names.h"

#define WINDOW	 1024 /* each waits for another host, and for the disk */
#define OUT_SIZE 65536 /* answers that may wait */

struct bulk;

/* A word under way. */
struct bulk_line {
	struct bulk *bulk;
	json_t *document; /* until it is answered; NULL: it was none */
	struct api_text answer;
	bool is_done;
};

struct bulk {
	struct call *call;
	struct stream *stream; /* NULL: nobody reads any more */
	size_t at;	       /* in the body */
	struct bulk_line lines[WINDOW];
	size_t first; /* the oldest that was not told */
	size_t next;  /* the next to begin */
	size_t under_way;
	bool is_busy; /* in 'pump' */
};

static void pump(struct bulk *b);

static void
free_if_over(struct bulk *b)
{
	if (b->stream || b->under_way || b->is_busy)
		return;
	for (size_t i = 0; i < WINDOW; i++) {
		json_decref(b->lines[i].document);
		api_text_fini(&b->lines[i].answer);
	}
	free(b);
}

static void
finish(struct bulk_line *l, json_t *answer)
{
	api_text_add_line(&l->answer, answer);
	json_decref(l->document);
	l->document = NULL;
	l->is_done = true;
}

static void
on_done(void *context, enum reply_code code, const char *text)
{
	struct bulk_line *l = context;
	struct bulk *b = l->bulk;
	const char *name =
		json_string_value(json_object_get(l->document, "name"));
	finish(l, api_name_answer(name, code, text));
	b->under_way--;
	if (b->stream && !b->is_busy)
		pump(b);
	free_if_over(b);
}

/* The next line of the body; false at its end. */
static bool
next_line(struct bulk *b, const char **line, size_t *size)
{
	const struct api_text *body = &b->call->body;
	if (b->at >= body->size)
		return false;
	*line = body->data + b->at;
	const char *end = memchr(*line, '\n', body->size - b->at);
	*size = end ? (size_t)(end - *line) : body->size - b->at;
	b->at += *size + 1;
	return true;
}

static void
begin(struct bulk *b, const char *line, size_t size)
{
	struct bulk_line *l = &b->lines[b->next++ % WINDOW];
	char why[NOTE_TEXT_MAX];
	struct name_word word;
	json_error_t error;
	*l = (struct bulk_line){.bulk = b};
	l->document = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
	if (!l->document)
		snprintf(why, sizeof why, "the line is not JSON: %.200s",
			error.text);
	if (!l->document || !api_name_word_read(l->document, &word, why)) {
		const char *name =
			json_string_value(json_object_get(l->document, "name"));
		finish(l,
			api_name_answer(name && strlen(name) <= RUNTIME_NAME_MAX
						? name
						: "",
				REPLY_INVALID, why));
		return;
	}
	b->under_way++;
	api_name_word_do(b->call, &word, on_done, l);
	api_name_word_fini(&word);
}

/* Tells the answers that are due. */
static void
tell(struct bulk *b)
{
	while (b->first < b->next && b->lines[b->first % WINDOW].is_done) {
		struct bulk_line *l = &b->lines[b->first++ % WINDOW];
		stream_add(b->stream, l->answer.data, l->answer.size);
		api_text_fini(&l->answer);
		l->answer = (struct api_text){0};
	}
}

static void
pump(struct bulk *b)
{
	const char *line;
	size_t size;
	bool is_over = false;
	b->is_busy = true;
	while (b->next - b->first < WINDOW && !is_over &&
		b->stream->out.size < OUT_SIZE) {
		if (!next_line(b, &line, &size))
			is_over = true;
		else if (size)
			begin(b, line, size);
		tell(b);
	}
	tell(b);
	if (is_over && b->first == b->next)
		stream_end(b->stream);
	b->is_busy = false;
}

static void
refill(struct stream *s)
{
	struct bulk *b = s->owner;
	if (!b->is_busy)
		pump(b);
}

static void
close_bulk(struct stream *s)
{
	struct bulk *b = s->owner;
	b->stream = NULL;
	free_if_over(b);
}

void
api_post_names_bulk(struct call *c)
{
	struct bulk *b = calloc(1, sizeof *b);
	CHECK(b);
	b->call = c;
	b->stream =
		call_stream(c, "application/x-ndjson", b, refill, close_bulk);
}
