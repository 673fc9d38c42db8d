/* The network: byte streams that behave like TCP.
 *
 * The frames towards one end of a stream are its pipe, in order.  What fits
 * into the kernels' buffers has its time of arrival; the rest waits in the
 * sender's process, as conn.c keeps it.  Only the first frame of a pipe is on
 * the world's heap.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world_private.h"

#define KERNEL_SIZE (256 * 1024) /* both kernels' buffers of one direction */
#define RTO_MS	    200		 /* first retransmission; doubles */
#define RTO_MAX	    10		 /* doublings */
#define NEWER_TYPE  999		 /* of a message that nobody knows */
#define FRAME_HEAD  6		 /* bytes in front of a body */

static uint32_t
link_of(const struct conn *k, int side)
{
	return k->number * 2 + (uint32_t)side + 2;
}

struct conn *
net_find(const struct world *w, uint32_t link, int *side)
{
	uint32_t number = (link - 2) / 2;
	*side = (int)(link & 1);
	return number < w->conn_count ? w->conns[number] : NULL;
}

/* --- Life of a stream --- */

static void
free_if_over(struct world *w, struct conn *k)
{
	if (k->flying || k->ends[0].is_open || k->ends[1].is_open)
		return;
	w->conns[k->number] = NULL;
	for (int side = 0; side < 2; side++) {
		CHECK(!k->ends[side].first);
		list_remove(&k->ends[side].of_host);
	}
	free(k);
}

static void
end_init(struct world *w, struct conn *k, int side, uint32_t host)
{
	k->ends[side] = (struct conn_end){
		.conn = k,
		.host = host,
		.start = w->hosts[host].starts,
		.is_open = true,
		.unacked_since = MONO_NEVER,
		.member = MEMBER_NONE,
	};
	list_init(&k->ends[side].of_host);
	list_append(&w->hosts[host].conns, &k->ends[side].of_host);
}

struct conn *
net_new(struct world *w, uint32_t from, uint32_t to, uint32_t dial)
{
	if ((w->conn_count & (w->conn_count - 1)) == 0) {
		size_t size = w->conn_count ? w->conn_count * 2 : 1;
		w->conns = realloc(w->conns, size * sizeof(struct conn *));
		CHECK(w->conns);
	}
	struct conn *k = calloc(1, sizeof *k);
	CHECK(k);
	k->number = w->conn_count;
	k->dial = dial;
	end_init(w, k, 0, from);
	end_init(w, k, 1, to);
	w->conns[w->conn_count++] = k;
	return k;
}

void
net_free_all(struct world *w)
{
	for (uint32_t i = 0; i < w->conn_count; i++) {
		struct conn *k = w->conns[i];
		/* The first of each pipe is the heap's. */
		for (int side = 0; k && side < 2; side++) {
			struct event *e = k->ends[side].first;
			e = e ? e->next : NULL;
			while (e) {
				struct event *next = e->next;
				event_free(w, e);
				e = next;
			}
		}
		free(k);
	}
	free(w->conns);
}

void
net_tell_up(struct world *w, struct conn *k)
{
	struct input in = {.kind = INPUT_LINK_UP};
	in.link_up = (struct input_link_up){
		link_of(k, 1), 0, w->hosts[k->ends[0].host].address};
	k->flying++; /* it lives through both steps */
	world_step(w, k->ends[1].host, &in);
	in.kind = INPUT_LINK_UP;
	in.link_up = (struct input_link_up){
		link_of(k, 0), k->dial, w->hosts[k->ends[1].host].address};
	world_step(w, k->ends[0].host, &in);
	k->flying--;
	free_if_over(w, k);
}

/* --- Pipes --- */

static int64_t
stall_ms(struct world *w)
{
	int64_t ms = 0;
	if (!w->stall_permille ||
		!prng_chance(&w->prng, w->stall_permille, 1000))
		return 0;
	for (int k = 0; k < RTO_MAX; k++) {
		ms += (int64_t)RTO_MS << k;
		if (!prng_chance(&w->prng, w->stall_permille, 1000))
			break;
	}
	return ms;
}

