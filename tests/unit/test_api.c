/* The control API on a real loop and a real Unix socket, with a small world
 * behind it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api_stub.h"
#include "ctl/http.h"
#include "node/api.h"
#include "node/api_role.h"
#include "sys/clock.h"

#define PATIENCE_MS 30000

static char directory[] = "/tmp/skep-api-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct node *node;
static struct api *api;

static void
setup(void)
{
	struct err err;
	strcpy(directory, "/tmp/skep-api-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chmod(directory, 0755), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock",
		directory);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(address.sun_path, 0666), 0);
	ck_assert_int_eq(listen(fd, 4096), 0);
	stub_reset();
	node = calloc(1, sizeof(*node));
	node->loop = ev_loop_new(EVFLAG_AUTO);
	node->is_booted = true;
	node->weaker_why = "";
	strcpy(node->conf.node.log_dir, directory);
	api = api_new(node, fd, -1, &err);
	ck_assert_msg(api, "%s", err.text);
}

static void
teardown(void)
{
	char command[128];
	api_free(api);
	ev_loop_destroy(node->loop);
	free(node);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

/* --- a client that does not block the loop it talks to --- */

struct client {
	int fd;
	struct http_parser parser;
	char *body;
	size_t size;
	bool is_closed;
};

static int
on_body(void *context, const void *data, size_t size)
{
	struct client *c = context;
	c->body = realloc(c->body, c->size + size + 1);
	memcpy(c->body + c->size, data, size);
	c->size += size;
	c->body[c->size] = '\0';
	return 0;
}

static struct client *
client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));
	http_parser_init(&c->parser, on_body, c);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert_int_eq(
		connect(c->fd, (struct sockaddr *)&address, sizeof(address)),
		0);
	return c;
}

static void
client_free(struct client *c)
{
	close(c->fd);
	free(c->body);
	free(c);
}

static void
turn(void)
{
	ev_run(node->loop, EVRUN_NOWAIT);
}

/* Reads what is there. */
static void
client_read(struct client *c)
{
	char buffer[65536];
	ssize_t n;
	while ((n = recv(c->fd, buffer, sizeof(buffer), 0)) > 0)
		ck_assert_int_eq(
			http_parser_feed(&c->parser, buffer, (size_t)n), 0);
	if (n == 0 || errno == ECONNRESET)
		c->is_closed = true;
}

/* Turns the loop until 'cond' or the end of patience. */
#define UNTIL(cond)                                                            \
	do {                                                                   \
		mono end_ = mono_add(clock_mono(), PATIENCE_MS);               \
		while (!(cond)) {                                              \
			ck_assert_msg(!mono_reached(end_, clock_mono()),       \
				"never: %s", #cond);                           \
			turn();                                                \
			poll(NULL, 0, 1);                                      \
		}                                                              \
	} while (0)

static bool
is_answered(struct client *c)
{
	client_read(c);
	return c->parser.state == HTTP_DONE || c->is_closed;
}

static void
client_send(struct client *c, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
		turn();
		client_read(c);
		if (c->parser.state == HTTP_DONE || c->is_closed)
			return;
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

static void
client_ask(struct client *c, const char *method, const char *path,
	const char *body)
{
	char head[512];
	size_t size = body ? strlen(body) : 0;
	snprintf(head, sizeof(head),
		"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
		method, path, size);
	client_send(c, head, strlen(head));
	if (body)
		client_send(c, body, size);
}

/* One request, its status, and its document in '*out'. */
static unsigned
ask(const char *method, const char *path, const char *body, json_t **out)
{
	struct client *c = client_new();
	client_ask(c, method, path, body);
	UNTIL(is_answered(c));
	unsigned status = c->parser.status;
	*out = json_loadb(c->body ? c->body : "", c->size, 0, NULL);
	client_free(c);
	return status;
}

static const char *
text_at(json_t *o, const char *first, const char *second)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(o, first), second));
	return text ? text : "";
}

