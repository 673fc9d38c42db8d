/* Processes that have names, under a core that the test plays: it gives its
 * answers when it likes, also while it is told of something else. */
#include <check.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/tracked.h"
#include "node/tracks.h"

#define ASKED_MAX 4

/* A REGISTER that waits for its REPLY. */
struct asked {
	node_reply_fn *done;
	void *context;
};

static struct node node;
static struct tracks *tracks;
static struct asked asked[ASKED_MAX];
static unsigned asked_count;
static bool is_taken_away;	 /* the core has no row any more */
static unsigned gone;		 /* GONE inputs */
static unsigned answer_at;	 /* ... with this one the first is answered */
static enum reply_code answered; /* the last that came through */
static pid_t process;

static void
answer(unsigned i, enum reply_code code)
{
	asked[i].done(asked[i].context, code, "");
}

/* --- The core --- */

void
node_step(struct node *n, struct input *in)
{
	(void)n;
	ck_assert_int_eq(in->kind, INPUT_GONE);
	if (++gone == answer_at)
		answer(0, REPLY_TIMEOUT);
}

uint64_t
node_request(
	struct node *n, struct input *in, node_reply_fn *done, void *context)
{
	(void)n;
	ck_assert_int_eq(in->kind, INPUT_REGISTER);
	ck_assert_uint_lt(asked_count, ASKED_MAX);
	asked[asked_count] = (struct asked){done, context};
	return ++asked_count;
}

bool
tracked_is_here(const struct core *c, const char *name, uint32_t pid)
{
	(void)c;
	ck_assert_str_eq(name, "name");
	ck_assert_uint_eq(pid, (uint32_t)process);
	return !is_taken_away;
}

bool
tracked_read(struct bytes value, struct tracked_record *out)
{
	(void)value;
	(void)out;
	return false;
}

/* --- The process --- */

static void
end_process(void)
{
	ck_assert_int_eq(kill(process, SIGKILL), 0);
	ck_assert_int_eq(waitpid(process, NULL, 0), process);
}

static void
setup(void)
{
	node.loop = ev_loop_new(EVFLAG_AUTO);
	tracks = tracks_new(&node);
	asked_count = gone = answer_at = 0;
	is_taken_away = false;
	process = fork();
	ck_assert_int_ge(process, 0);
	if (process == 0) {
		pause();
		_exit(0);
	}
}

static void
teardown(void)
{
	tracks_free(tracks);
	ev_loop_destroy(node.loop);
}

static void
on_reply(void *context, enum reply_code code, const char *text)
{
	(void)context;
	(void)text;
	answered = code;
}

static void
ask_for(const char *name)
{
	const struct tracks_ask what = {.name = name,
		.pid = process,
		.actor = {.uid = (uint32_t)getuid()}};
	tracks_register(tracks, &what, on_reply, NULL);
}

static bool
has(const char *name)
{
	return tracks_is_owner(tracks, name, getuid());
}

/* Its last name is given back, and in that step comes the answer to a claim
 * that ran out of time: its watch ends once, behind both. */
START_TEST(an_answer_while_names_are_given_back)
{
	ask_for("late");
	ask_for("name");
	answer(1, REPLY_OK);
	ck_assert(has("name"));
	answer_at = 1;
	end_process();
	ev_run(node.loop, EVRUN_ONCE);
	ck_assert_uint_eq(gone, 1);
	ck_assert_int_eq(answered, REPLY_TIMEOUT);
	ck_assert(!has("name"));
}
END_TEST

/* An answer that comes after the end gives the name back as well. */
START_TEST(an_answer_behind_the_end)
{
	ask_for("name");
	end_process();
	ev_run(node.loop, EVRUN_ONCE);
	ck_assert_uint_eq(gone, 0);
	answer(0, REPLY_OK);
	ck_assert_uint_eq(gone, 1);
	ck_assert(!has("name"));
}
END_TEST

/* The row went while its disk was waited for: nobody here has the name. */
START_TEST(an_answer_behind_the_loss)
{
	ask_for("name");
	is_taken_away = true;
	tracks_forget(tracks, (struct bytes){"name", 4});
	answer(0, REPLY_OK);
	ck_assert_int_eq(answered, REPLY_CONFLICT);
	ck_assert(!has("name"));
	end_process();
	ev_run(node.loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(gone, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tracks");
	TCase *t = tcase_create("tracks");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_answer_while_names_are_given_back);
	tcase_add_test(t, an_answer_behind_the_end);
	tcase_add_test(t, an_answer_behind_the_loss);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
