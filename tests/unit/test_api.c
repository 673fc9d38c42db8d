/* The control API: what it reads and what it changes. */
#include <stdlib.h>
#include <string.h>

#include "api_client.h"

/* --- reading --- */

START_TEST(every_get_answers_with_one_document)
{
	static const char *const paths[] = {"/healthz", "/v1/status",
		"/v1/services", "/v1/services/web", "/v1/instances",
		"/v1/names", "/v1/names/web", "/v1/names/web@1", "/v1/why/web",
		"/v1/nodes", "/v1/nodes/beta", "/v1/cluster", "/v1/rebalance"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		json_t *o;
		ck_assert_msg(
			ask("GET", paths[i], NULL, &o) == 200, "%s", paths[i]);
		ck_assert_msg(json_is_object(o), "%s", paths[i]);
		json_decref(o);
	}
}
END_TEST

START_TEST(a_pass_is_through_when_all_hosts_are)
{
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/rebalance", NULL, &o), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "pass")), 3);
	ck_assert(json_is_false(json_object_get(o, "through")));
	json_t *beta = json_array_get(json_object_get(o, "nodes"), 1);
	ck_assert_int_eq(
		json_integer_value(json_object_get(beta, "moving")), 1);
	json_t *item = json_array_get(json_object_get(o, "instances"), 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(item, "to")), "beta");
	ck_assert(json_is_true(json_object_get(item, "goes")));
	ck_assert_uint_eq(json_array_size(json_object_get(o, "instances")), 1);
	json_decref(o);
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

