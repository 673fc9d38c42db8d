#include "keeper/handoff.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "keeper/file.h"
#include "keeper/keeper.h"
#include "keeper/record.h"
#include "keeper/session.h"
#include "keeper/workdir.h"
#include "sys/clock.h"
#include "sys/say.h"
#include "sys/units.h"

#define STATUS_MAX    65536
#define AGAIN_MS      5	   /* between two looks at a busy service */
#define LOOKS_MS      2000 /* in all: many threads make a look long */
#define ASIDE_NAME    "checkpoint"
#define ANSWER_EVENTS (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR)

/* The mask behind 'key' ("SigCgt:") in a status text. */
static uint64_t
read_mask(const char *status, const char *key)
{
	const char *at = strstr(status, key);
	return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

bool
handoff_is_handled(const char *status, int signal)
{
	uint64_t mask = read_mask(status, "\nSigCgt:") |
			read_mask(status, "\nSigIgn:") |
			read_mask(status, "\nSigBlk:");
	return signal >= 1 && signal <= 64 && (mask >> (signal - 1)) & 1;
}

/* Whether a thread waits for the signal in sigwait() or one of its kin: the
 * kernel takes the signals that are waited for out of the thread's mask
 * meanwhile, so SigBlk does not show them. */
static bool
is_thread_waiting(pid_t pid, const char *tid, int signal)
{
	char path[PATH_MAX];
	char *text;
	long number = -1;
	unsigned long long at = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%.32s/syscall", (int)pid,
		tid);
	if (file_read_all(path, STATUS_MAX, &text, NULL) < 0)
		return false;
	int found = sscanf(text, "%ld 0x%llx", &number, &at);
	free(text);
	uint64_t set = 0;
	struct iovec here = {&set, sizeof set};
	struct iovec there = {(void *)(uintptr_t)at, sizeof set};
	return found == 2 && number == SYS_rt_sigtimedwait &&
	       process_vm_readv(pid, &here, 1, &there, 1, 0) ==
		       (ssize_t)sizeof set &&
	       (set >> (signal - 1)) & 1;
}

/* What a look at a thread shows. */
enum look { LOOK_HANDLED, LOOK_DEADLY, LOOK_UNCLEAR };

/* Looks at one thread; one that is gone does no harm.  A thread that is about
 * to run may be on its way out of sigwait(), which then shows neither in its
 * mask nor in its system call. */
static enum look
look_at(pid_t pid, const char *tid, int signal)
{
	char path[PATH_MAX];
	char *text;
	snprintf(
		path, sizeof path, "/proc/%d/task/%.32s/status", (int)pid, tid);
	if (file_read_all(path, STATUS_MAX, &text, NULL) < 0)
		return LOOK_HANDLED;
	bool is_handled = handoff_is_handled(text, signal);
	bool is_asleep = strstr(text, "\nState:\tS") != NULL;
	free(text);
	if (is_handled || is_thread_waiting(pid, tid, signal))
		return LOOK_HANDLED;
	return is_asleep ? LOOK_DEADLY : LOOK_UNCLEAR;
}

/* As above; what is deadly twice in a row did not move in between. */
static enum look
look_twice(pid_t pid, const char *tid, int signal)
{
	enum look first = look_at(pid, tid, signal);
	if (first != LOOK_DEADLY)
		return first;
	enum look second = look_at(pid, tid, signal);
	return second == LOOK_DEADLY ? LOOK_DEADLY : LOOK_UNCLEAR;
}

/* Whether every thread of 'pid' handles the signal: 0, -EPERM when one does
 * not, -EAGAIN when that cannot be told at this moment. */
