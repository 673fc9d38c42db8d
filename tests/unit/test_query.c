/* Queries between two hosts in one process: answers, their pace, and every
 * way in which they end. */
#include <check.h>
#include <pb_encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "net_world.h"
#include "node/message.h"
#include "node/query.h"
#include "sys/say.h"

#define SILENT_MS 300

static struct ev_loop *loop;
static struct end a, b;
static struct queries *asking, *answering; /* at a, at b */

/* What b answers from: 'size' bytes of a known pattern, then the end, or a
 * wait for more. */
static struct {
	enum reply_code refusal; /* REPLY_OK: none */
	uint64_t size;
	bool stays;  /* waits for 'size' to grow */
	bool begins; /* says at once that it has begun; else a beat does */
	enum reply_code code;
	struct query query; /* as it arrived */
	unsigned opened, closed;
	uint64_t read; /* from all of them */
} origin;

struct origin_feed {
	struct feed feed;
	uint64_t at;
};

static unsigned char
byte_at(uint64_t i)
{
	return (unsigned char)((i * 2654435761u) >> 11);
}

static size_t
origin_read(struct feed *f, void *buffer, size_t max)
{
	struct origin_feed *o = container_of(f, struct origin_feed, feed);
	unsigned char *out = buffer;
	size_t size = 0;
	for (; size < max && o->at < origin.size; size++)
		out[size] = byte_at(o->at++);
	origin.read += size;
	if (size == 0 && !origin.stays)
		feed_end(f, origin.code, "%s",
			origin.code ? "the disk is gone" : "");
	return size;
}

static void
origin_close(struct feed *f)
{
	origin.closed++;
	free(container_of(f, struct origin_feed, feed));
}

static const struct feed_ops origin_ops = {origin_read, origin_close};
static struct feed *last_opened;

static enum reply_code
open_origin(
	void *context, const struct query *query, struct feed **out, char *text)
{
	(void)context;
	origin.query = *query;
	if (origin.refusal) {
		snprintf(text, NOTE_TEXT_MAX, "nobody knows %s", query->name);
		return origin.refusal;
	}
	struct origin_feed *o = calloc(1, sizeof *o);
	ck_assert_ptr_nonnull(o);
	o->feed.ops = &origin_ops;
	o->feed.is_begun = origin.begins;
	*out = last_opened = &o->feed;
	origin.opened++;
	return REPLY_OK;
}

static void
give_to_queries(void *context, struct conn *c, struct bytes hello)
{
	queries_on_conn(context, c, hello);
}

static struct queries *
start_queries(struct end *e, const char *cluster, const char *node)
{
	struct queries_config config = {.cluster = cluster,
		.node = node,
		.open = open_origin,
		.silent_ms = SILENT_MS + QUERY_BEAT_MS};
	struct queries *q =
		queries_new(loop, links_get_dialler(e->links), &config);
	e->on_query = give_to_queries;
	e->query_context = q;
	return q;
}

static void
setup(void)
{
	say_init("test", SAY_ERROR);
	memset(&origin, 0, sizeof origin);
	loop = ev_loop_new(EVFLAG_AUTO);
	struct keyring key = world_key("k1", 7);
	end_init(&a, loop, &key);
	end_init(&b, loop, &key);
	asking = start_queries(&a, "test", "alpha");
	answering = start_queries(&b, "test", "beta");
}

static void
teardown(void)
{
	queries_free(asking);
	queries_free(answering);
	end_fini(&a);
	end_fini(&b);
	ev_loop_destroy(loop);
	ck_assert_uint_eq(origin.opened, origin.closed);
}

/* --- One reader --- */

struct asker {
	struct feed *feed;
	uint64_t size; /* bytes read, all as they should be */
	unsigned told;
	bool is_asleep; /* does not read */
};

