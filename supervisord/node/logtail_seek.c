/* Where the answer to a question about output begins. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/logtail.h"

#define BLOCK	 16384
#define SLACK_MS 1000 /* marks are a second apart at most */

/* --- the last lines --- */

/* The start of the last 'lines' lines before 'end' in a plain file; lowers
 * 'lines' by those it has. */
static uint64_t
seek_back(struct logpart *p, uint64_t *lines, uint64_t *budget)
{
	char block[BLOCK];
	uint64_t end = logpart_size(p);
	bool is_last = true; /* the newline that ends the file ends no other */
	while (end > 0 && *budget > 0) {
		uint64_t from = end > BLOCK ? end - BLOCK : 0;
		ssize_t got = pread(p->fd, block, end - from, (off_t)from);
		if (got != (ssize_t)(end - from))
			break;
		*budget -= (uint64_t)got < *budget ? (uint64_t)got : *budget;
		for (ssize_t i = got - 1; i >= 0; i--) {
			bool ends_file = is_last && i == got - 1;
			if (block[i] != '\n' || ends_file)
				continue;
			if (--*lines == 0)
				return from + (uint64_t)i + 1;
		}
		is_last = false;
		end = from;
	}
	if (!is_last && *lines > 0 && end == 0)
		--*lines; /* the first line of the file */
	return end;
}

/* Counts the lines of a compressed file up to its end. */
static uint64_t
count_lines(struct logpart *p, uint64_t *budget)
{
	char block[BLOCK];
	char last = '\n';
	uint64_t lines = 0;
	ssize_t n;
	while (*budget > 0 && (n = logpart_read(p, block, sizeof block)) > 0) {
		*budget -= (uint64_t)n < *budget ? (uint64_t)n : *budget;
		for (ssize_t i = 0; i < n; i++)
			lines += block[i] == '\n';
		last = block[n - 1];
	}
	return lines + (last != '\n');
}

/* The byte behind so many lines. */
static uint64_t
skip_lines(struct logpart *p, uint64_t lines)
{
	char block[BLOCK];
	ssize_t n;
	logpart_seek(p, 0);
	while (lines > 0 && (n = logpart_read(p, block, sizeof block)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] == '\n' && --lines == 0)
				return p->at - (uint64_t)(n - i - 1);
		}
	}
	return lines ? p->at : 0;
}

/* As seek_back, for a compressed file: read from its beginning. */
static uint64_t
seek_packed(struct logpart *p, uint64_t *lines, uint64_t *budget)
{
	uint64_t has = count_lines(p, budget);
	if (has <= *lines) {
		*lines -= has;
		return 0;
	}
	uint64_t at = skip_lines(p, has - *lines);
	*lines = 0;
	return at;
}

