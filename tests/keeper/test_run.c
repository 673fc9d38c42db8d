/* Commands beside a service: hooks and exec probes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/files.h"
#include "world.h"

#define POLICY	 "allowed_users = nobody\n"
#define EXIT(n)	 ((n) << 8)
#define LONG_MS	 25000
#define SHORT_MS 200

static struct world w;

static void
set_command(struct kproto_start *s, enum kproto_command c, const char *script)
{
	static unsigned char packed[KCMD_COUNT][2048];
	struct writer b;
	writer_init(&b, packed[c], sizeof packed[c]);
	writer_text(&b, "/bin/sh");
	writer_text(&b, "-c");
	writer_text(&b, script);
	s->commands[c] = (struct kproto_texts){3, writer_done(&b)};
}

/* Starts a script with one command. */
static pid_t
start_with(const char *script, enum kproto_command c, const char *command)
{
	struct kproto_start s = {.working_dir = w.dir};
	set_command(&s, c, command);
	world_send_start(&w, &s, 1, SH(script), -1);
	return (pid_t)world_expect_event(&w, KMSG_STARTED).value;
}

static void
send_run(uint64_t epoch, enum kproto_command c, int64_t timeout_ms)
{
	unsigned char body[64];
	struct writer b;
	struct kproto_run r = {1, epoch, (uint8_t)c, timeout_ms};
	writer_init(&b, body, sizeof body);
	kproto_put_run(&b, &r);
	ck_assert_int_eq(
		ipc_send(w.node, KMSG_RUN, writer_done(&b), NULL, 0), 0);
}

static struct kproto_ran
expect_ran(enum kproto_command c)
{
	struct kproto_ran r;
	world_expect(&w, KMSG_RAN);
	ck_assert(kproto_get_ran(
		(struct bytes){w.message.body, w.message.size}, &r));
	ck_assert_uint_eq(r.iid, 1);
	ck_assert_int_eq(r.command, c);
	return r;
}

static struct kproto_ran
run(enum kproto_command c, int64_t timeout_ms)
{
	send_run(1, c, timeout_ms);
	return expect_ran(c);
}

/* A command is heard as the service is, and does not become its leader: its
 * end would be taken for the service's, and nobody would answer for it. */
START_TEST(test_command_does_not_lead)
{
	struct kproto_start s = {.readiness = KREADY_NOTIFY};
	world_start(&w, POLICY);
	s.working_dir = w.dir;
	set_command(&s, KCMD_LIVENESS, "./notifier MAINPID=$$");
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_expect(&w, KMSG_STARTED);
	for (int n = 0; n < 2; n++) {
		struct kproto_ran r = run(KCMD_LIVENESS, LONG_MS);
		ck_assert(!r.is_refused);
		ck_assert_int_eq(r.status, 0);
	}
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_hook_runs_as_the_service)
{
	char text[128];
	world_start(&w, POLICY);
	pid_t pid = start_with("exec sleep 1000", KCMD_POST_START,
		"echo user $(id -u) main $MAINPID dir $(pwd) end.; exit 3");
	struct kproto_ran r = run(KCMD_POST_START, LONG_MS);
	ck_assert_int_eq(r.status, EXIT(3));
	ck_assert(!r.has_expired && !r.is_refused);
	const char *log = world_read_log(&w, 1, "end.\n");
	snprintf(text, sizeof text, "main %d dir %s", (int)pid, w.dir);
	world_ck_line(log, text);
	if (world_is_root)
		world_ck_line(log, "user 65534 ");
	ck_assert_int_eq(kill(pid, 0), 0);
	world_end(&w);
}
END_TEST

/* Reads what COLLECT gives into 'out'. */
static void
collect(char *out, size_t size)
{
	memset(out, 0, size);
	world_send_event(&w, KMSG_COLLECT, 1, 1);
	world_expect_event(&w, KMSG_MOVER);
	ck_assert_uint_eq(w.message.fd_count, 1);
	int fd = w.message.fds[0];
	size_t have = 0;
	ssize_t n;
	fcntl(fd, F_SETFL, 0);
	while ((n = read(fd, out + have, size - have)) > 0)
		have += (size_t)n;
	close(fd);
}

