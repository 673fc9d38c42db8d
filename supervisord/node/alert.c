#include "node/alert.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/glob.h"
#include "base/list.h"
#include "node/api_private.h"
#include "node/node_private.h"
#include "sys/say.h"

extern char **environ;

/* One line that waits; owned. */
struct waiting {
	struct list link; /* in alert.waiting */
	json_t *event;
};

struct alert {
	struct node *node;
	const struct conf_events *conf; /* the node's */
	struct event_follower follower;
	bool hears[NOTE_KIND_COUNT];
	struct list waiting; /* oldest first */
	unsigned count;	     /* of these */
	uint64_t missed;     /* events since the last one that is waiting */
	pid_t pid;	     /* of the command; 0: it does not run */
	ev_child child;
	ev_timer patience;
	struct say_limit trouble;
};

/* --- What it hears --- */

/* Each pattern fits some kind: conf has looked. */
static void
read_kinds(struct alert *a)
{
	const struct conf_list *list = &a->conf->alert_kinds;
	for (uint32_t i = 0; i < list->count; i++)
		for (int k = 0; k < NOTE_KIND_COUNT; k++)
			a->hears[k] |= glob_matches(list->items[i],
				note_kind_name((enum note_kind)k));
}

static bool
hears_of(const struct alert *a, const struct event *e)
{
	const struct conf_list *list = &a->conf->alert_names;
	bool is_named = list->count == 0, is_heard = false;
	for (int k = 0; k < NOTE_KIND_COUNT; k++)
		is_heard |= a->hears[k] &&
			    !strcmp(note_kind_name((enum note_kind)k), e->kind);
	for (uint32_t i = 0; !is_named && i < list->count; i++)
		is_named = glob_matches(list->items[i], e->name);
	return is_heard && is_named;
}

/* --- One run --- */

/* A pipe with the line in it, of which the reading end is given; or -errno. */
static int
pipe_with(const char *line, size_t size)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* An event is shorter than what a pipe takes. */
	ssize_t written = write(ends[1], line, size);
	int code = written == (ssize_t)size ? 0 : -EIO;
	close(ends[1]);
	/* The command may expect to wait at its standard input. */
	if (!code && fcntl(ends[0], F_SETFL, 0) < 0)
		code = -errno;
	if (code)
		close(ends[0]);
	return code ? code : ends[0];
}

static int
spawn(struct alert *a, int in)
{
	char *argv[] = {(char *)a->conf->alert_command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
						      POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	int code = -posix_spawn(
		&a->pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (code)
		a->pid = 0;
	return code;
}

static void
fail(struct alert *a, const char *what, int code)
{
	say_limited(&a->trouble, 5, SAY_WARNING,
		"events.alert_command: %s: %s: %s", a->conf->alert_command,
		what, strerror(-code));
}

/* Starts it with the oldest line that waits; what cannot be told is lost, and
 * said. */
static void
tell_next(struct alert *a)
{
	while (!a->pid && a->count) {
		struct waiting *w =
			container_of(a->waiting.next, struct waiting, link);
		char *line = json_dumps(w->event, JSON_COMPACT);
		list_remove(&w->link);
		a->count--;
		json_decref(w->event);
		free(w);
		CHECK(line);
		size_t size = strlen(line);
		line[size] = '\n'; /* the NUL is not sent */
		int in = pipe_with(line, size + 1);
		free(line);
		int code = in < 0 ? in : spawn(a, in);
		if (in >= 0)
			close(in);
		if (code) {
			fail(a, "it could not be started", code);
			continue;
		}
		ev_child_set(&a->child, a->pid, 0);
		ev_child_start(a->node->loop, &a->child);
		ev_timer_set(&a->patience, ALERT_TIMEOUT_S, 0.);
		ev_timer_start(a->node->loop, &a->patience);
	}
}

static void
on_child(struct ev_loop *loop, ev_child *child, int revents)
{
	struct alert *a = child->data;
	(void)revents;
	ev_child_stop(loop, child);
	ev_timer_stop(loop, &a->patience);
	a->pid = 0;
	if (child->rstatus)
		say_limited(&a->trouble, 5, SAY_WARNING,
			"events.alert_command: %s: wait status %d",
			a->conf->alert_command, child->rstatus);
	tell_next(a);
}

static void
on_patience(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct alert *a = t->data;
	(void)loop;
	(void)revents;
	fail(a, "killed", -ETIMEDOUT);
	kill(-a->pid, SIGKILL); /* it leads a process group; reaped above */
}

/* --- Events --- */

static void
on_event(struct event_follower *follower, const struct event *e)
{
	struct alert *a = container_of(follower, struct alert, follower);
	if (!hears_of(a, e))
		return;
	if (a->count == ALERT_WAIT_MAX) {
		a->missed++;
		return;
	}
	struct waiting *w = calloc(1, sizeof *w);
	CHECK(w);
	w->event = api_json_event(e, a->node->conf.node.name);
	if (a->missed)
		json_object_set_new(w->event, "missed",
			json_integer((json_int_t)a->missed));
	a->missed = 0;
	list_append(&a->waiting, &w->link);
	a->count++;
	tell_next(a);
}

struct alert *
alert_open(struct node *n)
{
	if (!n->conf.events.alert_command[0])
		return NULL;
	struct alert *a = calloc(1, sizeof *a);
	CHECK(a);
	a->node = n;
	a->conf = &n->conf.events;
	list_init(&a->waiting);
	read_kinds(a);
	ev_child_init(&a->child, on_child, 0, 0);
	a->child.data = a;
	ev_timer_init(&a->patience, on_patience, 0., 0.);
	a->patience.data = a;
	a->follower.on_event = on_event;
	events_follow(n, &a->follower);
	return a;
}

void
alert_close(struct alert *a)
{
	if (!a)
		return;
	events_unfollow(a->node, &a->follower);
	ev_child_stop(a->node->loop, &a->child);
	ev_timer_stop(a->node->loop, &a->patience);
	list_each_safe (l, &a->waiting) {
		struct waiting *w = container_of(l, struct waiting, link);
		json_decref(w->event);
		free(w);
	}
	free(a);
}