/* --- reading --- */

START_TEST(every_get_answers_with_one_document)
{
	static const char *const paths[] = {"/healthz", "/v1/status",
		"/v1/services", "/v1/services/web", "/v1/instances",
		"/v1/names", "/v1/names/web", "/v1/names/web@1", "/v1/why/web",
		"/v1/nodes", "/v1/nodes/beta", "/v1/cluster"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		json_t *o;
		ck_assert_msg(
			ask("GET", paths[i], NULL, &o) == 200, "%s", paths[i]);
		ck_assert_msg(json_is_object(o), "%s", paths[i]);
		json_decref(o);
	}
}
END_TEST

START_TEST(status_has_desired_actual_hold_and_problems)
{
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/status", NULL, &o), 200);
	ck_assert_str_eq(text_at(o, "cluster", "hold"), "lonely");
	json_t *first = json_array_get(json_object_get(o, "instances"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(first, "desired")),
		"running");
	ck_assert_str_eq(
		json_string_value(json_object_get(first, "state")), "backoff");
	ck_assert_str_eq(json_string_value(json_object_get(first, "since")),
		"2023-11-14T22:13:20.123Z");
	ck_assert_int_eq(json_integer_value(json_object_get(first, "since_ms")),
		1700000000123);
	ck_assert_uint_eq(
		json_array_size(json_object_get(o, "quarantined")), 1);
	json_t *file = json_array_get(json_object_get(o, "files"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(file, "text")),
		"a.yaml:1:2: bad ?");
	json_decref(o);
}
END_TEST

