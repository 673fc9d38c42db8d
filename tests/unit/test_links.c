/* Links on loopback: two hosts in one process, and strangers at the door. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "core/wire.h"
#include "net_world.h"
#include "sys/say.h"

/* Its quarantine keeps what was freed. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

static struct ev_loop *loop;
static struct end a, b;

static void
setup(void)
{
	say_init("test", SAY_WARNING);
	loop = ev_loop_new(EVFLAG_AUTO);
	struct keyring key = world_key("k1", 7);
	end_init(&a, loop, &key);
	end_init(&b, loop, &key);
}

static void
setup_plain(void)
{
	say_init("test", SAY_WARNING);
	loop = ev_loop_new(EVFLAG_AUTO);
	end_init(&a, loop, NULL);
	end_init(&b, loop, NULL);
}

static void
teardown(void)
{
	end_fini(&a);
	end_fini(&b);
	ev_loop_destroy(loop);
}

/* Lets a dial b, until both ends have the link. */
static void
connect_pair(void)
{
	unsigned ups = a.log.ups, seen = b.log.ups;
	links_open(a.links, 1, b.address);
	ck_assert(world_wait_count(loop, &a.log.ups, ups + 1));
	ck_assert_uint_eq(a.log.up_dial, 1);
	end_say_hello(&a, a.log.up_link);
	ck_assert(world_wait_count(loop, &b.log.ups, seen + 1));
	ck_assert_uint_eq(b.log.up_dial, 0);
}

static void
check_pair(void)
{
	connect_pair();
	ck_assert(world_wait_count(loop, &b.log.frames, 1));
	ck_assert_uint_eq(b.log.type, WIRE_HELLO);
	links_send(b.links, b.log.up_link, 999, (struct bytes){"x", 1});
	ck_assert(world_wait_count(loop, &a.log.frames, 1));
	ck_assert_uint_eq(a.log.type, 999);
	ck_assert_uint_eq(a.log.body_size, 1);
	links_send(b.links, b.log.up_link, 5, (struct bytes){NULL, 0});
	ck_assert(world_wait_count(loop, &a.log.frames, 2));
	ck_assert_uint_eq(a.log.body_size, 0);
	ck_assert_uint_eq(links_guest_count(b.links), 0);
}

START_TEST(test_psk)
{
	check_pair();
}
END_TEST

START_TEST(test_plain)
{
	check_pair();
}
END_TEST

START_TEST(test_largest_frame_and_close_after_flush)
{
	unsigned char *body = malloc(FRAME_MAX);
	for (size_t i = 0; i < FRAME_MAX; i++)
		body[i] = (unsigned char)(i * 31 >> 3);
	connect_pair();
	for (int i = 0; i < 6; i++)
		links_send(a.links, a.log.up_link, 7,
			(struct bytes){body, FRAME_MAX});
	links_close(a.links, a.log.up_link, "test");
	ck_assert(world_wait_count(loop, &b.log.frames, 7));
	ck_assert_uint_eq(b.log.body_size, FRAME_MAX);
	ck_assert_uint_eq(b.log.body_hash, hash_bytes(body, FRAME_MAX, 0));
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_int_eq(a.log.reason, LINK_CLOSED);
	ck_assert_uint_eq(a.log.down_link, a.log.up_link);
	ck_assert_uint_eq(a.log.down_dial, 1);
	ck_assert(world_wait_count(loop, &b.log.downs, 1));
	ck_assert_int_eq(b.log.reason, LINK_RESET);
	ck_assert_uint_eq(links_count(a.links) + links_count(b.links), 0);
	free(body);
}
END_TEST

