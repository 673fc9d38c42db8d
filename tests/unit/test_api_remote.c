/* Output and events that another host has, asked for here. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api_client.h"
#include "sys/logmarks.h"

#define PEER_LINE                                                              \
	"{\"id\":9,\"time_ms\":2,\"kind\":\"ready\",\"name\":\"web@2\","       \
	"\"epoch\":3,\"text\":\"on beta\",\"actor\":null,"                     \
	"\"host\":\"liar\",\"later\":true}\n"

static const struct event kept[] = {
	{.id = 1,
		.wall_ms = 1,
		.kind = "a",
		.name = "x",
		.text = "",
		.host = ""},
	{.id = 2,
		.wall_ms = 3,
		.kind = "b",
		.name = "x",
		.text = "",
		.host = ""},
};

/* Whether the text has come by now. */
static bool
has_read(struct client *c, const char *text)
{
	client_read(c);
	return c->body && strstr(c->body, text);
}

static struct client *
ask_for(const char *path)
{
	struct client *c = client_new();
	stub.has_peer = true;
	client_ask(c, "GET", path, NULL);
	return c;
}

static bool
is_quiet_for(struct client *c, unsigned turns)
{
	while (turns--)
		turn();
	client_read(c);
	return !c->is_closed && !c->parser.status;
}

/* --- logs --- */

