#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "node/query_private.h"

/* A connection that another host asks on; freed when it has closed. */
struct served {
	struct queries *queries;
	struct list link;
	struct conn *conn;
	struct feed *feed; /* NULL before the question and after the end */
	bool is_accepted;  /* and the asker knows */
	size_t window;	   /* bytes that may still be sent */
	ev_timer timer;	   /* for the question, then beats */
};

static void
served_free(struct served *s)
{
	ev_timer_stop(s->queries->loop, &s->timer);
	feed_close(s->feed);
	list_remove(&s->link);
	s->queries->served_count--;
	free(s);
}

static void
send_piece(struct served *s, const skep_QueryData *msg, struct bytes data)
{
	message_send(s->conn, WIRE_QUERY_DATA, skep_QueryData_fields, msg,
		skep_QueryData_data_tag, data);
}

/* Nothing but the last piece comes any more. */
static void
send_end(struct served *s, enum reply_code code, const char *text)
{
	skep_QueryData msg = skep_QueryData_init_zero;
	msg.is_end = true;
	msg.code = code;
	snprintf(msg.text, sizeof msg.text, "%s", text);
	send_piece(s, &msg, (struct bytes){0});
	feed_close(s->feed);
	s->feed = NULL;
	/* What waits to be sent has the time that a flush has. */
	ev_timer_stop(s->queries->loop, &s->timer);
	conn_close(s->conn);
}

/* Sends what the feed has, as far as the asker and the socket take it. */
static void
pump(struct served *s)
{
	skep_QueryData plain = skep_QueryData_init_zero;
	char piece[QUERY_PIECE_SIZE];
	while (s->feed && s->window > 0 &&
		conn_queued(s->conn) < CONN_QUEUE_LOW) {
		size_t max =
			s->window < sizeof piece ? s->window : sizeof piece;
		size_t size = feed_read(s->feed, piece, max);
		s->window -= size;
		plain.file = s->feed->file;
		plain.at = s->feed->at;
		if (size)
			send_piece(s, &plain, (struct bytes){piece, size});
		else if (s->feed->is_ended)
			send_end(s, s->feed->code, s->feed->text);
		else
			return;
	}
}

/* Says that the question is accepted, once the feed knows. */
static void
accept_begun(struct served *s)
{
	static const skep_QueryData plain = skep_QueryData_init_zero;
	if (!s->is_accepted && s->feed->is_begun)
		send_piece(s, &plain, (struct bytes){0});
	s->is_accepted |= s->feed->is_begun;
}

static void
on_feed_more(struct feed *f)
{
	accept_begun(f->owner);
	pump(f->owner);
}

static void
on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	static const skep_QueryData plain = skep_QueryData_init_zero;
	struct served *s = timer->data;
	if (s->feed)
		send_piece(s, &plain, (struct bytes){0});
	else
		conn_abort(s->conn, CONN_END_TIMEOUT, "no question came");
}

/* The question is known: beats from now on. */
static void
begin(struct served *s, struct feed *feed)
{
	s->feed = feed;
	feed->owner = s;
	feed->on_more = on_feed_more;
	ev_timer_stop(s->queries->loop, &s->timer);
	ev_timer_set(&s->timer, QUERY_BEAT_MS / 1000., QUERY_BEAT_MS / 1000.);
	ev_timer_start(s->queries->loop, &s->timer);
	accept_begun(s);
	pump(s);
}

static void
on_question(struct served *s, struct bytes body)
{
	skep_Query msg = skep_Query_init_zero;
	if (s->feed || !wire_decode(WIRE_QUERY, body, &msg)) {
		conn_abort(s->conn, CONN_END_FRAME,
			"a question that makes no sense");
		return;
	}
	struct query query = {
		.kind = (enum query_kind)msg.kind,
		.count = msg.count,
		.is_follow = msg.is_follow,
		.since_wall_ms = msg.since_wall_ms,
		.since_id = msg.since_id,
		.epoch_min = msg.epoch_min,
		.is_json = msg.is_json,
		.file = msg.file,
		.at = msg.at,
	};
	snprintf(query.name, sizeof query.name, "%s", msg.name);
	struct feed *feed = NULL;
	char text[NOTE_TEXT_MAX + 1] = "";
	enum reply_code code =
		s->queries->open(s->queries->context, &query, &feed, text);
	if (code == REPLY_OK)
		begin(s, feed);
	else
		send_end(s, code, text);
}

static void
on_more(struct served *s, struct bytes body)
{
	skep_QueryMore msg = skep_QueryMore_init_zero;
	if (!wire_decode(WIRE_QUERY_MORE, body, &msg) ||
		msg.size > QUERY_WINDOW - s->window) {
		conn_abort(
			s->conn, CONN_END_FRAME, "more was read than was sent");
		return;
	}
	s->window += msg.size;
	pump(s);
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
	if (type == WIRE_QUERY)
		on_question(owner, body);
	else if (type == WIRE_QUERY_MORE)
		on_more(owner, body);
}

static void
on_drain(void *owner, struct conn *c)
{
	(void)c;
	pump(owner);
}

static void
on_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)c;
	(void)end;
	(void)text;
	served_free(owner);
}

static const struct conn_owner served_calls = {
	.on_open = on_open,
	.on_frame = on_frame,
	.on_drain = on_drain,
	.on_close = on_close,
};

/* Why this host does not answer the one that said 'hello', or NULL. */
static const char *
refusal(const struct queries *q, const skep_Hello *hello)
{
	const char *why = message_refusal(hello, q->cluster);
	if (why)
		return why;
	if (q->served_count > QUERY_SERVED_MAX)
		return "too much is being read from this host at once";
	return NULL;
}

void
queries_on_conn(struct queries *q, struct conn *c, struct bytes body)
{
	skep_Hello hello = skep_Hello_init_zero;
	bool is_hello = wire_decode(WIRE_HELLO, body, &hello);
	struct served *s = calloc(1, sizeof *s);
	CHECK(s && is_hello); /* the door has decoded it before */
	s->queries = q;
	s->conn = c;
	s->window = QUERY_WINDOW;
	list_append(&q->served, &s->link);
	q->served_count++;
	ev_timer_init(&s->timer, on_beat, QUERY_QUESTION_MS / 1000., 0.);
	s->timer.data = s;
	ev_timer_start(q->loop, &s->timer);
	conn_set_owner(c, &served_calls, s);
	conn_set_streaming(c);
	query_say_hello(q, c);
	const char *why = refusal(q, &hello);
	if (!why)
		return;
	say_limited(&q->refuse_says, 1, SAY_WARNING,
		"query from %s (%s) refused: %s", hello.node, conn_peer(c),
		why);
	message_send_refuse(c, why);
	conn_close(c);
}

void
query_served_end_all(struct queries *q)
{
	list_each_safe (it, &q->served) {
		struct served *s = container_of(it, struct served, link);
		conn_free(s->conn);
		served_free(s);
	}
}
