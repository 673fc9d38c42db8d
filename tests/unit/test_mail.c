/* The mailbox of libskep against a node that a thread plays. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "skep/mail.h"
#include "tests/lib/scratch.h"

#define LONG_MS 20000

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static struct skep_mail *mail;
static struct skep_message got;
static pthread_t node;
static int listening; /* the node's */

/* --- The node --- */

static int
listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strcpy(a.sun_path, path);
	unlink(path);
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
	CHECK(listen(fd, 8) == 0);
	return fd;
}

static int
take_client(void)
{
	int fd = accept(listening, NULL, NULL);
	CHECK(fd >= 0);
	return fd;
}

static void
say(int fd, struct skep_mail_header h, const char *name, const char *text,
	const char *body)
{
	char packet[4096];
	h.name_size = (uint16_t)strlen(name);
	h.text_size = (uint16_t)strlen(text);
	memcpy(packet, &h, sizeof h);
	int n = snprintf(packet + sizeof h, sizeof packet - sizeof h, "%s%s%s",
		name, text, body);
	CHECK(send(fd, packet, sizeof h + (size_t)n, MSG_NOSIGNAL) > 0);
}

/* Waits for a packet of a kind, whose body is then in 'body' (or NULL). */
static struct skep_mail_header
hear(int fd, enum skep_mail_op op, char *body)
{
	static char packet[SKEP_MAIL_PACKET_MAX];
	struct skep_mail_header h;
	ssize_t n = recv(fd, packet, sizeof packet - 1, 0);
	CHECK(n >= (ssize_t)sizeof h);
	memcpy(&h, packet, sizeof h);
	CHECK(h.op == op);
	packet[n] = '\0';
	if (body)
		strcpy(body, packet + sizeof h + h.name_size);
	return h;
}

/* Waits until the other end is gone. */
static void
hear_end(int fd)
{
	char byte[SKEP_MAIL_PACKET_MAX];
	while (recv(fd, byte, sizeof byte, 0) > 0)
		;
	close(fd);
}

static void
play(void *(*part)(void *))
{
	CHECK(pthread_create(&node, NULL, part, NULL) == 0);
}

static void
setup(void)
{
	scratch_begin();
	listening = listen_at(scratch_path("box"));
	CHECK(skep_mail_open(scratch_path("box"), 4, &mail) == 0);
}

static void
teardown(void)
{
	skep_mail_close(mail);
	pthread_join(node, NULL);
	close(listening);
	scratch_end();
}

/* --- Messages --- */

static const struct skep_mail_header message = {
	.op = SKEP_MAIL_MESSAGE, .number = 7};
static const struct skep_mail_header question = {
	.op = SKEP_MAIL_MESSAGE, .flags = SKEP_MAIL_ASKS, .number = 8};

static void *
give_two(void *arg)
{
	char body[64];
	int fd = take_client();
	CHECK(hear(fd, SKEP_MAIL_RECV, NULL).number == 4);
	say(fd, message, "alice", "news", "hello");
	say(fd, question, "", "", "who are you?");
	/* Each that is done with makes room for another. */
	CHECK(hear(fd, SKEP_MAIL_RECV, NULL).number == 1);
	CHECK(hear(fd, SKEP_MAIL_REPLY, body).number == 8);
	CHECK(strcmp(body, "bob") == 0);
	CHECK(hear(fd, SKEP_MAIL_RECV, NULL).number == 1);
	hear_end(fd);
	return arg;
}

START_TEST(messages_come_in_order_and_are_answered)
{
	play(give_two);
	ck_assert_int_eq(skep_mail_next(mail, &got, LONG_MS), 1);
	ck_assert_str_eq(got.from, "alice");
	ck_assert_str_eq(got.group, "news");
	ck_assert_uint_eq(got.size, 5);
	ck_assert_mem_eq(got.body, "hello", 5);
	ck_assert_int_eq(got.asks, 0);
	ck_assert_int_eq(
		skep_mail_reply(mail, &got, "x", 1), SKEP_MAIL_INVALID);
	ck_assert_int_eq(skep_mail_next(mail, &got, LONG_MS), 1);
	ck_assert_str_eq(got.from, "");
	ck_assert_int_ne(got.asks, 0);
	ck_assert_int_eq(skep_mail_reply(mail, &got, "bob", 3), 0);
	ck_assert_int_eq(skep_mail_next(mail, &got, 10), 0);
}
END_TEST

/* Whether the handle's descriptor is readable within so long. */
static bool
is_readable(int ms)
{
	struct pollfd p = {.fd = skep_mail_fd(mail), .events = POLLIN};
	return poll(&p, 1, ms) == 1;
}

static void *
give_amid_a_call(void *arg)
{
	char body[64];
	int fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	struct skep_mail_header h = hear(fd, SKEP_MAIL_CALL, body);
	CHECK(strcmp(body, "how much?") == 0 && h.timeout_ms == 5000);
	say(fd, message, "alice", "", "one");
	say(fd, message, "alice", "", "two");
	h.op = SKEP_MAIL_ANSWER;
	say(fd, h, "till", "", "much");
	h.op = SKEP_MAIL_DONE;
	say(fd, h, "", "", "");
	hear_end(fd);
	return arg;
}

