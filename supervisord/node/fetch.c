#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "node/bulk_private.h"

#define PROGRESS_S	  0.2	       /* seconds between reports of progress */
#define HASH_BYTES_PER_MS 50000	       /* of a slow disk */
#define SIZE_MAX_B	  (1ull << 44) /* bytes; a larger state is a mistake */

/* What a fetch waits for. */
enum fetch_step {
	FETCH_SHARE,  /* a thread looks whether the state is here already */
	FETCH_WAIT,   /* the back-off's end */
	FETCH_DIAL,   /* a connection */
	FETCH_LIST,   /* the list of digests */
	FETCH_CHECK,  /* a thread checks what came earlier */
	FETCH_LOAD,   /* chunks */
	FETCH_FINISH, /* a thread verifies the whole and names it */
};

enum chunk_state {
	CHUNK_MISSING,
	CHUNK_ASKED,
	CHUNK_WRITING, /* a thread has it */
	CHUNK_HERE,    /* verified, on disk */
};

/* One state on its way here.  After its end it lives until its jobs have
 * come back. */
struct fetch {
	struct bulk *bulk;
	struct list link;
	char name[INSTANCE_NAME_MAX + 1];
	char node[NODE_NAME_MAX + 1];
	char address[ADDRESS_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	uint64_t size;
	bulk_fetch_fn *report;
	void *context;
	enum fetch_step step;
	bool is_over;	/* no more reports; waits for 'job_count' 0 */
	bool has_list;	/* 'manifest' is complete and proven */
	bool has_hello; /* on the present connection */
	bool was_damaged; /* what was here, which went */
	ev_timer timer; /* back-off, or silence */
	int64_t retry_ms;
	ev_tstamp reported; /* time of the last progress */
	struct dial *dial;
	struct conn *conn;
	struct manifest manifest;
	uint64_t digests_got;
	uint8_t *chunks;     /* an enum chunk_state for each */
	bool *found;	     /* CHECK's finding, for each */
	uint64_t here_count; /* chunks */
	uint64_t here_bytes;
	uint64_t cursor;	     /* no chunk below it is missing */
	uint64_t asked[BULK_WINDOW]; /* in order of their answers */
	unsigned asked_count;
	unsigned writing_count;
	uint8_t *buffer; /* the chunk that comes in: asked[0] */
	size_t buffered; /* bytes in it */
	int part;	 /* the file, -1 before CHECK */
	unsigned job_count;
	struct pool_job job; /* SHARE, CHECK, FINISH */
	int result;
	struct err err;
};

/* A chunk on its way to disk. */
struct chunk_write {
	struct pool_job job;
	struct fetch *fetch;
	uint64_t index;
	uint8_t *data; /* owned */
	size_t size;
	int result;
	struct err err;
};

static void go_on(struct fetch *f);
static void submit(struct fetch *f, enum fetch_step step);

static void
fetch_free(struct fetch *f)
{
	list_remove(&f->link);
	manifest_fini(&f->manifest);
	free(f->chunks);
	free(f->found);
	free(f->buffer);
	if (f->part >= 0)
		close(f->part);
	free(f);
}

/* Lets go of the connection or dial; its callbacks come no more. */
static void on_orphan_close(
	void *owner, struct conn *c, enum conn_end end, const char *text);
static void on_orphan_frame(
	void *owner, struct conn *c, uint16_t type, struct bytes body);
static void on_open(void *owner, struct conn *c);

static const struct conn_owner orphan_calls = {
	.on_open = on_open,
	.on_frame = on_orphan_frame,
	.on_close = on_orphan_close,
};

/* A connection of no fetch any more, until the loop has closed it. */
struct orphan {
	struct list link;
	struct conn *conn;
};

static void
orphan_new(struct bulk *b, struct conn *c)
{
	struct orphan *o = calloc(1, sizeof *o);
	CHECK(o);
	o->conn = c;
	list_append(&b->orphans, &o->link);
	conn_set_owner(c, &orphan_calls, o);
	conn_abort(c, CONN_END_CLOSED, NULL);
}

static void
disconnect(struct fetch *f)
{
	dial_cancel(f->dial);
	f->dial = NULL;
	if (f->conn) {
		orphan_new(f->bulk, f->conn);
	}
	f->conn = NULL;
	for (unsigned i = 0; i < f->asked_count; i++)
		f->chunks[f->asked[i]] = CHUNK_MISSING;
	f->asked_count = 0;
	f->cursor = 0;
	f->buffered = 0;
	free(f->buffer);
	f->buffer = NULL;
	ev_timer_stop(f->bulk->loop, &f->timer);
}

static void
tell(struct fetch *f, bool is_ok, bool is_final, const char *text)
{
	struct bulk_report report = {
		.name = f->name,
		.root = f->root,
		.is_ok = is_ok,
		.is_final = is_final,
		.bytes = f->here_bytes,
		.text = text,
	};
	f->reported = ev_now(f->bulk->loop);
	f->report(f->context, &report);
}

/* Tells how far it is, now and then.  False: the owner has cancelled it. */
static bool
tell_progress(struct fetch *f)
{
	if (ev_now(f->bulk->loop) - f->reported < PROGRESS_S)
		return true;
	f->job_count++; /* keeps it alive */
	tell(f, false, false, "");
	f->job_count--;
	if (f->is_over && f->job_count == 0)
		fetch_free(f);
	else if (!f->is_over)
		return true;
	return false;
}

/* It is over, without a word. */
static void
end(struct fetch *f)
{
	f->is_over = true;
	disconnect(f);
	if (f->job_count == 0)
		fetch_free(f);
}

/* It is over, and the owner hears how. */
static void
finish(struct fetch *f, bool is_ok, const char *text)
{
	struct err copy;
	snprintf(copy.text, sizeof copy.text, "%s", text);
	disconnect(f);
	f->is_over = true; /* the owner may cancel in its callback */
	tell(f, is_ok, true, copy.text);
	end(f);
}

static void
fail(struct fetch *f, const char *text)
{
	char line[ERR_TEXT_SIZE];
	snprintf(line, sizeof line, "state of %s%s%s: %s", f->name,
		f->node[0] ? " from " : "", f->node, text);
	say_limited(&f->bulk->fetch_says, 4, SAY_WARNING, "%s", line);
	finish(f, false, line);
}

static void
set_timer(struct fetch *f, int64_t ms)
{
	ev_timer_stop(f->bulk->loop, &f->timer);
	ev_timer_set(&f->timer, (double)ms / 1000, 0.);
	ev_timer_start(f->bulk->loop, &f->timer);
}

/* Bounds the silence.  For the list the other end hashes the whole state. */
static void
wait_for_bytes(struct fetch *f)
{
	int64_t hash_ms = (int64_t)(f->size / HASH_BYTES_PER_MS);
	set_timer(f, BULK_SILENT_MS + (f->step == FETCH_LIST ? hash_ms : 0));
}

/* The connection is of no use: another one, later. */
static void
retry(struct fetch *f, const char *text)
{
	char line[ERR_TEXT_SIZE];
	snprintf(line, sizeof line, "state of %s from %s (%s): %s; again soon",
		f->name, f->node, f->address, text);
	say_limited(&f->bulk->fetch_says, 4, SAY_NOTICE, "%s", line);
	disconnect(f);
	f->step = FETCH_WAIT;
	set_timer(f, f->retry_ms);
	f->retry_ms *= 2;
	if (f->retry_ms > BULK_RETRY_MAX_MS)
		f->retry_ms = BULK_RETRY_MAX_MS;
	tell(f, false, false, line);
}

static void
ask(struct fetch *f, uint64_t chunk, uint32_t count)
{
	skep_BulkGet msg = skep_BulkGet_init_zero;
	msg.root.size = DIGEST_SIZE;
	memcpy(msg.root.bytes, f->root, DIGEST_SIZE);
	msg.offset = chunk * STATE_CHUNK_SIZE;
	msg.count = count;
	snprintf(msg.name, sizeof msg.name, "%s", f->name);
	msg.here = f->here_bytes;
	message_send(f->conn, WIRE_BULK_GET, skep_BulkGet_fields, &msg, 0,
		(struct bytes){0});
}

/* Keeps the window full of questions. */
static void
ask_chunks(struct fetch *f)
{
	while (f->asked_count + f->writing_count < BULK_WINDOW) {
		while (f->cursor < f->manifest.count &&
			f->chunks[f->cursor] != CHUNK_MISSING)
			f->cursor++;
		if (f->cursor == f->manifest.count)
			return;
		f->chunks[f->cursor] = CHUNK_ASKED;
		f->asked[f->asked_count++] = f->cursor;
		ask(f, f->cursor, 1);
	}
}

/* --- The connection --- */

static void
on_open(void *owner, struct conn *c)
{
	(void)owner;
	(void)c;
	UNREACHABLE(); /* dials give open connections */
}

static void
on_orphan_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)owner;
	(void)c;
	(void)type;
	(void)body;
}

