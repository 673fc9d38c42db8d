/* The control API and its clients: those that wait, leave, follow, misbehave,
 * and those that may not. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api_client.h"
#include "node/api_private.h"
#include "node/api_role.h"

/* --- waiting, leaving --- */

START_TEST(a_late_answer_arrives)
{
	struct client *c = client_new();
	stub.answers_later = true;
	client_ask(c, "POST", "/v1/names/web/stop", "");
	UNTIL(stub.asked_count == 1);
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert(!is_answered(c));
	stub_answer(0, REPLY_OK, "as you wish");
	UNTIL(is_answered(c));
	ck_assert_ptr_nonnull(strstr(c->body, "as you wish"));
	client_free(c);
}
END_TEST

START_TEST(an_asker_that_leaves_is_cancelled)
{
	struct client *c = client_new();
	stub.answers_later = true;
	client_ask(c, "POST", "/v1/names/web/stop", "");
	UNTIL(stub.asked_count == 1);
	client_free(c);
	UNTIL(stub.asked[0].is_cancelled);
}
END_TEST

START_TEST(an_asker_that_only_stops_sending_is_answered)
{
	struct client *c = client_new();
	stub.answers_later = true;
	client_ask(c, "POST", "/v1/names/web/stop", "");
	UNTIL(stub.asked_count == 1);
	shutdown(c->fd, SHUT_WR);
	for (int i = 0; i < 50; i++)
		turn();
	ck_assert(!stub.asked[0].is_cancelled);
	stub_answer(0, REPLY_OK, "done");
	UNTIL(is_answered(c));
	ck_assert_ptr_nonnull(strstr(c->body, "done"));
	client_free(c);
}
END_TEST

START_TEST(the_end_of_the_api_ends_waiting_calls)
{
	struct client *asker = client_new();
	struct client *follower = client_new();
	stub.answers_later = true;
	client_ask(asker, "POST", "/v1/names/web/stop", "");
	client_ask(follower, "GET", "/v1/events?follow=1", NULL);
	UNTIL(stub.asked_count == 1 && stub.followers_now == 1);
	api_free(api);
	api = NULL;
	ck_assert(stub.asked[0].is_cancelled);
	ck_assert_uint_eq(stub.followers_now, 0);
	/* The store still answers a question of before. */
	stub.query_done(stub.query_context, NULL, 0);
	client_free(asker);
	client_free(follower);
}
END_TEST

START_TEST(kept_alive_connections_serve_again)
{
	struct client *c = client_new();
	for (int i = 0; i < 3; i++) {
		http_parser_init(&c->parser, on_body, c);
		client_ask(c, "GET", "/healthz", NULL);
		UNTIL(is_answered(c));
		ck_assert_uint_eq(c->parser.status, 200);
	}
	client_free(c);
}
END_TEST

/* --- events and logs --- */

static const struct event kept[] = {
	{.id = 4,
		.wall_ms = 1,
		.kind = "starting",
		.name = "web@1",
		.text = "",
		.host = ""},
	{.id = 5,
		.wall_ms = 2,
		.kind = "ready",
		.name = "web@1",
		.text = "",
		.uid = 1000,
		.pid = 12,
		.host = ""},
};

START_TEST(events_come_from_the_store)
{
	struct client *c = client_new();
	client_ask(c, "GET", "/v1/history/web", NULL);
	UNTIL(stub.query_done);
	stub.query_done(stub.query_context, kept, 2);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_ptr_nonnull(strstr(c->body, "\"uid\":1000"));
	client_free(c);
}
END_TEST

START_TEST(a_store_that_fails_is_said)
{
	struct client *c = client_new();
	client_ask(c, "GET", "/v1/events", NULL);
	UNTIL(stub.query_done);
	stub.query_done(stub.query_context, NULL, -EIO);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 500);
	client_free(c);
}
END_TEST

START_TEST(followed_events_come_once_and_in_order)
{
	struct client *c = client_new();
	client_ask(c, "GET", "/v1/events?follow=1&name=web", NULL);
	UNTIL(stub.query_done);
	stub_event(5, "web@1", "in the answer too");
	stub_event(6, "web@1", "held");
	stub_event(7, "webber", "another service");
	stub.query_done(stub.query_context, kept, 2);
	stub_event(8, "web", "live");
	stub_missed(9, "alpha", "some were not told");
	client_read(c);
	UNTIL((client_read(c), c->body && strstr(c->body, "not told")));
	ck_assert_ptr_null(strstr(c->body, "in the answer too"));
	ck_assert_ptr_null(strstr(c->body, "another service"));
	ck_assert_ptr_nonnull(strstr(c->body, "some were not told"));
	const char *four = strstr(c->body, "\"id\":4");
	const char *six = strstr(c->body, "held");
	ck_assert(four && six && four < six);
	ck_assert(!is_answered(c));
	client_free(c);
	UNTIL(stub.followers_now == 0);
}
END_TEST

