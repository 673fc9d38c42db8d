#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/query_private.h"

/* One question to another host.  A reader that closes it early leaves it to
 * the loop, which frees it with its connection. */
struct asked {
	struct feed feed; /* what the reader has */
	struct queries *queries;
	struct list link;
	struct query query;
	char node[NODE_NAME_MAX + 1];
	struct dial *dial; /* NULL once there is a connection or none */
	struct conn *conn; /* NULL before and after */
	bool is_closed;	   /* nobody reads any more */
	bool has_hello;
	ev_timer silence;
	unsigned char *data; /* QUERY_WINDOW bytes, from the first piece on */
	size_t from, size;   /* what of 'data' waits to be read */
	size_t unsaid;	     /* bytes read that the other end does not know */
};

static void
asked_free(struct asked *a)
{
	ev_timer_stop(a->queries->loop, &a->silence);
	list_remove(&a->link);
	a->queries->asked_count--;
	free(a->data);
	free(a);
}

/* It is over; the connection, if any, goes with it. */
static void
give_up(struct asked *a, enum reply_code code, const char *text)
{
	ev_timer_stop(a->queries->loop, &a->silence);
	dial_cancel(a->dial);
	a->dial = NULL;
	if (a->conn)
		conn_abort(a->conn, CONN_END_CLOSED, NULL);
	if (a->is_closed)
		return;
	feed_end(&a->feed, code, code ? "%s: %s" : "%s%s", code ? a->node : "",
		text);
	feed_tell(&a->feed);
}

static void
on_silence(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	struct asked *a = timer->data;
	char text[64];
	snprintf(text, sizeof text, "no answer for %lld s",
		(long long)(a->queries->silent_ms + 999) / 1000);
	give_up(a, REPLY_TIMEOUT, text);
}

static void
restart_silence(struct asked *a)
{
	ev_timer_stop(a->queries->loop, &a->silence);
	ev_timer_set(&a->silence, (double)a->queries->silent_ms / 1000., 0.);
	ev_timer_start(a->queries->loop, &a->silence);
}

/* --- The reader's side --- */

/* Lets the other end send on once half of the window was read. */
static void
say_what_was_read(struct asked *a)
{
	if (a->unsaid < QUERY_WINDOW / 2 || !a->conn || a->feed.is_ended)
		return;
	skep_QueryMore msg = {.size = (uint32_t)a->unsaid};
	message_send(a->conn, WIRE_QUERY_MORE, skep_QueryMore_fields, &msg, 0,
		(struct bytes){0});
	a->unsaid = 0;
}

static size_t
asked_read(struct feed *f, void *buffer, size_t max)
{
	struct asked *a = container_of(f, struct asked, feed);
	size_t size = a->size < max ? a->size : max;
	if (size == 0)
		return 0;
	memcpy(buffer, a->data + a->from, size);
	a->from += size;
	a->size -= size;
	a->unsaid += size;
	say_what_was_read(a);
	return size;
}

static void
asked_close(struct feed *f)
{
	struct asked *a = container_of(f, struct asked, feed);
	a->is_closed = true;
	a->feed.on_more = NULL;
	give_up(a, REPLY_OK, "");
	if (!a->conn)
		asked_free(a);
}

static const struct feed_ops asked_ops = {asked_read, asked_close};

/* --- The connection --- */

static void
ask(struct asked *a)
{
	skep_Query msg = skep_Query_init_zero;
	msg.kind = a->query.kind;
	msg.count = a->query.count;
	msg.is_follow = a->query.is_follow;
	msg.since_wall_ms = a->query.since_wall_ms;
	msg.since_id = a->query.since_id;
	msg.epoch_min = a->query.epoch_min;
	msg.is_json = a->query.is_json;
	msg.file = a->query.file;
	msg.at = a->query.at;
	snprintf(msg.name, sizeof msg.name, "%s", a->query.name);
	message_send(a->conn, WIRE_QUERY, skep_Query_fields, &msg, 0,
		(struct bytes){0});
}

static void
on_hello(struct asked *a, struct bytes body)
{
	skep_Hello hello = skep_Hello_init_zero;
	if (!wire_decode(WIRE_HELLO, body, &hello) ||
		strcmp(hello.cluster, a->queries->cluster) != 0)
		give_up(a, REPLY_NO_NODE,
			"the host there is of another cluster");
	else if (strcmp(hello.node, a->node) != 0)
		give_up(a, REPLY_NO_NODE, "another host is at its address");
	else if (hello.purpose != PURPOSE_QUERY)
		give_up(a, REPLY_NO_NODE,
			"its skepd is too old to be asked from here");
	else if (!a->has_hello)
		ask(a);
	a->has_hello = true;
}