START_TEST(test_simultaneous_dials)
{
	links_open(a.links, 1, b.address);
	links_open(b.links, 9, a.address);
	ck_assert(world_wait_count(loop, &a.log.ups, 1));
	end_say_hello(&a, a.log.up_link);
	ck_assert(world_wait_count(loop, &b.log.ups, 1));
	if (b.log.up_dial == 9)
		end_say_hello(&b, b.log.up_link);
	ck_assert(world_wait_count(loop, &b.log.ups, 2));
	if (links_count(a.links) < 2)
		end_say_hello(&b, b.log.up_dial == 9 ? b.log.up_link : 1);
	ck_assert(world_wait_count(loop, &a.log.ups, 2));
	ck_assert_uint_eq(links_count(a.links), 2);
	ck_assert_uint_eq(links_count(b.links), 2);
	ck_assert_uint_eq(a.log.downs + b.log.downs, 0);
}
END_TEST

/* Keys that do not fit: other secret, unknown identity. */
static const struct {
	const char *identity;
	uint8_t byte;
} wrong_keys[] = {{"k1", 8}, {"k2", 7}};

START_TEST(test_wrong_key)
{
	struct end c;
	struct keyring key =
		world_key(wrong_keys[_i].identity, wrong_keys[_i].byte);
	end_init(&c, loop, &key);
	links_open(c.links, 3, b.address);
	ck_assert(world_wait_count(loop, &c.log.downs, 1));
	ck_assert_uint_eq(c.log.down_link, 0);
	ck_assert_uint_eq(c.log.down_dial, 3);
	ck_assert_int_eq(c.log.reason, LINK_AUTH);
	links_open(b.links, 4, c.address);
	ck_assert(world_wait_count(loop, &b.log.downs, 1));
	ck_assert_int_eq(b.log.reason, LINK_AUTH);
	ck_assert_uint_eq(b.log.ups + c.log.ups, 0);
	end_fini(&c);
}
END_TEST

START_TEST(test_rotation)
{
	struct end c;
	struct keyring ring = world_key("k2", 9);
	ring.keys[ring.count++] = world_key("k1", 7).keys[0];
	end_init(&c, loop, &ring);
	links_open(a.links, 1, c.address);
	ck_assert(world_wait_count(loop, &a.log.ups, 1));
	links_open(c.links, 2, a.address);
	ck_assert(world_wait_count(loop, &c.log.downs, 1));
	ck_assert_int_eq(c.log.reason, LINK_AUTH);
	end_fini(&c);
}
END_TEST

START_TEST(test_tls_against_plain)
{
	struct end c;
	end_init(&c, loop, NULL);
	links_open(a.links, 1, c.address);
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_uint_eq(a.log.ups + c.log.ups, 0);
	links_open(c.links, 2, a.address);
	ck_assert(world_wait_count(loop, &c.log.ups, 1));
	end_say_hello(&c, c.log.up_link);
	ck_assert(world_wait_count(loop, &c.log.downs, 1));
	ck_assert_uint_eq(a.log.ups, 0);
	end_fini(&c);
}
END_TEST

START_TEST(test_refused_port)
{
	char address[32];
	close(world_listen(address));
	links_open(a.links, 5, address);
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_int_eq(a.log.reason, LINK_REFUSED);
	ck_assert_uint_eq(a.log.down_dial, 5);
	ck_assert_uint_eq(a.log.reaches, 0);
}
END_TEST

static const char *const bad_addresses[] = {
	"nowhere",
	"127.0.0.1:0",
	"127.0.0.1:99999",
	":1",
	"[]:1",
	"::1:7",
	"host.invalid:7400",
	"",
	"255.255.255.255:9",
};

START_TEST(test_unreachable)
{
	links_open(a.links, 5, bad_addresses[_i]);
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_int_eq(a.log.reason, LINK_UNREACHABLE);
}
END_TEST

START_TEST(test_name_is_looked_up)
{
	char address[64] = "localhost";
	strcat(address, strchr(b.address, ':'));
	links_open(a.links, 1, address);
	ck_assert(world_wait_count(loop, &a.log.ups, 1));
}
END_TEST