/* Asked of the core about what does not run, and nothing else. */
START_TEST(what_is_at_rest_says_so)
{
	static const char *const states[] = {"ready", "failed", "pending"};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		json_t *o;
		stub.instances[0].state = states[i];
		ck_assert_uint_eq(ask("GET", "/v1/instances", NULL, &o), 200);
		json_t *row =
			json_array_get(json_object_get(o, "instances"), 0);
		json_t *at_rest = json_object_get(row, "at_rest");
		ck_assert(json_is_boolean(at_rest));
		ck_assert(json_is_true(at_rest) == (i == 1));
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

START_TEST(orders_reach_the_keeper)
{
	json_t *o;
	ck_assert_uint_eq(ask("POST", "/v1/reexec", "{}", &o), 200);
	json_decref(o);
	ck_assert_int_eq(stub.order, STUB_REEXEC);
	ck_assert_uint_eq(ask("POST", "/v1/shutdown", "{}", &o), 200);
	json_decref(o);
	ck_assert_int_eq(stub.order, STUB_SHUTDOWN);
	ck_assert(!stub.is_undrained_later);
	ck_assert_uint_eq(
		ask("POST", "/v1/shutdown", "{\"undrain\": true}", &o), 200);
	json_decref(o);
	ck_assert(stub.is_undrained_later);
	stub.order = STUB_NO_ORDER;
	ck_assert_uint_eq(
		ask("POST", "/v1/shutdown", "{\"undrain\": 1}", &o), 400);
	json_decref(o);
	ck_assert_uint_eq(ask("POST", "/v1/reexec", "{\"now\": 1}", &o), 400);
	json_decref(o);
	ck_assert_int_eq(stub.order, STUB_NO_ORDER);
}
END_TEST

/* The member "checkpoint" of an instance, as text. */
static char *
checkpoint_of(const char *name)
{
	char path[64];
	json_t *o;
	snprintf(path, sizeof(path), "/v1/names/%s", name);
	ck_assert_uint_eq(ask("GET", path, NULL, &o), 200);
	json_t *row = json_array_get(json_object_get(o, "instances"), 0);
	json_t *checkpoint = json_object_get(row, "checkpoint");
	ck_assert_ptr_nonnull(checkpoint);
	char *text = json_dumps(
		checkpoint, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(o);
	return text;
}

static void
checkpoint_is(const char *name, const char *expected)
{
	char *text = checkpoint_of(name);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(checkpoints_are_told)
{
	checkpoint_is("db", "null");
	checkpoint_is("web@2",
		"{\"acked\":{\"epoch\":2,\"last\":true,\"number\":null,"
		"\"time\":\"2023-11-14T22:13:20.123Z\","
		"\"time_ms\":1700000000123},"
		"\"age_ms\":61007,\"every_ms\":10000,\"have\":1,\"late\":true,"
		"\"loss_ms\":2500,\"named\":2,"
		"\"newest\":{\"epoch\":3,\"last\":false,\"number\":8,"
		"\"size\":4096,\"time\":\"2023-11-14T22:13:30.000Z\","
		"\"time_ms\":1700000010000},"
		"\"next\":{\"epoch\":3,\"last\":false,\"node\":\"alpha\","
		"\"number\":7,\"size\":4000,"
		"\"time\":\"2023-11-14T22:13:29.000Z\","
		"\"time_ms\":1700000009000},\"waits\":false,\"wanted\":2}");
	stub.checkpoint = (struct checkpoint_view){.wanted = 1,
		.named = 1,
		.every_ms = 30000,
		.age_ms = -1,
		.loss_ms = -1,
		.next_node = ""};
	checkpoint_is("web@2",
		"{\"acked\":null,\"age_ms\":null,\"every_ms\":30000,"
		"\"have\":0,\"late\":false,\"loss_ms\":null,\"named\":1,"
		"\"newest\":null,\"next\":null,\"waits\":false,\"wanted\":1}");
}
END_TEST

/* The member "checkpoints" of the service 'web'. */
static void
checkpoints_are(const char *expected)
{
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/services", NULL, &o), 200);
	json_t *list = json_object_get(o, "services");
	ck_assert(json_is_null(
		json_object_get(json_array_get(list, 0), "checkpoints")));
	char *text = json_dumps(
		json_object_get(json_array_get(list, 1), "checkpoints"),
		JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(o);
}

START_TEST(checkpoints_of_a_service_are_summed_up)
{
	checkpoints_are("{\"age_ms\":61007,\"late\":1}");
	stub.instances[1].has_checkpoints = true;
	checkpoints_are("{\"age_ms\":61007,\"late\":2}");
	stub.checkpoint.age_ms = -1;
	stub.checkpoint.is_late = false;
	checkpoints_are("{\"age_ms\":null,\"late\":0}");
}
END_TEST

static void
metrics_have(const char *text, bool is_there)
{
	struct client *c = client_new();
	client_ask(c, "GET", "/metrics", NULL);
	UNTIL(is_answered(c));
	ck_assert_msg(is_there == (strstr(c->body, text) != NULL), "%s in %s",
		text, c->body);
	client_free(c);
}

START_TEST(checkpoints_are_measured)
{
	metrics_have("\nskep_checkpoint_age_seconds{service=\"web\","
		     "instance=\"web@2\"} 61.007\n",
		true);
	metrics_have("\nskep_checkpoint_late{service=\"web\","
		     "instance=\"web@2\"} 1\n",
		true);
	metrics_have("skep_checkpoint_late{service=\"db\"", false);
	stub.checkpoint.age_ms = -1;
	stub.checkpoint.is_late = false;
	metrics_have("skep_checkpoint_age_seconds{", false);
	metrics_have("instance=\"web@2\"} 0\n", true);
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

static unsigned
status_of(const char *method, const char *path, const char *body)
{
	json_t *o = NULL;
	unsigned status = ask(method, path, body, &o);
	json_decref(o);
	return status;
}

START_TEST(recordings_are_asked_for_and_fetched)
{
	json_t *o = NULL;
	ck_assert_uint_eq(ask("GET", "/v1/debug/record", NULL, &o), 200);
	ck_assert_str_eq(
		json_string_value(json_object_get(o, "state")), "none");
	json_decref(o);
	ck_assert_uint_eq(status_of("POST", "/v1/debug/record",
				  "{\"for_ms\": 5, \"max_size\": 7000}"),
		200);
	ck_assert_uint_eq(stub.record_size, 7000);
	ck_assert_int_eq(stub.record_ms, 5);
	ck_assert_uint_eq(status_of("POST", "/v1/debug/record", NULL), 200);
	ck_assert_uint_eq(stub.record_size, 256u << 20);
	ck_assert_int_eq(stub.record_ms, 0);
	ck_assert_uint_eq(
		status_of("POST", "/v1/debug/record", "{\"max_size\": 7}"),
		400);
	ck_assert_uint_eq(
		status_of("POST", "/v1/debug/record", "{\"for_ms\": -1}"), 400);
	ck_assert_uint_eq(status_of("DELETE", "/v1/debug/record", NULL), 404);
	ck_assert_uint_eq(
		status_of("DELETE", "/v1/debug/recording", NULL), 404);
	ck_assert_uint_eq(status_of("GET", "/v1/debug/recording", NULL), 409);
	char path[512];
	snprintf(path, sizeof(path), "%s/recording", directory);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 40000; i++)
		fputs("x", file);
	fclose(file);
	stub.record_path = path;
	struct client *c = client_new();
	client_ask(c, "GET", "/v1/debug/recording", NULL);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_uint_eq(strspn(c->body, "x"), 40000);
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
		{"GET", "/v1/logs/web@1?format=xml", NULL, 400, "invalid"},
		{"GET", "/v1/logs/web@1?since=never", NULL, 400, "invalid"},
		{"GET", "/v1/logs/web@1?since=1h&n=3", NULL, 400, "invalid"},
		{"GET", "/v1/logs/web@2", NULL, 503, "no_node_available"},
		{"GET", "/v1/logs/web@1?node=gamma", NULL, 404, "not_found"},
		{"GET", "/v1/events?node=gamma", NULL, 404, "not_found"},
		{"GET", "/v1/events?node=beta", NULL, 503, "no_node_available"},
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
		{"POST", "/v1/nodes/beta/drain", "{\"max_parallel\": 0}", 400,
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
		uint32_t max_parallel;
	} rows[] = {
		{"POST", "/v1/names/web/start", "", REQUEST_START, "web", "", 0,
			false, 0},
		{"POST", "/v1/names/web@1/stop", "{}", REQUEST_STOP, "web@1",
			"", 0, false, 0},
		{"POST", "/v1/names/web/restart", "", REQUEST_RESTART, "web",
			"", 0, false, 0},
		{"POST", "/v1/names/web/signal", "{\"signal\": \"hup\"}",
			REQUEST_SIGNAL, "web", "", 1, false, 0},
		{"POST", "/v1/names/web@1/move", "{\"node\": \"beta\"}",
			REQUEST_MOVE, "web@1", "beta", 0, false, 0},
		{"POST", "/v1/nodes/beta/cordon", "{\"reason\": \"r\"}",
			REQUEST_CORDON, "beta", "r", 0, false, 0},
		{"POST", "/v1/nodes/beta/uncordon", "", REQUEST_UNCORDON,
			"beta", "", 0, false, 0},
		{"POST", "/v1/nodes/beta/drain",
			"{\"reason\": \"r\", \"deadline_ms\": 5000, "
			"\"force\": true, \"max_parallel\": 2}",
			REQUEST_DRAIN, "beta", "r", 5000, true, 2},
		{"POST", "/v1/nodes/beta/undrain", "", REQUEST_UNDRAIN, "beta",
			"", 0, false, 0},
		{"POST", "/v1/nodes/beta/leave", "", REQUEST_LEAVE, "beta", "",
			0, false, 0},
		{"POST", "/v1/nodes/beta/forget", "", REQUEST_FORGET, "beta",
			"", 0, false, 0},
		{"POST", "/v1/nodes/beta/confirm-down", "",
			REQUEST_CONFIRM_DOWN, "beta", "", 0, false, 0},
		{"POST", "/v1/nodes", "{\"address\": \"h:1\"}", REQUEST_JOIN,
			"h:1", "", 0, false, 0},
		{"PUT", "/v1/cluster/expect", "{\"value\": \"5\"}",
			REQUEST_CLUSTER_SET, "expect", "5", 0, false, 0},
		{"POST", "/v1/rebalance", "{}", REQUEST_REBALANCE, "", "", 0,
			false, 0},
		{"POST", "/v1/groups/g%20h/join", "{\"name\": \"web@1\"}",
			REQUEST_GROUP_JOIN, "web@1", "g h", 0, false, 0},
		{"POST", "/v1/groups/g/leave", "{\"name\": \"web@1\"}",
			REQUEST_GROUP_LEAVE, "web@1", "g", 0, false, 0},
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
		ck_assert_uint_eq(a->max_parallel, rows[i].max_parallel);
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
	ck_assert(json_is_false(json_object_get(web, "carries")));
	ck_assert_int_eq(json_integer_value(json_object_get(web, "size")), 0);
	ck_assert(json_is_integer(json_object_get(web, "size")));
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 0);
	ck_assert_uint_eq(
		ask("POST", "/v1/nodes/omega/drain?dry_run=1", "", &o), 404);
	json_decref(o);
}
END_TEST

/* Whether a size is told, and which: never one that nobody knows. */
START_TEST(a_dry_drain_tells_the_sizes_that_are_known)
{
	json_t *o;
	stub.has_state = true;
	stub.has_sizes = true;
	ck_assert_uint_eq(
		ask("POST", "/v1/nodes/alpha/drain?dry_run=1", "", &o), 200);
	json_t *moves = json_object_get(o, "moves");
	json_t *db = json_array_get(moves, 0);
	ck_assert(json_is_true(json_object_get(db, "carries")));
	ck_assert(json_is_null(json_object_get(db, "size")));
	json_t *web = json_array_get(moves, 1);
	ck_assert_int_eq(
		json_integer_value(json_object_get(web, "size")), 4096);
	ck_assert_int_eq(
		json_integer_value(json_object_get(web, "size_ago_ms")), 60000);
	json_decref(o);
}
END_TEST

/* What is no service stays, and is told apart from what moves. */
START_TEST(a_dry_drain_tells_of_tracked_processes)
{
	json_t *o;
	stub.has_tracked = true;
	ck_assert_uint_eq(
		ask("POST", "/v1/nodes/beta/drain?dry_run=1", "", &o), 200);
	ck_assert_int_eq(
		json_integer_value(json_object_get(o, "tracked_count")), 1);
	json_t *one = json_array_get(json_object_get(o, "tracked"), 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(one, "name")), "proc");
	ck_assert_int_eq(json_integer_value(json_object_get(one, "pid")), 4711);
	ck_assert_str_eq(json_string_value(json_object_get(one, "why")),
		"is a process that is only tracked; it does not move");
	json_decref(o);
	ck_assert_uint_eq(
		ask("POST", "/v1/nodes/alpha/drain?dry_run=1", "", &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "tracked")), 0);
	json_decref(o);
}
END_TEST

/* Of a host that drains, also what stays, and why. */
START_TEST(what_does_not_move_tells_why)
{
	json_t *o;
	stub.nodes[0].intent = INTENT_DRAINING;
	ck_assert_uint_eq(ask("GET", "/v1/moves?node=alpha", "", &o), 200);
	json_t *moves = json_object_get(o, "moves");
	ck_assert_uint_eq(json_array_size(moves), 1);
	json_t *db = json_array_get(moves, 0);
	ck_assert_str_eq(json_string_value(json_object_get(db, "name")), "db");
	ck_assert_str_eq(
		json_string_value(json_object_get(db, "state")), "waits");
	ck_assert_str_eq(json_string_value(json_object_get(db, "why")),
		"starts again in 4s");
	json_decref(o);
}
END_TEST

/* Else what an operator moved, and that alone. */
START_TEST(what_was_moved_and_waits_tells_why)
{
	json_t *o;
	struct instance_view *v = &stub.instances[0];
	v->has_late_move = v->is_left_alone = true;
	v->move_again_ms = 29000;
	strcpy(v->why, "it does not want to");
	ck_assert_uint_eq(ask("GET", "/v1/moves?node=alpha", "", &o), 200);
	json_t *moves = json_object_get(o, "moves");
	ck_assert_uint_eq(json_array_size(moves), 1);
	json_t *row = json_array_get(moves, 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(row, "name")), v->name);
	ck_assert(json_is_true(json_object_get(row, "stays")));
	ck_assert_int_eq(
		json_integer_value(json_object_get(row, "again_ms")), 29000);
	json_decref(o);
}
END_TEST

/* A schedule that this host cannot keep. */
START_TEST(a_schedule_without_its_zone_is_told)
{
	json_t *o;
	stub.schedule_fault = "its zone is not known";
	ck_assert_uint_eq(ask("GET", "/v1/names/db", "", &o), 200);
	json_t *db = json_array_get(json_object_get(o, "instances"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(db, "why")),
		"its zone is not known");
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/v1/why/db", "", &o), 200);
	db = json_array_get(json_object_get(o, "names"), 0);
	ck_assert_ptr_nonnull(
		strstr(json_string_value(json_object_get(db, "why")),
			"  its zone is not known."));
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/v1/names/web@1", "", &o), 200);
	json_t *web = json_array_get(json_object_get(o, "instances"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(web, "why")), "");
	json_decref(o);
}
END_TEST

START_TEST(moves_tell_how_far_they_are)
{
	json_t *o;
	stub.moves[0] = (struct move_item){.name = "db",
		.to = "beta",
		.state = "frozen",
		.has_size = true,
		.size = 100,
		.bytes = 40,
		.sent = 45,
		.rate = 7,
		.took_ms = 900,
		.ago_ms = -1};
	stub.moves[1] = (struct move_item){.name = "web@1",
		.to = "beta",
		.state = "stopping",
		.took_ms = -1,
		.ago_ms = -1};
	stub.move_count = 2;
	ck_assert_uint_eq(ask("GET", "/v1/moves", "", &o), 200);
	json_t *moves = json_object_get(o, "moves");
	json_t *want = json_pack(
		"[{s:s, s:s, s:s, s:s, s:b, s:s, s:i, s:i, s:i,"
		"s:i, s:i, s:n}, {s:s, s:s, s:s, s:s, s:b, s:s,"
		"s:n, s:n, s:n, s:n, s:n, s:n}]",
		"name", "db", "from", "alpha", "to", "beta", "state", "frozen",
		"over", 0, "why", "", "size", 100, "bytes", 40, "sent", 45,
		"rate", 7, "took_ms", 900, "ago_ms", "name", "web@1", "from",
		"alpha", "to", "beta", "state", "stopping", "over", 0, "why",
		"", "size", "bytes", "sent", "rate", "took_ms", "ago_ms");
	ck_assert_ptr_nonnull(want);
	ck_assert(json_equal(moves, want));
	json_decref(want);
	json_decref(o);
	ck_assert_uint_eq(stub.peer.asked, 0);
	ck_assert_uint_eq(ask("GET", "/v1/moves?node=omega", "", &o), 404);
	json_decref(o);
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

int
main(void)
{
	Suite *suite = suite_create("api");
	TCase *tc = tcase_create("api");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_get_answers_with_one_document);
	tcase_add_test(tc, a_pass_is_through_when_all_hosts_are);
	tcase_add_test(tc, status_has_desired_actual_hold_and_problems);
	tcase_add_test(tc, instances_are_filtered);
	tcase_add_test(tc, what_is_at_rest_says_so);
	tcase_add_test(tc, services_are_sorted_and_counted);
	tcase_add_test(tc, orders_reach_the_keeper);
	tcase_add_test(tc, checkpoints_are_told);
	tcase_add_test(tc, checkpoints_of_a_service_are_summed_up);
	tcase_add_test(tc, checkpoints_are_measured);
	tcase_add_test(tc, metrics_and_dump_are_text);
	tcase_add_test(tc, recordings_are_asked_for_and_fetched);
	tcase_add_test(tc, refusals_are_json_with_their_status);
	tcase_add_test(tc, before_boot_nothing_is_changed);
	tcase_add_test(tc, verbs_reach_the_core);
	tcase_add_test(tc, the_cores_refusal_keeps_its_code);
	tcase_add_test(tc, a_dry_drain_says_what_goes_where);
	tcase_add_test(tc, a_dry_drain_tells_the_sizes_that_are_known);
	tcase_add_test(tc, a_dry_drain_tells_of_tracked_processes);
	tcase_add_test(tc, what_does_not_move_tells_why);
	tcase_add_test(tc, what_was_moved_and_waits_tells_why);
	tcase_add_test(tc, a_schedule_without_its_zone_is_told);
	tcase_add_test(tc, moves_tell_how_far_they_are);
	tcase_add_test(tc, apply_answers_once_all_are_answered);
	tcase_add_test(tc, apply_tells_the_first_failure);
	tcase_add_test(tc, plan_and_validate_change_nothing);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