/* A frame leaves the process: when it will arrive. */
static void
schedule(struct world *w, struct conn_end *end, struct event *e)
{
	uint32_t from = end->conn->ends[!e->side].host;
	e->at = mono_add(w->now, way_latency(w, from, end->host));
	e->at = mono_add(e->at, stall_ms(w));
	if (e->at.ms < end->last_at.ms)
		e->at = end->last_at;
	end->last_at = e->at;
	end->kernel_size += e->size + FRAME_HEAD;
}

static bool
has_room(const struct conn_end *end, const struct event *e)
{
	return end->kernel_size == 0 ||
	       end->kernel_size + e->size + FRAME_HEAD <= KERNEL_SIZE;
}

static void
push_first(struct world *w, struct conn_end *end)
{
	end->conn->flying++;
	event_push(w, end->first);
}

static void
append(struct world *w, struct conn_end *end, struct event *e)
{
	struct event *last = end->last;
	e->next = NULL;
	end->last = e;
	e->is_waiting = end->waiting || !has_room(end, e);
	if (!e->is_waiting) {
		schedule(w, end, e);
	} else {
		end->waiting_size += e->size + FRAME_HEAD;
		if (!end->waiting)
			end->waiting = e;
	}
	if (last) {
		last->next = e;
	} else {
		end->first = e;
		push_first(w, end);
	}
}

/* Takes the first frame, which is not on the heap, out of a pipe. */
static struct event *
take_first(struct conn_end *end)
{
	struct event *e = end->first;
	CHECK(e && !e->is_waiting);
	end->first = e->next;
	if (!end->first)
		end->last = NULL;
	end->kernel_size -= e->size + FRAME_HEAD;
	return e;
}

/* The kernel takes what it has room for. */
static void
refill(struct world *w, struct conn_end *end)
{
	while (end->waiting && has_room(end, end->waiting)) {
		struct event *e = end->waiting;
		end->waiting = e->next;
		e->is_waiting = false;
		end->waiting_size -= e->size + FRAME_HEAD;
		schedule(w, end, e);
	}
}

/* All but the first 'size' bytes of a pipe are lost; a frame of which some
 * are lost never arrives.  The first, which the heap has, arrives as
 * nothing. */
static void
truncate_pipe(struct world *w, struct conn_end *end, size_t size)
{
	struct event *kept = end->first;
	if (!kept)
		return;
	kept->is_lost |= kept->size + FRAME_HEAD > size;
	size -= kept->is_lost ? size : kept->size + FRAME_HEAD;
	while (kept->next && !kept->next->is_waiting &&
		kept->next->size + FRAME_HEAD <= size) {
		kept = kept->next;
		size -= kept->size + FRAME_HEAD;
	}
	while (kept->next) {
		struct event *e = kept->next;
		kept->next = e->next;
		if (!e->is_waiting)
			end->kernel_size -= e->size + FRAME_HEAD;
		event_free(w, e);
	}
	end->waiting = NULL;
	end->waiting_size = 0;
	end->last = kept;
}

/* The bytes of a pipe that its sender's kernel has. */
static void
drop_waiting(struct world *w, struct conn_end *end)
{
	truncate_pipe(w, end, end->kernel_size);
}

/* --- Sending and ending --- */

static void
send(struct world *w, struct conn *k, int from_side, enum event_kind kind,
	uint16_t type, struct bytes body)
{
	int side = !from_side;
	struct conn_end *end = &k->ends[side];
	struct event *e = event_new(w, kind, end->host, 0, body);
	e->conn = k;
	e->side = side;
	e->start = end->start;
	e->type = type;
	if (kind == EVENT_FRAME)
		w->hosts[k->ends[from_side].host].sent_bytes +=
			FRAME_HEAD + body.size;
	append(w, end, e);
}

/* The end of a stream travels behind what was sent before.  'is_rst': the
 * kernel says so once, and not again when that is lost. */
static void
send_end(struct world *w, struct conn *k, int from_side, bool is_rst)
{
	send(w, k, from_side, EVENT_RESET, is_rst, (struct bytes){NULL, 0});
}