static bool
holds(const char *bytes, size_t size, const char *text)
{
	return memmem(bytes, size, text, strlen(text)) != NULL;
}

static const struct {
	const char *script;
	int status;
	const char *state; /* NULL: none */
} dumps[] = {
	{"echo whole >$SKEP_STATE_OUT", 0, "whole"},
	{"echo half >$SKEP_STATE_OUT; exit 3", EXIT(3), NULL},
	{": nothing", 0, NULL},
};

/* Only what a command wrote that ended well is a state. */
START_TEST(test_dump_is_whole_or_none)
{
	char state[1000];
	struct kproto_start s = {.has_handoff = true};
	world_start(&w, POLICY);
	s.working_dir = w.dir;
	set_command(&s, KCMD_HANDOFF, dumps[_i].script);
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_expect_event(&w, KMSG_STARTED);
	send_run(1, KCMD_HANDOFF, LONG_MS);
	if (dumps[_i].state) {
		struct kproto_event e = world_expect_event(&w, KMSG_ANSWER);
		ck_assert_int_eq(e.value, KANSWER_RESUME);
	}
	struct kproto_ran r = expect_ran(KCMD_HANDOFF);
	ck_assert_int_eq(r.status, dumps[_i].status);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	collect(state, sizeof state);
	ck_assert(!holds(state, sizeof state, "half"));
	if (dumps[_i].state)
		ck_assert(holds(state, sizeof state, dumps[_i].state));
	world_end(&w);
}
END_TEST

START_TEST(test_dump_in_vain_after_its_time)
{
	char state[1000];
	struct kproto_start s = {.has_handoff = true};
	world_start(&w, POLICY);
	s.working_dir = w.dir;
	set_command(&s, KCMD_HANDOFF, "echo half >$SKEP_STATE_OUT; sleep 1000");
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_expect_event(&w, KMSG_STARTED);
	ck_assert(run(KCMD_HANDOFF, SHORT_MS).has_expired);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	collect(state, sizeof state);
	ck_assert(!holds(state, sizeof state, "half"));
	world_end(&w);
}
END_TEST

/* A directory where the state should be, too deep to be removed: it is out of
 * the way of the next command nevertheless, and of the keeper. */
START_TEST(test_dump_of_a_deep_directory)
{
	struct kproto_start s = {.has_handoff = true};
	world_start(&w, POLICY);
	s.working_dir = w.dir;
	set_command(&s, KCMD_HANDOFF,
		"test -e $SKEP_STATE_OUT && exit 9;"
		"mkdir -p $SKEP_STATE_OUT/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i;"
		"exit 3");
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_expect_event(&w, KMSG_STARTED);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(run(KCMD_HANDOFF, LONG_MS).status, EXIT(3));
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

/* A directory that the services' user may write to. */
static void
make_place(char path[200])
{
	snprintf(path, 200, "%s/place", w.dir);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_eq(chmod(path, 0777), 0);
}

START_TEST(test_restore_comes_before)
{
	world_start(&w, POLICY);
	struct kproto_start s = {.state_kind = "handoff",
		.working_dir = w.dir,
		.handoff_timeout_ms = LONG_MS};
	set_command(&s, KCMD_RESTORE, "cat $SKEP_STATE_IN; exit 4");
	int fd = world_make_state("17");
	world_send_start(&w, &s, 1, SH("echo ran; exec sleep 1000"), fd);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "handoff.restore");
	ck_assert_int_eq(f.blame, KBLAME_SERVICE);
	ck_assert_str_eq(f.text, "it exited 4");
	world_expect_event(&w, KMSG_EMPTY);
	set_command(&s, KCMD_RESTORE, "echo restore >order");
	set_command(&s, KCMD_PRE_START, "echo pre_start >>order");
	s.epoch = 2;
	chmod(w.dir, 0777);
	world_send_start(&w, &s, 1, SH("cat order; echo .; sleep 1000"), fd);
	ck_assert_uint_eq(world_expect_event(&w, KMSG_STARTED).epoch, 2);
	world_read_log(&w, 1, "restore\npre_start\n.\n");
	close(fd);
	world_end(&w);
}
END_TEST