START_TEST(server_sent_events_have_their_form)
{
	struct client *c = client_new();
	static const char request[] =
		"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n"
		"Accept: text/event-stream\r\n\r\n";
	client_send(c, request, sizeof(request) - 1);
	UNTIL(stub.query_done);
	stub.query_done(stub.query_context, kept, 1);
	UNTIL((client_read(c), c->body && strstr(c->body, "\n\n")));
	ck_assert_int_eq(
		strncmp(c->body, "id: 4\nevent: starting\ndata: {", 29), 0);
	client_free(c);
	UNTIL(stub.followers_now == 0);
}
END_TEST

START_TEST(a_follower_that_does_not_read_is_told_what_it_missed)
{
	struct client *c = client_new();
	static char text[2000];
	memset(text, 'x', sizeof(text) - 1);
	client_ask(c, "GET", "/v1/events?follow=1", NULL);
	UNTIL(stub.query_done);
	stub.query_done(stub.query_context, NULL, 0);
	for (uint64_t i = 1; i < 3000; i++) {
		stub_event(i, "web", text);
		turn();
	}
	UNTIL((client_read(c), c->body && strstr(c->body, "events_missed")));
	ck_assert_uint_lt(c->size, 3000 * sizeof(text));
	ck_assert_ptr_nonnull(strstr(c->body, " to 2999\""));
	stub_event(3000, "web", "what comes then");
	UNTIL((client_read(c), strstr(c->body, "what comes then")));
	ck_assert(!is_answered(c));
	client_free(c);
	UNTIL(stub.followers_now == 0);
}
END_TEST

/* What is cut off does not look whole. */
START_TEST(a_stream_that_nobody_reads_breaks_off)
{
	struct client *c = client_new();
	static char text[API_STREAM_MAX / 2 + 1];
	client_ask(c, "GET", "/v1/events?follow=1", NULL);
	UNTIL(stub.query_done);
	stub.query_done(stub.query_context, NULL, 0);
	struct stream *s = container_of(api->streams.next, struct stream, link);
	memset(text, ' ', sizeof(text));
	stream_add(s, text, sizeof(text));
	ck_assert(!s->is_ended);
	stream_add(s, text, sizeof(text));
	UNTIL(is_answered(c));
	ck_assert_int_ne(c->parser.state, HTTP_DONE);
	ck_assert(c->is_closed);
	client_free(c);
}
END_TEST

static void
write_log(const char *name, const char *mode, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, mode);
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(logs_begin_in_older_files)
{
	static const struct {
		const char *n;
		const char *body;
	} rows[] = {
		{"0", NULL},
		{"1", "5\n"},
		{"2", "4\n5\n"},
		{"3", "3\n4\n5\n"},
		{"5", "1\n2\n3\n4\n5\n"},
		{"99", "1\n2\n3\n4\n5\n"},
	};
	write_log("web@1.log.2", "w", "1\n");
	write_log("web@1.log.1", "w", "2\n3\n");
	write_log("web@1.log", "w", "4\n5\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[64];
		struct client *c = client_new();
		snprintf(path, sizeof(path), "/v1/logs/web@1?n=%s", rows[i].n);
		client_ask(c, "GET", path, NULL);
		UNTIL(is_answered(c));
		ck_assert_uint_eq(c->parser.status, 200);
		if (rows[i].body)
			ck_assert_str_eq(c->body, rows[i].body);
		else
			ck_assert_uint_eq(c->size, 0);
		client_free(c);
	}
}
END_TEST

START_TEST(followed_logs_go_on_over_a_rotation)
{
	char from[256], to[256];
	write_log("web@1.log", "w", "a\n");
	struct client *c = client_new();
	client_ask(c, "GET", "/v1/logs/web@1?follow=1", NULL);
	UNTIL((client_read(c), c->size == 2));
	write_log("web@1.log", "a", "b\n");
	UNTIL((client_read(c), c->size == 4));
	snprintf(from, sizeof(from), "%s/web@1.log", directory);
	snprintf(to, sizeof(to), "%s/web@1.log.1", directory);
	write_log("web@1.log", "a", "c\n");
	ck_assert_int_eq(rename(from, to), 0);
	write_log("web@1.log", "w", "d\n");
	UNTIL((client_read(c), c->size == 8));
	ck_assert_str_eq(c->body, "a\nb\nc\nd\n");
	client_free(c);
}
END_TEST