START_TEST(output_of_another_host_is_the_same_stream)
{
	struct client *c = ask_for("/v1/logs/web@2?n=3");
	UNTIL(stub.peer.is_open);
	ck_assert_str_eq(stub.peer.node, "beta");
	ck_assert_int_eq(stub.peer.query.kind, QUERY_LOGS);
	ck_assert_str_eq(stub.peer.query.name, "web@2");
	ck_assert_uint_eq(stub.peer.query.count, 3);
	ck_assert(!stub.peer.query.is_follow);
	ck_assert(is_quiet_for(c, 20));
	stub_peer_gives("one\ntwo\n", true, REPLY_OK);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_str_eq(c->body, "one\ntwo\n");
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

START_TEST(the_other_hosts_refusal_is_ours)
{
	struct client *c = ask_for("/v1/logs/web@2");
	UNTIL(stub.peer.is_open);
	stub_peer_gives("", true, REPLY_NOT_FOUND);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 404);
	ck_assert_ptr_nonnull(strstr(c->body, "beta: it fell silent"));
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

START_TEST(an_end_in_the_middle_has_a_sentence)
{
	struct client *c = ask_for("/v1/logs/web@2?follow=1");
	UNTIL(stub.peer.is_open);
	ck_assert(stub.peer.query.is_follow);
	stub_peer_gives("half a li", false, REPLY_OK);
	UNTIL((client_read(c), c->size == 9));
	stub_peer_gives("", true, REPLY_TIMEOUT);
	/* It asks again, for what comes from then on. */
	UNTIL((client_read(c), !stub.peer.is_open));
	UNTIL(stub.peer.is_open);
	ck_assert_uint_eq(stub.peer.query.count, 0);
	ck_assert_uint_eq(stub.peer.query.epoch_min, 0);
	stub_peer_gives("more\n", false, REPLY_OK);
	UNTIL(has_read(c, "more\n"));
	ck_assert_ptr_nonnull(strstr(c->body,
		"half a li\n-- skep: beta: it fell silent; its last output "
		"may be missing until it is read there again\n--- on beta "
		"since "));
	ck_assert(!is_answered(c));
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

/* Writes the log of web@2 on this host: "early\n" of epoch 3, "late\n" of
 * epoch 8. */
static void
write_marked_log(void)
{
	static const struct logmark marks[] = {
		{0, 1000, 3}, {6, 2000, 3 | LOGMARKS_END}, {6, 3000, 8}};
	char path[5000], name[LOGMARKS_PATH_MAX];
	struct stat st;
	snprintf(path, sizeof path, "%s/web@2.log", directory);
	FILE *f = fopen(path, "w");
	ck_assert_int_gt(fputs("early\nlate\n", f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	snprintf(path, sizeof path, "%s/.times", directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/.times/web@2.log", directory);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s", directory,
		logmarks_path(name, "web@2.log", st.st_ino));
	f = fopen(path, "w");
	ck_assert_uint_eq(fwrite(marks, sizeof *marks, 3, f), 3);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_move_is_followed)
{
	stub.instances[2].epoch = 7;
	struct client *c = ask_for("/v1/logs/web@2?follow=1");
	UNTIL(stub.peer.is_open);
	stub_peer_gives("old\n", false, REPLY_OK);
	UNTIL((client_read(c), c->size == 4));
	stub.instances[2].node = "";
	for (int i = 0; i < 50; i++)
		turn();
	write_marked_log();
	stub.instances[2].epoch = 8;
	stub.instances[2].node = "alpha";
	stub_peer_gives("last\n", true, REPLY_OK);
	UNTIL(has_read(c, "late\n"));
	ck_assert_ptr_nonnull(
		strstr(c->body, "old\nlast\n--- on alpha since "));
	ck_assert_ptr_null(strstr(c->body, "early"));
	ck_assert(!is_answered(c));
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

START_TEST(instances_of_a_service_are_told_apart)
{
	struct client *c = ask_for("/v1/logs/web");
	UNTIL(stub.peer.is_open);
	stub_peer_gives("one\ntwo", true, REPLY_OK);
	UNTIL(is_answered(c));
	ck_assert_ptr_nonnull(strstr(c->body, "web@2 | one\n"));
	ck_assert_ptr_nonnull(strstr(c->body, "web@2 | two\n"));
	ck_assert_ptr_nonnull(
		strstr(c->body, "web@1 | -- skep: there is no output of"));
	client_free(c);
}
END_TEST

START_TEST(lines_as_json_tell_when_and_from_which_epoch)
{
	write_marked_log();
	stub.instances[2].node = "alpha";
	struct client *c = ask_for("/v1/logs/web@2?format=json");
	UNTIL(is_answered(c));
	ck_assert_str_eq(c->body,
		"{\"epoch\":3,\"host\":\"alpha\",\"instance\":\"web@2\","
		"\"stream\":\"output\",\"text\":\"early\","
		"\"time\":\"1970-01-01T00:00:01.000Z\",\"time_ms\":1000}\n"
		"{\"epoch\":8,\"host\":\"alpha\",\"instance\":\"web@2\","
		"\"stream\":\"output\",\"text\":\"late\","
		"\"time\":\"1970-01-01T00:00:03.000Z\",\"time_ms\":3000}\n");
	client_free(c);
	c = ask_for("/v1/logs/web@2?since=1970-01-01T00:00:04Z");
	UNTIL(is_answered(c));
	ck_assert_str_eq(c->body, "late\n");
	client_free(c);
}
END_TEST

START_TEST(an_asker_that_leaves_takes_the_query_back)
{
	static const char *const paths[] = {"/v1/logs/web@2?follow=1",
		"/v1/logs/web@2", "/v1/events?node=beta",
		"/v1/events?node=beta&follow=1"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct client *c = ask_for(paths[i]);
		UNTIL(stub.peer.is_open);
		client_free(c);
		UNTIL(!stub.peer.is_open);
	}
}
END_TEST

/* --- events --- */

START_TEST(events_of_all_hosts_come_in_order)
{
	struct client *c = ask_for("/v1/events?n=2");
	UNTIL(stub.query_done && stub.peer.is_open);
	ck_assert_int_eq(stub.peer.query.kind, QUERY_EVENTS);
	ck_assert_uint_eq(stub.peer.query.count, 2);
	stub.query_done(stub.query_context, kept, 2);
	ck_assert(is_quiet_for(c, 20));
	stub_peer_gives(PEER_LINE "\n", true, REPLY_OK);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	json_t *o = json_loads(c->body, 0, NULL);
	json_t *events = json_object_get(o, "events");
	ck_assert_uint_eq(json_array_size(events), 2); /* the last two */
	json_t *first = json_array_get(events, 0);
	ck_assert_str_eq(
		json_string_value(json_object_get(first, "host")), "beta");
	ck_assert(json_is_true(json_object_get(first, "later")));
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(events, 1), "host")),
		"alpha");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "missing")), 0);
	json_decref(o);
	client_free(c);
}
END_TEST