static void
on_orphan_close(
	void *owner, struct conn *c, enum conn_end how, const char *text)
{
	(void)c;
	(void)how;
	(void)text;
	struct orphan *o = owner;
	list_remove(&o->link);
	free(o);
}

static void
on_hello(struct fetch *f, struct bytes body)
{
	skep_Hello hello = skep_Hello_init_zero;
	char text[200];
	if (!wire_decode(WIRE_HELLO, body, &hello) ||
		strcmp(hello.cluster, f->bulk->cluster) != 0) {
		retry(f, "the host there is of another cluster");
		return;
	}
	if (strcmp(hello.node, f->node) != 0) {
		snprintf(text, sizeof text, "the host there is %.64s",
			hello.node);
		retry(f, text);
		return;
	}
	f->has_hello = true;
	go_on(f);
}

static void
on_refuse(struct fetch *f, struct bytes body)
{
	skep_Refuse refuse = skep_Refuse_init_zero;
	bool is_ok = wire_decode(WIRE_REFUSE, body, &refuse);
	retry(f, is_ok ? refuse.reason : "refused");
}

/* Whether the digests that came are those of the root. */
static void
check_list(struct fetch *f)
{
	uint8_t root[DIGEST_SIZE];
	manifest_root(&f->manifest, root);
	if (memcmp(root, f->root, DIGEST_SIZE) != 0) {
		fail(f, "the list of its chunks does not belong to it");
		return;
	}
	f->has_list = true;
	go_on(f);
}