/* The real mover in the place of the one that only copies. */
static void
take_real_mover(void)
{
	char command[300];
	snprintf(command, sizeof command,
		"cp --remove-destination ./skep-mover %s/libexec/skep-mover",
		w.dir);
	ck_assert_int_eq(system(command), 0);
}

/* A script in its place. */
static void
take_mover(const char *script)
{
	char name[200];
	struct err err = {""};
	snprintf(name, sizeof name, "%s/libexec/skep-mover", w.dir);
	unlink(name);
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(files_write_all(fd,
				 (struct bytes){script, strlen(script)}, &err),
		0);
	fchmod(fd, 0755);
	close(fd);
}

/* Whatever the host thinks of skepd, it thinks no more of what reads a state,
 * which may be as large as a service likes. */
START_TEST(test_mover_is_not_favoured)
{
	char name[200], state[1000];
	static const char script[] =
		"#!/bin/sh\nset $(cat /proc/self/oom_score_adj)\n"
		"echo score $1.\n";
	struct kproto_start s = {.has_handoff = true, .working_dir = "/"};
	world_start(&w, POLICY);
	take_mover(script);
	snprintf(name, sizeof name, "/proc/%d/oom_score_adj", (int)w.keeper);
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "300", 3), 3);
	close(fd);
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_expect_event(&w, KMSG_STARTED);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	collect(state, sizeof state);
	ck_assert_msg(
		holds(state, sizeof state, "score 0."), "got: %.100s", state);
	world_end(&w);
}
END_TEST

/* A disk that takes its time costs the program none of its own. */
START_TEST(test_state_has_its_own_time)
{
	world_start(&w, POLICY);
	take_mover("#!/bin/sh\nsleep 1\nfor dir; do :; done\n"
		   "exec cat >\"$dir/state-in\"\n");
	struct kproto_start s = {.state_kind = "handoff",
		.working_dir = w.dir,
		.start_timeout_ms = 300};
	int fd = world_make_state("17");
	lseek(fd, 0, SEEK_SET);
	world_send_start(&w, &s, 1,
		SH("cat $SKEP_STATE_IN; echo .; exec sleep 1000"), fd);
	world_expect_event(&w, KMSG_STARTED);
	world_read_log(&w, 1, "17.\n");
	close(fd);
	world_end(&w);
}
END_TEST

/* What stands at a state_path goes and comes, and is in nobody's way. */
START_TEST(test_state_path)
{
	char place[200], path[220], script[600], state[1000];
	world_start(&w, POLICY);
	take_real_mover();
	make_place(place);
	snprintf(path, sizeof path, "%s/db", place);
	struct kproto_start s = {.state_kind = "handoff",
		.state_path = path,
		.state_root = {"\1\2", 2}};
	snprintf(script, sizeof script,
		"cat $SKEP_STATE_IN; echo \" at $SKEP_STATE_IN.\"; "
		"ls %s; echo second >%s",
		place, path);
	int fd = world_make_state("first");
	world_send_start(&w, &s, 1, SH(script), fd);
	world_expect(&w, KMSG_STARTED);
	snprintf(script, sizeof script, "first at %s.\ndb\n", path);
	world_read_log(&w, 1, script);
	world_expect_end(&w, 1, 0);
	collect(state, sizeof state);
	ck_assert(holds(state, sizeof state, "second"));
	/* The same state a second time is older than what stands there. */
	s.epoch = 2;
	world_send_start(&w, &s, 1, SH("cat $SKEP_STATE_IN"), fd);
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "second\n");
	world_expect_end(&w, 1, 0);
	close(fd);
	/* Others had it since. */
	s = (struct kproto_start){
		.state_path = path, .sets_aside = true, .epoch = 3};
	snprintf(script, sizeof script, "ls %s; echo .", place);
	world_send_start(&w, &s, 1, SH(script), -1);
	struct kproto_news news = world_expect_news(&w, KNEWS_ASIDE);
	ck_assert_ptr_nonnull(strstr(news.text, "db.skep-stale-3"));
	world_expect(&w, KMSG_STARTED);
	world_read_log(&w, 1, "db.skep-stale-3\n.\n");
	world_expect_end(&w, 1, 0);
	/* Since then it ran here, whether the node knows of that or not. */
	static const char *const said[] = {"directory\n.\n", "third\n.\n"};
	s = (struct kproto_start){.state_path = path,
		.sets_aside = true,
		.stay = 99,
		.before = 3};
	snprintf(script, sizeof script, "cat %s 2>&1; echo third >>%s; echo .",
		path, path);
	for (unsigned n = 0; n < 2; n++) {
		s.epoch = 4 + n;
		world_send_start(&w, &s, 1, SH(script), -1);
		world_expect(&w, KMSG_STARTED);
		world_read_log(&w, 1, said[n]);
		world_expect_end(&w, 1, 0);
	}
	world_end(&w);
}
END_TEST

