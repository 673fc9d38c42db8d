#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/bulk_private.h"
#include "sys/clock.h"

/* Turns a second, at least, of those that share the bound. */
#define TURNS_PER_S    64
#define PIECE_SIZE_MIN 16384u /* bytes */

/* A question that waits for its turn. */
struct question {
	struct list link;
	char name[INSTANCE_NAME_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	uint64_t chunk; /* the next to send */
	uint32_t count; /* chunks left; 0: the list of digests */
	bool is_manifest;
};

/* A connection that another host fetches on.  It lives until it has closed
 * and no job of it runs. */
struct served {
	struct bulk *bulk;
	struct list link;
	struct list in_turns; /* it has a chunk, and waits for its turn */
	struct conn *conn;    /* NULL once closed */
	ev_timer idle;
	struct list questions; /* the first is being answered */
	unsigned question_count;
	bool is_busy; /* 'job' belongs to the pool */
	struct pool_job job;
	/* The job's: */
	uint8_t root[DIGEST_SIZE];
	uint64_t chunk;
	bool is_manifest;
	struct manifest manifest;
	uint8_t *data; /* STATE_CHUNK_SIZE bytes until all of it was sent */
	size_t data_size;
	size_t data_sent;
	uint64_t size; /* of the state last looked at; for BulkData.size */
	int result;
	struct err err;
};

static void answer_next(struct served *s);

static struct question *
first_question(struct served *s)
{
	if (list_is_empty(&s->questions))
		return NULL;
	return container_of(s->questions.next, struct question, link);
}

static void
drop_question(struct served *s, struct question *q)
{
	list_remove(&q->link);
	s->question_count--;
	free(q);
}

static void
served_free(struct served *s)
{
	struct question *q;
	while ((q = first_question(s)))
		drop_question(s, q);
	ev_timer_stop(s->bulk->loop, &s->idle);
	list_remove(&s->link);
	list_remove(&s->in_turns);
	s->bulk->served_count--;
	manifest_fini(&s->manifest);
	free(s->data);
	free(s);
}

static void
set_root(pb_size_t *size, uint8_t *bytes, const uint8_t root[DIGEST_SIZE])
{
	*size = DIGEST_SIZE;
	memcpy(bytes, root, DIGEST_SIZE);
}

static void
send_error(struct served *s, const char *text)
{
	skep_BulkData msg = skep_BulkData_init_zero;
	set_root(&msg.root.size, msg.root.bytes, s->root);
	snprintf(msg.error, sizeof msg.error, "%s", text);
	say_limited(&s->bulk->serve_says, 1, SAY_WARNING,
		"a state cannot be given to %s: %s", conn_peer(s->conn), text);
	message_send(s->conn, WIRE_BULK_DATA, skep_BulkData_fields, &msg, 0,
		(struct bytes){0});
}

static void
send_manifest(struct served *s)
{
	const struct manifest *m = &s->manifest;
	uint64_t first = 0;
	do {
		skep_BulkManifest msg = skep_BulkManifest_init_zero;
		uint64_t count = m->count - first;
		if (count > BULK_DIGESTS_MAX)
			count = BULK_DIGESTS_MAX;
		set_root(&msg.root.size, msg.root.bytes, s->root);
		msg.size = m->size;
		msg.first = first;
		message_send(s->conn, WIRE_BULK_MANIFEST,
			skep_BulkManifest_fields, &msg,
			skep_BulkManifest_digests_tag,
			(struct bytes){m->digests + first * DIGEST_SIZE,
				count * DIGEST_SIZE});
		first += count;
	} while (first < m->count);
}

/* --- Chunks, a piece at a time --- */

static void
restart_idle(struct served *s)
{
	ev_timer_stop(s->bulk->loop, &s->idle);
	ev_timer_set(&s->idle, BULK_IDLE_MS / 1000., 0.);
	ev_timer_start(s->bulk->loop, &s->idle);
}

/* The bytes of the next piece; under a bound they are few, so that all that
 * share it are heard of long before the other end takes one for silent. */
static size_t
piece_size(const struct served *s)
{
	uint64_t size = BULK_PIECE_SIZE;
	uint64_t rate = s->bulk->pace.rate;
	if (rate && rate / TURNS_PER_S < size)
		size = rate / TURNS_PER_S;
	if (size < PIECE_SIZE_MIN)
		size = PIECE_SIZE_MIN;
	size_t left = s->data_size - s->data_sent;
	return left < size ? left : (size_t)size;
}

static void
send_piece(struct served *s, size_t size)
{
	skep_BulkData msg = skep_BulkData_init_zero;
	struct question *q = first_question(s);
	set_root(&msg.root.size, msg.root.bytes, s->root);
	msg.offset = s->chunk * STATE_CHUNK_SIZE + s->data_sent;
	msg.size = s->size;
	message_send(s->conn, WIRE_BULK_DATA, skep_BulkData_fields, &msg,
		skep_BulkData_data_tag,
		(struct bytes){s->data + s->data_sent, size});
	given_on_sent(s->bulk, q->name, q->root, size);
	s->data_sent += size;
	restart_idle(s);
}

static void
end_answer(struct served *s, bool is_last)
{
	struct question *q = first_question(s);
	free(s->data);
	s->data = NULL;
	q->chunk++;
	if (is_last || --q->count == 0)
		drop_question(s, q);
	answer_next(s);
}

/* Whose turn it is sends one piece and goes to the end of the line, as long as
 * the bound allows. */
static void
take_turns(struct bulk *b)
{
	mono now = clock_mono();
	ev_timer_stop(b->loop, &b->turn);
	while (!list_is_empty(&b->turns)) {
		struct served *s =
			container_of(b->turns.next, struct served, in_turns);
		size_t size = piece_size(s);
		if (!pace_take(&b->pace, size, now)) {
			int64_t ms = mono_diff(pace_next(&b->pace), now);
			ev_timer_set(&b->turn, (double)ms / 1000, 0.);
			ev_timer_start(b->loop, &b->turn);
			return;
		}
		send_piece(s, size);
		list_remove(&s->in_turns);
		if (s->data_sent < s->data_size)
			list_append(&b->turns, &s->in_turns);
		else
			end_answer(s, false);
	}
}

void
served_on_turn(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	take_turns(timer->data);
}

/* --- Answers --- */

static void
run_answer(struct pool_job *job)
{
	struct served *s = container_of(job, struct served, job);
	if (s->is_manifest)
		s->result = dumps_read_manifest(
			&s->bulk->dumps, s->root, &s->manifest, &s->err);
	else
		s->result = dumps_read_chunk(&s->bulk->dumps, s->root, s->chunk,
			s->data, &s->data_size, &s->err);
}

static void
answer_done(struct pool_job *job, bool is_dropped)
{
	struct served *s = container_of(job, struct served, job);
	s->is_busy = false;
	if (is_dropped || !s->conn) {
		served_free(s);
		return;
	}
	if (s->result < 0)
		send_error(s, s->result == -ENOENT
				      ? "this host does not hold that state"
				      : s->err.text);
	else if (s->is_manifest)
		send_manifest(s);
	s->size = s->is_manifest ? s->manifest.size : s->size;
	manifest_fini(&s->manifest);
	if (s->result < 0 || s->is_manifest) {
		end_answer(s, true);
		return;
	}
	s->data_sent = 0;
	list_append(&s->bulk->turns, &s->in_turns);
	take_turns(s->bulk);
}

/* Begins with the next question, once the last answer has mostly left. */
static void
answer_next(struct served *s)
{
	struct question *q = first_question(s);
	if (!q || s->is_busy || s->data || !s->conn ||
		conn_queued(s->conn) >= CONN_QUEUE_LOW)
		return;
	if (!q->is_manifest) {
		s->data = malloc(STATE_CHUNK_SIZE);
		if (!s->data) {
			conn_abort(s->conn, CONN_END_MEMORY, NULL);
			return;
		}
	}
	memcpy(s->root, q->root, sizeof s->root);
	s->chunk = q->chunk;
	s->is_manifest = q->is_manifest;
	s->err.text[0] = '\0';
	s->is_busy = true;
	pool_submit(s->bulk->files, &s->job);
}

static void
on_get(struct served *s, struct bytes body)
{
	skep_BulkGet msg = skep_BulkGet_init_zero;
	struct question *q = NULL;
	if (wire_decode(WIRE_BULK_GET, body, &msg) &&
		msg.root.size == DIGEST_SIZE &&
		msg.offset % STATE_CHUNK_SIZE == 0 &&
		s->question_count < BULK_REQUESTS_MAX)
		q = calloc(1, sizeof *q);
	if (!q) {
		conn_abort(s->conn, CONN_END_FRAME,
			"a question that makes no sense");
		return;
	}
	snprintf(q->name, sizeof q->name, "%s", msg.name);
	memcpy(q->root, msg.root.bytes, sizeof q->root);
	q->chunk = msg.offset / STATE_CHUNK_SIZE;
	q->count = msg.count;
	q->is_manifest = msg.count == 0;
	given_on_question(s->bulk, q->name, q->root, msg.here);
	list_append(&s->questions, &q->link);
	s->question_count++;
	answer_next(s);
}

static void
on_open(void *owner, struct conn *c)
{
	(void)owner;
	(void)c;
	UNREACHABLE(); /* it said Hello before */
}

static void
on_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)c;
	struct served *s = owner;
	restart_idle(s);
	if (type == WIRE_BULK_GET)
		on_get(s, body);
}

