/* What becomes of a service: policy, end, readiness and dependency, one row
 * each, after five seconds on one host. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "tests/dialogue/script.h"
#include "tests/sim/check.h"

#define RUN_MS 5000

/* Words as in tests/dialogue; 'starts' is how often it was started. */
struct life {
	const char *service;
	const char *behaviour;
	const char *state; /* as status shows it */
	unsigned starts;
	const char *why;      /* a part of the reason, or "" */
	const char *dep;      /* a service that it may need, or NULL */
	const char *dep_does; /* its behaviour */
};

static const struct life rows[] = {
	/* Policy and end: immediate, then 200, 400, 800 ms. */
	{"policy=always", "run=1s exit=0", "backoff", 4, "next start", 0, 0},
	{"policy=always", "run=1s exit=3", "backoff", 4, "next start", 0, 0},
	{"policy=always", "run=1s signal=9", "backoff", 4, "", 0, 0},
	{"policy=on-failure", "run=1s exit=0", "exited", 1, "", 0, 0},
	{"policy=on-failure", "run=1s exit=3", "backoff", 4, "", 0, 0},
	{"policy=on-failure", "run=1s signal=9", "backoff", 4, "", 0, 0},
	{"policy=never", "run=1s exit=0", "exited", 1, "", 0, 0},
	{"policy=never", "run=1s exit=3", "exited", 1, "", 0, 0},
	{"policy=never", "run=1s signal=9", "exited", 1, "", 0, 0},
	{"policy=on-failure success=3", "run=1s exit=3", "exited", 1, "", 0, 0},
	{"policy=always success=3", "run=1s exit=3", "backoff", 4, "", 0, 0},
	{"policy=on-failure success=3", "run=1s exit=4", "backoff", 4, "", 0,
		0},
	/* Oneshots keep their success. */
	{"oneshot policy=on-failure", "run=1s exit=0", "exited", 1, "", 0, 0},
	{"oneshot policy=on-failure", "run=1s exit=3", "backoff", 4, "", 0, 0},
	{"oneshot policy=never", "run=1s exit=3", "exited", 1, "", 0, 0},
	{"oneshot policy=on-failure success=3", "run=1s exit=3", "exited", 1,
		"", 0, 0},
	/* Attempts are used up. */
	{"attempts=2 mode=fail", "run=100ms exit=3", "failed", 3, "", 0, 0},
	{"attempts=2 mode=delay", "run=100ms exit=3", "backoff", 3, "", 0, 0},
	{"attempts=2 mode=reschedule", "run=100ms exit=3", "unplaced", 3, "", 0,
		0},
	{"reset=500ms", "run=1s exit=3", "ready", 5, "", 0, 0},
	{"function=constant delay=1s", "run=100ms exit=3", "backoff", 6, "", 0,
		0},
	/* Readiness. */
	{"readiness", "ready=500ms", "ready", 1, "", 0, 0},
	{"readiness start-timeout=1s", "ready=0s", "backoff", 4,
		"not ready within start_timeout", 0, 0},
	{"readiness start-timeout=1s policy=never", "ready=0s", "exited", 1,
		"not ready within start_timeout", 0, 0},
	{"readiness start-timeout=1s attempts=1 mode=fail", "ready=0s",
		"failed", 2, "", 0, 0},
	{"readiness policy=on-failure", "run=300ms exit=3 ready=1s", "backoff",
		6, "", 0, 0},
	{"readiness policy=on-failure", "run=300ms exit=0 ready=1s", "backoff",
		6, "", 0, 0},
	{"readiness oneshot policy=on-failure", "run=300ms ready=1s", "exited",
		1, "", 0, 0},
	{"readiness start-timeout=1s", "ready=0s deaf", "stopping", 1, "", 0,
		0},
	/* Hooks. */
	{"post-start policy=on-failure attempts=1 mode=fail", "failing=1",
		"failed", 2, "post_start", 0, 0},
	{"post-stop policy=on-failure", "run=1s hook=10s", "stopping", 1, "", 0,
		0},
	/* Liveness. */
	{"policy=always", "sick=1s", "backoff", 4, "liveness", 0, 0},
	{"policy=on-failure", "sick=1s", "backoff", 4, "liveness", 0, 0},
	{"policy=never", "sick=1s", "exited", 1, "liveness", 0, 0},
	{"attempts=1 mode=fail", "sick=1s", "failed", 2, "", 0, 0},
	/* Starts that fail. */
	{"policy=always", "blame=service", "backoff", 6, "", 0, 0},
	{"policy=always", "blame=host", "unplaced", 1, "no such file", 0, 0},
	{"policy=never", "blame=service", "exited", 1, "", 0, 0},
	/* Dependencies. */
	{"needs=dep", "", "pending", 0, "dep, which is not declared", 0, 0},
	{"needs=dep", "", "ready", 1, "", "readiness", "ready=1s"},
	{"needs=dep", "", "pending", 0, "not ready yet", "readiness",
		"ready=0s"},
	{"needs=dep:started", "", "ready", 1, "", "readiness", "ready=0s"},
	{"needs=dep:started", "", "pending", 0, "not started", "disabled", ""},
	{"needs=dep:completed", "", "ready", 1, "", "oneshot policy=on-failure",
		"run=500ms"},
	{"needs=dep:completed", "", "pending", 0, "not completed",
		"oneshot policy=never", "run=500ms exit=3"},
	{"needs=dep", "", "ready", 1, "", "oneshot policy=on-failure",
		"run=500ms"},
	/* Time, and none at all. */
	{"oneshot policy=on-failure scheduled", "run=1s", "pending", 0,
		"schedule", 0, 0},
	{"disabled", "", "stopped", 0, "", 0, 0},
};

static void
apply(struct world *w, const char *name, const char *words,
	const char *behaviour)
{
	char line[256];
	char *list[WORDS_MAX];
	struct script_service service;
	strcpy(line, behaviour);
	script_behaviour(
		list, script_words(line, list), world_behave(w, name, ""));
	strcpy(line, words);
	script_service(list, script_words(line, list), &service);
	struct input in = script_spec_set(name, &service);
	world_input(w, 0, &in);
}

START_TEST(row_ends_so)
{
	const struct life *row = &rows[_i];
	struct instance_view v;
	struct world *w = check_world(1);
	world_add(w, "alpha", NULL);
	world_start(w, 0);
	world_run(w, 1000);
	if (row->dep)
		apply(w, "dep", row->dep, row->dep_does);
	apply(w, "web", row->service, row->behaviour);
	world_run(w, RUN_MS);
	ck_assert(view_instance(w->hosts[0].core, "web", &v));
	const struct instance *i = instance_find(w->hosts[0].core, "web");
	ck_assert_msg(!strcmp(v.state, row->state) && i->epoch == row->starts &&
			      strstr(v.why, row->why),
		"%s (%s): %s after %llu starts (%s), not %s after %u (%s)",
		row->service, row->behaviour, v.state,
		(unsigned long long)i->epoch, v.why, row->state, row->starts,
		row->why);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lifecycle");
	TCase *tc = tcase_create("lifecycle");
	tcase_add_loop_test(tc, row_ends_so, 0, sizeof rows / sizeof *rows);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