static void
drain(struct asker *r)
{
	unsigned char block[5000]; /* fits neither pieces nor the window */
	size_t size;
	while ((size = feed_read(r->feed, block, sizeof block)) > 0) {
		bool is_right = true;
		for (size_t i = 0; i < size; i++)
			is_right &= block[i] == byte_at(r->size++);
		ck_assert(is_right);
	}
}

static void
on_more(struct feed *f)
{
	struct asker *r = f->owner;
	r->told++;
	if (!r->is_asleep)
		drain(r);
}

static const struct query logs = {
	.kind = QUERY_LOGS, .name = "web@1", .count = 7, .is_follow = true};

static void
ask(struct asker *r, const char *node, const char *address)
{
	r->feed = queries_ask(asking, node, address, &logs);
	r->feed->owner = r;
	r->feed->on_more = on_more;
}

static bool
has_ended(void *context)
{
	const struct asker *r = context;
	return r->feed->is_ended;
}

static bool
has_begun(void *context)
{
	const struct asker *r = context;
	return r->feed->is_begun || r->feed->is_ended;
}

/* Waits for the end and checks how it was. */
static void
check_end(struct asker *r, enum reply_code code, const char *part)
{
	ck_assert(world_wait(loop, has_ended, r));
	ck_assert_msg(r->feed->code == code, "code %d: %s", r->feed->code,
		r->feed->text);
	ck_assert_msg(strstr(r->feed->text, part), "%s", r->feed->text);
	feed_close(r->feed);
}

static bool
is_idle(void *context)
{
	(void)context;
	return queries_served(answering) == 0;
}

START_TEST(answers_come_whole)
{
	static const uint64_t sizes[] = {
		0, 1, 16384, QUERY_WINDOW, QUERY_WINDOW + 1, 3000000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct asker r = {0};
		origin.size = sizes[i];
		ask(&r, "beta", b.address);
		check_end(&r, REPLY_OK, "");
		ck_assert_uint_eq(r.size, sizes[i]);
	}
	ck_assert_int_eq(origin.query.kind, QUERY_LOGS);
	ck_assert_str_eq(origin.query.name, "web@1");
	ck_assert_uint_eq(origin.query.count, 7);
	ck_assert(origin.query.is_follow);
	ck_assert(world_wait(loop, is_idle, NULL));
}
END_TEST

START_TEST(what_comes_later_is_told)
{
	struct asker r = {0};
	origin.stays = true;
	ask(&r, "beta", b.address);
	ck_assert(world_wait(loop, has_begun, &r));
	/* Longer than an asker is patient: beats keep it. */
	ck_assert(world_wait_count(loop, &r.told, 4));
	ck_assert(!r.feed->is_ended);
	origin.size = 100;
	feed_tell(last_opened);
	unsigned told = r.told;
	ck_assert(world_wait_count(loop, &r.told, told + 1));
	ck_assert_uint_eq(r.size, 100);
	origin.stays = false;
	feed_tell(last_opened);
	check_end(&r, REPLY_OK, "");
}
END_TEST

START_TEST(a_reader_that_sleeps_holds_the_origin)
{
	struct asker r = {.is_asleep = true};
	origin.size = 10u << 20;
	ask(&r, "beta", b.address);
	ck_assert(world_wait(loop, has_begun, &r));
	ck_assert(world_wait_count(loop, &r.told, 20));
	ck_assert_uint_le(origin.read, QUERY_WINDOW);
	r.is_asleep = false;
	drain(&r);
	check_end(&r, REPLY_OK, "");
	ck_assert_uint_eq(r.size, origin.size);
}
END_TEST

START_TEST(refusals_have_their_sentence)
{
	static const struct {
		enum reply_code code;
	} rows[] = {{REPLY_NOT_FOUND}, {REPLY_INVALID}, {REPLY_FAILED}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct asker r = {0};
		origin.refusal = rows[i].code;
		ask(&r, "beta", b.address);
		ck_assert(world_wait(loop, has_ended, &r));
		ck_assert(!r.feed->is_begun);
		check_end(&r, rows[i].code, "beta: nobody knows web@1");
	}
}
END_TEST