/* --- hostile clients --- */

START_TEST(garbage_is_refused_and_the_next_is_served)
{
	static const char *const garbage[] = {"\r\n\r\n\r\n", "GET\r\n\r\n",
		"\x16\x03\x01\x02garbage\n\n\n", "GET / HTTP/9.9\r\n\r\n",
		"POST /v1/services HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
		("POST /v1/services HTTP/1.1\r\n"
		 "Transfer-Encoding: chunked\r\n\r\nZZZ\r\n")};
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct client *c = client_new();
		client_send(c, garbage[i], strlen(garbage[i]));
		for (int k = 0; k < 20; k++)
			turn();
		client_free(c);
		json_t *o;
		ck_assert_uint_eq(ask("GET", "/healthz", NULL, &o), 200);
		json_decref(o);
	}
}
END_TEST

START_TEST(a_body_that_is_too_large_is_refused)
{
	char head[256];
	snprintf(head, sizeof(head),
		"POST /v1/services HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: %u\r\n\r\n",
		API_BODY_MAX + 1);
	struct client *c = client_new();
	client_send(c, head, strlen(head));
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 413);
	client_free(c);
}
END_TEST

START_TEST(a_chunked_body_that_grows_too_large_is_refused)
{
	static char chunk[100000];
	struct client *c = client_new();
	static const char head[] = "POST /v1/services HTTP/1.1\r\nHost: x\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	client_send(c, head, sizeof(head) - 1);
	memset(chunk, ' ', sizeof(chunk));
	for (int i = 0; i < 90; i++) {
		client_send(c, "186a0\r\n", 7);
		client_send(c, chunk, sizeof(chunk));
		client_send(c, "\r\n", 2);
	}
	client_send(c, "0\r\n\r\n", 5);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 413);
	client_free(c);
}
END_TEST

/* The request of which the head is here and the body is not, or NULL. */
static struct call *
admitted(void)
{
	list_each (it, &api->calls) {
		struct call *c = container_of(it, struct call, link);
		if (c->is_admitted && c->body_size == 0)
			return c;
	}
	return NULL;
}

/* A client whose body of API_BODY_MAX bytes has been sent but for the last
 * 'less', by somebody with this role. */
static struct client *
begin_body(enum api_role role, size_t less)
{
	char head[256];
	char *body = malloc(API_BODY_MAX);
	struct client *c = client_new();
	ck_assert_ptr_nonnull(body);
	memset(body, ' ', API_BODY_MAX);
	snprintf(head, sizeof(head),
		"POST /v1/names HTTP/1.1\r\nHost: x\r\n"
		"Content-Length: %u\r\n\r\n",
		API_BODY_MAX);
	client_send(c, head, strlen(head));
	UNTIL(admitted());
	admitted()->peer.role = role;
	client_send(c, body, API_BODY_MAX - less);
	free(body);
	return c;
}

/* What the answer is to a whole one, which is no JSON. */
static unsigned
body_status(enum api_role role)
{
	struct client *c = begin_body(role, 0);
	UNTIL(is_answered(c));
	unsigned status = c->parser.status;
	ck_assert_int_eq(status == 503, !!strstr(c->body, "\"busy\""));
	client_free(c);
	return status;
}

/* Who only looks gets half of the room. */
START_TEST(bodies_are_bounded_together)
{
	enum { COUNT = API_BODIES_MAX / API_BODY_MAX };
	struct client *clients[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		clients[i] =
			begin_body(i < COUNT / 2 ? ROLE_READ : ROLE_OPERATE, 1);
		UNTIL(api->body_bytes == (i + 1) * (API_BODY_MAX - 1));
	}
	ck_assert_uint_eq(body_status(ROLE_READ), 503);
	ck_assert_uint_eq(body_status(ROLE_ADMIN), 503);
	client_free(clients[COUNT - 1]);
	UNTIL(api->body_bytes == API_BODIES_MAX - COUNT - (API_BODY_MAX - 1));
	ck_assert_uint_eq(body_status(ROLE_READ), 503);
	ck_assert_uint_eq(body_status(ROLE_OPERATE), 400);
	for (unsigned i = 0; i < COUNT - 1; i++)
		client_free(clients[i]);
	UNTIL(api->body_bytes == 0);
}
END_TEST