/* Whether the kernel of a host answers. */
static bool
is_awake(const struct world *w, uint32_t host)
{
	const struct host *h = &w->hosts[host];
	return h->is_powered && mono_reached(h->frozen_until, w->now);
}

/* Something about a stream that its process hears from its loop later. */
static void
post(struct world *w, struct conn *k, int side, enum event_kind kind,
	int64_t in_ms, int32_t status)
{
	struct event *e = event_new(
		w, kind, k->ends[side].host, in_ms, (struct bytes){NULL, 0});
	e->conn = k;
	e->side = side;
	e->start = k->ends[side].start;
	e->held_since = k->ends[!side].unacked_since;
	e->status = status;
	k->flying++;
	event_push(w, e);
}

/* What goes to 'end' is not acknowledged from now on. */
static void
watch(struct world *w, struct conn_end *end)
{
	if (end->unacked_since.ms != MONO_NEVER.ms)
		return;
	end->unacked_since = w->now;
	post(w, end->conn, end == end->conn->ends, EVENT_GIVE_UP,
		STREAM_TIMEOUT_MS, 0);
}

/* A message, as the version of its sender writes it. */
static void
send_frame(struct world *w, struct conn *k, int from_side, uint16_t type,
	struct bytes body)
{
	/* Field 1000, a number, as protobuf writes it. */
	static const unsigned char field[] = {0xc0, 0x3e, 0x01};
	unsigned char *longer;
	if (!w->hosts[k->ends[from_side].host].is_newer ||
		body.size + sizeof field > FRAME_MAX) {
		send(w, k, from_side, EVENT_FRAME, type, body);
		return;
	}
	longer = malloc(body.size + sizeof field);
	CHECK(longer);
	if (body.size)
		memcpy(longer, body.data, body.size);
	memcpy(longer + body.size, field, sizeof field);
	body = (struct bytes){longer, body.size + sizeof field};
	send(w, k, from_side, EVENT_FRAME, type, body);
	if (prng_below(&w->prng, 50) == 0)
		send(w, k, from_side, EVENT_FRAME, NEWER_TYPE, body);
	free(longer);
}

void
world_set_newer(struct world *w, uint32_t host, bool is_newer)
{
	w->hosts[host].is_newer = is_newer;
	observe_fault(w, WORLD_FAULT_OTHER, host, WORLD_NO_HOST, is_newer);
}

void
net_send(struct world *w, struct conn *k, int from_side, uint16_t type,
	struct bytes body)
{
	struct conn_end *own = &k->ends[from_side];
	struct conn_end *to = &k->ends[!from_side];
	if (!own->is_open || own->is_ending || own->is_mute)
		return;
	if (w->now.ms < own->swallowed_until.ms)
		return; /* something on the way takes it and says nothing */
	send_frame(w, k, from_side, type, body);
	if (to->waiting)
		watch(w, to);
	if (to->waiting_size <= STREAM_QUEUE_MAX)
		return;
	own->is_ending = true;
	post(w, k, from_side, EVENT_ABORT, 0, LINK_TIMEOUT);
}

void
net_close(struct world *w, struct conn *k, int side)
{
	struct conn_end *end = &k->ends[side];
	if (!end->is_open || end->is_ending)
		return;
	end->is_open = false;
	send_end(w, k, side, false);
	post(w, k, side, EVENT_CLOSED, 0, LINK_CLOSED);
}

void
net_reset_all(struct world *w, uint32_t host)
{
	list_each (l, &w->hosts[host].conns) {
		struct conn_end *end =
			container_of(l, struct conn_end, of_host);
		int side = (int)(end - end->conn->ends);
		if (!end->is_open)
			continue;
		end->is_open = false;
		/* What its process still had is lost with it. */
		drop_waiting(w, &end->conn->ends[!side]);
		send_end(w, end->conn, side, false);
	}
}

void
net_silence_all(struct world *w, uint32_t host)
{
	list_each_safe (l, &w->hosts[host].conns) {
		struct conn_end *end =
			container_of(l, struct conn_end, of_host);
		struct conn *k = end->conn;
		end->is_open = false;
		/* What is on its way goes on. */
		drop_waiting(w, &k->ends[end == &k->ends[0]]);
		free_if_over(w, k);
	}
}

