#include "node/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "node/frame.h"
#include "node/queue.h"

#define READ_SIZE   16384 /* bytes: one TLS record */
#define READ_ROUNDS 16	  /* records taken before others have a turn */
#define TEXT_SIZE   200

enum conn_state {
	CONN_CONNECTING,
	CONN_HANDSHAKE,
	CONN_OPEN,
	CONN_FLUSHING,
	CONN_ENDING, /* waits for the loop to call on_close */
};

struct conn {
	struct ev_loop *loop; /* borrowed */
	struct tls *tls;      /* borrowed */
	SSL *ssl;	      /* NULL in mode none */
	int fd;
	enum conn_state state;
	bool is_client;
	bool is_streaming;     /* the owner minds the queue */
	bool is_shut;	       /* the other end was told that no more comes */
	bool read_wants_write; /* TLS must write before it can read on */
	bool has_filled;       /* the queue was above CONN_QUEUE_LOW */
	ev_io io;
	ev_timer timer; /* of the present state */
	const struct conn_owner *calls;
	void *owner;
	struct frame_reader in;
	struct queue out;
	uint64_t received; /* bytes */
	enum conn_end end;
	char text[TEXT_SIZE]; /* why it ended */
	char peer[64];	      /* numeric, for people */
};

static const enum link_down_reason end_reasons[] = {
#define X(end, reason, text) [end] = reason,
	CONN_ENDS(X)
#undef X
};

static const char *const end_texts[] = {
#define X(end, reason, text) [end] = text,
	CONN_ENDS(X)
#undef X
};

enum link_down_reason
conn_end_reason(enum conn_end end)
{
	CHECK(end < CONN_END_COUNT);
	return end_reasons[end];
}

const char *
conn_end_text(enum conn_end end)
{
	CHECK(end < CONN_END_COUNT);
	return end_texts[end];
}

static void
set_timer(struct conn *c, int64_t ms)
{
	ev_timer_stop(c->loop, &c->timer);
	ev_timer_set(&c->timer, (double)ms / 1000, 0.);
	ev_timer_start(c->loop, &c->timer);
}