static void
on_manifest(struct fetch *f, struct bytes body)
{
	struct wire_slice slice = {.whole = body};
	skep_BulkManifest msg = skep_BulkManifest_init_zero;
	msg.digests = wire_borrow(&slice);
	if (f->step != FETCH_LIST)
		return;
	uint64_t room = f->manifest.count - f->digests_got;
	uint64_t count = 0;
	bool is_ok = wire_decode(WIRE_BULK_MANIFEST, body, &msg);
	if (is_ok) {
		count = slice.found.size / DIGEST_SIZE;
		is_ok = msg.size == f->size && msg.first == f->digests_got &&
			count * DIGEST_SIZE == slice.found.size &&
			count <= room && (count > 0 || room == 0);
	}
	if (!is_ok) {
		fail(f, "the list of its chunks makes no sense");
		return;
	}
	if (count > 0)
		memcpy(f->manifest.digests + f->digests_got * DIGEST_SIZE,
			slice.found.data, slice.found.size);
	f->digests_got += count;
	if (f->digests_got == f->manifest.count)
		check_list(f);
}

static void
run_write(struct pool_job *job)
{
	struct chunk_write *w = container_of(job, struct chunk_write, job);
	w->result = dumps_write_chunk(w->fetch->part, &w->fetch->manifest,
		w->index, w->data, w->size, &w->err);
}

static void
write_done(struct pool_job *job, bool is_dropped)
{
	struct chunk_write *w = container_of(job, struct chunk_write, job);
	struct fetch *f = w->fetch;
	f->job_count--;
	f->writing_count--;
	bool is_ok = !is_dropped && w->result == 0;
	f->chunks[w->index] = is_ok ? CHUNK_HERE : CHUNK_MISSING;
	if (is_ok) {
		f->here_count++;
		f->here_bytes += w->size;
	}
	if (f->is_over) {
		if (f->job_count == 0)
			fetch_free(f);
	} else if (!is_ok) {
		fail(f, w->err.text);
	} else {
		f->retry_ms = BULK_RETRY_MS;
		if (tell_progress(f))
			go_on(f);
	}
	free(w->data);
	free(w);
}

/* Hands the chunk in the buffer to a thread. */
static void
write_chunk(struct fetch *f)
{
	struct chunk_write *w = calloc(1, sizeof *w);
	CHECK(w && f->asked_count > 0);
	w->job = (struct pool_job){.run = run_write, .done = write_done};
	w->fetch = f;
	w->index = f->asked[0];
	w->data = f->buffer;
	w->size = f->buffered;
	f->buffer = NULL;
	f->buffered = 0;
	f->asked_count--;
	memmove(f->asked, f->asked + 1, f->asked_count * sizeof f->asked[0]);
	f->chunks[w->index] = CHUNK_WRITING;
	f->writing_count++;
	f->job_count++;
	pool_submit(f->bulk->files, &w->job);
}

/* Takes one piece of the chunk that is due. */
static bool
take_piece(struct fetch *f, uint64_t offset, struct bytes data)
{
	if (f->asked_count == 0)
		return false;
	size_t size = dumps_chunk_size(f->size, f->asked[0]);
	if (offset != f->asked[0] * STATE_CHUNK_SIZE + f->buffered ||
		data.size == 0 || data.size > size - f->buffered)
		return false;
	if (!f->buffer)
		f->buffer = malloc(STATE_CHUNK_SIZE);
	if (!f->buffer)
		return false;
	memcpy(f->buffer + f->buffered, data.data, data.size);
	f->buffered += data.size;
	if (f->buffered == size)
		write_chunk(f);
	return true;
}

