/* The control API: groups and messages. */
#include <stdlib.h>
#include <string.h>

#include "api_client.h"
#include "base/limits.h"

/* The members in the order of their names; of a group that nobody is in, none;
 * a word that is none, or names nobody, is refused. */
START_TEST(a_group_has_members)
{
	json_t *o;
	ck_assert_uint_eq(ask("GET", "/v1/groups/all", NULL, &o), 200);
	json_t *list = json_object_get(o, "members");
	ck_assert_uint_eq(json_array_size(list), stub.instance_count);
	const char *last = "";
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(
			json_object_get(json_array_get(list, i), "name"));
		ck_assert_str_gt(name, last);
		last = name;
	}
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/v1/groups/none", NULL, &o), 200);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "members")), 0);
	json_decref(o);
	ck_assert_uint_eq(ask("POST", "/v1/groups/g/join", "{}", &o), 400);
	json_decref(o);
	ck_assert_uint_eq(
		ask("POST", "/v1/groups/g/marry", "{\"name\": \"x\"}", &o),
		404);
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 0);
}
END_TEST

/* The message is the body, whatever is in it; answers come as text where they
 * are text. */
START_TEST(messages_are_passed_on)
{
	json_t *o;
	ck_assert_uint_eq(
		ask("POST", "/v1/names/web@1/send?ack=1&timeout_ms=70", "hello",
			&o),
		200);
	ck_assert_str_eq(json_string_value(json_object_get(o, "message")),
		"that is how it is");
	json_decref(o);
	ck_assert_int_eq(stub.asked[0].kind, INPUT_MAIL);
	ck_assert_int_eq(stub.asked[0].mail, MAIL_SEND);
	ck_assert_str_eq(stub.asked[0].name, "web@1");
	ck_assert_str_eq(stub.asked[0].arg, "hello");
	ck_assert_str_eq(stub.asked[0].from, "");
	ck_assert(stub.asked[0].is_forced);
	ck_assert_int_eq(stub.asked[0].number, 70);
	ck_assert_uint_eq(
		ask("POST", "/v1/groups/g%20h/multicall", "who", &o), 200);
	json_t *list = json_object_get(o, "answers");
	ck_assert_uint_eq(json_array_size(list), 2);
	json_t *first = json_array_get(list, 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(first, "answer_base64")),
		"AP9h/w==");
	json_t *second = json_array_get(list, 1);
	ck_assert_str_eq(
		json_string_value(json_object_get(second, "code")), "timeout");
	json_decref(o);
	ck_assert_int_eq(stub.asked[1].mail, MAIL_MULTICALL);
	ck_assert_str_eq(stub.asked[1].name, "g h");
	stub.code = REPLY_MAILBOX_FULL;
	ck_assert_uint_eq(ask("POST", "/v1/names/web@1/call", "", &o), 429);
	ck_assert_str_eq(text_at(o, "error", "code"), "mailbox_full");
	json_decref(o);
	ck_assert_uint_eq(
		ask("POST", "/v1/names/web@1/call?timeout_ms=x", "", &o), 400);
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 3);
}
END_TEST

/* A process of a service speaks for it, and whoever is not to be told from one
 * for nobody; all may look. */
START_TEST(a_service_speaks_for_itself)
{
	static const char send[] = "/v1/names/web@1/send";
	char path[128];
	json_t *o;
	stub.speaker = "hand";
	ck_assert_uint_eq(ask("POST", send, "x", &o), 200);
	json_decref(o);
	snprintf(path, sizeof path, "%s?from=hand", send);
	ck_assert_uint_eq(ask("POST", path, "x", &o), 200);
	json_decref(o);
	ck_assert_uint_eq(ask("POST", "/v1/groups/g/publish", "x", &o), 200);
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_str_eq(stub.asked[i].from, "hand");
	snprintf(path, sizeof path, "%s?from=web@2", send);
	ck_assert_uint_eq(ask("POST", path, "x", &o), 403);
	ck_assert_str_eq(text_at(o, "error", "code"), "forbidden");
	ck_assert_str_eq(text_at(o, "error", "message"),
		"this process belongs to hand: it cannot speak for web@2");
	json_decref(o);
	stub.is_speaker_gone = true;
	ck_assert_uint_eq(ask("POST", send, "x", &o), 403);
	ck_assert_ptr_nonnull(
		strstr(text_at(o, "error", "message"), "has ended"));
	json_decref(o);
	ck_assert_uint_eq(ask("GET", "/v1/groups/all", NULL, &o), 200);
	json_decref(o);
	stub.is_speaker_gone = false;
	stub.speaker = NULL;
	ck_assert_uint_eq(ask("POST", path, "x", &o), 403);
	ck_assert_str_eq(text_at(o, "error", "message"),
		"this process belongs to no service: it cannot speak for "
		"web@2");
	json_decref(o);
	ck_assert_uint_eq(stub.asked_count, 3);
}
END_TEST

/* Nothing is kept for who has gone. */
START_TEST(who_leaves_waits_for_no_answers)
{
	struct client *c = client_new();
	stub.answers_later = true;
	client_ask(c, "POST", "/v1/groups/g/multicall", "who");
	UNTIL(stub.asked_count == 1);
	client_free(c);
	UNTIL(stub.asked[0].is_cancelled);
}
END_TEST

/* Of what is more than 16 MiB the names are told. */
START_TEST(answers_are_bounded)
{
	enum { KEPT = (16u << 20) / MAIL_BODY_MAX };
	json_t *o;
	stub.large_answers = KEPT + 1;
	ck_assert_uint_eq(ask("POST", "/v1/groups/g/multicall", "", &o), 200);
	json_t *list = json_object_get(o, "answers");
	ck_assert_uint_eq(json_array_size(list), 2 + KEPT + 1);
	for (size_t i = 2; i < json_array_size(list); i++) {
		/* The first answer of the two takes a little. */
		bool is_kept = i < 2 + KEPT - 1;
		json_t *one = json_array_get(list, i);
		ck_assert_str_eq(
			json_string_value(json_object_get(one, "code")),
			is_kept ? "ok" : "table_full");
		ck_assert_uint_eq(
			json_string_length(json_object_get(one, "answer")),
			is_kept ? MAIL_BODY_MAX : 0);
		ck_assert_str_eq(
			json_string_value(json_object_get(one, "name")),
			"large");
	}
	json_decref(o);
}
END_TEST

START_TEST(messages_are_measured)
{
	struct client *c = client_new();
	client_ask(c, "GET", "/metrics", NULL);
	UNTIL(is_answered(c));
	ck_assert_ptr_nonnull(strstr(c->body, "\nskep_messages_waiting 1\n"));
	ck_assert_ptr_nonnull(
		strstr(c->body, "\nskep_messages_again_total 5\n"));
	client_free(c);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("api mail");
	TCase *tc = tcase_create("api mail");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_group_has_members);
	tcase_add_test(tc, messages_are_passed_on);
	tcase_add_test(tc, a_service_speaks_for_itself);
	tcase_add_test(tc, who_leaves_waits_for_no_answers);
	tcase_add_test(tc, answers_are_bounded);
	tcase_add_test(tc, messages_are_measured);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