static void
watch(struct conn *c, int events)
{
	if (ev_is_active(&c->io) &&
		(c->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(c->loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(c->loop, &c->io);
}

/* Watches for what the open connection can go on with. */
static void
watch_open(struct conn *c)
{
	bool wants_write = c->out.size > 0 || c->read_wants_write ||
			   (c->state == CONN_FLUSHING && !c->is_shut);
	watch(c, EV_READ | (wants_write ? EV_WRITE : 0));
}

void
conn_abort(struct conn *c, enum conn_end end, const char *text)
{
	if (c->state == CONN_ENDING)
		return;
	if (c->state == CONN_FLUSHING) {
		end = CONN_END_CLOSED;
		text = NULL;
	}
	c->state = CONN_ENDING;
	c->end = end;
	snprintf(c->text, sizeof c->text, "%s",
		text ? text : conn_end_text(end));
	ev_io_stop(c->loop, &c->io);
	set_timer(c, 0);
}

/* Ends it for an errno of the socket. */
static void
fail_errno(struct conn *c, int error)
{
	enum conn_end end = CONN_END_RESET;
	if (error == ECONNREFUSED)
		end = CONN_END_REFUSED;
	else if (error == ETIMEDOUT)
		end = CONN_END_TIMEOUT;
	else if (error == EHOSTUNREACH || error == ENETUNREACH ||
		 error == EHOSTDOWN || error == ENETDOWN ||
		 error == EADDRNOTAVAIL || error == EACCES || error == EPERM)
		end = CONN_END_UNREACHABLE;
	conn_abort(c, end, strerror(error));
}

/* Ends it for an error of TLS itself. */
static void
fail_tls(struct conn *c)
{
	char text[TEXT_SIZE], why[TEXT_SIZE];
	enum tls_fault fault = tls_read_fault(text, sizeof text);
	if (SSL_is_init_finished(c->ssl)) {
		conn_abort(c, CONN_END_BROKEN, text);
		return;
	}
	switch (fault) {
	case TLS_FAULT_KEY:
		conn_abort(c, CONN_END_KEY, NULL);
		break;
	case TLS_FAULT_GARBAGE:
		snprintf(why, sizeof why, "%s (%.150s)",
			conn_end_text(CONN_END_GARBAGE), text);
		conn_abort(c, CONN_END_GARBAGE, why);
		break;
	case TLS_FAULT_OTHER:
		conn_abort(c, CONN_END_KEY, text);
		break;
	}
}

/* What an SSL call that returned 'r' means: the events to wait for, or 0
 * and the connection has ended. */
static int
ssl_wants(struct conn *c, int r, int error)
{
	unsigned long code = ERR_peek_error();
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return EV_READ;
	case SSL_ERROR_WANT_WRITE:
		return EV_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		conn_abort(c, CONN_END_RESET, NULL);
		break;
	case SSL_ERROR_SYSCALL:
		if (error)
			fail_errno(c, error);
		else
			conn_abort(c, CONN_END_RESET, NULL);
		break;
	default: /* OpenSSL's list is open */
		if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			conn_abort(c, CONN_END_RESET, NULL);
		else
			fail_tls(c);
		break;
	}
	ERR_clear_error();
	return 0;
}

static void
open_up(struct conn *c)
{
	c->state = CONN_OPEN;
	ev_timer_stop(c->loop, &c->timer);
	watch_open(c);
	c->calls->on_open(c->owner, c);
}

static void
go_on_with_handshake(struct conn *c)
{
	if (!c->ssl) {
		open_up(c);
		return;
	}
	ERR_clear_error();
	errno = 0;
	int r = SSL_do_handshake(c->ssl);
	int error = errno;
	if (r != 1) {
		int events = ssl_wants(c, r, error);
		if (events)
			watch(c, events);
	} else if (!tls_is_proven(c->ssl)) {
		conn_abort(c, CONN_END_KEY, NULL);
	} else {
		open_up(c);
	}
}

/* Both ends are known: checks them, and begins with TLS. */
static void
begin_handshake(struct conn *c)
{
	struct sockaddr_storage local = {0}, peer = {0};
	socklen_t local_size = sizeof local, peer_size = sizeof peer;
	struct err err = {""};
	c->state = CONN_HANDSHAKE;
	set_timer(c, CONN_HANDSHAKE_MS);
	if (getsockname(c->fd, (struct sockaddr *)&local, &local_size) < 0 ||
		getpeername(c->fd, (struct sockaddr *)&peer, &peer_size) < 0) {
		conn_abort(c, CONN_END_RESET, NULL);
		return;
	}
	conn_format_address((struct sockaddr *)&peer, c->peer, sizeof c->peer);
	enum tls_mode mode = tls_get_mode(c->tls);
	if (tls_check_addresses(mode, (struct sockaddr *)&local,
		    (struct sockaddr *)&peer, &err) < 0) {
		conn_abort(c, CONN_END_FORBIDDEN, err.text);
		return;
	}
	if (mode == TLS_MODE_PSK) {
		c->ssl = tls_start(c->tls, c->fd, c->is_client);
		if (!c->ssl) {
			conn_abort(c, CONN_END_MEMORY, NULL);
			return;
		}
	}
	/* Through the loop: the caller does not know the connection yet. */
	watch(c, c->is_client || !c->ssl ? EV_READ | EV_WRITE : EV_READ);
}

static void
on_connected(struct conn *c)
{
	int error = 0;
	socklen_t size = sizeof error;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		fail_errno(c, error);
		return;
	}
	begin_handshake(c);
	if (c->state == CONN_HANDSHAKE && c->calls->on_reached)
		c->calls->on_reached(c->owner, c);
	if (c->state == CONN_HANDSHAKE)
		go_on_with_handshake(c);
}

static void
take_bytes(struct conn *c, struct bytes in)
{
	struct frame frame;
	c->received += in.size;
	while (c->state == CONN_OPEN) {
		switch (frame_next(&c->in, &in, &frame)) {
		case FRAME_MORE:
			return;
		case FRAME_READY:
			c->calls->on_frame(c->owner, c, frame.type, frame.body);
			break;
		case FRAME_BAD:
			conn_abort(c, CONN_END_FRAME, NULL);
			return;
		case FRAME_NO_ROOM:
			conn_abort(c, CONN_END_MEMORY, NULL);
			return;
		}
	}
}

/* Reads once; the bytes, or 0 when nothing more is to be had now. */
static int
read_some(struct conn *c, unsigned char *buffer)
{
	errno = 0;
	if (c->ssl) {
		ERR_clear_error();
		int n = SSL_read(c->ssl, buffer, READ_SIZE);
		int error = errno;
		if (n > 0)
			return n;
		c->read_wants_write = ssl_wants(c, n, error) == EV_WRITE;
		return 0;
	}
	ssize_t n = read(c->fd, buffer, READ_SIZE);
	if (n == 0)
		conn_abort(c, CONN_END_RESET, NULL);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail_errno(c, errno);
	return n > 0 ? (int)n : 0;
}

static void
read_all(struct conn *c)
{
	unsigned char buffer[READ_SIZE];
	int rounds = READ_ROUNDS;
	c->read_wants_write = false;
	/* What TLS has decrypted already wakes no poll: it must be taken. */
	while (c->state == CONN_OPEN || c->state == CONN_FLUSHING) {
		bool has_more = c->ssl && SSL_pending(c->ssl) > 0;
		if (rounds-- <= 0 && !has_more)
			return;
		int n = read_some(c, buffer);
		if (n <= 0)
			return;
		if (c->state == CONN_OPEN)
			take_bytes(c, (struct bytes){buffer, (size_t)n});
	}
}

/* Writes once; the bytes, or 0 when no more goes out now. */
static size_t
write_some(struct conn *c, struct bytes front)
{
	errno = 0;
	if (c->ssl) {
		ERR_clear_error();
		int size = front.size > READ_SIZE ? READ_SIZE : (int)front.size;
		int n = SSL_write(c->ssl, front.data, size);
		int error = errno;
		if (n <= 0)
			ssl_wants(c, n, error);
		return n > 0 ? (size_t)n : 0;
	}
	ssize_t n = send(c->fd, front.data, front.size, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail_errno(c, errno);
	return n > 0 ? (size_t)n : 0;
}

/* Tells the other end that no more comes, and waits for it to close: an end
 * with bytes unread would be an RST, which may overtake what was sent. */
static void
shut(struct conn *c)
{
	if (c->is_shut)
		return;
	c->is_shut = true;
	if (c->ssl) {
		ERR_clear_error();
		SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	shutdown(c->fd, SHUT_WR);
	watch(c, EV_READ);
}

static void
write_all(struct conn *c)
{
	while (c->out.size > 0 &&
		(c->state == CONN_OPEN || c->state == CONN_FLUSHING)) {
		size_t n = write_some(c, queue_front(&c->out));
		if (n == 0)
			return;
		queue_take(&c->out, n);
	}
	if (c->state == CONN_FLUSHING)
		shut(c);
}

static void
tell_drained(struct conn *c)
{
	if (!c->has_filled || c->out.size >= CONN_QUEUE_LOW)
		return;
	c->has_filled = false;
	if (c->calls->on_drain)
		c->calls->on_drain(c->owner, c);
}

static void
on_io(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	struct conn *c = io->data;
	if (c->state == CONN_CONNECTING) {
		on_connected(c);
		return;
	}
	if (c->state == CONN_HANDSHAKE) {
		go_on_with_handshake(c);
		return;
	}
	if ((events & EV_READ) || c->read_wants_write)
		read_all(c);
	if (c->state == CONN_OPEN || c->state == CONN_FLUSHING)
		write_all(c);
	if (c->state == CONN_OPEN)
		tell_drained(c);
	if (c->state == CONN_OPEN || c->state == CONN_FLUSHING)
		watch_open(c);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	struct conn *c = timer->data;
	switch (c->state) {
	case CONN_CONNECTING:
		conn_abort(c, CONN_END_TIMEOUT, NULL);
		break;
	case CONN_HANDSHAKE:
		conn_abort(c, CONN_END_HANDSHAKE, NULL);
		break;
	case CONN_FLUSHING:
		conn_abort(c, CONN_END_CLOSED, NULL);
		break;
	case CONN_ENDING:
		c->calls->on_close(c->owner, c, c->end, c->text);
		conn_free(c);
		break;
	case CONN_OPEN:
		break;
	}
}

static struct conn *
make_conn(struct ev_loop *loop, struct tls *tls, int fd,
	const struct conn_owner *calls, void *owner)
{
	struct conn *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return NULL;
	}
	int on = 1;
	unsigned timeout_ms = CONN_USER_TIMEOUT_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
		sizeof timeout_ms);
	c->loop = loop;
	c->tls = tls;
	c->fd = fd;
	c->calls = calls;
	c->owner = owner;
	ev_init(&c->io, on_io);
	c->io.data = c;
	ev_init(&c->timer, on_timer);
	c->timer.data = c;
	return c;
}

struct conn *
conn_dial(struct ev_loop *loop, struct tls *tls, const struct sockaddr *address,
	socklen_t address_size, const struct conn_owner *calls, void *owner)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(address->sa_family, type, IPPROTO_TCP);
	if (fd < 0)
		return NULL;
	struct conn *c = make_conn(loop, tls, fd, calls, owner);
	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	c->is_client = true;
	conn_format_address(address, c->peer, sizeof c->peer);
	if (connect(fd, address, address_size) < 0 && errno != EINPROGRESS) {
		fail_errno(c, errno);
		return c;
	}
	set_timer(c, CONN_CONNECT_MS);
	watch(c, EV_WRITE);
	return c;
}