static void
on_data(struct fetch *f, struct bytes body)
{
	struct wire_slice slice = {.whole = body};
	skep_BulkData msg = skep_BulkData_init_zero;
	msg.data = wire_borrow(&slice);
	if (!wire_decode(WIRE_BULK_DATA, body, &msg))
		retry(f, "a message that makes no sense");
	else if (msg.error[0])
		fail(f, msg.error);
	else if (!take_piece(f, msg.offset, slice.found))
		retry(f, "a piece that was not asked for");
}

static void
on_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)c;
	struct fetch *f = owner;
	if (f->step != FETCH_LIST && f->step != FETCH_LOAD)
		return; /* nothing was asked */
	wait_for_bytes(f);
	if (type == WIRE_HELLO)
		on_hello(f, body);
	else if (type == WIRE_REFUSE)
		on_refuse(f, body);
	else if (type == WIRE_BULK_MANIFEST && f->has_hello)
		on_manifest(f, body);
	else if (type == WIRE_BULK_DATA && f->has_hello)
		on_data(f, body);
}

static void
on_close(void *owner, struct conn *c, enum conn_end how, const char *text)
{
	(void)c;
	(void)how;
	struct fetch *f = owner;
	f->conn = NULL;
	/* A thread that works goes on; a new connection is for later. */
	if (f->step == FETCH_LIST || f->step == FETCH_LOAD)
		retry(f, text);
}

static const struct conn_owner fetch_calls = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

static void
dial_done(void *context, struct dial *d, struct conn *c, enum conn_end how,
	const char *text)
{
	(void)d;
	(void)how;
	struct fetch *f = context;
	f->dial = NULL;
	if (!c) {
		retry(f, text);
		return;
	}
	f->conn = c;
	f->has_hello = false;
	conn_set_owner(c, &fetch_calls, f);
	bulk_say_hello(f->bulk, c);
	/* Its Hello is due before anything is asked. */
	f->step = f->has_list ? FETCH_LOAD : FETCH_LIST;
	wait_for_bytes(f);
}

static void
dial(struct fetch *f)
{
	if (!f->address[0]) { /* nobody is left who could give it */
		fail(f, "it is not here, or damaged");
		return;
	}
	f->step = FETCH_DIAL;
	f->dial = dial_new(f->bulk->dialler, f->address, dial_done, f);
	CHECK(f->dial);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	struct fetch *f = timer->data;
	if (f->step == FETCH_WAIT)
		dial(f);
	else if (f->writing_count > 0)
		wait_for_bytes(f); /* it is this host's disk that is slow */
	else
		retry(f, "silent for too long");
}

/* --- The threads' part --- */

/* Whose disk it is that has no room, is told on another host. */
static int
open_part(struct fetch *f)
{
	struct bulk *b = f->bulk;
	int r = dumps_open_part(
		&b->dumps, f->root, f->name, &f->manifest, f->found, &f->err);
	return r == -ENOSPC ? err_wrap(&f->err, r, "%s", b->node) : r;
}

static void
run_step(struct pool_job *job)
{
	struct fetch *f = container_of(job, struct fetch, job);
	struct dumps *d = &f->bulk->dumps;
	if (f->step == FETCH_SHARE)
		f->result = dumps_share(d, f->root, f->name, &f->err);
	else if (f->step == FETCH_CHECK)
		f->result = open_part(f);
	else
		f->result = dumps_finish_part(
			d, f->root, f->name, f->part, &f->manifest, &f->err);
}

/* Takes over what CHECK found. */
static void
take_part(struct fetch *f)
{
	f->part = f->result;
	for (uint64_t i = 0; i < f->manifest.count; i++) {
		if (!f->found[i])
			continue;
		f->chunks[i] = CHUNK_HERE;
		f->here_count++;
		f->here_bytes += dumps_chunk_size(f->size, i);
	}
	if (f->here_count > 0)
		say(SAY_INFO,
			"state of %s from %s: %" PRIu64 " of %" PRIu64
			" bytes are here already",
			f->name, f->node, f->here_bytes, f->size);
	f->step = FETCH_LOAD;
	if (f->conn)
		wait_for_bytes(f);
	go_on(f);
}