static void
on_refuse(struct asked *a, struct bytes body)
{
	skep_Refuse refuse = skep_Refuse_init_zero;
	bool is_ok = wire_decode(WIRE_REFUSE, body, &refuse);
	give_up(a, REPLY_NO_NODE, is_ok ? refuse.reason : "refused");
}

/* Keeps a piece until it is read.  False: more came than was allowed. */
static bool
keep(struct asked *a, struct bytes piece)
{
	if (piece.size > QUERY_WINDOW - a->size)
		return false;
	if (!a->data)
		a->data = malloc(QUERY_WINDOW);
	CHECK(a->data);
	if (a->from + a->size + piece.size > QUERY_WINDOW) {
		memmove(a->data, a->data + a->from, a->size);
		a->from = 0;
	}
	if (piece.size)
		memcpy(a->data + a->from + a->size, piece.data, piece.size);
	a->size += piece.size;
	return true;
}

static void
on_data(struct asked *a, struct bytes body)
{
	skep_QueryData msg = skep_QueryData_init_zero;
	struct wire_slice slice = {.whole = body};
	msg.data = wire_borrow(&slice);
	if (!a->has_hello || !wire_decode(WIRE_QUERY_DATA, body, &msg) ||
		!keep(a, slice.found)) {
		give_up(a, REPLY_FAILED, "its answer makes no sense");
		return;
	}
	if (msg.is_end) {
		bool is_known = msg.code < REPLY_CODE_COUNT &&
				msg.code != REPLY_UNCHANGED;
		give_up(a, is_known ? (enum reply_code)msg.code : REPLY_FAILED,
			msg.text);
		return;
	}
	a->feed.is_begun = true;
	if (slice.found.size > 0) {
		a->feed.file = msg.file;
		a->feed.at = msg.at;
	}
	feed_tell(&a->feed);
}

static void
on_open(void *owner, struct conn *c)
{
	(void)owner;
	(void)c;
	UNREACHABLE(); /* dials give open connections */
}

static void
on_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)c;
	struct asked *a = owner;
	restart_silence(a);
	if (type == WIRE_HELLO)
		on_hello(a, body);
	else if (type == WIRE_REFUSE)
		on_refuse(a, body);
	else if (type == WIRE_QUERY_DATA)
		on_data(a, body);
}

static void
on_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)c;
	(void)end;
	struct asked *a = owner;
	a->conn = NULL;
	if (a->is_closed)
		asked_free(a);
	else if (!a->feed.is_ended)
		give_up(a, REPLY_FAILED, text);
}

static const struct conn_owner asked_calls = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

static void
on_dialled(void *context, struct dial *d, struct conn *c, enum conn_end end,
	const char *text)
{
	(void)d;
	(void)end;
	struct asked *a = context;
	a->dial = NULL;
	if (!c) {
		give_up(a, REPLY_NO_NODE, text);
		return;
	}
	a->conn = c;
	conn_set_owner(c, &asked_calls, a);
	query_say_hello(a->queries, c);
}

struct feed *
queries_ask(struct queries *q, const char *node, const char *address,
	const struct query *query)
{
	struct asked *a = calloc(1, sizeof *a);
	CHECK(a);
	a->feed.ops = &asked_ops;
	a->queries = q;
	a->query = *query;
	snprintf(a->node, sizeof a->node, "%s", node);
	list_append(&q->asked, &a->link);
	q->asked_count++;
	ev_timer_init(&a->silence, on_silence, 0., 0.);
	a->silence.data = a;
	if (q->asked_count > QUERY_ASKED_MAX) {
		feed_end(&a->feed, REPLY_FULL,
			"too much is being read from other hosts at once");
		return &a->feed;
	}
	a->dial = dial_new(q->dialler, address, on_dialled, a);
	CHECK(a->dial); /* a few hundred bytes */
	restart_silence(a);
	return &a->feed;
}

void
query_asked_end_all(struct queries *q)
{
	list_each_safe (it, &q->asked) {
		struct asked *a = container_of(it, struct asked, link);
		CHECK(a->is_closed); /* only the connection is left */
		conn_free(a->conn);
		asked_free(a);
	}
}