struct conn *
conn_accept(struct ev_loop *loop, struct tls *tls, int fd,
	const struct conn_owner *calls, void *owner)
{
	struct conn *c = make_conn(loop, tls, fd, calls, owner);
	if (c)
		begin_handshake(c);
	return c;
}

void
conn_set_owner(struct conn *c, const struct conn_owner *calls, void *owner)
{
	c->calls = calls;
	c->owner = owner;
}

void
conn_set_streaming(struct conn *c)
{
	c->is_streaming = true;
}

void
conn_send(struct conn *c, uint16_t type, struct bytes head, struct bytes tail)
{
	unsigned char front[FRAME_HEAD_SIZE];
	if (c->state != CONN_OPEN)
		return;
	frame_put_head(type, head.size + tail.size, front);
	if (!queue_add(&c->out, (struct bytes){front, sizeof front}) ||
		!queue_add(&c->out, head) || !queue_add(&c->out, tail)) {
		conn_abort(c, CONN_END_MEMORY, NULL);
		return;
	}
	if (c->out.size >= CONN_QUEUE_LOW)
		c->has_filled = true;
	if (c->out.size > CONN_QUEUE_MAX && !c->is_streaming)
		conn_abort(c, CONN_END_SLOW, NULL);
	else
		watch_open(c);
}

