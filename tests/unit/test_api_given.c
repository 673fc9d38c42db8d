/* What is given at run time: services and keys, and names in paths. */
#include <stdlib.h>
#include <string.h>

#include "api_client.h"

/* A slash in a name is escaped, and stays part of it. */
START_TEST(keys_are_read_and_written)
{
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/kv/a%2fb", NULL, &o), 200);
	ck_assert_str_eq(json_string_value(json_object_get(o, "value")), "v");
	ck_assert_str_eq(json_string_value(json_object_get(o, "version")),
		"018bcfe5687b0000");
	ck_assert_str_eq(json_string_value(json_object_get(o, "consistency")),
		"last-writer-wins");
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/v1/kv?prefix=b", NULL, &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "keys")), 0);
	json_decref(o);
	ck_assert_uint_eq(
		ask("GET", "/v1/kv?prefix=a%2F&match=a*", NULL, &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "keys")), 1);
	json_decref(o);
	stub.code = REPLY_UNSUPPORTED;
	ck_assert_uint_eq(
		ask("PUT", "/v1/kv/x%2F%C3%A9?if=1", "{\"value\":\"1\"}", &o),
		501);
	json_decref(o);
	ck_assert_int_eq(stub.asked[0].op, REQUEST_KV_SET);
	ck_assert_str_eq(stub.asked[0].name, "x/\u00e9");
	ck_assert_str_eq(stub.asked[0].arg, "1");
	ck_assert(stub.asked[0].is_forced);
	stub.code = REPLY_OK;
	ck_assert_uint_eq(ask("DELETE", "/v1/kv/x%2Fy", NULL, &o), 200);
	ck_assert_str_eq(json_string_value(json_object_get(o, "consistency")),
		"last-writer-wins");
	json_decref(o);
	ck_assert_int_eq(stub.asked[1].op, REQUEST_KV_DELETE);
	ck_assert_str_eq(stub.asked[1].name, "x/y");
}
END_TEST

/* What comes of registering a service, by what the core says. */
START_TEST(services_are_registered)
{
	static const struct {
		const char *body;
		enum reply_code code;
		unsigned status;
		const char *text; /* in the answer */
	} rows[] = {
		{"{\"name\":\"web@2\",\"command\":[\"/bin/true\"]}", REPLY_OK,
			200, "\"result\":\"registered\""},
		{"{\"name\":\"web@2\",\"command\":[\"/x\"],\"find\":true}",
			REPLY_EXISTS, 200, "\"result\":\"found\""},
		{"{\"name\":\"web@2\",\"command\":[\"/x\"]}", REPLY_EXISTS, 409,
			"\"node\":\"beta\""},
		{"{\"name\":\"proc\",\"command\":[\"/x\"],\"find\":true}",
			REPLY_EXISTS, 200, "\"pid\":4711"},
		{"{\"name\":\"a/b\",\"command\":\"/x\",\"user\":\"u\","
		 "\"timeout\":\"2s\"}",
			REPLY_NO_NODE, 503, "no_node_available"},
	};
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o;
		stub.code = rows[i].code;
		ck_assert_uint_eq(ask("POST", "/v1/names", rows[i].body, &o),
			rows[i].status);
		char *text = json_dumps(o, JSON_COMPACT);
		ck_assert_msg(strstr(text, rows[i].text), "%s", text);
		free(text);
		json_decref(o);
		ck_assert_int_eq(stub.asked[i].kind, INPUT_SPEC_SET);
	}
	ck_assert_str_eq(stub.asked[4].name, "a/b");
	json_t *o;
	stub.code = REPLY_OK;
	ck_assert_uint_eq(ask("DELETE", "/v1/names/a%2Fb", NULL, &o), 200);
	json_decref(o);
	ck_assert_int_eq(stub.asked[5].op, REQUEST_UNREGISTER);
	ck_assert_str_eq(stub.asked[5].name, "a/b");
}
END_TEST

/* The member of a list that has that name. */
static json_t *
member_of(const json_t *o, const char *list, const char *name)
{
	const json_t *items = json_object_get(o, list);
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *one = json_array_get(items, i);
		const json_t *text = json_object_get(one, "name");
		if (strcmp(json_string_value(text), name) == 0)
			return one;
	}
	return NULL;
}

/* Of services it is what their specs say, of processes what they said. */
/* A process whose name is taken hears by what. */
START_TEST(who_has_a_name_is_told)
{
	static const struct {
		const char *text; /* the core's */
		const char *message;
	} rows[] = {
		{"it is registered on beta", "it is a service, on beta"},
		{"it is registered on beta, process 7",
			"it is registered on beta, process 7"},
		{"it is the name of a declared service",
			"it is the name of a declared service"},
	};
	stub.answers_later = true;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client *c = client_new();
		client_ask(
			c, "POST", "/v1/names", "{\"name\":\"web\",\"pid\":1}");
		UNTIL(stub.asked_count == i + 1);
		stub_answer(i, REPLY_EXISTS, rows[i].text);
		UNTIL(is_answered(c));
		ck_assert_uint_eq(c->parser.status, 409);
		json_t *o = json_loadb(c->body, c->size, 0, NULL);
		ck_assert_str_eq(
			text_at(o, "error", "message"), rows[i].message);
		ck_assert_str_eq(
			text_at(o, "error", "node"), i < 2 ? "beta" : "");
		json_decref(o);
		client_free(c);
	}
}
END_TEST