static int
check_threads(pid_t pid, int signal, struct err *err)
{
	char path[64], name[32];
	int rc = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	if (!dir)
		return err_sys(err, -ESRCH, "its leader");
	struct dirent *e;
	while (rc != -EPERM && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		enum look look = look_twice(pid, e->d_name, signal);
		if (look == LOOK_HANDLED)
			continue;
		rc = err_set(err, look == LOOK_DEADLY ? -EPERM : -EAGAIN,
			"%s would kill it: a thread neither catches, ignores "
			"nor blocks it",
			units_signal_name(signal, name, sizeof name));
	}
	closedir(dir);
	return rc;
}

/* A checkpoint is one when it was renamed into place: what appears there
 * otherwise may be half written. */
static void
look_for_checkpoint(struct keeper *k, const struct inotify_event *e)
{
	if (!(e->mask & IN_MOVED_TO) || e->len == 0 ||
		strcmp(e->name, ASIDE_NAME) != 0)
		return;
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (i->answer_wd != e->wd || !i->has_checkpoint)
			continue;
		i->has_aside = true;
		if (i->state != INSTANCE_LAUNCHING)
			handoff_tell_checkpoint(i);
	}
}

/* Takes all that inotify has for us; false when that is nothing. */
static bool
take_events(struct keeper *k)
{
	char buffer[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	bool has_any = false;
	for (ssize_t n; (n = read(k->answers.fd, buffer, sizeof buffer)) > 0;)
		for (const char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const void *)at;
			look_for_checkpoint(k, e);
			at += sizeof *e + e->len;
			has_any = true;
		}
	return has_any;
}

/* The same, and looks at whose answer to the handoff signal may be among it:
 * which directory an event is of does not matter for that. */
static void
read_answers(struct keeper *k)
{
	if (!take_events(k))
		return;
	list_each (it, &k->instances.all) {
		struct instance *i = container_of(it, struct instance, in_all);
		if (i->answer_wd >= 0 && i->has_handoff)
			handoff_look(i);
	}
}

static void
on_answers(struct watch *w, uint32_t events)
{
	(void)events;
	read_answers(container_of(w, struct keeper, answers));
}

int
handoff_init(struct keeper *k, struct err *err)
{
	watch_init(&k->answers, on_answers);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "inotify");
	int rc = loop_watch(&k->loop, &k->answers, fd, EPOLLIN);
	if (rc < 0) {
		close(fd);
		return err_sys(err, rc, "inotify");
	}
	return 0;
}

static int
watch_answers(struct instance *i, struct err *err)
{
	char path[PATH_MAX];
	if (i->answer_wd >= 0)
		return 0;
	workdir_path(&i->keeper->dirs, i->iid, path);
	i->answer_wd =
		inotify_add_watch(i->keeper->answers.fd, path, ANSWER_EVENTS);
	return i->answer_wd < 0 ? err_sys(err, -errno, "%s", path) : 0;
}

/* Checks that the signal will not kill the leader, and watches for the
 * answer. */
static int
prepare(struct instance *i, int signal, struct err *err)
{
	if (i->pid == 0 || i->state != INSTANCE_RUNNING)
		return err_set(err, -ESRCH, "its leader does not run");
	if (i->is_for_checkpoint ? !i->has_checkpoint : !i->has_handoff)
		return err_set(err, -ENOTSUP, "it was started without SKEP_%s",
			i->is_for_checkpoint ? "CHECKPOINT_OUT" : "STATE_OUT");
	int rc = check_threads(i->pid, signal, err);
	if (rc < 0)
		return rc;
	if (!i->is_for_checkpoint) {
		workdir_clear_ignore(&i->keeper->dirs, i->iid);
		handoff_on_asked(i);
	}
	return watch_answers(i, err);
}

static void
refuse(struct instance *i, int code, const char *text)
{
	session_send_failure(i->keeper, KMSG_REFUSED,
		&(struct kproto_failure){
			.iid = i->iid,
			.epoch = i->epoch,
			.blame = KBLAME_SERVICE,
			.code = code,
			.step = i->is_for_checkpoint ? "checkpoint" : "handoff",
			.text = text,
		});
}