size_t
conn_queued(const struct conn *c)
{
	return c->out.size;
}

uint64_t
conn_received(const struct conn *c)
{
	return c->received;
}

void
conn_close(struct conn *c)
{
	if (c->state != CONN_OPEN) {
		if (c->state != CONN_FLUSHING)
			conn_abort(c, CONN_END_CLOSED, NULL);
		return;
	}
	c->state = CONN_FLUSHING;
	set_timer(c, CONN_FLUSH_MS);
	watch(c, EV_READ | EV_WRITE);
}

void
conn_free(struct conn *c)
{
	if (!c)
		return;
	ev_io_stop(c->loop, &c->io);
	ev_timer_stop(c->loop, &c->timer);
	SSL_free(c->ssl);
	close(c->fd);
	frame_reader_fini(&c->in);
	queue_fini(&c->out);
	free(c);
}

const char *
conn_peer(const struct conn *c)
{
	return c->peer;
}

void
conn_format_address(const struct sockaddr *address, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof v4);
		inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
		snprintf(text, size, "%s:%u", host, ntohs(v4.sin_port));
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof v6);
		inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
		snprintf(text, size, "[%s]:%u", host, ntohs(v6.sin6_port));
	} else {
		snprintf(text, size, "family %d", address->sa_family);
	}
}