START_TEST(an_origin_that_fails_is_told)
{
	struct asker r = {0};
	origin.size = 1000;
	origin.code = REPLY_FAILED;
	ask(&r, "beta", b.address);
	check_end(&r, REPLY_FAILED, "beta: the disk is gone");
	ck_assert_uint_eq(r.size, 1000);
}
END_TEST

START_TEST(closing_takes_the_query_back)
{
	struct asker r = {0};
	origin.stays = true;
	/* At every stage of its life. */
	ask(&r, "beta", b.address);
	feed_close(r.feed);
	for (unsigned turns = 1; turns < 8; turns++) {
		ask(&r, "beta", b.address);
		for (unsigned i = 0; i < turns; i++)
			ev_run(loop, EVRUN_ONCE);
		feed_close(r.feed);
	}
	ask(&r, "beta", b.address);
	ck_assert(world_wait(loop, has_begun, &r));
	feed_close(r.feed);
	ck_assert(world_wait(loop, is_idle, NULL));
	ck_assert_uint_eq(origin.opened, origin.closed);
}
END_TEST

START_TEST(a_host_that_ends_is_told)
{
	struct asker r = {0};
	origin.stays = true;
	ask(&r, "beta", b.address);
	ck_assert(world_wait(loop, has_begun, &r));
	queries_free(answering);
	answering = NULL;
	check_end(&r, REPLY_FAILED, "beta: ");
}
END_TEST

START_TEST(a_host_that_falls_silent_is_told)
{
	struct asker r = {0};
	b.on_query = NULL; /* it accepts, and closes without a word */
	ask(&r, "beta", b.address);
	check_end(&r, REPLY_FAILED, "beta: ");
	char address[32];
	int fd = world_listen(address); /* nobody accepts */
	ask(&r, "beta", address);
	check_end(&r, REPLY_TIMEOUT, "beta: no answer for 2 s");
	close(fd);
}
END_TEST

START_TEST(no_way_to_it_is_told)
{
	struct asker r = {0};
	char address[32];
	close(world_listen(address));
	ask(&r, "beta", address);
	check_end(&r, REPLY_NO_NODE, "beta: ");
	ask(&r, "gamma", b.address);
	check_end(&r, REPLY_NO_NODE, "gamma: another host");
}
END_TEST

START_TEST(another_cluster_is_refused)
{
	struct asker r = {0};
	queries_free(answering);
	answering = start_queries(&b, "other", "beta");
	ask(&r, "beta", b.address);
	check_end(&r, REPLY_NO_NODE, "another cluster");
}
END_TEST

/* The version before knows connections for states only: it says Hello
 * without the purpose and waits for questions that it knows. */
static void
older_frame(void *owner, struct conn *c, uint16_t type, struct bytes body)
{
	(void)owner;
	(void)c;
	(void)body;
	ck_assert_uint_ne(type, WIRE_QUERY);
}

static void
older_close(void *owner, struct conn *c, enum conn_end end, const char *text)
{
	unsigned *closed = owner;
	(void)c;
	(void)end;
	(void)text;
	++*closed;
}

static const struct conn_owner older_calls = {
	.on_frame = older_frame, .on_close = older_close};

static void
be_older(void *context, struct conn *c, struct bytes body)
{
	skep_Hello hello = skep_Hello_init_zero;
	ck_assert(wire_decode(WIRE_HELLO, body, &hello));
	ck_assert(hello.is_bulk); /* what it looks at */
	conn_set_owner(c, &older_calls, context);
	skep_Hello mine = skep_Hello_init_zero;
	mine.version = WIRE_VERSION;
	mine.is_bulk = true;
	strcpy(mine.cluster, "test");
	strcpy(mine.node, "beta");
	message_send(
		c, WIRE_HELLO, skep_Hello_fields, &mine, 0, (struct bytes){0});
}