/* Looks once, and signals, refuses, or comes back. */
static void
try(struct instance *i)
{
	struct err err = {""};
	int rc = prepare(i, i->handoff_signal, &err);
	if (rc == -EAGAIN && !mono_reached(i->handoff_until, clock_mono())) {
		loop_arm(&i->keeper->loop, &i->handoff, AGAIN_MS);
		return;
	}
	if (rc == 0)
		rc = instance_signal(i, i->handoff_signal,
			(enum kproto_target)i->handoff_target);
	if (rc < 0)
		refuse(i, -rc, err.text[0] ? err.text : strerror(-rc));
	else if (!i->is_for_checkpoint)
		handoff_look(i);
}

void
handoff_on_asked(struct instance *i)
{
	i->answer = 0;
	/* What it wrote until now it did not write for this. */
	workdir_mark_answers(&i->keeper->dirs, i->iid, &i->answered_before);
	record_update(i);
}

void
handoff_on_timer(struct timer *t)
{
	try(container_of(t, struct instance, handoff));
}

void
handoff_start(
	struct instance *i, int signal, uint8_t target, bool is_for_checkpoint)
{
	loop_disarm(&i->handoff); /* of a checkpoint that was to be asked for */
	i->is_for_checkpoint = is_for_checkpoint;
	i->handoff_signal = (uint8_t)signal;
	i->handoff_target = target;
	i->handoff_until = mono_add(clock_mono(), LOOKS_MS);
	try(i);
}

void
handoff_look(struct instance *i)
{
	/* What stands there until its child has cleared it is of an earlier
	 * run: taken for the answer of this one it would end it at the next
	 * start of the node, and begin it again without what it did since. */
	if (i->state == INSTANCE_LAUNCHING)
		return;
	int answer = workdir_read_answer(
		&i->keeper->dirs, i->iid, &i->answered_before);
	if (answer == 0 || answer == i->answer)
		return;
	i->answer = (uint8_t)answer;
	session_send_event(i, KMSG_ANSWER, answer);
}

void
handoff_on_said(struct instance *i, enum kproto_answer answer)
{
	/* The signal came, or this skepd did not send it: the node knows. */
	bool may_be_asked = i->has_handoff && i->answer_wd >= 0;
	if (!may_be_asked || i->answer == (int)answer)
		return;
	i->answer = (uint8_t)answer;
	session_send_event(i, KMSG_ANSWER, answer);
}

void
handoff_resume(struct instance *i)
{
	struct err err = {""};
	if (!i->has_handoff && !i->has_checkpoint)
		return;
	if (watch_answers(i, &err) < 0)
		say(SAY_WARNING, "%s: %s", i->name, err.text);
	if (i->has_handoff)
		i->answer = (uint8_t)workdir_read_answer(
			&i->keeper->dirs, i->iid, &i->answered_before);
	/* Whether it was renamed while nobody watched cannot be known. */
	if (i->has_checkpoint)
		i->has_aside = workdir_has_checkpoint(&i->keeper->dirs, i->iid);
}

void
handoff_on_letting_go(struct instance *i)
{
	struct err err = {""};
	if (!i->has_checkpoint)
		return;
	workdir_make(&i->keeper->dirs, i->iid);
	if (watch_answers(i, &err) < 0)
		say(SAY_WARNING, "%s: %s", i->name, err.text);
}

void
handoff_tell_checkpoint(struct instance *i)
{
	if (i->has_aside)
		session_send_event(i, KMSG_ANSWER, KANSWER_CHECKPOINT);
}

void
handoff_on_exited(struct instance *i)
{
	if (i->has_checkpoint && i->answer_wd >= 0)
		read_answers(i->keeper);
}

void
handoff_unwatch(struct instance *i)
{
	loop_disarm(&i->handoff);
	if (i->answer_wd >= 0)
		inotify_rm_watch(i->keeper->answers.fd, i->answer_wd);
	i->answer_wd = -1;
}