/* --- What becomes of it --- */

/* The process at one end hears that its stream is over, unless it is another
 * process by now. */
static void
say_down(
	struct world *w, struct conn *k, int side, enum link_down_reason reason)
{
	const struct conn_end *end = &k->ends[side];
	const struct host *h = &w->hosts[end->host];
	if (!h->is_running || h->starts != end->start)
		return;
	struct input in = {.kind = INPUT_LINK_DOWN};
	in.link_down.link = link_of(k, side);
	in.link_down.dial = side == 0 ? k->dial : 0;
	in.link_down.reason = reason;
	world_step(w, end->host, &in);
}

/* One end gives the stream up; what it sent last is lost. */
static void
give_up(struct world *w, struct conn *k, int side, size_t kept)
{
	if (!k->ends[side].is_open)
		return;
	k->ends[side].is_open = false;
	truncate_pipe(w, &k->ends[!side], kept);
	send_end(w, k, side, true);
	say_down(w, k, side, LINK_TIMEOUT);
}

/* Nothing of what one end sent was acknowledged for too long. */
static void
on_give_up(struct world *w, struct event *e)
{
	const struct conn_end *own = &e->conn->ends[e->side];
	struct conn_end *to = &e->conn->ends[!e->side];
	if (to->unacked_since.ms != e->held_since.ms)
		return;
	to->unacked_since = MONO_NEVER;
	if (!to->waiting && world_is_open(w, own->host, to->host) &&
		world_is_open(w, to->host, own->host) && is_awake(w, to->host))
		return; /* it was only late */
	truncate_pipe(w, to, 0);
	give_up(w, e->conn, e->side, 0);
}

bool
net_is_kernels(const struct world *w, const struct event *e)
{
	if (e->kind > EVENT_RESET)
		return false;
	const struct conn_end *end = &e->conn->ends[e->side];
	return !end->is_open || end->start != w->hosts[e->host].starts;
}

void
net_on_word(struct world *w, struct event *e)
{
	struct conn *k = e->conn;
	if (e->kind == EVENT_GIVE_UP)
		on_give_up(w, e);
	else if (e->kind == EVENT_ABORT)
		give_up(w, k, e->side, k->ends[!e->side].kernel_size);
	else
		say_down(w, k, e->side, (enum link_down_reason)e->status);
	event_free(w, e);
	k->flying--;
	free_if_over(w, k);
}

/* The first frame of a pipe is at its end. */
static void
arrive(struct world *w, struct event *e)
{
	struct conn *k = e->conn;
	int side = e->side;
	struct conn_end *end = &k->ends[side];
	const struct host *h = &w->hosts[e->host];
	bool is_there = h->starts == end->start && h->is_running &&
			end->is_open && !end->is_ending;
	if (e->is_lost)
		return;
	if (is_there && e->kind == EVENT_RESET) {
		end->is_open = false;
		say_down(w, k, side, LINK_RESET);
	} else if (is_there) {
		struct input in = {.kind = INPUT_RECV};
		in.recv = (struct input_recv){
			link_of(k, side), e->type, {e->body, e->size}};
		ahead_learn(w, end, k->ends[!side].host);
		world_step(w, e->host, &in);
	} else if (e->kind == EVENT_FRAME && k->ends[!side].is_open) {
		send_end(w, k, side, true);
	}
}

/* The first frame of a pipe cannot get through now: it is tried again, with
 * the kernel's back-off, until the sender gives up. */
static void
retry(struct world *w, struct conn_end *end)
{
	if (end->tries < RTO_MAX)
		end->tries++;
	end->first->at = mono_add(w->now, (int64_t)RTO_MS << (end->tries - 1));
	watch(w, end);
	push_first(w, end);
}

