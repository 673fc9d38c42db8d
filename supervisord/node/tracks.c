#include "node/tracks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/map.h"
#include "core/tracked.h"
#include "sys/process.h"
#include "sys/say.h"

#define NAMES_BUCKETS (1u << 20)
#define PIDS_BUCKETS  (1u << 16)
#define GO_AT_ONCE    500 /* names that are given back in one turn */

/* A process. */
struct track {
	struct map_link by_pid;
	struct tracks *tracks;
	pid_t pid;
	struct process_id id;
	ev_io end;	   /* its pidfd */
	ev_timer turn;	   /* gives back the next names */
	struct list names; /* struct track_name */
	unsigned asks;	   /* of the core, under way, and turns; it stays */
	unsigned lived_at; /* the iteration of the loop in which it did */
	bool has_ended;
};

/* One of its names. */
struct track_name {
	struct list link;
	struct map_link by_text;
	struct track *track;
	char text[];
};

struct tracks {
	struct node *node;
	struct map_link *name_buckets[NAMES_BUCKETS];
	struct map_link *pid_buckets[PIDS_BUCKETS];
	struct map by_text;
	struct map by_pid;
	struct list gone; /* struct track_name, of nobody; before BOOT */
};

struct tracks *
tracks_new(struct node *n)
{
	struct tracks *t = calloc(1, sizeof *t);
	CHECK(t);
	t->node = n;
	map_init(&t->by_text, t->name_buckets, NAMES_BUCKETS);
	map_init(&t->by_pid, t->pid_buckets, PIDS_BUCKETS);
	list_init(&t->gone);
	return t;
}

/* --- Names --- */

static struct track_name *
find_name(const struct tracks *t, const char *text, size_t size)
{
	uint64_t hash = hash_bytes(text, size, 0);
	struct map_link *l = map_first(&t->by_text, hash);
	for (; l; l = map_next(&t->by_text, l)) {
		struct track_name *n =
			container_of(l, struct track_name, by_text);
		if (strlen(n->text) == size && !memcmp(n->text, text, size))
			return n;
	}
	return NULL;
}

static struct track_name *
make_name(const char *text, size_t size)
{
	struct track_name *n = calloc(1, sizeof *n + size + 1);
	CHECK(n);
	memcpy(n->text, text, size);
	list_init(&n->link);
	return n;
}

static void
drop_name(struct tracks *t, struct track_name *n)
{
	map_remove(&t->by_text, &n->by_text);
	list_remove(&n->link);
	free(n);
}

/* From now on the name is that process's. */
static void
add_name(struct track *track, const char *text, size_t size)
{
	struct tracks *t = track->tracks;
	struct track_name *n = find_name(t, text, size);
	if (n && n->track == track)
		return;
	if (n)
		drop_name(t, n);
	n = make_name(text, size);
	n->track = track;
	list_append(&track->names, &n->link);
	map_insert(&t->by_text, &n->by_text, hash_bytes(text, size, 0));
}

/* --- Processes --- */

static void
free_track(struct track *track)
{
	struct tracks *t = track->tracks;
	ev_io_stop(t->node->loop, &track->end);
	ev_timer_stop(t->node->loop, &track->turn);
	close(track->end.fd);
	map_remove(&t->by_pid, &track->by_pid);
	free(track);
}

static void
free_if_idle(struct track *track)
{
	if (track->asks == 0 && list_is_empty(&track->names))
		free_track(track);
}

static void
tell_gone(struct tracks *t, const char *name, pid_t pid)
{
	struct input in = {.kind = INPUT_GONE};
	in.gone = (struct input_gone){name, (uint32_t)pid};
	node_step(t->node, &in);
}

/* Gives back some names of a process that ended. */
static void
on_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct track *track = w->data;
	(void)revents;
	/* Each step may bring an answer, which must not free it. */
	track->asks++;
	for (int i = 0; i < GO_AT_ONCE && !list_is_empty(&track->names); i++) {
		struct track_name *n = container_of(
			track->names.next, struct track_name, link);
		char text[RUNTIME_NAME_MAX + 1];
		strcpy(text, n->text);
		drop_name(track->tracks, n);
		tell_gone(track->tracks, text, track->pid);
	}
	track->asks--;
	if (list_is_empty(&track->names)) {
		free_if_idle(track);
		return;
	}
	ev_timer_set(w, 0., 0.);
	ev_timer_start(loop, w);
}

static void
on_end(struct ev_loop *loop, ev_io *w, int revents)
{
	struct track *track = w->data;
	(void)revents;
	ev_io_stop(loop, w);
	track->has_ended = true;
	on_turn(loop, &track->turn, 0);
}

/* Whether it has not ended, looked up once in an iteration of the loop. */
static bool
lives(struct track *track)
{
	unsigned now = ev_iteration(track->tracks->node->loop);
	if (track->has_ended)
		return false;
	if (track->lived_at != now && process_has_ended(track->end.fd))
		return false;
	track->lived_at = now;
	return true;
}

/* The watch over a living process that there is already: while its pidfd says
 * that it lives nobody else has its pid. */
static struct track *
find_track(const struct tracks *t, pid_t pid)
{
	struct map_link *l = map_first(&t->by_pid, (uint64_t)pid);
	for (; l; l = map_next(&t->by_pid, l)) {
		struct track *track = container_of(l, struct track, by_pid);
		if (lives(track))
			return track;
	}
	return NULL;
}