/* It runs elsewhere: what it left here gets another name before the next start
 * here may look. */
START_TEST(test_state_path_moved_on)
{
	char place[200], path[220], script[600];
	unsigned char body[64];
	struct writer b;
	world_start(&w, POLICY);
	take_real_mover();
	make_place(place);
	snprintf(path, sizeof path, "%s/db", place);
	snprintf(script, sizeof script, "echo state >%s", path);
	struct kproto_start s = {.state_path = path};
	world_send_start(&w, &s, 1, SH(script), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	writer_init(&b, body, sizeof body);
	kproto_put_event(&b, &(struct kproto_event){1, 1, 1});
	ck_assert_int_eq(
		ipc_send(w.node, KMSG_FORGET, writer_done(&b), NULL, 0), 0);
	snprintf(script, sizeof script, "ls %s; echo .", place);
	s.epoch = 1;
	do { /* until it is renamed, and that is reaped */
		s.epoch++;
		world_send_start(&w, &s, 1, SH(script), -1);
		world_receive(&w);
	} while (w.message.type == KMSG_START_FAILED);
	ck_assert_int_eq(w.message.type, KMSG_STARTED);
	world_read_log(&w, 1, "db.skep-stale-1\n.\n");
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

static const struct {
	bool is_collected, is_given;
	const char *left; /* what the next start finds of it */
} unsealed[] = {
	{false, false, "none\n.\n"},
	{true, true, "none\n.\n"},
	{true, false, "42\n.\n"},
};

/* What was collected and does not come back is kept, which is told once. */
START_TEST(test_unsealed_state_is_kept)
{
	char state[1000];
	bool is_kept = unsealed[_i].is_collected && !unsealed[_i].is_given;
	int fd = unsealed[_i].is_given ? world_make_state("42\n") : -1;
	struct kproto_start s = {.has_handoff = true, .working_dir = "/"};
	world_start(&w, POLICY);
	world_send_start(&w, &s, 1, SH("echo 42 >$SKEP_STATE_OUT"), -1);
	world_expect(&w, KMSG_STARTED);
	world_expect_end(&w, 1, 0);
	if (unsealed[_i].is_collected)
		collect(state, sizeof state);
	s.state_kind = "handoff";
	for (s.epoch = 2; s.epoch < 4; s.epoch++) {
		world_send_start(&w, &s, 1,
			SH("cat $SKEP_STATE_OUT.skep-unsealed 2>/dev/null || "
			   "echo none; echo 43 >$SKEP_STATE_OUT; echo ."),
			s.epoch == 2 ? fd : -1);
		if (is_kept && s.epoch == 2)
			ck_assert_ptr_nonnull(
				strstr(world_expect_news(&w, KNEWS_ASIDE).text,
					"/state.skep-unsealed now"));
		world_expect(&w, KMSG_STARTED);
		ck_assert_str_eq(
			world_read_log(&w, 1, ".\n"), unsealed[_i].left);
		world_expect_end(&w, 1, 0);
	}
	if (fd >= 0)
		close(fd);
	world_end(&w);
}
END_TEST

START_TEST(test_no_command_is_well)
{
	world_start(&w, POLICY);
	start_with("exec sleep 1000", KCMD_POST_START, "exit 3");
	struct kproto_ran r = run(KCMD_PRE_STOP, LONG_MS);
	ck_assert(r.status == 0 && !r.is_refused && !r.has_expired);
	/* One that has none at all. */
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	struct kproto_start s = {.epoch = 2};
	world_send_start(&w, &s, 1, SH("exec sleep 1000"), -1);
	world_expect(&w, KMSG_STARTED);
	send_run(2, KCMD_POST_START, LONG_MS);
	r = expect_ran(KCMD_POST_START);
	ck_assert(r.status == 0 && !r.is_refused && !r.has_expired);
	world_end(&w);
}
END_TEST

START_TEST(test_refusals)
{
	world_start(&w, POLICY);
	start_with("exec sleep 1000", KCMD_POST_START, "sleep 1000");
	send_run(2, KCMD_POST_START, LONG_MS);
	ck_assert(expect_ran(KCMD_POST_START).is_refused);
	ck_assert(run(KCMD_POST_STOP, LONG_MS).is_refused);
	send_run(1, KCMD_POST_START, LONG_MS);
	struct kproto_ran r = run(KCMD_POST_START, LONG_MS);
	ck_assert(r.is_refused && strstr(r.text, "not over"));
	world_send_event(&w, KMSG_KILL, 1, 1);
	/* The one that runs is killed with the service. */
	int rans = 0, empties = 0;
	while (!rans || !empties) {
		struct kproto_ran ran;
		world_receive(&w);
		struct bytes body = {w.message.body, w.message.size};
		empties += w.message.type == KMSG_EMPTY;
		if (w.message.type == KMSG_RAN && kproto_get_ran(body, &ran)) {
			ck_assert_int_eq(ran.status, SIGKILL);
			rans++;
		}
	}
	ck_assert(run(KCMD_PRE_STOP, LONG_MS).is_refused);
	world_end(&w);
}
END_TEST

/* 0 when our directory has the file. */
static int
access_in(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", w.dir, name);
	return access(path, F_OK);
}

START_TEST(test_timeout_takes_the_command_alone)
{
	world_start(&w, POLICY);
	pid_t pid = start_with("exec sleep 1000", KCMD_PRE_STOP,
		"setsid sleep 1000 & echo $! > far; sleep 1000 & "
		"echo $! > near; trap '' TERM; wait; wait");
	struct kproto_ran r = run(KCMD_PRE_STOP, SHORT_MS);
	/* It may have been too slow to come so far. */
	while (access_in("near") < 0) {
		ck_assert(r.has_expired);
		r = run(KCMD_PRE_STOP, LONG_MS / 10);
	}
	ck_assert(r.has_expired && !r.is_refused);
	ck_assert_int_eq(r.status, SIGKILL);
	world_wait_gone(world_read_pid(&w, "near"));
	if (w.welcome.tracks_cgroups)
		world_wait_gone(world_read_pid(&w, "far"));
	ck_assert_int_eq(kill(pid, 0), 0);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect_end(&w, 1, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_probe_says_its_last_line)
{
	world_start(&w, POLICY);
	start_with("echo service.; exec sleep 1000", KCMD_LIVENESS,
		"echo one; printf 'two\\ttabs\\n' >&2; exit 1");
	struct kproto_ran r = run(KCMD_LIVENESS, LONG_MS);
	ck_assert_int_eq(r.status, EXIT(1));
	ck_assert_str_eq(r.text, "two tabs");
	r = run(KCMD_LIVENESS, LONG_MS);
	ck_assert_str_eq(r.text, "two tabs");
	/* None of it is in the log. */
	ck_assert_str_eq(world_read_log(&w, 1, "service.\n"), "service.\n");
	world_end(&w);
}
END_TEST

START_TEST(test_probe_that_talks_too_much)
{
	world_start(&w, POLICY);
	start_with("exec sleep 1000", KCMD_READINESS,
		"head -c 300000 /dev/zero | tr '\\0' x; echo; sleep 1000 & "
		"echo $! > left; exit 0");
	struct kproto_ran r = run(KCMD_READINESS, LONG_MS);
	ck_assert_int_eq(r.status, 0);
	ck_assert_uint_eq(strlen(r.text), 200);
	/* A probe leaves nothing behind. */
	if (w.welcome.tracks_cgroups)
		world_wait_gone(world_read_pid(&w, "left"));
	world_end(&w);
}
END_TEST

static const struct {
	const char *script;
	int status;
	const char *said;
} ends[] = {
	{"exit 0", 0, "success exited 0 none."},
	{"exit 7", EXIT(7), "exit-code exited 7 none."},
	{"kill -TERM $$", SIGTERM, "success killed TERM none."},
	{"kill -KILL $$", SIGKILL, "signal killed KILL none."},
};

START_TEST(test_post_stop_knows_the_end)
{
	world_start(&w, POLICY);
	start_with(ends[_i].script, KCMD_POST_STOP,
		"echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS ${MAINPID:-none}."
		"; sleep 1000 & echo $! > left");
	world_expect_end(&w, 1, ends[_i].status);
	struct kproto_ran r = run(KCMD_POST_STOP, LONG_MS);
	ck_assert(r.status == 0 && !r.is_refused && !r.has_expired);
	world_read_log(&w, 1, ends[_i].said);
	if (w.welcome.tracks_cgroups)
		world_wait_gone(world_read_pid(&w, "left"));
	/* The next message is about the next epoch: no second EMPTY. */
	struct kproto_start s = {.epoch = 2};
	struct kproto_failure f;
	do {
		world_send_start(&w, &s, 1, SH("exit 0"), -1);
		world_receive(&w);
		struct bytes body = {w.message.body, w.message.size};
		if (w.message.type == KMSG_STARTED)
			break;
		/* What it left may take a moment to be gone. */
		ck_assert_uint_eq(w.message.type, KMSG_START_FAILED);
		ck_assert(kproto_get_failure(body, &f));
		ck_assert_int_eq(f.blame, KBLAME_BUSY);
	} while (true);
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

START_TEST(test_post_stop_is_bounded)
{
	world_start(&w, POLICY);
	start_with("exit 0", KCMD_POST_STOP, "sleep 1000");
	world_expect_end(&w, 1, 0);
	struct kproto_ran r = run(KCMD_POST_STOP, SHORT_MS);
	ck_assert(r.has_expired);
	world_end(&w);
}
END_TEST

START_TEST(test_commands_outlive_the_keeper)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_start(&w, POLICY);
	pid_t pid = start_with("exec sleep 1000", KCMD_POST_STOP,
		"echo $SERVICE_RESULT ${EXIT_CODE:-none}.");
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_uint_eq(count, 1);
	kill(pid, SIGKILL);
	struct kproto_event e = world_expect_event(&w, KMSG_EXITED);
	world_expect_event(&w, KMSG_EMPTY);
	struct kproto_ran r = run(KCMD_POST_STOP, LONG_MS);
	ck_assert(r.status == 0 && !r.is_refused);
	world_read_log(&w, 1,
		e.value == KSTATUS_UNKNOWN ? "unknown none."
					   : "signal killed.");
	world_end(&w);
}
END_TEST

/* A command under a keeper that died: nobody would end it. */
START_TEST(test_next_keeper_kills_commands)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_start(&w, POLICY);
	pid_t pid = start_with("exec sleep 1000", KCMD_PRE_STOP,
		"echo $$ > hook; exec sleep 1000");
	send_run(1, KCMD_PRE_STOP, LONG_MS);
	pid_t hook = world_read_pid(&w, "hook");
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	if (w.welcome.tracks_cgroups)
		world_wait_gone(hook);
	else
		kill(hook, SIGKILL);
	ck_assert_int_eq(kill(pid, 0), 0);
	world_end(&w);
}
END_TEST

/* What a hook left behind is a part of the service. */
START_TEST(test_hook_leaves_a_helper)
{
	struct kproto_instance is[4];
	unsigned count = 0;
	world_start(&w, POLICY);
	start_with("exec sleep 1000", KCMD_POST_START,
		"sleep 1000 & echo $! > helper");
	ck_assert_int_eq(run(KCMD_POST_START, LONG_MS).status, 0);
	pid_t helper = world_read_pid(&w, "helper");
	world_kill_keeper(&w);
	world_run_keeper(&w);
	world_greet(&w, is, &count, NULL);
	ck_assert_int_eq(kill(helper, 0), 0);
	world_send_event(&w, KMSG_KILL, 1, 1);
	world_expect(&w, KMSG_EXITED);
	world_expect(&w, KMSG_EMPTY);
	if (w.welcome.tracks_cgroups)
		world_wait_gone(helper);
	else
		kill(helper, SIGKILL);
	world_end(&w);
}
END_TEST

START_TEST(test_policy_holds_for_commands)
{
	struct kproto_start s = {.working_dir = w.dir};
	world_start(&w, POLICY "allowed_paths = /bin/sleep, /usr/bin/sleep\n");
	s.working_dir = w.dir;
	set_command(&s, KCMD_POST_START, "exit 0");
	world_send_start(&w, &s, 1,
		(const char *const[]){"/bin/sleep", "1000", NULL}, -1);
	world_expect(&w, KMSG_STARTED);
	struct kproto_ran r = run(KCMD_POST_START, LONG_MS);
	ck_assert(r.is_refused);
	ck_assert_msg(strstr(r.text, "allowed_paths"), "%s", r.text);
	world_end(&w);
}
END_TEST

START_TEST(test_pre_start_comes_first)
{
	struct kproto_start s = {.hook_timeout_ms = LONG_MS};
	world_start(&w, POLICY);
	set_command(&s, KCMD_PRE_START, "echo before");
	world_send_start(&w, &s, 1, SH("echo then; exit 0"), -1);
	world_expect(&w, KMSG_STARTED);
	ck_assert_str_eq(world_read_log(&w, 1, "then\n"), "before\nthen\n");
	world_expect_end(&w, 1, 0);
	world_end(&w);
}
END_TEST

static const struct {
	const char *script;
	int64_t timeout_ms;
	const char *text;
} bad_hooks[] = {
	{"exit 5", LONG_MS, "exited 5"},
	{"kill -USR1 $$", LONG_MS, "SIGUSR1"},
	{"sleep 1000", SHORT_MS, "hooks.timeout"},
	{"sleep 1000 & exit 5", LONG_MS, "exited 5"},
};

START_TEST(test_pre_start_fails)
{
	struct kproto_start s = {.hook_timeout_ms = bad_hooks[_i].timeout_ms};
	world_start(&w, POLICY);
	set_command(&s, KCMD_PRE_START, bad_hooks[_i].script);
	world_send_start(&w, &s, 1, SH("exit 0"), -1);
	struct kproto_failure f = world_expect_failure(&w, KMSG_START_FAILED);
	ck_assert_str_eq(f.step, "pre_start");
	ck_assert_int_eq(f.blame, KBLAME_SERVICE);
	ck_assert_msg(strstr(f.text, bad_hooks[_i].text), "%s", f.text);
	world_expect_event(&w, KMSG_EMPTY);
	world_end(&w);
}
END_TEST

int
main(void)
{
	world_is_root = geteuid() == 0;
	Suite *s = suite_create("run");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 90);
	tcase_add_test(t, test_command_does_not_lead);
	tcase_add_test(t, test_hook_runs_as_the_service);
	tcase_add_loop_test(
		t, test_dump_is_whole_or_none, 0, sizeof dumps / sizeof *dumps);
	tcase_add_test(t, test_dump_in_vain_after_its_time);
	tcase_add_test(t, test_dump_of_a_deep_directory);
	tcase_add_test(t, test_restore_comes_before);
	tcase_add_test(t, test_mover_is_not_favoured);
	tcase_add_test(t, test_state_has_its_own_time);
	tcase_add_test(t, test_state_path);
	tcase_add_test(t, test_state_path_moved_on);
	tcase_add_loop_test(t, test_unsealed_state_is_kept, 0, 3);
	tcase_add_test(t, test_no_command_is_well);
	tcase_add_test(t, test_refusals);
	tcase_add_test(t, test_timeout_takes_the_command_alone);
	tcase_add_test(t, test_probe_says_its_last_line);
	tcase_add_test(t, test_probe_that_talks_too_much);
	tcase_add_loop_test(t, test_post_stop_knows_the_end, 0,
		(int)(sizeof ends / sizeof *ends));
	tcase_add_test(t, test_post_stop_is_bounded);
	tcase_add_test(t, test_commands_outlive_the_keeper);
	tcase_add_test(t, test_next_keeper_kills_commands);
	tcase_add_test(t, test_hook_leaves_a_helper);
	tcase_add_test(t, test_policy_holds_for_commands);
	tcase_add_test(t, test_pre_start_comes_first);
	tcase_add_loop_test(t, test_pre_start_fails, 0,
		(int)(sizeof bad_hooks / sizeof *bad_hooks));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