START_TEST(instances_are_filtered)
{
	static const struct {
		const char *path;
		size_t count;
	} rows[] = {
		{"/v1/instances", 3},
		{"/v1/instances?name=web", 2},
		{"/v1/instances?name=web%401", 1},
		{"/v1/instances?node=beta", 1},
		{"/v1/instances?state=ready&node=alpha", 1},
		{"/v1/instances?name=nothing", 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o;
		ck_assert_uint_eq(ask("GET", rows[i].path, NULL, &o), 200);
		ck_assert_uint_eq(
			json_array_size(json_object_get(o, "instances")),
			rows[i].count);
		json_decref(o);
	}
}
END_TEST

START_TEST(services_are_sorted_and_counted)
{
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/services", NULL, &o), 200);
	json_t *list = json_object_get(o, "services");
	json_t *db = json_array_get(list, 0);
	json_t *web = json_array_get(list, 1);
	ck_assert_str_eq(json_string_value(json_object_get(db, "name")), "db");
	ck_assert_int_eq(
		json_integer_value(json_object_get(web, "instances")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(web, "ready")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(db, "ready")), 0);
	ck_assert_str_eq(json_string_value(json_object_get(o, "index")),
		"0000000000000abc");
	json_decref(o);
}
END_TEST

START_TEST(metrics_and_dump_are_text)
{
	struct client *c = client_new();
	client_ask(c, "GET", "/metrics", NULL);
	UNTIL(is_answered(c));
	ck_assert_ptr_nonnull(strstr(c->body,
		"skep_service_state{service=\"web\",instance=\"web@1\","
		"state=\"ready\",node=\"alpha\"} 1\n"));
	ck_assert_ptr_nonnull(
		strstr(c->body, "skep_node_alive{node=\"beta\"} 1\n"));
	client_free(c);
	c = client_new();
	client_ask(c, "GET", "/v1/debug/dump", NULL);
	UNTIL(is_answered(c));
	const char *first = strstr(c->body, "row alpha instance web@1");
	const char *second = strstr(c->body, "row alpha instance web@2");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_msg(first < second, "rows are in the order of names");
	ck_assert_ptr_nonnull(strstr(c->body, "setting expect=3\n"));
	client_free(c);
}
END_TEST

START_TEST(refusals_are_json_with_their_status)
{
	static const struct {
		const char *method;
		const char *path;
		const char *body;
		unsigned status;
		const char *code;
	} rows[] = {
		{"GET", "/", NULL, 404, "not_found"},
		{"GET", "/v1/services/nope", NULL, 404, "not_found"},
		{"GET", "/v1/names/nope", NULL, 404, "not_found"},
		{"GET", "/v1/why/nope", NULL, 404, "not_found"},
		{"GET", "/v1/nodes/nope", NULL, 404, "not_found"},
		{"GET", "/v1/logs/nope", NULL, 404, "not_found"},
		{"GET", "/v1/logs/web", NULL, 400, "invalid"},
		{"GET", "/v1/logs/web@2", NULL, 409, "on_other_node"},
		{"GET", "/v1/logs/..%2f..%2fetc%2fpasswd", NULL, 404,
			"not_found"},
		{"GET", "/v1/events?since=yesterday", NULL, 400, "invalid"},
		{"GET", "/v1/events?n=-1", NULL, 400, "invalid"},
		{"PUT", "/v1/status", "{}", 405, "method_not_allowed"},
		{"POST", "/v1/names/web/explode", "", 404, "not_found"},
		{"POST", "/v1/nodes/beta/explode", "", 404, "not_found"},
		{"POST", "/v1/names/web/signal", "{}", 400, "invalid"},
		{"POST", "/v1/names/web/signal", "{\"signal\": 9}", 400,
			"invalid"},
		{"POST", "/v1/names/web/signal", "{\"signal\": \"BOO\"}", 400,
			"invalid"},
		{"POST", "/v1/names/web/stop", "not json", 400, "invalid"},
		{"POST", "/v1/names/web/stop", "[]", 400, "invalid"},
		{"POST", "/v1/names/web/stop", "{\"typo\": 1}", 400, "invalid"},
		{"POST", "/v1/nodes/beta/drain", "{\"deadline_ms\": -1}", 400,
			"invalid"},
		{"POST", "/v1/services", "services: [", 400, "invalid"},
		{"POST", "/v1/services", "", 400, "invalid"},
		{"POST", "/v1/services?check_index=123",
			"services: {a: {command: /bin/true}}", 409, "conflict"},
		{"PUT", "/v1/cluster/expect", "{}", 400, "invalid"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o;
		unsigned status =
			ask(rows[i].method, rows[i].path, rows[i].body, &o);
		ck_assert_msg(status == rows[i].status, "%s %s: %u",
			rows[i].method, rows[i].path, status);
		ck_assert_str_eq(text_at(o, "error", "code"), rows[i].code);
		ck_assert_str_ne(text_at(o, "error", "message"), "");
		json_decref(o);
	}
	ck_assert_uint_eq(stub.asked_count, 0);
}
END_TEST

START_TEST(before_boot_nothing_is_changed)
{
	json_t *o;
	node->is_booted = false;
	ck_assert_uint_eq(ask("GET", "/v1/status", NULL, &o), 200);
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/healthz", NULL, &o), 503);
	json_decref(o);
	ck_assert_uint_eq(ask("POST", "/v1/names/web/stop", "", &o), 503);
	ck_assert_str_eq(text_at(o, "error", "code"), "starting");
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 0);
}
END_TEST

/* --- verbs --- */

START_TEST(verbs_reach_the_core)
{
	static const struct {
		const char *method;
		const char *path;
		const char *body;
		enum request_op op;
		const char *name;
		const char *arg;
		int64_t number;
		bool is_forced;
	} rows[] = {
		{"POST", "/v1/names/web/start", "", REQUEST_START, "web", "", 0,
			false},
		{"POST", "/v1/names/web@1/stop", "{}", REQUEST_STOP, "web@1",
			"", 0, false},
		{"POST", "/v1/names/web/restart", "", REQUEST_RESTART, "web",
			"", 0, false},
		{"POST", "/v1/names/web/signal", "{\"signal\": \"hup\"}",
			REQUEST_SIGNAL, "web", "", 1, false},
		{"POST", "/v1/names/web@1/move", "{\"node\": \"beta\"}",
			REQUEST_MOVE, "web@1", "beta", 0, false},
		{"POST", "/v1/nodes/beta/cordon", "{\"reason\": \"r\"}",
			REQUEST_CORDON, "beta", "r", 0, false},
		{"POST", "/v1/nodes/beta/uncordon", "", REQUEST_UNCORDON,
			"beta", "", 0, false},
		{"POST", "/v1/nodes/beta/drain",
			"{\"reason\": \"r\", \"deadline_ms\": 5000, "
			"\"force\": true}",
			REQUEST_DRAIN, "beta", "r", 5000, true},
		{"POST", "/v1/nodes/beta/undrain", "", REQUEST_UNDRAIN, "beta",
			"", 0, false},
		{"POST", "/v1/nodes/beta/leave", "", REQUEST_LEAVE, "beta", "",
			0, false},
		{"POST", "/v1/nodes/beta/forget", "", REQUEST_FORGET, "beta",
			"", 0, false},
		{"POST", "/v1/nodes/beta/confirm-down", "",
			REQUEST_CONFIRM_DOWN, "beta", "", 0, false},
		{"POST", "/v1/nodes", "{\"address\": \"h:1\"}", REQUEST_JOIN,
			"h:1", "", 0, false},
		{"PUT", "/v1/cluster/expect", "{\"value\": \"5\"}",
			REQUEST_CLUSTER_SET, "expect", "5", 0, false},
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o;
		const struct stub_asked *a = &stub.asked[i];
		ck_assert_msg(ask(rows[i].method, rows[i].path, rows[i].body,
				      &o) == 200,
			"%s", rows[i].path);
		json_decref(o);
		ck_assert_uint_eq(stub.asked_count, i + 1);
		ck_assert_int_eq(a->op, rows[i].op);
		ck_assert_str_eq(a->name, rows[i].name);
		ck_assert_str_eq(a->arg, rows[i].arg);
		ck_assert_int_eq(a->number, rows[i].number);
		ck_assert_int_eq(a->is_forced, rows[i].is_forced);
		ck_assert_uint_eq(a->actor.uid, getuid());
		ck_assert_uint_eq(a->actor.pid, (uint32_t)getpid());
	}
}
END_TEST

START_TEST(the_cores_refusal_keeps_its_code)
{
	json_t *o;
	stub.code = REPLY_NO_NODE;
	ck_assert_uint_eq(ask("POST", "/v1/names/web/start", "", &o), 503);
	ck_assert_str_eq(text_at(o, "error", "code"), "no_node_available");
	json_decref(o);
}
END_TEST

START_TEST(a_dry_drain_says_what_goes_where)
{
	json_t *o;
	ck_assert_uint_eq(
		ask("POST", "/v1/nodes/alpha/drain?dry_run=1", "", &o), 200);
	json_t *moves = json_object_get(o, "moves");
	ck_assert_uint_eq(json_array_size(moves), 2);
	json_t *db = json_array_get(moves, 0);
	ck_assert_str_eq(json_string_value(json_object_get(db, "to")), "");
	json_t *web = json_array_get(moves, 1);
	ck_assert_str_eq(json_string_value(json_object_get(web, "to")), "beta");
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 0);
}
END_TEST