static void
on_drain(void *owner, struct conn *c)
{
	(void)c;
	struct served *s = owner;
	restart_idle(s);
	answer_next(s);
}

static void
on_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)c;
	(void)end;
	(void)text;
	struct served *s = owner;
	s->conn = NULL;
	if (!s->is_busy)
		served_free(s);
}

static const struct conn_owner served_calls = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_drain = on_drain,
	.on_close = on_close,
};

static void
on_idle(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	struct served *s = timer->data;
	if (s->conn)
		conn_close(s->conn);
}

/* Why this host does not serve the one that said 'hello', or NULL. */
static const char *
refusal(const struct bulk *b, const skep_Hello *hello)
{
	const char *why = message_refusal(hello, b->cluster);
	if (why)
		return why;
	if (b->served_count > BULK_SERVED_MAX)
		return "too many states are being fetched from this host";
	return NULL;
}

void
bulk_on_conn(struct bulk *b, struct conn *c, struct bytes body)
{
	skep_Hello hello = skep_Hello_init_zero;
	bool is_hello = wire_decode(WIRE_HELLO, body, &hello);
	struct served *s = calloc(1, sizeof *s);
	CHECK(s && is_hello); /* the door has decoded it before */
	s->bulk = b;
	s->conn = c;
	s->job = (struct pool_job){.run = run_answer, .done = answer_done};
	list_init(&s->questions);
	list_init(&s->in_turns);
	list_append(&b->served, &s->link);
	b->served_count++;
	ev_timer_init(&s->idle, on_idle, 0., 0.);
	s->idle.data = s;
	restart_idle(s);
	conn_set_owner(c, &served_calls, s);
	conn_set_streaming(c);
	bulk_say_hello(b, c);
	const char *why = refusal(b, &hello);
	if (!why)
		return;
	say_limited(&b->refuse_says, 1, SAY_WARNING,
		"bulk connection from %s (%s) refused: %s", hello.node,
		conn_peer(c), why);
	message_send_refuse(c, why);
	conn_close(c);
}

void
served_end_all(struct bulk *b)
{
	list_each_safe (it, &b->served) {
		struct served *s = container_of(it, struct served, link);
		conn_free(s->conn);
		s->conn = NULL;
		if (!s->is_busy)
			served_free(s);
	}
}
