#include "node/logtail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/name_part.h"

void
logtail_init(struct logtail *t, const char *dir, const char *host,
	const struct query *query)
{
	*t = (struct logtail){.query = *query, .dir = -1};
	t->part.fd = t->part.marks = -1;
	snprintf(t->dir_path, sizeof t->dir_path, "%s", dir);
	snprintf(t->host, sizeof t->host, "%s", host);
	char file[NAME_FILE_MAX + 1];
	name_to_file(query->name, file);
	snprintf(t->name, sizeof t->name, "%s.log", file);
}

void
logtail_fini(struct logtail *t)
{
	logpart_close(&t->part);
	api_text_fini(&t->line);
	if (t->dir >= 0)
		close(t->dir);
}

/* --- lines as JSON --- */

/* Makes the mark at the file's beginning the current one. */
static void
reset_marks(struct logtail *t)
{
	t->marks.count = t->marks.next = 0;
	t->marks.first = 0;
	t->marks.current = (struct logmark){0, 0, 0};
}

/* The mark behind the current one, or NULL. */
static const struct logmark *
next_mark(struct logtail *t)
{
	struct logtail_marks *m = &t->marks;
	if (m->next < m->count)
		return &m->read[m->next];
	if (!logpart_has_marks(&t->part))
		return NULL;
	m->first += m->count;
	m->next = 0;
	m->count =
		logmarks_read(t->part.marks, m->first, m->read, LOGTAIL_MARKS);
	return m->count ? m->read : NULL;
}

/* The mark that tells of the byte 'at'. */
static const struct logmark *
find_mark(struct logtail *t, uint64_t at)
{
	const struct logmark *next;
	while ((next = next_mark(t)) && next->offset <= at) {
		t->marks.current = *next;
		t->marks.next++;
	}
	return &t->marks.current;
}

/* Puts a line out, without its newline; its bytes are changed. */
static void
put_line(struct logtail *t, struct api_text *out, char *text, size_t size)
{
	const struct logmark *m = find_mark(t, t->line_at);
	for (char *nul; (nul = memchr(text, '\0', size));)
		*nul = '?';
	char saved = text[size];
	text[size] = '\0';
	json_t *o = json_object();
	api_json_put_time(o, "time", m->wall_ms);
	api_json_put(o, "host", t->host);
	api_json_put(o, "instance", t->query.name);
	api_json_put(o, "stream", "output");
	api_json_put_int(o, "epoch", (int64_t)(m->epoch & ~LOGMARKS_END));
	api_json_put(o, "text", text);
	text[size] = saved;
	api_text_add_line(out, o);
}

/* Puts out the lines that are whole, and those too long to be waited for;
 * 'all': and the rest. */
static void
put_lines(struct logtail *t, struct api_text *out, bool all)
{
	size_t done = 0;
	while (done < t->line.size) {
		char *text = t->line.data + done;
		size_t left = t->line.size - done;
		char *end = memchr(text, '\n', left);
		size_t size = end ? (size_t)(end - text) : left;
		if (size > LOGTAIL_LINE_MAX) {
			size = LOGTAIL_LINE_MAX;
			end = NULL;
		} else if (!end && !all && left < LOGTAIL_LINE_MAX) {
			break;
		}
		put_line(t, out, text, size);
		done += size + (end != NULL);
		t->line_at += size + (end != NULL);
	}
	if (done)
		api_text_drop(&t->line, done);
}

/* --- the files --- */

static int
begin(struct logtail *t)
{
	if (t->dir < 0)
		t->dir = open(t->dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0)
		return t->query.epoch_min ? -EAGAIN : -errno;
	int r = logtail_seek(t);
	if (r == 0)
		t->line_at = t->part.at;
	else
		logpart_close(&t->part);
	reset_marks(t);
	return r;
}

/* Whether the last epoch of the active file has ended, and all of it was
 * read. */
static bool
has_ended(struct logtail *t)
{
	struct logmark last;
	if (!logpart_has_marks(&t->part))
		return false;
	uint64_t count = logmarks_count(t->part.marks);
	return count > 0 &&
	       logmarks_read(t->part.marks, count - 1, &last, 1) == 1 &&
	       (last.epoch & LOGMARKS_END) && last.offset == t->part.at;
}

/* The end of the file was read: on to the next one, or what else. */
static enum logtail_step
at_end(struct logtail *t, struct api_text *out, int *code_out)
{
	if (!logpart_is_done(&t->part)) {
		if (t->query.is_follow)
			return has_ended(t) ? LOGTAIL_ENDED : LOGTAIL_WAITS;
		put_lines(t, out, true);
		return LOGTAIL_OVER;
	}
	/* Something may have been written before it was rotated. */
	if (!t->is_last_look) {
		t->is_last_look = true;
		return LOGTAIL_MORE;
	}
	int r = logpart_next(&t->part);
	if (r == -EAGAIN)
		return t->query.is_follow ? LOGTAIL_WAITS : LOGTAIL_OVER;
	if (r < 0) {
		*code_out = r;
		return LOGTAIL_FAILED;
	}
	put_lines(t, out, true);
	reset_marks(t);
	t->line_at = 0;
	t->is_last_look = false;
	return LOGTAIL_MORE;
}

/* Appends what was read. */
static void
add_piece(
	struct logtail *t, struct api_text *out, const char *piece, size_t size)
{
	if (!t->query.is_json) {
		api_text_add(out, piece, size);
		return;
	}
	api_text_add(&t->line, piece, size);
	put_lines(t, out, false);
}

bool
logtail_tell(struct logtail *t, uint64_t *file, uint64_t *at)
{
	if (t->part.fd < 0)
		return false;
	*file = logpart_id(&t->part);
	*at = t->query.is_json ? t->line_at : t->part.at;
	return true;
}

enum logtail_step
logtail_next(struct logtail *t, struct api_text *out, int *code_out)
{
	char piece[LOGTAIL_PIECE / 4];
	*code_out = t->part.fd >= 0 ? 0 : begin(t);
	if (*code_out == -EAGAIN)
		return t->query.is_follow ? LOGTAIL_WAITS : LOGTAIL_OVER;
	if (*code_out < 0)
		return LOGTAIL_FAILED;
	size_t before = out->size;
	while (out->size - before < LOGTAIL_PIECE) {
		ssize_t n = logpart_read(&t->part, piece, sizeof piece);
		if (n < 0) {
			*code_out = (int)n;
			return LOGTAIL_FAILED;
		}
		if (n == 0)
			return at_end(t, out, code_out);
		add_piece(t, out, piece, (size_t)n);
	}
	return LOGTAIL_MORE;
}
