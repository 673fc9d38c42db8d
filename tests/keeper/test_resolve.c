/* Two states in one START: a hook makes one of them before the service runs,
 * by the real mover, or the start fails and says who is to blame. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define POLICY	 "allowed_users = nobody\n"
#define LONG_MS	 60000
#define SHORT_MS 200

static struct world w;
static int states[2];

/* A keeper with the real mover, and two states. */
static void
begin(const char *policy)
{
	char command[300];
	world_start(&w, policy);
	snprintf(command, sizeof command,
		"cp --remove-destination ./skep-mover %s/libexec/skep-mover",
		w.dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(chmod(w.dir, 0777), 0);
	states[0] = world_make_state("mine");
	states[1] = world_make_state("theirs");
}

static void
end(void)
{
	close(states[0]);
	close(states[1]);
	world_end(&w);
}

static void
set_hook(struct kproto_start *s, const char *script, int64_t timeout_ms)
{
	static unsigned char packed[2048];
	struct writer b;
	writer_init(&b, packed, sizeof packed);
	writer_text(&b, "/bin/sh");
	writer_text(&b, "-c");
	writer_text(&b, script);
	s->commands[KCMD_RESOLVE] = (struct kproto_texts){3, writer_done(&b)};
	s->hook_timeout_ms = timeout_ms;
	s->state_kind = "conflict";
	s->working_dir = w.dir;
	s->state_root = (struct bytes){"\1\2", 2};
}

/* Its own start from its own state, as after a failure. */
static void
start_from_own(struct kproto_start *s, const char *said)
{
	s->epoch++;
	s->has_theirs = false;
	s->state_root = (struct bytes){"\1", 1};
	world_send_start(&w, s, 1, SH("cat $SKEP_STATE_IN; echo .; sleep 1000"),
		states[0]);
	ck_assert_uint_eq(world_expect_event(&w, KMSG_STARTED).epoch, s->epoch);
	world_read_log(&w, 1, said);
}

#define JOIN "cat $SKEP_STATE_MINE $SKEP_STATE_THEIRS >$SKEP_STATE_OUT"

START_TEST(test_two_become_one)
{
	begin(POLICY);
	struct kproto_start s = {.has_handoff = true};
	set_hook(
		&s, "id -u; " JOIN "; ls $(dirname $SKEP_STATE_MINE)", LONG_MS);
	world_send_states(&w, &s, 1,
		SH("cat $SKEP_STATE_IN; echo; echo $SKEP_STATE_KIND "
		   "[$SKEP_STATE_MINE$SKEP_STATE_THEIRS]; "
		   "basename $SKEP_STATE_OUT; ls $(dirname $SKEP_STATE_IN); "
		   "echo .; sleep 1000"),
		states, 2);
	ck_assert_uint_eq(world_expect_event(&w, KMSG_STARTED).epoch, 1);
	const char *log = world_read_log(&w, 1,
		"state-in.skep-joined\nstate-in.skep-mine\n"
		"state-in.skep-theirs\nminetheirs\nconflict []\nstate\n"
		"state-in\n.\n");
	if (world_is_root)
		world_ck_line(log, "65534\n");
	end();
}
END_TEST

static const struct {
	const char *script;
	int64_t timeout_ms;
	const char *text;
} failures[] = {
	{JOIN "; exit 3", LONG_MS, "it exited 3"},
	{JOIN "; kill -KILL $$", LONG_MS, "it was killed by SIGKILL"},
	{JOIN "; sleep 1000", SHORT_MS,
		"it was not over after 200 ms (hooks.timeout)"},
	{"true", LONG_MS, "nothing was written to it"},
	{"mkdir $SKEP_STATE_OUT", LONG_MS, "is not a regular file"},
};

/* Whatever goes wrong: it can start from its own, of which nothing is lost. */
START_TEST(test_hook_fails)
{
	begin(POLICY);
	struct kproto_start s = {.epoch = 1};
	set_hook(&s, failures[_i].script, failures[_i].timeout_ms);
	world_send_states(
		&w, &s, 1, SH("echo ran; exec sleep 1000"), states, 2);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "hooks.resolve_conflict");
	ck_assert_int_eq(f.blame, KBLAME_RESOLVE);
	ck_assert_msg(
		strstr(f.text, failures[_i].text) != NULL, "got: %s", f.text);
	world_expect_event(&w, KMSG_EMPTY);
	start_from_own(&s, "mine.\n");
	end();
}
END_TEST