/* The watch over a living process; NULL and -errno in '*code'. */
static struct track *
open_track(struct tracks *t, pid_t pid, int *code)
{
	struct process_id id;
	struct track *track = find_track(t, pid);
	*code = 0;
	if (track)
		return track;
	int fd = process_open(pid, &id);
	if (fd < 0) {
		*code = fd;
		return NULL;
	}
	track = calloc(1, sizeof *track);
	CHECK(track);
	track->tracks = t;
	track->pid = pid;
	track->id = id;
	list_init(&track->names);
	ev_io_init(&track->end, on_end, fd, EV_READ);
	track->end.data = track;
	ev_timer_init(&track->turn, on_turn, 0., 0.);
	track->turn.data = track;
	ev_io_start(t->node->loop, &track->end);
	map_insert(&t->by_pid, &track->by_pid, (uint64_t)pid);
	return track;
}

/* --- Registering --- */

/* A name that the core was asked for. */
struct track_ask {
	struct track *track;
	node_reply_fn *done;
	void *context;
	char name[];
};

/* The answer may have waited for the disk, and meanwhile an operator may have
 * taken the name away, or another host's copy of it. */
static void
on_answer(void *context, enum reply_code code, const char *text)
{
	struct track_ask *ask = context;
	struct track *track = ask->track;
	struct tracks *t = track->tracks;
	bool is_good = code == REPLY_OK || code == REPLY_UNCHANGED;
	bool has_name = is_good && tracked_is_here(t->node->core, ask->name,
					   (uint32_t)track->pid);
	if (has_name && track->has_ended)
		tell_gone(t, ask->name, track->pid);
	else if (has_name)
		add_name(track, ask->name, strlen(ask->name));
	if (is_good && !has_name)
		ask->done(ask->context, REPLY_CONFLICT,
			"it was registered, and the name was taken away again "
			"before the disk had it");
	else
		ask->done(ask->context, code, text);
	free(ask);
	track->asks--;
	free_if_idle(track);
}

static void
refuse(const struct tracks_ask *ask, int code, node_reply_fn *done,
	void *context)
{
	char text[160];
	(void)ask;
	if (code == -ESRCH) {
		snprintf(text, sizeof text,
			"there is no process %ld on this host", (long)ask->pid);
		done(context, REPLY_NO_PROCESS, text);
		return;
	}
	snprintf(text, sizeof text, "process %ld cannot be watched: %s",
		(long)ask->pid, strerror(-code));
	done(context,
		code == -EMFILE || code == -ENFILE ? REPLY_FULL : REPLY_FAILED,
		text);
}

void
tracks_register(struct tracks *t, const struct tracks_ask *what,
	node_reply_fn *done, void *context)
{
	int code;
	struct track *track = open_track(t, what->pid, &code);
	if (!track) {
		refuse(what, code, done, context);
		return;
	}
	if (!what->is_any && track->id.uid != what->actor.uid) {
		free_if_idle(track);
		done(context, REPLY_FORBIDDEN,
			"that process is another user's; naming it needs the "
			"operate role");
		return;
	}
	size_t size = strlen(what->name);
	struct track_ask *ask = malloc(sizeof *ask + size + 1);
	CHECK(ask);
	ask->track = track;
	ask->done = done;
	ask->context = context;
	memcpy(ask->name, what->name, size + 1);
	track->asks++;
	struct input in = {.kind = INPUT_REGISTER};
	in.enroll = (struct input_register){.name = ask->name,
		.pid = (uint32_t)what->pid,
		.start = track->id.start,
		.meta = what->meta,
		.timeout_ms = what->timeout_ms,
		.actor = what->actor};
	node_request(t->node, &in, on_answer, ask);
}

bool
tracks_is_owner(const struct tracks *t, const char *name, uid_t uid)
{
	const struct track_name *n = find_name(t, name, strlen(name));
	return n && n->track->id.uid == uid;
}

void
tracks_forget(struct tracks *t, struct bytes key)
{
	struct track_name *n = find_name(t, key.data, key.size);
	if (!n)
		return;
	struct track *track = n->track;
	drop_name(t, n);
	if (!track->has_ended)
		free_if_idle(track);
}

/* --- Beginning and end --- */

void
tracks_on_load(struct tracks *t, struct bytes key, struct bytes value)
{
	struct tracked_record r;
	int code;
	if (!tracked_read(value, &r) || key.size > RUNTIME_NAME_MAX)
		return;
	struct track *track = open_track(t, (pid_t)r.pid, &code);
	if (track && track->id.start == r.start) {
		add_name(track, key.data, key.size);
		return;
	}
	if (track)
		free_if_idle(track);
	struct track_name *n = make_name(key.data, key.size);
	n->by_text.hash = r.pid; /* nobody finds it; the pid is kept there */
	list_append(&t->gone, &n->link);
}

void
tracks_tell_gone(struct tracks *t)
{
	unsigned count = 0;
	list_each_safe (it, &t->gone) {
		struct track_name *n =
			container_of(it, struct track_name, link);
		tell_gone(t, n->text, (pid_t)n->by_text.hash);
		list_remove(it);
		free(n);
		count++;
	}
	if (count)
		say(SAY_NOTICE,
			"%u names are free: their processes ended while no "
			"skep-node ran",
			count);
}

void
tracks_free(struct tracks *t)
{
	struct map_link *l;
	if (!t)
		return;
	while ((l = map_take_any(&t->by_text)))
		free(container_of(l, struct track_name, by_text));
	while ((l = map_take_any(&t->by_pid))) {
		struct track *track = container_of(l, struct track, by_pid);
		ev_io_stop(t->node->loop, &track->end);
		ev_timer_stop(t->node->loop, &track->turn);
		close(track->end.fd);
		free(track);
	}
	free(t);
}
