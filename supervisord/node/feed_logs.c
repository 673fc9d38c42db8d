/* The output of an instance, from the files that skep-logger writes:
 * log_dir/NAME.log is the newest, NAME.log.1 the one before, and so on.
 *
 * Reading happens on the loop, a piece at a time from local files that were
 * just written; the search for the last lines looks at no more than TAIL_MAX
 * bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "node/feeds.h"

#define READ_SIZE 16384
#define TAIL_MAX  (16u << 20)
#define FILES_MAX 64
#define POLL_S	  0.2

/* One reader of one instance's files. */
struct log_reader {
	struct feed feed;
	struct ev_loop *loop;
	char path[4096]; /* of the newest file */
	int fd;		 /* file being read, -1 for none */
	off_t at;	 /* next byte in it */
	unsigned older;	 /* number of the file being read; 0: newest */
	ino_t inode;	 /* of 'fd' */
	bool is_follow;
	struct ev_timer poll; /* while following, at the end of the file */
};

static void
file_path(const struct log_reader *r, unsigned older, char *out, size_t size)
{
	if (older)
		snprintf(out, size, "%s.%u", r->path, older);
	else
		snprintf(out, size, "%s", r->path);
}

static int
open_file(struct log_reader *r, unsigned older)
{
	char path[sizeof(r->path) + 16];
	struct stat st;
	file_path(r, older, path, sizeof(path));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	if (r->fd >= 0)
		close(r->fd);
	r->fd = fd;
	r->at = 0;
	r->older = older;
	r->inode = st.st_ino;
	return 0;
}

/* Searches one open file backwards for the start of its last 'lines' lines.
 * Returns how many of them it did not have; '*at' is where to begin. */
static uint64_t
find_tail(int fd, uint64_t lines, size_t *budget, off_t *at)
{
	char block[READ_SIZE];
	struct stat st;
	off_t end = fstat(fd, &st) == 0 ? st.st_size : 0;
	bool is_last = true;
	*at = end;
	while (end > 0 && *budget > 0) {
		off_t from = end > READ_SIZE ? end - READ_SIZE : 0;
		ssize_t got = pread(fd, block, (size_t)(end - from), from);
		if (got != end - from)
			break;
		*budget -= (size_t)got < *budget ? (size_t)got : *budget;
		for (ssize_t i = got - 1; i >= 0; i--) {
			/* The newline that ends the file ends no other. */
			bool ends_file = is_last && i == got - 1;
			if (block[i] != '\n' || ends_file)
				continue;
			if (--lines == 0) {
				*at = from + i + 1;
				return 0;
			}
		}
		is_last = false;
		end = from;
		*at = end;
	}
	return *budget == 0 || lines == 0 ? 0
	       : st.st_size > 0		  ? lines - 1
					  : lines;
}

/* Opens the file in which the last 'lines' lines begin. */
static int
seek_tail(struct log_reader *r, uint64_t lines)
{
	size_t budget = TAIL_MAX;
	int rc = open_file(r, 0);
	if (rc < 0)
		return rc;
	if (lines == 0) {
		r->at = lseek(r->fd, 0, SEEK_END);
		return 0;
	}
	for (unsigned older = 0; older < FILES_MAX; older++) {
		if (older && open_file(r, older) < 0)
			return 0;
		off_t at;
		lines = find_tail(r->fd, lines, &budget, &at);
		r->at = at;
		if (lines == 0)
			return 0;
	}
	return 0;
}

/* At the end of the newest file: whether it was rotated away, and then on to
 * the file that took its place. */
static bool
go_on_after_rotation(struct log_reader *r)
{
	struct stat st;
	if (stat(r->path, &st) < 0 || st.st_ino == r->inode)
		return false;
	return open_file(r, 0) == 0;
}

static bool
go_on(struct log_reader *r)
{
	if (r->older)
		return open_file(r, r->older - 1) == 0;
	return r->is_follow && go_on_after_rotation(r);
}

static size_t
log_read(struct feed *f, void *buffer, size_t max)
{
	struct log_reader *r = container_of(f, struct log_reader, feed);
	do {
		ssize_t got = pread(r->fd, buffer, max, r->at);
		if (got > 0) {
			r->at += got;
			return (size_t)got;
		}
	} while (go_on(r));
	if (!r->is_follow)
		feed_end(f, REPLY_OK, "%s", "");
	else
		ev_timer_again(r->loop, &r->poll);
	return 0;
}

static void
on_poll(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	struct log_reader *r = container_of(w, struct log_reader, poll);
	struct stat st;
	bool has_more = fstat(r->fd, &st) == 0 && st.st_size > r->at;
	if (!has_more && (stat(r->path, &st) < 0 || st.st_ino == r->inode))
		return;
	ev_timer_stop(loop, w);
	feed_tell(&r->feed);
}

static void
log_close(struct feed *f)
{
	struct log_reader *r = container_of(f, struct log_reader, feed);
	ev_timer_stop(r->loop, &r->poll);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

static const struct feed_ops log_ops = {log_read, log_close};

enum reply_code
feed_logs_open(struct node *n, const struct query *query, struct feed **out,
	char *text)
{
	struct log_reader *r = calloc(1, sizeof(*r));
	CHECK(r);
	uint64_t lines = query->count;
	r->feed.ops = &log_ops;
	r->feed.is_begun = true;
	r->loop = n->loop;
	r->fd = -1;
	r->is_follow = query->is_follow;
	ev_timer_init(&r->poll, on_poll, POLL_S, POLL_S);
	snprintf(r->path, sizeof(r->path), "%s/%s.log", n->conf.node.log_dir,
		query->name);
	if (lines > FEED_LINES_MAX)
		lines = FEED_LINES_MAX;
	int rc = feed_is_plain(query->name) ? seek_tail(r, lines) : -ENOENT;
	if (rc == 0) {
		*out = &r->feed;
		return REPLY_OK;
	}
	snprintf(text, NOTE_TEXT_MAX,
		"there is no output of '%.127s' on this host: %s", query->name,
		strerror(-rc));
	log_close(&r->feed);
	return rc == -ENOENT ? REPLY_NOT_FOUND : REPLY_FAILED;
}