START_TEST(a_host_without_an_answer_is_named)
{
	struct client *c = ask_for("/v1/events");
	UNTIL(stub.query_done && stub.peer.is_open);
	stub.query_done(stub.query_context, kept, 2);
	stub_peer_gives("", true, REPLY_TIMEOUT);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_ptr_nonnull(strstr(c->body,
		"\"missing\":[{\"error\":\"beta: it fell silent\","
		"\"host\":\"beta\"}]"));
	client_free(c);
}
END_TEST

START_TEST(ids_are_of_this_host)
{
	struct client *c = ask_for("/v1/events?since_id=1");
	UNTIL(stub.query_done);
	stub.query_done(stub.query_context, kept + 1, 1);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_uint_eq(stub.peer.asked, 0);
	client_free(c);
}
END_TEST

START_TEST(a_follower_hears_all_hosts)
{
	struct client *c = ask_for("/v1/events?follow=1");
	UNTIL(stub.query_done && stub.peer.is_open);
	stub_peer_gives("\n" PEER_LINE, false, REPLY_OK);
	ck_assert(is_quiet_for(c, 20));
	stub.query_done(stub.query_context, kept, 2);
	UNTIL((client_read(c), c->body && strstr(c->body, "on beta")));
	stub_event(3, "web", "live here");
	UNTIL((client_read(c), strstr(c->body, "live here")));
	ck_assert_ptr_null(strstr(c->body, "liar"));
	stub_peer_gives("not JSON\n[]\n7\n" PEER_LINE, true, REPLY_TIMEOUT);
	UNTIL((client_read(c), strstr(c->body, "events_lost")));
	ck_assert_ptr_null(strstr(c->body, "not JSON"));
	ck_assert_ptr_nonnull(strstr(c->body, "beta: it fell silent"));
	/* It is asked again from where it stopped, and told of no more. */
	UNTIL(stub.peer.is_open && stub.peer.asked == 2);
	ck_assert_uint_eq(stub.peer.query.since_id, 9);
	stub_peer_gives("{\"id\":10,\"text\":\"back\"}\n\n", false, REPLY_OK);
	UNTIL((client_read(c), strstr(c->body, "back")));
	client_free(c);
	UNTIL(!stub.peer.is_open && stub.followers_now == 0);
}
END_TEST

/* --- what each host tells at once --- */

START_TEST(moves_of_another_host_are_asked_for)
{
	struct client *c;
	stub.is_peer_moving = true;
	c = ask_for("/v1/moves");
	UNTIL(stub.peer.is_open);
	ck_assert_int_eq(stub.peer.query.kind, QUERY_MOVES);
	ck_assert_str_eq(stub.peer.node, "beta");
	ck_assert(is_quiet_for(c, 20));
	stub_peer_gives("[{\"name\":\"db\"}]\n", true, REPLY_OK);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	ck_assert_str_eq(
		c->body, "{\"missing\":[],\"moves\":[{\"name\":\"db\"}]}\n");
	client_free(c);
}
END_TEST

START_TEST(a_host_that_gives_nothing_away_is_not_asked)
{
	struct client *c = ask_for("/v1/moves");
	UNTIL(is_answered(c));
	ck_assert_uint_eq(stub.peer.asked, 0);
	client_free(c);
}
END_TEST