/* However often it says a byte. */
START_TEST(a_body_that_takes_too_long_ends_its_connection)
{
	static const char head[] = "POST /v1/names HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 100000\r\n\r\n";
	struct client *c = client_new();
	api->body_ms = 100;
	client_send(c, head, sizeof(head) - 1);
	mono begun = clock_mono();
	UNTIL((client_send(c, "x", 1), is_answered(c)));
	ck_assert(c->is_closed);
	ck_assert_int_ge(mono_diff(clock_mono(), begun), 100);
	client_free(c);
	UNTIL(api->body_bytes == 0);
}
END_TEST

START_TEST(half_requests_and_idle_clients_block_nobody)
{
	enum { COUNT = 1000 };
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 4 * COUNT + 100)
		return;
	teardown();
	setup();
	struct client **clients = calloc(COUNT, sizeof(*clients));
	for (int i = 0; i < COUNT; i++) {
		clients[i] = client_new();
		if (i % 2)
			client_send(clients[i], "GET /v1/st", 10);
		turn();
	}
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/status", NULL, &o), 200);
	json_decref(o);
	/* The silent ones are closed after a while. */
	UNTIL((client_read(clients[0]), clients[0]->is_closed));
	UNTIL((client_read(clients[1]), clients[1]->is_closed));
	for (int i = 0; i < COUNT; i++)
		client_free(clients[i]);
	free(clients);
}
END_TEST

START_TEST(who_asks_gets_a_place_that_an_idle_client_has)
{
	enum { LIMIT = 400, COUNT = 300 };
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 2 * LIMIT)
		return;
	teardown();
	limit.rlim_cur = LIMIT; /* so half of it are places */
	setrlimit(RLIMIT_NOFILE, &limit);
	setup();
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	stub.answers_later = true;
	struct client *asker = client_new();
	client_ask(asker, "POST", "/v1/names/web/stop", "");
	UNTIL(stub.asked_count == 1);
	struct client *clients[COUNT];
	for (int i = 0; i < COUNT; i++) {
		clients[i] = client_new();
		if (i % 2)
			client_send(clients[i], "GET /v1/st", 10);
		turn();
	}
	UNTIL((client_read(clients[0]), clients[0]->is_closed));
	UNTIL((client_read(clients[1]), clients[1]->is_closed));
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/status", NULL, &o), 200);
	json_decref(o);
	client_read(clients[COUNT - 1]);
	ck_assert(!clients[COUNT - 1]->is_closed);
	/* Who waits for an answer is not idle. */
	stub_answer(0, REPLY_OK, "as you wish");
	UNTIL(is_answered(asker));
	for (int i = 0; i < COUNT; i++)
		client_free(clients[i]);
	client_free(asker);
}
END_TEST

/* --- roles --- */

START_TEST(roles_contain_each_other)
{
	struct api_groups groups = {
		.gids = {0, 10, 20, 30}, .is_set = {false, true, true, true}};
	static const struct {
		uid_t uid;
		gid_t gids[2];
		enum api_role role;
	} rows[] = {
		{0, {99, 99}, ROLE_ADMIN},
		{54321, {99, 98}, ROLE_NONE},
		{54321, {99, 10}, ROLE_READ},
		{54321, {20, 10}, ROLE_OPERATE},
		{54321, {10, 30}, ROLE_ADMIN},
		{54321, {0, 0}, ROLE_NONE},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(
			api_role_of(&groups, rows[i].uid, rows[i].gids, 2),
			rows[i].role);
	ck_assert_int_eq(api_role_of(&groups, geteuid(), NULL, 0), ROLE_ADMIN);
}
END_TEST

START_TEST(a_missing_group_names_its_key)
{
	struct err err;
	struct api_groups groups;
	ck_assert_int_eq(api_groups_resolve(
				 &groups, "", "no-such-group-x", "root", &err),
		-ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "api.operate_group"));
	ck_assert(!groups.is_set[ROLE_OPERATE]);
	ck_assert(groups.is_set[ROLE_ADMIN]);
}
END_TEST