static void
step_done(struct pool_job *job, bool is_dropped)
{
	struct fetch *f = container_of(job, struct fetch, job);
	f->job_count--;
	if (f->step == FETCH_CHECK && !is_dropped && f->result >= 0 &&
		f->is_over)
		f->part = f->result;
	if (f->is_over || is_dropped) {
		if (f->job_count == 0)
			fetch_free(f);
	} else if (f->step == FETCH_SHARE && f->result < 0) {
		f->was_damaged = f->result == -EBADMSG;
		dial(f);
	} else if (f->result < 0) {
		fail(f, f->err.text);
	} else if (f->step == FETCH_CHECK) {
		take_part(f);
	} else {
		f->here_bytes = f->size;
		finish(f, true,
			f->was_damaged ? "what was here was damaged" : "");
	}
}

static void
submit(struct fetch *f, enum fetch_step step)
{
	f->step = step;
	f->err.text[0] = '\0';
	f->job_count++;
	ev_timer_stop(f->bulk->loop, &f->timer);
	pool_submit(f->bulk->files, &f->job);
}

/* Does what can be done next. */
static void
go_on(struct fetch *f)
{
	switch (f->step) {
	case FETCH_LIST:
		if (f->has_list) {
			submit(f, FETCH_CHECK);
		} else {
			f->digests_got = 0;
			ask(f, 0, 0);
		}
		break;
	case FETCH_LOAD:
		if (f->here_count == f->manifest.count)
			submit(f, FETCH_FINISH);
		else if (!f->conn)
			retry(f, "the connection broke");
		else if (f->has_hello)
			ask_chunks(f);
		break;
	case FETCH_WAIT:
	case FETCH_DIAL:
		/* The last writes came back after a break. */
		if (f->has_list && f->here_count == f->manifest.count) {
			disconnect(f);
			submit(f, FETCH_FINISH);
		}
		break;
	case FETCH_SHARE:
	case FETCH_CHECK:
	case FETCH_FINISH:
		break;
	}
}

/* --- The front --- */

static struct fetch *
find_fetch(struct bulk *b, const char *name, const uint8_t root[DIGEST_SIZE])
{
	list_each (it, &b->fetches) {
		struct fetch *f = container_of(it, struct fetch, link);
		if (!f->is_over && strcmp(f->name, name) == 0 &&
			memcmp(f->root, root, DIGEST_SIZE) == 0)
			return f;
	}
	return NULL;
}

/* The tables of a fetch of 'size' bytes; false without memory. */
static bool
make_tables(struct fetch *f)
{
	struct err err;
	if (f->size > SIZE_MAX_B || manifest_init(&f->manifest, f->size, &err))
		return false;
	f->chunks = calloc(f->manifest.count + 1, 1);
	f->found = calloc(f->manifest.count + 1, sizeof *f->found);
	return f->chunks && f->found;
}

static void
on_no_memory(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	fail(timer->data, "too large for this host's memory");
}

void
bulk_fetch(struct bulk *b, const char *name, const char *node,
	const char *address, const uint8_t root[DIGEST_SIZE], uint64_t size,
	bulk_fetch_fn *report, void *context)
{
	struct fetch *f = find_fetch(b, name, root);
	bool is_new = !f;
	if (is_new) {
		f = calloc(1, sizeof *f);
		CHECK(f);
		f->bulk = b;
		f->part = -1;
		f->size = size;
		f->retry_ms = BULK_RETRY_MS;
		f->job = (struct pool_job){.run = run_step, .done = step_done};
		snprintf(f->name, sizeof f->name, "%s", name);
		memcpy(f->root, root, DIGEST_SIZE);
		list_append(&b->fetches, &f->link);
		ev_timer_init(&f->timer, on_timer, 0., 0.);
		f->timer.data = f;
	}
	snprintf(f->node, sizeof f->node, "%s", node);
	snprintf(f->address, sizeof f->address, "%s", address);
	f->report = report;
	f->context = context;
	if (!is_new)
		return;
	if (make_tables(f)) {
		submit(f, FETCH_SHARE);
	} else {
		ev_set_cb(&f->timer, on_no_memory);
		set_timer(f, 0);
	}
}

void
bulk_cancel(struct bulk *b, const char *name, const uint8_t root[DIGEST_SIZE])
{
	struct fetch *f = find_fetch(b, name, root);
	if (f)
		end(f);
}

void
fetch_end_all(struct bulk *b)
{
	list_each_safe (it, &b->fetches) {
		struct fetch *f = container_of(it, struct fetch, link);
		if (!f->is_over)
			end(f);
	}
	/* The loop may not run again. */
	list_each_safe (it, &b->orphans) {
		struct orphan *o = container_of(it, struct orphan, link);
		conn_free(o->conn);
		list_remove(it);
		free(o);
	}
}