START_TEST(an_older_host_is_left_in_peace)
{
	struct asker r = {0};
	unsigned closed = 0;
	b.on_query = be_older;
	b.query_context = &closed;
	ask(&r, "beta", b.address);
	check_end(&r, REPLY_NO_NODE, "too old");
	ck_assert(world_wait_count(loop, &closed, 1));
}
END_TEST

START_TEST(there_is_a_bound)
{
	static struct asker readers[QUERY_ASKED_MAX + 1];
	unsigned begun = 0, refused = 0;
	origin.stays = origin.begins = true;
	memset(readers, 0, sizeof readers);
	for (unsigned i = 0; i < QUERY_SERVED_MAX; i++) {
		ask(&readers[i], "beta", b.address);
		ck_assert(world_wait(loop, has_begun, &readers[i]));
		begun += readers[i].feed->is_begun;
	}
	ck_assert_uint_eq(begun, QUERY_SERVED_MAX);
	struct asker late = {0};
	ask(&late, "beta", b.address);
	check_end(&late, REPLY_NO_NODE, "too much is being read");
	for (unsigned i = QUERY_SERVED_MAX; i <= QUERY_ASKED_MAX; i++) {
		ask(&readers[i], "beta", b.address);
		refused += readers[i].feed->is_ended &&
			   readers[i].feed->code == REPLY_FULL;
	}
	ck_assert_uint_ge(refused, 1);
	for (unsigned i = 0; i <= QUERY_ASKED_MAX; i++)
		feed_close(readers[i].feed);
	ck_assert(world_wait(loop, is_idle, NULL));
}
END_TEST

/* Frames that no well-meaning asker sends. */
START_TEST(nonsense_ends_the_connection)
{
	static const struct {
		uint16_t type;
		const char *body;
	} rows[] = {
		{WIRE_QUERY, "\xff\xff\xff"},
		{WIRE_QUERY_MORE, "\x08\x01"}, /* read what was not sent */
		{WIRE_QUERY_MORE, "\xff"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned downs = a.log.downs, ups = a.log.ups;
		links_open(a.links, 1 + (uint32_t)i, b.address);
		ck_assert(world_wait_count(loop, &a.log.ups, ups + 1));
		skep_Hello hello = skep_Hello_init_zero;
		hello.version = WIRE_VERSION;
		hello.is_bulk = true;
		hello.purpose = PURPOSE_QUERY;
		strcpy(hello.cluster, "test");
		uint8_t bytes[skep_Hello_size];
		pb_ostream_t out = pb_ostream_from_buffer(bytes, sizeof bytes);
		ck_assert(pb_encode(&out, skep_Hello_fields, &hello));
		links_send(a.links, a.log.up_link, WIRE_HELLO,
			(struct bytes){bytes, out.bytes_written});
		links_send(a.links, a.log.up_link, rows[i].type,
			(struct bytes){rows[i].body, strlen(rows[i].body)});
		ck_assert(world_wait_count(loop, &a.log.downs, downs + 1));
	}
	ck_assert(world_wait(loop, is_idle, NULL));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("query");
	TCase *tc = tcase_create("query");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, answers_come_whole);
	tcase_add_test(tc, what_comes_later_is_told);
	tcase_add_test(tc, a_reader_that_sleeps_holds_the_origin);
	tcase_add_test(tc, refusals_have_their_sentence);
	tcase_add_test(tc, an_origin_that_fails_is_told);
	tcase_add_test(tc, closing_takes_the_query_back);
	tcase_add_test(tc, a_host_that_ends_is_told);
	tcase_add_test(tc, a_host_that_falls_silent_is_told);
	tcase_add_test(tc, no_way_to_it_is_told);
	tcase_add_test(tc, another_cluster_is_refused);
	tcase_add_test(tc, an_older_host_is_left_in_peace);
	tcase_add_test(tc, there_is_a_bound);
	tcase_add_test(tc, nonsense_ends_the_connection);
	suite_add_tcase(s, tc);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