START_TEST(test_peer_dies)
{
	connect_pair();
	end_fini(&b);
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_int_eq(a.log.reason, LINK_RESET);
	ck_assert_uint_eq(a.log.down_link, a.log.up_link);
	struct keyring key = world_key("k1", 7);
	end_init(&b, loop, &key);
}
END_TEST

START_TEST(test_silent_listener_times_out)
{
	char address[32];
	int fd = world_listen(address);
	links_open(a.links, 1, address);
	ck_assert(world_wait_count(loop, &a.log.reaches, 1));
	ck_assert_uint_eq(a.log.downs, 0);
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_int_eq(a.log.reason, LINK_SILENT);
	ck_assert_uint_eq(a.log.reaches, 1);
	close(fd);
}
END_TEST

START_TEST(test_slow_peer_is_ended)
{
	static unsigned char body[FRAME_MAX];
	connect_pair();
	/* Queued in one go, the loop cannot send any of it meanwhile. */
	for (int i = 0; i < 9; i++)
		links_send(a.links, a.log.up_link, 7,
			(struct bytes){body, sizeof body});
	ck_assert(world_wait_count(loop, &a.log.downs, 1));
	ck_assert_int_eq(a.log.reason, LINK_TIMEOUT);
}
END_TEST

/* What strangers may send; each ends with nothing but a log line. */
static const struct {
	const char *bytes;
	size_t size;
} strange[] = {
	{"", 0}, {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
	{"\x80\x00\x00\x00\x00\x01", 6}, /* 2 GiB frame */
	{"\xff\xff\xff\xff\xff\xff", 6}, /* 4 GiB frame */
	{"\x00\x00\x00\x01\x00\x01", 6}, /* too short to be one */
	{"\x00\x00\x00\x02\x00\x03", 6}, /* heartbeat before hello */
	{"\x00\x00\x00\x05\x00\x01\xff\xff\xff", 9},	  /* hello of garbage */
	{"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10}, /* TLS, cut */
};

static bool
has_no_guests(void *context)
{
	return links_guest_count(context) == 0;
}

static void
check_strange(int i)
{
	int fd = world_connect(b.address);
	ssize_t sent = send(fd, strange[i].bytes, strange[i].size, 0);
	ck_assert_int_eq(sent, (ssize_t)strange[i].size);
	shutdown(fd, SHUT_WR);
	connect_pair(); /* the loop runs, and others are served */
	ck_assert(world_wait(loop, has_no_guests, b.links));
	ck_assert_uint_eq(b.log.ups, 1);
	ck_assert_uint_eq(b.log.downs, 0);
	char byte;
	while (recv(fd, &byte, 1, 0) > 0)
		continue;
	close(fd);
}

START_TEST(test_strange_tls)
{
	check_strange(_i);
}
END_TEST

START_TEST(test_strange_plain)
{
	check_strange(_i);
}
END_TEST

START_TEST(test_half_open)
{
	int fds[LINKS_GUESTS_SOURCE_MAX + 8];
	size_t count = sizeof fds / sizeof *fds;
	connect_pair();
	for (size_t i = 0; i < count; i++)
		fds[i] = world_connect(b.address);
	/* Silent ones leave by the clock; the link there is lives on. */
	links_send(a.links, a.log.up_link, 9, (struct bytes){"z", 1});
	ck_assert(world_wait_count(loop, &b.log.frames, 2));
	ck_assert_uint_le(links_guest_count(b.links), LINKS_GUESTS_SOURCE_MAX);
	ck_assert(world_wait(loop, has_no_guests, b.links));
	links_send(a.links, a.log.up_link, 9, (struct bytes){"z", 1});
	ck_assert(world_wait_count(loop, &b.log.frames, 3));
	ck_assert_uint_eq(a.log.downs + b.log.downs, 0);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}
END_TEST

static void
knock_and_run(int count)
{
	for (int i = 0; i < count; i++) {
		close(world_connect(b.address));
		ev_run(loop, EVRUN_NOWAIT);
	}
	ck_assert(world_wait(loop, has_no_guests, b.links));
}

START_TEST(test_many_connects)
{
	connect_pair();
	knock_and_run(200);
	unsigned fds = world_fd_count();
	unsigned long rss = world_rss_kib();
	knock_and_run(2000);
	ck_assert_uint_eq(world_fd_count(), fds);
	if (!HAS_ASAN)
		ck_assert_uint_le(world_rss_kib(), rss + 2048);
	links_send(a.links, a.log.up_link, 9, (struct bytes){"z", 1});
	ck_assert(world_wait_count(loop, &b.log.frames, 2));
	ck_assert_uint_eq(a.log.downs + b.log.downs, 0);
}
END_TEST

static const struct {
	const char *local, *peer;
	bool is_allowed;
} address_pairs[] = {
	{"127.0.0.1", "127.0.0.1", true},
	{"127.8.8.8", "127.0.0.1", true},
	{"::1", "::1", true},
	{"::ffff:127.0.0.1", "::ffff:127.0.0.1", true},
	{"10.0.0.1", "127.0.0.1", false},
	{"127.0.0.1", "10.0.0.1", false},
	{"::ffff:10.0.0.1", "::1", false},
	{"fe80::1", "fe80::1", false},
	{"126.255.255.255", "127.0.0.1", false},
};

static struct sockaddr_storage
read_address(const char *text)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;
	s.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	void *to = s.ss_family == AF_INET ? (void *)&v4->sin_addr
					  : (void *)&v6->sin6_addr;
	ck_assert_int_eq(inet_pton(s.ss_family, text, to), 1);
	return s;
}

START_TEST(test_plain_is_for_loopback)
{
	struct sockaddr_storage l = read_address(address_pairs[_i].local);
	struct sockaddr_storage p = read_address(address_pairs[_i].peer);
	const struct sockaddr *local = (struct sockaddr *)&l;
	const struct sockaddr *peer = (struct sockaddr *)&p;
	struct err err = {""};
	int r = tls_check_addresses(TLS_MODE_NONE, local, peer, &err);
	ck_assert_int_eq(r, address_pairs[_i].is_allowed ? 0 : -EPERM);
	ck_assert_int_eq(
		tls_check_addresses(TLS_MODE_PSK, local, peer, &err), 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *s = suite_create("links");
	TCase *t = tcase_create("tls");
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_psk);
	tcase_add_test(t, test_largest_frame_and_close_after_flush);
	tcase_add_test(t, test_simultaneous_dials);
	tcase_add_loop_test(t, test_wrong_key, 0, COUNT(wrong_keys));
	tcase_add_test(t, test_rotation);
	tcase_add_test(t, test_tls_against_plain);
	tcase_add_test(t, test_refused_port);
	tcase_add_loop_test(t, test_unreachable, 0, COUNT(bad_addresses));
	tcase_add_test(t, test_name_is_looked_up);
	tcase_add_test(t, test_peer_dies);
	tcase_add_test(t, test_silent_listener_times_out);
	tcase_add_test(t, test_slow_peer_is_ended);
	tcase_add_loop_test(t, test_strange_tls, 0, COUNT(strange));
	tcase_add_test(t, test_half_open);
	tcase_add_test(t, test_many_connects);
	suite_add_tcase(s, t);
	t = tcase_create("plain");
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup_plain, teardown);
	tcase_add_test(t, test_plain);
	tcase_add_test(t, test_largest_frame_and_close_after_flush);
	tcase_add_loop_test(t, test_strange_plain, 0, COUNT(strange));
	tcase_add_test(t, test_many_connects);
	suite_add_tcase(s, t);
	t = tcase_create("rules");
	tcase_add_loop_test(
		t, test_plain_is_for_loopback, 0, COUNT(address_pairs));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