START_TEST(what_comes_amid_a_call_waits)
{
	struct skep_answer a;
	play(give_amid_a_call);
	ck_assert(!is_readable(0));
	ck_assert_int_eq(
		skep_mail_call(mail, "till", "how much?", 9, 5000, &a), 0);
	ck_assert_int_eq(a.code, SKEP_MAIL_OK);
	ck_assert_str_eq(a.from, "till");
	ck_assert_uint_eq(a.size, 4);
	ck_assert_mem_eq(a.body, "much", 4);
	ck_assert(is_readable(LONG_MS));
	ck_assert_int_eq(skep_mail_next(mail, &got, 0), 1);
	ck_assert_mem_eq(got.body, "one", 3);
	ck_assert(is_readable(LONG_MS));
	ck_assert_int_eq(skep_mail_next(mail, &got, 0), 1);
	ck_assert_mem_eq(got.body, "two", 3);
	ck_assert_int_eq(skep_mail_next(mail, &got, 0), 0);
	ck_assert(!is_readable(0));
}
END_TEST

/* --- Requests --- */

static void *
refuse_three(void *arg)
{
	static const enum skep_mail_op ops[] = {
		SKEP_MAIL_SEND, SKEP_MAIL_PUBLISH, SKEP_MAIL_CALL};
	int fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	for (int i = 0; i < 3; i++) {
		struct skep_mail_header h = hear(fd, ops[i], NULL);
		CHECK(h.tag != 0);
		CHECK(h.flags == (i ? 0 : SKEP_MAIL_ACK));
		h.op = SKEP_MAIL_DONE;
		h.flags = 0;
		h.tag++; /* somebody else's */
		say(fd, h, "", "", "");
		h.tag--;
		h.code = SKEP_MAIL_NOT_FOUND;
		say(fd, h, "", "nobody is called so", "");
	}
	hear_end(fd);
	return arg;
}

START_TEST(a_failure_has_its_code_and_sentence)
{
	struct skep_answer a;
	play(refuse_three);
	ck_assert_int_eq(skep_mail_send(mail, "x", "1", 1, SKEP_MAIL_ACK, 0),
		SKEP_MAIL_NOT_FOUND);
	ck_assert_str_eq(skep_mail_why(mail), "nobody is called so");
	ck_assert_int_eq(
		skep_mail_publish(mail, "x", "", 0, 0), SKEP_MAIL_NOT_FOUND);
	ck_assert_int_eq(
		skep_mail_call(mail, "x", "", 0, 0, &a), SKEP_MAIL_NOT_FOUND);
	ck_assert_int_ne(a.code, SKEP_MAIL_OK);
	ck_assert_uint_eq(a.size, 0);
	ck_assert_int_eq(
		skep_mail_send(mail, "", "", 0, 0, 0), SKEP_MAIL_INVALID);
	static const char large[SKEP_MAIL_BODY_MAX + 1];
	ck_assert_int_eq(skep_mail_send(mail, "x", large, sizeof large, 0, 0),
		SKEP_MAIL_INVALID);
}
END_TEST

static void *
answer_thrice(void *arg)
{
	int fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	struct skep_mail_header h = hear(fd, SKEP_MAIL_MULTICALL, NULL);
	h.op = SKEP_MAIL_ANSWER;
	say(fd, h, "a@1", "", "1");
	say(fd, h, "a@2", "", "2");
	h.code = SKEP_MAIL_TIMEOUT;
	say(fd, h, "a@3", "it did not answer", "");
	h.op = SKEP_MAIL_DONE;
	say(fd, h, "", "", "");
	hear_end(fd);
	return arg;
}

static void
note_answer(const struct skep_answer *a, void *context)
{
	char *out = context;
	sprintf(out + strlen(out), "%s %d %s %.*s;", a->from, (int)a->code,
		a->text, (int)a->size, (const char *)a->body);
}

START_TEST(a_multicall_hands_out_each_answer)
{
	char all[256] = "";
	play(answer_thrice);
	ck_assert_int_eq(
		skep_mail_multicall(mail, "a", "", 0, 1000, note_answer, all),
		SKEP_MAIL_TIMEOUT);
	ck_assert_str_eq(all, "a@1 0  1;a@2 0  2;a@3 7 it did not answer ;");
}
END_TEST

/* --- A node that begins anew --- */

static void *
begin_anew(void *arg)
{
	int fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	say(fd, question, "", "", "before");
	hear(fd, SKEP_MAIL_SEND, NULL);
	close(fd);
	fd = take_client();
	CHECK(hear(fd, SKEP_MAIL_RECV, NULL).number == 4);
	say(fd, message, "", "", "after");
	hear_end(fd);
	return arg;
}