/* When a process gets to read what has arrived. */
static mono
reads_at(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	if (!h->read_bytes_per_s || e->is_read)
		return w->now;
	if (h->read_bytes_per_s < 0)
		return mono_add(w->now, RTO_MS);
	int64_t size = (int64_t)e->size + FRAME_HEAD;
	if (h->read_at.ms < w->now.ms)
		h->read_at = w->now;
	h->read_at =
		mono_add(h->read_at, 1 + size * 1000 / h->read_bytes_per_s);
	e->is_read = true;
	return h->read_at;
}

/* Whether the first frame of a pipe has to wait: the way is not open, the
 * host is off, or its process reads slowly. */
static bool
must_wait(struct world *w, struct conn_end *end, bool *is_late)
{
	struct event *e = end->first;
	uint32_t from = end->conn->ends[!e->side].host;
	mono read_at = reads_at(w, e);
	mono way_at = way_stalled_until(w, from, end->host);
	*is_late = false;
	if (!world_is_open(w, from, end->host) || !is_awake(w, end->host))
		return true;
	if (way_at.ms > read_at.ms)
		read_at = way_at;
	*is_late = read_at.ms > w->now.ms;
	if (*is_late)
		e->at = read_at;
	return *is_late;
}

void
net_on_frame(struct world *w, struct event *e)
{
	struct conn *k = e->conn;
	struct conn_end *end = &k->ends[e->side];
	uint32_t from = k->ends[!e->side].host;
	bool is_late, is_rst = e->kind == EVENT_RESET && e->type;
	CHECK(end->first == e);
	if (!e->is_lost && must_wait(w, end, &is_late)) {
		k->flying--;
		if (is_late) {
			push_first(w, end);
			return;
		}
		if (!is_rst) {
			retry(w, end);
			free_if_over(w, k);
			return;
		}
		e->is_lost = true; /* the kernel says that only once */
		k->flying++;
	}
	take_first(end);
	end->tries = 0;
	end->unacked_since = MONO_NEVER;
	refill(w, end);
	if (end->first)
		push_first(w, end);
	if (end->waiting || !world_is_open(w, end->host, from))
		watch(w, end);
	arrive(w, e);
	event_free(w, e);
	k->flying--;
	free_if_over(w, k);
}

/* --- Faults --- */

typedef void stream_fn(struct world *w, struct conn_end *a, struct conn_end *b,
	int64_t number);

/* Calls 'fn' for each stream that stands between two hosts. */
static void
each_stream(
	struct world *w, uint32_t a, uint32_t b, stream_fn *fn, int64_t number)
{
	list_each_safe (l, &w->hosts[a].conns) {
		struct conn_end *end =
			container_of(l, struct conn_end, of_host);
		struct conn *k = end->conn;
		struct conn_end *other = &k->ends[end == &k->ends[0]];
		if (other->host == b && end->is_open && other->is_open)
			fn(w, end, other, number);
	}
	way_hurt(w, a, b);
	observe_fault(w, WORLD_FAULT_STREAM, a, b, number);
}

/* Some bytes of what is on its way to one end, and then the reset. */
static void
cut_towards(struct world *w, struct conn_end *end)
{
	struct conn *k = end->conn;
	truncate_pipe(w, end, prng_below(&w->prng, end->kernel_size + 1));
	send_end(w, k, end == &k->ends[0], false);
	end->is_mute = true;
}

static void
break_one(
	struct world *w, struct conn_end *a, struct conn_end *b, int64_t number)
{
	(void)number;
	cut_towards(w, a);
	cut_towards(w, b);
}

void
world_break(struct world *w, uint32_t a, uint32_t b)
{
	each_stream(w, a, b, break_one, 0);
}

static void
forget_one(struct world *w, struct conn_end *a, struct conn_end *b, int64_t ms)
{
	struct conn *k = b->conn;
	truncate_pipe(w, a, prng_below(&w->prng, a->kernel_size + 1));
	truncate_pipe(w, b, 0);
	a->swallowed_until = mono_add(w->now, ms);
	b->is_open = false;
	post(w, k, b == &k->ends[1], EVENT_CLOSED, 0, LINK_RESET);
}

void
world_half_open(struct world *w, uint32_t a, uint32_t b, int64_t ms)
{
	each_stream(w, a, b, forget_one, ms);
}
