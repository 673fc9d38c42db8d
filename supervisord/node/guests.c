#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "core/wire.h"
#include "node/links_private.h"

#define ACCEPT_ROUNDS 32  /* connections taken before others have a turn */
#define PAUSE_S	      0.2 /* seconds, after running out of descriptors */

/* An accepted connection that has not said Hello. */
struct guest {
	struct links *links;
	struct list link;
	struct conn *conn;
	ev_timer timer;		/* of the whole visit */
	struct in6_addr source; /* IPv4 as ::ffff:a.b.c.d */
};

static void
guest_free(struct guest *g)
{
	ev_timer_stop(g->links->loop, &g->timer);
	list_remove(&g->link);
	g->links->guest_count--;
	free(g);
}

static void
on_guest_open(void *owner, struct conn *c)
{
	(void)owner;
	(void)c;
}

/* A connection without the core's messages goes to who knows its purpose. */
static void
hand_on(struct links *links, struct conn *c, const skep_Hello *hello,
	struct bytes body)
{
	switch (hello->purpose) {
	case PURPOSE_STATES:
		links->calls->on_bulk(links->context, c, body);
		break;
	case PURPOSE_QUERY:
		links->calls->on_query(links->context, c, body);
		break;
	default: /* of a version to come */
		links_dismiss(c, "connections of this kind are unknown here");
		break;
	}
}

/* The first frame; only its kind is looked at here. */
static void
on_guest_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	struct guest *g = owner;
	struct links *links = g->links;
	skep_Hello hello = skep_Hello_init_zero;
	if (type != WIRE_HELLO || !wire_decode(WIRE_HELLO, body, &hello)) {
		conn_abort(c, CONN_END_HELLO, NULL);
		return;
	}
	guest_free(g);
	if (hello.is_bulk) {
		hand_on(links, c, &hello, body);
		return;
	}
	uint32_t link = links_adopt(links, c, 0, conn_peer(c));
	if (link)
		links->calls->on_frame(links->context, link, type, body);
}

static void
on_guest_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	struct guest *g = owner;
	say_limited(&g->links->guest_says[end], 1, SAY_WARNING,
		"connection from %s refused: %s", conn_peer(c), text);
	guest_free(g);
}

static const struct conn_owner guest_calls = {
	.on_open = on_guest_open,
	.on_frame = on_guest_frame,
	.on_close = on_guest_close,
};

static void
on_guest_late(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	struct guest *g = timer->data;
	conn_abort(g->conn, CONN_END_HANDSHAKE, NULL);
}

static struct in6_addr
source_of(const struct sockaddr_storage *address)
{
	struct in6_addr source = {0};
	if (address->ss_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof v6);
		return v6.sin6_addr;
	}
	if (address->ss_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof v4);
		source.s6_addr[10] = source.s6_addr[11] = 0xff;
		memcpy(&source.s6_addr[12], &v4.sin_addr, 4);
	}
	return source;
}

/* Whether there is a chair left for somebody from 'source'. */
static bool
has_room(const struct links *links, const struct in6_addr *source)
{
	unsigned same = 0;
	if (links->guest_count >= LINKS_GUESTS_MAX)
		return false;
	list_each (it, &links->guests) {
		const struct guest *g = container_of(it, struct guest, link);
		same += memcmp(&g->source, source, sizeof *source) == 0;
	}
	return same < LINKS_GUESTS_SOURCE_MAX;
}

/* Takes one accepted socket in, or shows it the door. */
static void
receive_guest(
	struct links *links, int fd, const struct sockaddr_storage *address)
{
	struct in6_addr source = source_of(address);
	if (!has_room(links, &source)) {
		char text[64];
		conn_format_address(
			(const struct sockaddr *)address, text, sizeof text);
		say_limited(&links->full_says, 1, SAY_WARNING,
			"connection from %s refused: too many at once that "
			"have not proven themselves",
			text);
		close(fd);
		return;
	}
	struct guest *g = calloc(1, sizeof *g);
	if (!g) {
		close(fd);
		return;
	}
	g->links = links;
	g->source = source;
	ev_timer_init(&g->timer, on_guest_late, CONN_HANDSHAKE_MS / 1000., 0.);
	g->timer.data = g;
	list_append(&links->guests, &g->link);
	links->guest_count++;
	g->conn = conn_accept(
		links->loop, links->dialler.tls, fd, &guest_calls, g);
	if (g->conn)
		ev_timer_start(links->loop, &g->timer);
	else
		guest_free(g);
}

/* Without descriptors the socket stays readable: wait, not spin. */
static void
pause_door(struct door *door, int error)
{
	struct links *links = door->links;
	say_limited(&links->accept_says, 1, SAY_ERROR,
		"no connection can be accepted: %s", strerror(error));
	ev_io_stop(links->loop, &door->io);
	ev_timer_set(&door->pause, PAUSE_S, 0.);
	ev_timer_start(links->loop, &door->pause);
}

static void
on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)events;
	struct door *door = timer->data;
	ev_io_start(loop, &door->io);
}

static void
on_knock(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	struct door *door = io->data;
	for (int i = 0; i < ACCEPT_ROUNDS; i++) {
		struct sockaddr_storage address = {0};
		socklen_t size = sizeof address;
		int fd = accept4(io->fd, (struct sockaddr *)&address, &size,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			receive_guest(door->links, fd, &address);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS) {
			pause_door(door, errno);
			return;
		}
		/* Anything else is the end of that one connection. */
	}
}

int
links_listen(struct links *links, int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);
	if (links->door_count == LINKS_LISTEN_MAX)
		return err_set(err, -ENOSPC, "too many listening sockets");
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(err, -errno, "listening socket");
	struct door *door = &links->doors[links->door_count++];
	door->links = links;
	ev_io_init(&door->io, on_knock, fd, EV_READ);
	door->io.data = door;
	ev_timer_init(&door->pause, on_pause_over, 0., 0.);
	door->pause.data = door;
	ev_io_start(links->loop, &door->io);
	return 0;
}

void
guests_fini(struct links *links)
{
	for (unsigned i = 0; i < links->door_count; i++) {
		ev_io_stop(links->loop, &links->doors[i].io);
		ev_timer_stop(links->loop, &links->doors[i].pause);
	}
	list_each_safe (it, &links->guests) {
		struct guest *g = container_of(it, struct guest, link);
		conn_free(g->conn);
		guest_free(g);
	}
}