START_TEST(it_connects_again)
{
	play(begin_anew);
	ck_assert_int_eq(skep_mail_next(mail, &got, LONG_MS), 1);
	ck_assert_mem_eq(got.body, "before", 6);
	ck_assert_int_eq(
		skep_mail_send(mail, "x", "", 0, 0, 0), SKEP_MAIL_UNKNOWN);
	ck_assert_int_eq(skep_mail_reply(mail, &got, "", 0), SKEP_MAIL_UNKNOWN);
	ck_assert_mem_eq(got.body, "before", 6);
	/* By its descriptor alone. */
	int code = 0;
	while (code == 0) {
		ck_assert(is_readable(LONG_MS));
		code = skep_mail_next(mail, &got, 0);
	}
	ck_assert_int_eq(code, 1);
	ck_assert_mem_eq(got.body, "after", 5);
}
END_TEST

static void *
talk_nonsense(void *arg)
{
	struct skep_mail_header h = {
		.op = SKEP_MAIL_MESSAGE, .name_size = 60000};
	int fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	CHECK(send(fd, "x", 1, 0) == 1);
	hear_end(fd);
	fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	CHECK(send(fd, &h, sizeof h, 0) == sizeof h);
	hear_end(fd);
	fd = take_client();
	hear(fd, SKEP_MAIL_RECV, NULL);
	h = (struct skep_mail_header){.op = 99};
	CHECK(send(fd, &h, sizeof h, 0) == sizeof h);
	say(fd, message, "", "", "sense");
	hear_end(fd);
	return arg;
}

START_TEST(nonsense_ends_the_connection)
{
	play(talk_nonsense);
	ck_assert_int_eq(skep_mail_next(mail, &got, LONG_MS), 1);
	ck_assert_mem_eq(got.body, "sense", 5);
}
END_TEST

static void *
refuse(void *arg)
{
	int fd = take_client();
	struct skep_mail_header h = {
		.op = SKEP_MAIL_DONE, .code = SKEP_MAIL_NOT_ALLOWED};
	say(fd, h, "", "this process belongs to no service", "");
	close(fd);
	return arg;
}

START_TEST(who_is_no_service_is_told)
{
	play(refuse);
	ck_assert_int_eq(skep_mail_next(mail, &got, LONG_MS), -EACCES);
	ck_assert_str_eq(
		skep_mail_why(mail), "this process belongs to no service");
	ck_assert_int_eq(skep_mail_send(mail, "x", "", 0, 0, 0), -EACCES);
	ck_assert(!is_readable(0));
}
END_TEST

/* Too many are connected, twice, while a request is under way, and then not
 * any more. */
static void *
refuse_for_now(void *arg)
{
	struct skep_mail_header h = {
		.op = SKEP_MAIL_DONE, .code = SKEP_MAIL_FULL};
	for (int i = 0; i < 2; i++) {
		int fd = take_client();
		hear(fd, SKEP_MAIL_RECV, NULL);
		if (i == 0)
			hear(fd, SKEP_MAIL_SEND, NULL);
		say(fd, h, "", "too many connections", "");
		close(fd);
	}
	int fd = take_client();
	CHECK(hear(fd, SKEP_MAIL_RECV, NULL).number == 4);
	say(fd, message, "", "", "room");
	hear_end(fd);
	return arg;
}

START_TEST(too_many_connections_pass)
{
	play(refuse_for_now);
	ck_assert_int_eq(
		skep_mail_send(mail, "x", "", 0, 0, 0), SKEP_MAIL_FULL);
	ck_assert_str_eq(skep_mail_why(mail), "too many connections");
	ck_assert_int_eq(skep_mail_next(mail, &got, LONG_MS), 1);
	ck_assert_mem_eq(got.body, "room", 4);
}
END_TEST

static void *
do_nothing(void *arg)
{
	return arg;
}

START_TEST(without_a_node_it_waits_within_bounds)
{
	struct skep_mail *alone;
	play(do_nothing);
	ck_assert_int_eq(skep_mail_open(scratch_path("nothing"), 1, &alone), 0);
	ck_assert_int_eq(skep_mail_next(alone, &got, 150), 0);
	ck_assert_int_eq(
		skep_mail_send(alone, "x", "", 0, 0, 1), SKEP_MAIL_NO_NODE);
	ck_assert_str_ne(skep_mail_why(alone), "");
	skep_mail_close(alone);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct skep_mail *none;
	char path[200];
	play(do_nothing);
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	unsetenv("SKEP_MAILBOX");
	ck_assert_int_eq(skep_mail_open(NULL, 1, &none), -ENOENT);
	ck_assert_int_eq(skep_mail_open(path, 1, &none), -EINVAL);
	ck_assert_int_eq(skep_mail_open(scratch_path("box"),
				 SKEP_MAIL_ROOM_MAX + 1, &none),
		-EINVAL);
	skep_mail_close(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mail");
	TCase *tc = tcase_create("mail");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, messages_come_in_order_and_are_answered);
	tcase_add_test(tc, what_comes_amid_a_call_waits);
	tcase_add_test(tc, a_failure_has_its_code_and_sentence);
	tcase_add_test(tc, a_multicall_hands_out_each_answer);
	tcase_add_test(tc, it_connects_again);
	tcase_add_test(tc, nonsense_ends_the_connection);
	tcase_add_test(tc, who_is_no_service_is_told);
	tcase_add_test(tc, too_many_connections_pass);
	tcase_add_test(tc, without_a_node_it_waits_within_bounds);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