START_TEST(metadata_are_listed)
{
	json_t *o;
	stub.has_tracked = true;
	stub.body = "{\"services\":{\"x\":{\"command\":[\"/x\"],"
		    "\"meta\":{\"rack\":\"r 1\"}}}}";
	ck_assert_uint_eq(ask("GET", "/v1/names", NULL, &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "names")), 4);
	json_t *web = member_of(o, "names", "web@1");
	ck_assert_str_eq(text_at(web, "meta", "rack"), "r 1");
	json_t *proc = member_of(o, "names", "proc");
	ck_assert(json_is_object(json_object_get(proc, "meta")));
	json_decref(o);
	ck_assert_uint_eq(
		ask("GET", "/v1/names?match=web*&meta.rack=r%201", NULL, &o),
		200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "names")), 2);
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/v1/names/web@1", NULL, &o), 200);
	web = member_of(o, "instances", "web@1");
	ck_assert_str_eq(text_at(web, "meta", "rack"), "r 1");
	json_decref(o);
	/* Status has no use for it. */
	ck_assert_uint_eq(ask("GET", "/v1/instances", NULL, &o), 200);
	web = member_of(o, "instances", "web@1");
	ck_assert_ptr_null(json_object_get(web, "meta"));
	json_decref(o);
}
END_TEST

/* A list of which little is wanted comes in portions, too. */
START_TEST(a_long_list_has_portions)
{
	json_t *o;
	stub.instance_times = 1000;
	stub.has_tracked = true;
	stub.body = "{\"services\":{\"x\":{\"meta\":{\"a\":\"1\"}}}}";
	ck_assert_uint_eq(ask("GET", "/v1/names?meta.a=2", NULL, &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "names")), 0);
	json_decref(o);
	ck_assert_uint_eq(
		ask("GET", "/v1/names?match=db&meta.a=1", NULL, &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "names")), 1000);
	json_decref(o);
	struct client *c = client_new();
	client_ask(c, "GET", "/v1/names?meta.a=2", NULL);
	UNTIL(is_answered(c));
	/* 3,000 instances and a process are looked at, 512 in a portion. */
	ck_assert_ptr_nonnull(strstr(c->body, "{\"names\":[     \n]}\n"));
	client_free(c);
}
END_TEST

/* A name of 255 bytes is passed on, whatever its bytes; one that no place has
 * room for is refused with a sentence. */
START_TEST(names_in_paths_have_bounds)
{
	char path[2048] = "/v1/kv/";
	for (int i = 0; i < 255; i++)
		strcat(path, "%2F");
	json_t *o;
	ck_assert_uint_eq(ask("GET", path, NULL, &o), 404);
	json_decref(o);
	strcat(path, "a");
	ck_assert_uint_eq(ask("GET", path, NULL, &o), 400);
	ck_assert_ptr_nonnull(
		strstr(text_at(o, "error", "message"), "too long at byte 255"));
	json_decref(o);
	memset(path + 7, 'a', 1200);
	ck_assert_uint_eq(ask("GET", path, NULL, &o), 400);
	ck_assert_ptr_nonnull(
		strstr(text_at(o, "error", "message"), "too long"));
	json_decref(o);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	static const struct {
		const char *method;
		const char *path;
		const char *body;
		unsigned status;
		const char *code;
	} rows[] = {
		{"GET", "/v1/kv/nope", NULL, 404, "not_found"},
		{"GET", "/v1/kv/a/b", NULL, 404, "not_found"},
		{"GET", "/v1/kv/a%zz", NULL, 400, "invalid"},
		{"GET", "/v1/kv/a%00b", NULL, 400, "invalid"},
		{"GET", "/v1/kv/a%0ab", NULL, 400, "invalid"},
		{"GET", "/v1/kv/a%ff", NULL, 400, "invalid"},
		{"PUT", "/v1/kv/a", "{}", 400, "invalid"},
		{"PUT", "/v1/kv/a", "{\"value\": 1}", 400, "invalid"},
		{"PUT", "/v1/kv/a", "{\"value\": \"\\u0000\"}", 400, "invalid"},
		{"POST", "/v1/kv/a", "{}", 405, "method_not_allowed"},
		{"POST", "/v1/names", "", 400, "invalid"},
		{"POST", "/v1/names", "[1]", 400, "invalid"},
		{"POST", "/v1/names", "{\"command\":[\"/x\"]}", 400, "invalid"},
		{"POST", "/v1/names", "{\"name\":\"\",\"command\":[\"/x\"]}",
			400, "invalid"},
		{"POST", "/v1/names",
			"{\"name\":\"a\\nb\",\"command\":[\"/x\"]}", 400,
			"invalid"},
		{"POST", "/v1/names",
			"{\"name\":\"a\",\"command\":[\"/x\"],\"find\":1}", 400,
			"invalid"},
		{"POST", "/v1/names",
			"{\"name\":\"a\",\"command\":[\"/x\"],"
			"\"timeout\":\"1d\"}",
			400, "invalid"},
		{"POST", "/v1/names",
			"{\"name\":\"a\",\"command\":[\"/x\"],\"comand\":1}",
			400, "invalid"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o;
		ck_assert_msg(ask(rows[i].method, rows[i].path, rows[i].body,
				      &o) == rows[i].status,
			"%s %s", rows[i].path, rows[i].body);
		ck_assert_str_eq(text_at(o, "error", "code"), rows[i].code);
		ck_assert_str_ne(text_at(o, "error", "message"), "");
		json_decref(o);
	}
	ck_assert_uint_eq(stub.asked_count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("api_given");
	TCase *tc = tcase_create("api_given");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, keys_are_read_and_written);
	tcase_add_test(tc, services_are_registered);
	tcase_add_test(tc, who_has_a_name_is_told);
	tcase_add_test(tc, metadata_are_listed);
	tcase_add_test(tc, a_long_list_has_portions);
	tcase_add_test(tc, names_in_paths_have_bounds);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
