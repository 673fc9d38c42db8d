/* The output of an instance, from the files that skep-logger writes:
 * log_dir/NAME.log is the newest, NAME.log.1 the one before, and so on.
 *
 * Reading happens on the loop, a piece of READ_SIZE at a time from local
 * files that were just written; the search for the last lines looks at no
 * more than TAIL_MAX bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "node/api_logs.h"
#include "node/api_private.h"

#define READ_SIZE     16384
#define TAIL_MAX      (16u << 20)
#define LINES_DEFAULT 100
#define LINES_MAX     10000
#define FILES_MAX     64
#define POLL_S	      0.2

/* One reader of one instance's files, owned by its stream. */
struct log_reader {
	char path[4096]; /* of the newest file */
	int fd;		 /* file being read, -1 for none */
	off_t at;	 /* next byte in it */
	unsigned older;	 /* number of the file being read; 0: newest */
	ino_t inode;	 /* of 'fd' */
	bool is_follow;
	struct stream *stream;
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

static void
log_refill(struct stream *s)
{
	struct log_reader *r = s->owner;
	char block[READ_SIZE];
	do {
		ssize_t got = pread(r->fd, block, sizeof(block), r->at);
		if (got > 0) {
			r->at += got;
			stream_add(s, block, (size_t)got);
			return;
		}
	} while (go_on(r));
	if (!r->is_follow)
		stream_end(s);
	else
		ev_timer_again(s->call->api->node->loop, &r->poll);
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
	stream_wake(r->stream);
}

static void
log_close(struct stream *s)
{
	struct log_reader *r = s->owner;
	ev_timer_stop(s->call->api->node->loop, &r->poll);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

void
api_logs_local(
	struct call *c, const char *instance, uint64_t lines, bool is_follow)
{
	struct log_reader *r = calloc(1, sizeof(*r));
	CHECK(r);
	r->fd = -1;
	r->is_follow = is_follow;
	snprintf(r->path, sizeof(r->path), "%s/%s.log",
		c->api->node->conf.node.log_dir, instance);
	int rc = seek_tail(r, lines);
	if (rc < 0) {
		free(r);
		call_reply_error(c,
			rc == -ENOENT ? MHD_HTTP_NOT_FOUND
				      : MHD_HTTP_INTERNAL_SERVER_ERROR,
			rc == -ENOENT ? "not_found" : "failed",
			"there is no output of '%s' on this host: %s", instance,
			strerror(-rc));
		return;
	}
	ev_timer_init(&r->poll, on_poll, POLL_S, POLL_S);
	r->stream = call_stream(
		c, "text/plain; charset=utf-8", r, log_refill, log_close);
}

void
api_logs_remote(struct call *c, const struct instance_view *v)
{
	call_reply_error(c, MHD_HTTP_CONFLICT, "on_other_node",
		"'%s' runs on %s: ask there", v->name, v->node);
}

/* Names of a service's instances, for the refusal of its own name. */
static void
refuse_service(struct call *c, const char *service)
{
	struct api_text names = {0};
	uint32_t cursor = 0;
	struct instance_view v;
	while (view_instance_next(c->api->node->core, &cursor, &v))
		if (strcmp(v.service, service) == 0 && names.size < 500)
			api_text_printf(
				&names, "%s%s", names.size ? ", " : "", v.name);
	if (names.size)
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"'%s' is a service; name one of %s", service,
			names.data);
	else
		call_reply_error(c, MHD_HTTP_NOT_FOUND, "not_found",
			"nothing is named '%s'", service);
	api_text_fini(&names);
}

/* Whether a file name made of 'name' stays in its directory. */
static bool
is_plain(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

void
api_get_logs(struct call *c)
{
	const char *name = c->captures[0];
	struct node *n = c->api->node;
	uint64_t lines = LINES_DEFAULT;
	const char *text = call_query(c, "n");
	char *end = "";
	if (text)
		lines = strtoull(text, &end, 10);
	if (text && (*text < '0' || *text > '9' || *end || lines > LINES_MAX)) {
		call_reply_error(c, MHD_HTTP_BAD_REQUEST, "invalid",
			"n: '%s' is not a number from 0 to %d", text,
			LINES_MAX);
		return;
	}
	struct instance_view v;
	struct cluster_view cluster;
	view_cluster(n->core, &cluster);
	bool is_known = view_instance(n->core, name, &v);
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s.log", n->conf.node.log_dir, name);
	if (is_known && *v.node && strcmp(v.node, cluster.node) != 0)
		api_logs_remote(c, &v);
	else if (is_plain(name) && (is_known || access(path, F_OK) == 0))
		api_logs_local(c, name, lines, call_query_flag(c, "follow"));
	else
		refuse_service(c, name);
}