static int
seek_lines(struct logtail *t)
{
	uint64_t lines = t->query.count;
	uint64_t budget = LOGTAIL_LOOK_MAX;
	int r = logpart_open(&t->part, t->dir, t->name, 0);
	if (r < 0 || lines == 0)
		return r < 0 ? r : logpart_seek(&t->part, UINT64_MAX);
	unsigned gaps = 0;
	for (unsigned i = 0; lines > 0 && budget > 0; i++) {
		struct logpart older;
		if (i > 0 && logpart_open(&older, t->dir, t->name, i) < 0) {
			if (++gaps == LOGPART_GAPS_MAX)
				break;
			continue;
		}
		gaps = 0;
		if (i > 0) {
			logpart_close(&t->part);
			t->part = older;
		}
		struct logpart *p = &t->part;
		uint64_t at = p->packed ? seek_packed(p, &lines, &budget)
					: seek_back(p, &lines, &budget);
		r = logpart_seek(p, at);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- since a time or an epoch --- */

static bool
is_wanted(const struct query *q, const struct logmark *m)
{
	if (q->epoch_min)
		return !(m->epoch & LOGMARKS_END) && m->epoch >= q->epoch_min;
	return m->wall_ms >= q->since_wall_ms - SLACK_MS;
}

/* The first mark that is wanted; whether it is the file's first of all. */
static bool
find_mark(struct logpart *p, const struct query *q, struct logmark *out,
	bool *is_first)
{
	struct logmark marks[LOGTAIL_MARKS];
	uint64_t first = 0;
	size_t n;
	if (!logpart_has_marks(p))
		return false;
	while ((n = logmarks_read(p->marks, first, marks, LOGTAIL_MARKS)) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (!is_wanted(q, &marks[i]))
				continue;
			*out = marks[i];
			*is_first = first + i == 0;
			return true;
		}
		first += n;
	}
	return false;
}

/* What of a file is wanted. */
enum wanted { WANTED_NONE, WANTED_END, WANTED_ALL };

/* By its own times, for a file without marks. */
static enum wanted
guess(const struct logpart *p, const struct query *q)
{
	struct stat st;
	if (q->epoch_min || fstat(p->fd, &st) < 0)
		return WANTED_NONE;
	int64_t last = st.st_mtim.tv_sec * INT64_C(1000) + SLACK_MS;
	return last >= q->since_wall_ms ? WANTED_ALL : WANTED_NONE;
}

/* The start of the line that the byte 'at' is in, if that is near. */
static uint64_t
line_start(const struct logpart *p, uint64_t at)
{
	char block[BLOCK];
	uint64_t from = at > BLOCK ? at - BLOCK : 0;
	if (p->packed || at == 0 ||
		pread(p->fd, block, at - from, (off_t)from) !=
			(ssize_t)(at - from))
		return at;
	const char *end = memrchr(block, '\n', at - from);
	return end ? from + (uint64_t)(end - block) + 1 : from ? at : 0;
}

static enum wanted
look_into(struct logpart *p, const struct query *q, uint64_t *at_out)
{
	struct logmark m;
	bool is_first;
	*at_out = 0;
	if (logpart_size(p) == 0 && !q->epoch_min)
		return WANTED_ALL;
	if (!logpart_has_marks(p))
		return guess(p, q);
	if (!find_mark(p, q, &m, &is_first))
		return WANTED_NONE;
	*at_out = q->epoch_min ? m.offset : line_start(p, m.offset);
	return is_first ? WANTED_ALL : WANTED_END;
}

/* Goes back through the files as long as all of a file is wanted. */
static int
seek_mark(struct logtail *t)
{
	const struct query *q = &t->query;
	enum wanted wanted = WANTED_ALL;
	unsigned gaps = 0;
	int r = 0;
	for (unsigned i = 0; r == 0 && i < LOGPARTS_MAX; i++) {
		struct logpart p;
		uint64_t at;
		if (logpart_open(&p, t->dir, t->name, i) < 0) {
			if (++gaps == LOGPART_GAPS_MAX)
				break;
			continue;
		}
		gaps = 0;
		wanted = look_into(&p, q, &at);
		if (wanted == WANTED_NONE && (i > 0 || q->epoch_min)) {
			logpart_close(&p);
			if (i > 0)
				break;
			continue; /* it may have been rotated away already */
		}
		if (t->part.fd >= 0)
			logpart_close(&t->part);
		t->part = p;
		r = logpart_seek(
			&t->part, wanted == WANTED_NONE ? UINT64_MAX : at);
		if (wanted != WANTED_ALL)
			break;
	}
	if (t->part.fd < 0)
		return q->epoch_min ? -EAGAIN : -ENOENT;
	return r;
}

/* Goes to the place that was told before. */
static int
seek_place(struct logtail *t)
{
	unsigned gaps = 0;
	for (unsigned i = 0; i < LOGPARTS_MAX && gaps < LOGPART_GAPS_MAX; i++) {
		bool is_there = logpart_open(&t->part, t->dir, t->name, i) == 0;
		gaps = is_there ? 0 : gaps + 1;
		if (is_there && logpart_id(&t->part) == t->query.file)
			return logpart_seek(&t->part, t->query.at);
		logpart_close(&t->part);
	}
	/* It is no longer kept: on with what there is. */
	t->query.file = 0;
	return logtail_seek(t);
}

int
logtail_seek(struct logtail *t)
{
	if (t->query.file)
		return seek_place(t);
	if (t->query.epoch_min || t->query.since_wall_ms)
		return seek_mark(t);
	return seek_lines(t);
}