START_TEST(apply_answers_once_all_are_answered)
{
	struct client *c = client_new();
	stub.answers_later = true;
	client_ask(c, "POST", "/v1/services?prune=1",
		"services: {web: {command: /bin/true}, "
		"new: {command: /bin/false}}");
	UNTIL(stub.asked_count == 3);
	ck_assert_int_eq(stub.asked[0].kind, INPUT_SPEC_SET);
	ck_assert_int_eq(stub.asked[2].kind, INPUT_SPEC_DEL);
	ck_assert_str_eq(stub.asked[2].name, "db");
	stub_answer(1, REPLY_OK, "");
	stub_answer(2, REPLY_OK, "");
	turn();
	ck_assert(!is_answered(c));
	stub_answer(0, REPLY_UNCHANGED, "");
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_ptr_nonnull(strstr(c->body, "\"result\":\"unchanged\""));
	ck_assert_ptr_nonnull(strstr(c->body, "\"result\":\"deleted\""));
	client_free(c);
}
END_TEST

START_TEST(apply_tells_the_first_failure)
{
	json_t *o;
	stub.code = REPLY_FULL;
	ck_assert_uint_eq(ask("POST", "/v1/services?check_index=abc",
				  "services: {web: {command: /bin/true}}", &o),
		507);
	ck_assert_str_eq(text_at(o, "error", "code"), "table_full");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "services")), 1);
	json_decref(o);
}
END_TEST

