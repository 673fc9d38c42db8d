#include "node/dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define LOOK_UP_S 5. /* seconds a name may take */

struct dial {
	const struct dialler *dialler;
	dial_reached_fn *reached; /* or NULL */
	dial_done_fn *done;
	void *context;
	atomic_bool is_cancelled; /* only the look-up's end is awaited */
	bool is_looking_up;	  /* 'job' belongs to the pool */
	struct pool_job job;
	ev_timer timer; /* bound of the look-up; or begins from the loop */
	struct conn *conn;
	int lookup_error; /* of getaddrinfo */
	size_t count;	  /* addresses found */
	size_t next;	  /* the one to try next */
	struct sockaddr_storage addresses[DIAL_ADDRESSES_MAX];
	socklen_t sizes[DIAL_ADDRESSES_MAX];
	enum conn_end end; /* the best failure so far */
	char text[200];
	char host[ADDRESS_MAX + 1];
	char port[6];
};

static bool
is_port(const char *text)
{
	size_t length = strlen(text);
	if (length < 1 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	long port = strtol(text, NULL, 10);
	return port >= 1 && port <= 65535;
}

bool
dial_split(const char *address, char *host, char *port)
{
	const char *colon = strrchr(address, ':');
	if (strlen(address) > ADDRESS_MAX || !colon || !is_port(colon + 1))
		return false;
	size_t length = (size_t)(colon - address);
	if (address[0] == '[') {
		if (length < 3 || address[length - 1] != ']')
			return false;
		address++;
		length -= 2;
	} else if (memchr(address, ':', length)) {
		return false;
	}
	if (length == 0)
		return false;
	memcpy(host, address, length);
	host[length] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return true;
}

/* Fills the dial's addresses; runs on any thread. */
static void
look_up(struct dial *d, int flags)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags,
	};
	struct addrinfo *list = NULL;
	d->count = 0;
	d->lookup_error = getaddrinfo(d->host, d->port, &hints, &list);
	if (d->lookup_error)
		return;
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		if (d->count == DIAL_ADDRESSES_MAX ||
			a->ai_addrlen > sizeof d->addresses[0])
			continue;
		memcpy(&d->addresses[d->count], a->ai_addr, a->ai_addrlen);
		d->sizes[d->count++] = a->ai_addrlen;
	}
	freeaddrinfo(list);
}

static void
run_look_up(struct pool_job *job)
{
	struct dial *d = container_of(job, struct dial, job);
	if (!d->is_cancelled)
		look_up(d, 0);
}

static void
dial_free(struct dial *d)
{
	ev_timer_stop(d->dialler->loop, &d->timer);
	free(d);
}

/* How much an end says about the other host. */
static int
end_weight(enum conn_end end)
{
	switch (conn_end_reason(end)) {
	case LINK_AUTH:
	case LINK_PROTOCOL:
		return 4;
	case LINK_RESET:
		return 3;
	case LINK_REFUSED:
		return 2;
	case LINK_SILENT:
		return 2;
	case LINK_TIMEOUT:
		return 1;
	case LINK_UNREACHABLE:
	case LINK_CLOSED:
		return 0;
	}
	UNREACHABLE();
}

static void
note_failure(struct dial *d, enum conn_end end, const char *text)
{
	if (d->text[0] && end_weight(end) < end_weight(d->end))
		return;
	d->end = end;
	snprintf(d->text, sizeof d->text, "%s", text);
}

static void
on_reached(void *owner, struct conn *c)
{
	(void)c;
	struct dial *d = owner;
	if (d->reached)
		d->reached(d->context);
}

static void
on_open(void *owner, struct conn *c)
{
	struct dial *d = owner;
	d->done(d->context, d, c, CONN_END_CLOSED, "");
	dial_free(d);
}

/* No frame comes before on_open, and that gives the connection away. */
static void
on_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)owner;
	(void)c;
	(void)type;
	(void)body;
	UNREACHABLE();
}

static void try_next(struct dial *d);

static void
on_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)c;
	struct dial *d = owner;
	d->conn = NULL;
	note_failure(d, end, text);
	try_next(d);
}

static const struct conn_owner dial_calls = {
	.on_reached = on_reached,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};

static void
try_next(struct dial *d)
{
	while (d->next < d->count) {
		size_t i = d->next++;
		d->conn = conn_dial(d->dialler->loop, d->dialler->tls,
			(struct sockaddr *)&d->addresses[i], d->sizes[i],
			&dial_calls, d);
		if (d->conn)
			return;
		note_failure(d, CONN_END_UNREACHABLE, strerror(errno));
	}
	d->done(d->context, d, NULL, d->end, d->text);
	dial_free(d);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	struct dial *d = timer->data;
	if (!d->is_looking_up) {
		try_next(d);
		return;
	}
	d->done(d->context, d, NULL, CONN_END_UNREACHABLE,
		"the look-up of its name takes too long");
	dial_cancel(d);
}

static void
look_up_done(struct pool_job *job, bool is_dropped)
{
	struct dial *d = container_of(job, struct dial, job);
	d->is_looking_up = false;
	ev_timer_stop(d->dialler->loop, &d->timer);
	if (d->is_cancelled) {
		dial_free(d);
		return;
	}
	/* A pool is freed after its dials were cancelled. */
	CHECK(!is_dropped);
	if (d->lookup_error) {
		char text[200];
		snprintf(text, sizeof text, "%.100s: %s", d->host,
			gai_strerror(d->lookup_error));
		note_failure(d, CONN_END_UNREACHABLE, text);
	}
	try_next(d);
}

struct dial *
dial_new(const struct dialler *dialler, const char *address, dial_done_fn *done,
	void *context)
{
	struct dial *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->dialler = dialler;
	d->done = done;
	d->context = context;
	d->end = CONN_END_UNREACHABLE;
	d->job = (struct pool_job){.run = run_look_up, .done = look_up_done};
	ev_timer_init(&d->timer, on_timer, 0., 0.);
	d->timer.data = d;
	if (!dial_split(address, d->host, d->port)) {
		note_failure(d, CONN_END_UNREACHABLE,
			"not of the form HOST:PORT or [V6]:PORT");
		ev_timer_start(dialler->loop, &d->timer);
		return d;
	}
	look_up(d, AI_NUMERICHOST);
	if (d->count > 0) {
		ev_timer_start(dialler->loop, &d->timer);
	} else {
		d->is_looking_up = true;
		ev_timer_set(&d->timer, LOOK_UP_S, 0.);
		ev_timer_start(dialler->loop, &d->timer);
		pool_submit(dialler->pool, &d->job);
	}
	return d;
}

void
dial_set_reached(struct dial *d, dial_reached_fn *reached)
{
	d->reached = reached;
}

void
dial_cancel(struct dial *d)
{
	if (!d)
		return;
	d->is_cancelled = true;
	ev_timer_stop(d->dialler->loop, &d->timer);
	if (d->conn)
		conn_free(d->conn);
	d->conn = NULL;
	if (!d->is_looking_up)
		dial_free(d);
}