/* The same policy as for any other command. */
START_TEST(test_policy_holds)
{
	begin(POLICY "allowed_paths = /usr/bin/sleep\n");
	struct kproto_start s = {.epoch = 1};
	static const char *const argv[] = {"/usr/bin/sleep", "1000", NULL};
	set_hook(&s, JOIN, LONG_MS);
	world_send_states(&w, &s, 1, argv, states, 2);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "policy");
	ck_assert_int_eq(f.blame, KBLAME_RESOLVE);
	ck_assert_ptr_nonnull(strstr(f.text, "allowed_paths"));
	end();
}
END_TEST

/* At a state_path: in its place once, and what stood there is set aside. */
START_TEST(test_state_path)
{
	char place[200], path[220], script[600];
	begin(POLICY);
	snprintf(place, sizeof place, "%s/place", w.dir);
	ck_assert_int_eq(mkdir(place, 0777), 0);
	ck_assert_int_eq(chmod(place, 0777), 0);
	snprintf(path, sizeof path, "%s/db", place);
	struct kproto_start s = {.state_path = path, .epoch = 1};
	set_hook(&s, JOIN, LONG_MS);
	snprintf(script, sizeof script,
		"cat $SKEP_STATE_IN; echo; ls %s; echo .; printf ', more' >>%s",
		place, path);
	world_send_states(&w, &s, 1, SH(script), states, 2);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "minetheirs\ndb\n.\n");
	world_expect_end(&w, 1, 0);
	/* It did not serve for long: what it made of it since is newer. */
	s.epoch = 2;
	set_hook(&s, "exit 5", LONG_MS);
	world_send_states(&w, &s, 1, SH("cat $SKEP_STATE_IN"), states, 2);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "minetheirs, more");
	world_expect_end(&w, 1, 0);
	end();
}
END_TEST

START_TEST(test_state_path_in_vain)
{
	char place[200], path[220], script[600];
	begin(POLICY);
	snprintf(place, sizeof place, "%s/place", w.dir);
	ck_assert_int_eq(mkdir(place, 0777), 0);
	ck_assert_int_eq(chmod(place, 0777), 0);
	snprintf(path, sizeof path, "%s/db", place);
	snprintf(script, sizeof script, "printf mine >%s", path);
	struct kproto_start s = {.state_path = path, .epoch = 1};
	world_send_start(&w, &s, 1, SH(script), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	s.epoch = 2;
	set_hook(&s, JOIN "; exit 3", LONG_MS);
	world_send_states(&w, &s, 1, SH("echo ran"), states, 2);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_int_eq(f.blame, KBLAME_RESOLVE);
	world_expect_event(&w, KMSG_EMPTY);
	snprintf(script, sizeof script,
		"cat $SKEP_STATE_IN; echo; ls %s; echo .; sleep 1000", place);
	s.epoch = 3;
	s.has_theirs = false;
	s.state_root = (struct bytes){"\1", 1};
	world_send_start(&w, &s, 1, SH(script), states[0]);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "mine\ndb\n.\n");
	end();
}
END_TEST

/* Half of what it says is refused, and touches nothing. */
START_TEST(test_descriptors_must_agree)
{
	begin(POLICY);
	struct kproto_start s = {.epoch = 1};
	set_hook(&s, JOIN, LONG_MS);
	s.has_theirs = true;
	world_send_start(&w, &s, 1, SH("echo ran"), states[0]);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "state");
	ck_assert_int_eq(f.blame, KBLAME_SERVICE);
	end();
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *suite = suite_create("resolve");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_two_become_one);
	tcase_add_loop_test(t, test_hook_fails, 0,
		(int)(sizeof failures / sizeof *failures));
	tcase_add_test(t, test_policy_holds);
	tcase_add_test(t, test_state_path);
	tcase_add_test(t, test_state_path_in_vain);
	tcase_add_test(t, test_descriptors_must_agree);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