START_TEST(plan_and_validate_change_nothing)
{
	json_t *o;
	const char *body = "services: {new: {command: /bin/true, replicas: 3}}";
	ck_assert_uint_eq(ask("POST", "/v1/plan?prune=1", body, &o), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "changes")), 3);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "items")), 5);
	json_decref(o);
	ck_assert_uint_eq(ask("POST", "/v1/validate", body, &o), 200);
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 0);
}
END_TEST

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
	client_read(c);
	UNTIL((client_read(c), c->body && strstr(c->body, "live")));
	ck_assert_ptr_null(strstr(c->body, "in the answer too"));
	ck_assert_ptr_null(strstr(c->body, "another service"));
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

START_TEST(a_follower_that_does_not_read_is_cut_off)
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
	UNTIL(is_answered(c));
	ck_assert_uint_lt(c->size, 3000 * sizeof(text));
	UNTIL(stub.followers_now == 0);
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
	Suite *suite = suite_create("api");
	TCase *tc = tcase_create("api");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_get_answers_with_one_document);
	tcase_add_test(tc, status_has_desired_actual_hold_and_problems);
	tcase_add_test(tc, instances_are_filtered);
	tcase_add_test(tc, services_are_sorted_and_counted);
	tcase_add_test(tc, metrics_and_dump_are_text);
	tcase_add_test(tc, refusals_are_json_with_their_status);
	tcase_add_test(tc, before_boot_nothing_is_changed);
	tcase_add_test(tc, verbs_reach_the_core);
	tcase_add_test(tc, the_cores_refusal_keeps_its_code);
	tcase_add_test(tc, a_dry_drain_says_what_goes_where);
	tcase_add_test(tc, apply_answers_once_all_are_answered);
	tcase_add_test(tc, apply_tells_the_first_failure);
	tcase_add_test(tc, plan_and_validate_change_nothing);
	tcase_add_test(tc, a_late_answer_arrives);
	tcase_add_test(tc, an_asker_that_leaves_is_cancelled);
	tcase_add_test(tc, an_asker_that_only_stops_sending_is_answered);
	tcase_add_test(tc, the_end_of_the_api_ends_waiting_calls);
	tcase_add_test(tc, kept_alive_connections_serve_again);
	tcase_add_test(tc, events_come_from_the_store);
	tcase_add_test(tc, a_store_that_fails_is_said);
	tcase_add_test(tc, followed_events_come_once_and_in_order);
	tcase_add_test(tc, server_sent_events_have_their_form);
	tcase_add_test(tc, a_follower_that_does_not_read_is_cut_off);
	tcase_add_test(tc, logs_begin_in_older_files);
	tcase_add_test(tc, followed_logs_go_on_over_a_rotation);
	tcase_add_test(tc, garbage_is_refused_and_the_next_is_served);
	tcase_add_test(tc, a_body_that_is_too_large_is_refused);
	tcase_add_test(tc, a_chunked_body_that_grows_too_large_is_refused);
	tcase_add_test(tc, half_requests_and_idle_clients_block_nobody);
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
