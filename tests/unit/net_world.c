#include "net_world.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pb_encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "core/wire.h"

#define WAIT_S 20.

struct keyring
world_key(const char *identity, uint8_t byte)
{
	struct keyring ring = {.count = 1};
	snprintf(ring.keys[0].identity, sizeof ring.keys[0].identity, "%s",
		identity);
	memset(ring.keys[0].secret, byte, KEY_SECRET_SIZE);
	return ring;
}

int
world_listen(char address[32])
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, size), 0);
	ck_assert_int_eq(listen(fd, 512), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

int
world_connect(const char *address)
{
	char host[ADDRESS_MAX + 1];
	char port[6];
	ck_assert(dial_split(address, host, port));
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
	};
	ck_assert_int_eq(inet_pton(AF_INET, host, &a.sin_addr), 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void
log_up(void *context, uint32_t link, uint32_t dial, const char *address)
{
	struct end *e = context;
	ck_assert_ptr_nonnull(strchr(address, ':'));
	e->log.ups++;
	e->log.up_link = link;
	e->log.up_dial = dial;
}

static void
log_reached(void *context, uint32_t dial)
{
	struct end *e = context;
	ck_assert_uint_ne(dial, 0);
	e->log.reaches++;
}

static void
log_down(void *context, uint32_t link, uint32_t dial,
	enum link_down_reason reason, const char *text)
{
	struct end *e = context;
	ck_assert_str_ne(text, "");
	e->log.downs++;
	e->log.down_link = link;
	e->log.down_dial = dial;
	e->log.reason = reason;
}

static void
log_frame(void *context, uint32_t link, uint16_t type, struct bytes body)
{
	struct end *e = context;
	ck_assert_uint_ne(link, 0);
	e->log.frames++;
	e->log.type = type;
	e->log.body_size = body.size;
	e->log.body_hash = hash_bytes(body.data, body.size, 0);
}

static void
ignore_open(void *owner, struct conn *c)
{
	(void)owner;
	(void)c;
}

static void
ignore_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)owner;
	(void)c;
	(void)type;
	(void)body;
}

static void
ignore_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	(void)owner;
	(void)c;
	(void)end;
	(void)text;
}

static const struct conn_owner ignore_calls = {
	.on_open = ignore_open,
	.on_frame = ignore_frame,
	.on_close = ignore_close,
};

static void
log_bulk(void *context, struct conn *c, struct bytes hello)
{
	struct end *e = context;
	e->log.bulks++;
	if (e->on_bulk) {
		e->on_bulk(e->bulk_context, c, hello);
		return;
	}
	conn_set_owner(c, &ignore_calls, NULL);
	conn_close(c);
}

static void
log_query(void *context, struct conn *c, struct bytes hello)
{
	struct end *e = context;
	if (e->on_query) {
		e->on_query(e->query_context, c, hello);
		return;
	}
	conn_set_owner(c, &ignore_calls, NULL);
	conn_close(c);
}

static const struct links_calls log_calls = {
	.on_up = log_up,
	.on_reached = log_reached,
	.on_down = log_down,
	.on_frame = log_frame,
	.on_bulk = log_bulk,
	.on_query = log_query,
};

void
end_init(struct end *e, struct ev_loop *loop, const struct keyring *keys)
{
	struct err err = {""};
	enum tls_mode mode = keys ? TLS_MODE_PSK : TLS_MODE_NONE;
	*e = (struct end){.loop = loop};
	e->listen_fd = world_listen(e->address);
	ck_assert_int_eq(tls_new(mode, keys, &e->tls, &err), 0);
	ck_assert_int_eq(
		links_new(loop, e->tls, &log_calls, e, &e->links, &err), 0);
	ck_assert_int_eq(links_listen(e->links, e->listen_fd, &err), 0);
}

void
end_fini(struct end *e)
{
	links_free(e->links);
	tls_free(e->tls);
	close(e->listen_fd);
}

static void
on_late(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)events;
	*(bool *)timer->data = true;
	ev_break(loop, EVBREAK_ONE);
}

static void
on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
}

bool
world_wait(struct ev_loop *loop, bool (*is_true)(void *context), void *context)
{
	bool is_late = false;
	ev_timer timer;
	ev_now_update(loop);
	ev_timer_init(&timer, on_late, WAIT_S, 0.);
	timer.data = &is_late;
	ev_timer_start(loop, &timer);
	ev_timer tick; /* some conditions change outside the loop */
	ev_timer_init(&tick, on_tick, 0.02, 0.02);
	ev_timer_start(loop, &tick);
	while (!is_late && !is_true(context))
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &tick);
	ev_timer_stop(loop, &timer);
	return is_true(context);
}

struct count_wait {
	const unsigned *value;
	unsigned least;
};

static bool
is_counted(void *context)
{
	const struct count_wait *w = context;
	return *w->value >= w->least;
}

bool
world_wait_count(struct ev_loop *loop, const unsigned *value, unsigned least)
{
	struct count_wait w = {value, least};
	return world_wait(loop, is_counted, &w);
}

void
end_say_hello(struct end *e, uint32_t link)
{
	skep_Hello hello = skep_Hello_init_zero;
	uint8_t body[skep_Hello_size];
	pb_ostream_t out = pb_ostream_from_buffer(body, sizeof body);
	hello.version = WIRE_VERSION;
	snprintf(hello.cluster, sizeof hello.cluster, "test");
	ck_assert(pb_encode(&out, skep_Hello_fields, &hello));
	links_send(e->links, link, WIRE_HELLO,
		(struct bytes){body, out.bytes_written});
}

unsigned
world_fd_count(void)
{
	unsigned count = 0;
	DIR *d = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

unsigned long
world_rss_kib(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*u %lu", &pages), 1);
	fclose(f);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}