/* A refusal, as of an older version, and answers that make no sense. */
START_TEST(a_host_that_does_not_tell_is_named)
{
	static const struct {
		const char *text;
		enum reply_code code;
		const char *error;
	} rows[] = {
		{"", REPLY_INVALID, "beta: it fell silent"},
		{"[{}", REPLY_OK, "what it answers makes no sense"},
		{"{}", REPLY_OK, "what it answers makes no sense"},
	};
	char want[160];
	struct client *c = ask_for("/v1/moves?node=beta");
	UNTIL(stub.peer.is_open);
	stub_peer_gives(rows[_i].text, true, rows[_i].code);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	snprintf(want, sizeof want,
		"{\"missing\":[{\"error\":\"%s\",\"host\":\"beta\"}],"
		"\"moves\":[]}\n",
		rows[_i].error);
	ck_assert_str_eq(c->body, want);
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

/* What lies aside here and there; "web" and "db" have the same state_path. */
START_TEST(older_states_of_all_hosts_are_listed)
{
	char body[400], path[5000], want[5100];
	struct client *c;
	snprintf(body, sizeof body,
		"services: {db: {command: /bin/true, working_dir: %s, "
		"handoff: {state_path: '%%H.data'}}}",
		directory);
	snprintf(path, sizeof path, "%s/alpha.data.skep-stale-7", directory);
	FILE *f = fopen(path, "w");
	ck_assert_int_gt(fputs("old", f), 0);
	ck_assert_int_eq(fclose(f), 0);
	stub.body = body;
	c = ask_for("/v1/aside?name=db");
	UNTIL(stub.peer.is_open);
	ck_assert_int_eq(stub.peer.query.kind, QUERY_ASIDE);
	ck_assert_str_eq(stub.peer.query.name, "db");
	stub_peer_gives("[{\"host\":\"beta\"}]\n", true, REPLY_OK);
	UNTIL(is_answered(c));
	ck_assert_uint_eq(c->parser.status, 200);
	snprintf(want, sizeof want, "\"path\":\"%s\",\"since\":\"", path);
	ck_assert_ptr_nonnull(strstr(c->body,
		"{\"aside\":[{\"epoch\":7,\"error\":\"\",\"folder\":false,"
		"\"host\":\"alpha\",\"name\":\"db\","));
	ck_assert_ptr_nonnull(strstr(c->body, want));
	ck_assert_ptr_nonnull(strstr(c->body, "\"size\":3}"));
	ck_assert_ptr_nonnull(strstr(c->body, ",{\"host\":\"beta\"}]"));
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

START_TEST(who_no_longer_waits_takes_the_question_back)
{
	struct client *c = ask_for("/v1/moves?node=beta");
	UNTIL(stub.peer.is_open);
	client_free(c);
	UNTIL(!stub.peer.is_open);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("api_remote");
	TCase *tc = tcase_create("api_remote");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, output_of_another_host_is_the_same_stream);
	tcase_add_test(tc, the_other_hosts_refusal_is_ours);
	tcase_add_test(tc, an_end_in_the_middle_has_a_sentence);
	tcase_add_test(tc, a_move_is_followed);
	tcase_add_test(tc, instances_of_a_service_are_told_apart);
	tcase_add_test(tc, lines_as_json_tell_when_and_from_which_epoch);
	tcase_add_test(tc, an_asker_that_leaves_takes_the_query_back);
	tcase_add_test(tc, events_of_all_hosts_come_in_order);
	tcase_add_test(tc, a_host_without_an_answer_is_named);
	tcase_add_test(tc, ids_are_of_this_host);
	tcase_add_test(tc, a_follower_hears_all_hosts);
	tcase_add_test(tc, moves_of_another_host_are_asked_for);
	tcase_add_test(tc, a_host_that_gives_nothing_away_is_not_asked);
	tcase_add_loop_test(tc, a_host_that_does_not_tell_is_named, 0, 3);
	tcase_add_test(tc, older_states_of_all_hosts_are_listed);
	tcase_add_test(tc, who_no_longer_waits_takes_the_question_back);
	suite_add_tcase(s, tc);
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