/* Asks as another user with one supplementary group; its status, or -1. */
static int
status_as(gid_t group, const char *method, const char *path)
{
	int fds[2];
	unsigned status = 0;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		static struct http_parser parser;
		if (setgroups(1, &group) || setresgid(65533, 65533, 65533) ||
			setresuid(65533, 65533, 65533))
			_exit(1);
		http_parser_init(&parser, NULL, NULL);
		struct http_request request = {
			.method = method, .path = path, .timeout_ms = 10000};
		http_call(address.sun_path, &request, &parser, &err);
		ssize_t n =
			write(fds[1], &parser.status, sizeof(parser.status));
		_exit(n == sizeof(parser.status) ? 0 : 1);
	}
	UNTIL(read(fds[0], &status, sizeof(status)) == sizeof(status));
	waitpid(pid, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	return (int)status;
}

START_TEST(the_socket_says_who_asks)
{
	static const struct {
		const char *method;
		const char *path;
		int status[4]; /* for no role, read, operate, admin */
	} rows[] = {
		{"GET", "/v1/status", {403, 200, 200, 200}},
		{"GET", "/metrics", {403, 200, 200, 200}},
		{"POST", "/v1/names/web/stop", {403, 403, 200, 200}},
		{"POST", "/v1/nodes/beta/drain", {403, 403, 200, 200}},
		{"POST", "/v1/nodes/beta/forget", {403, 403, 403, 200}},
		{"DELETE", "/v1/services/web", {403, 403, 200, 200}},
		{"PUT", "/v1/cluster/expect", {403, 403, 403, 400}},
	};
	static const char *const groups[] = {"nogroup", "games", "mail", "tty"};
	gid_t gids[4];
	if (geteuid() != 0)
		return; /* cannot become anybody else */
	for (int i = 0; i < 4; i++) {
		struct group *g = getgrnam(groups[i]);
		if (!g)
			return; /* not on this distribution */
		gids[i] = g->gr_gid;
	}
	teardown();
	setup();
	api_free(api);
	unlink(address.sun_path);
	struct err err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(address.sun_path, 0666), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	strcpy(node->conf.api.read_group, groups[1]);
	strcpy(node->conf.api.operate_group, groups[2]);
	strcpy(node->conf.api.admin_group, groups[3]);
	api = api_new(node, fd, -1, &err);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int role = 0; role < 4; role++)
			ck_assert_msg(
				status_as(gids[role], rows[i].method,
					rows[i].path) == rows[i].status[role],
				"%s %s as %s", rows[i].method, rows[i].path,
				groups[role]);
}
END_TEST

START_TEST(tcp_is_refused_by_name)
{
	struct err err;
	ck_assert_ptr_null(api_new(node, -1, 0, &err));
	ck_assert_str_eq(err.text, "api.listen: not supported yet");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("api_clients");
	TCase *tc = tcase_create("api_clients");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_late_answer_arrives);
	tcase_add_test(tc, an_asker_that_leaves_is_cancelled);
	tcase_add_test(tc, an_asker_that_only_stops_sending_is_answered);
	tcase_add_test(tc, the_end_of_the_api_ends_waiting_calls);
	tcase_add_test(tc, kept_alive_connections_serve_again);
	tcase_add_test(tc, events_come_from_the_store);
	tcase_add_test(tc, a_store_that_fails_is_said);
	tcase_add_test(tc, followed_events_come_once_and_in_order);
	tcase_add_test(tc, server_sent_events_have_their_form);
	tcase_add_test(
		tc, a_follower_that_does_not_read_is_told_what_it_missed);
	tcase_add_test(tc, a_stream_that_nobody_reads_breaks_off);
	tcase_add_test(tc, logs_begin_in_older_files);
	tcase_add_test(tc, followed_logs_go_on_over_a_rotation);
	tcase_add_test(tc, garbage_is_refused_and_the_next_is_served);
	tcase_add_test(tc, a_body_that_is_too_large_is_refused);
	tcase_add_test(tc, a_chunked_body_that_grows_too_large_is_refused);
	tcase_add_test(tc, bodies_are_bounded_together);
	tcase_add_test(tc, a_body_that_takes_too_long_ends_its_connection);
	tcase_add_test(tc, half_requests_and_idle_clients_block_nobody);
	tcase_add_test(tc, who_asks_gets_a_place_that_an_idle_client_has);
	tcase_add_test(tc, roles_contain_each_other);
	tcase_add_test(tc, a_missing_group_names_its_key);
	tcase_add_test(tc, the_socket_says_who_asks);
	tcase_add_test(tc, tcp_is_refused_by_name);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
