#include "node/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "client/regfile.h"
#include "core/duty.h"
#include "core/instance.h"
#include "core/registry.h"
#include "core/view.h"
#include "node/reggroups.h"
#include "node/regwriter.h"
#include "node/service_meta.h"
#include "skep/registry.h"
#include "sys/clock.h"
#include "sys/say.h"

#define BEAT_S	      1.
#define LATEST_MS     10000 /* a file gets its name, known or not */
#define RETRY_MS      10000 /* after a file system without room */
#define SLICE	      512   /* names between other work */
#define LEFTOVER_LOOK 4096  /* the same, of names in the file */

_Static_assert(REGFILE_GROUP_END == ROW_GROUP_END, "members are told by rows");
_Static_assert(REGFILE_GROUP_MAX == GROUP_NAME_MAX, "and have their bounds");

/* What a pass over everything is at. */
enum pass {
	PASS_NONE,
	PASS_NAMES, /* of the core: each is written */
	PASS_FILE,  /* of the file: what the core does not hold goes */
};

struct publish {
	struct ev_loop *loop;
	struct core *core;
	uint32_t names_max;
	struct regwriter *writer; /* NULL: there is none, see 'retry_at' */
	struct reggroups *groups; /* of that writer */
	bool has_name;		  /* clients find it */
	enum pass pass;
	uint64_t cursor; /* of the pass */
	bool is_again;	 /* another pass is owed: all may have changed since */
	bool is_lacking; /* in this pass a name found no room */
	bool is_warned;
	mono begun;    /* the writer */
	mono retry_at; /* NEVER: nothing is lacking */
	ev_timer beat;
	ev_prepare flush; /* before the loop sleeps: clients are woken */
	ev_idle pass_on;  /* while a pass is on: between other work */
	char path[];
};

/* --- One name --- */

static enum skep_state
state_of(enum row_state state)
{
	static const enum skep_state states[ROW_STATE_COUNT] = {
		[ROW_STARTING] = SKEP_STATE_STARTING,
		[ROW_READY] = SKEP_STATE_READY,
		[ROW_STOPPING] = SKEP_STATE_STOPPING,
		[ROW_BACKOFF] = SKEP_STATE_BACKOFF,
		[ROW_HANDOFF] = SKEP_STATE_HANDOFF,
		[ROW_EXITED] = SKEP_STATE_EXITED,
		[ROW_FAILED] = SKEP_STATE_FAILED,
	};
	CHECK((unsigned)state < ROW_STATE_COUNT);
	return states[state];
}

/* Why names are lacking, once. */
static void
warn_of_room(struct publish *p, int code)
{
	p->is_lacking = true;
	p->retry_at = mono_add(clock_mono(), RETRY_MS);
	if (!p->is_warned)
		say(SAY_WARNING,
			"%s: no room for all names (%s); local lookups miss "
			"some until there is",
			p->path, strerror(-code));
	p->is_warned = true;
}

/* Writes whether somebody is in a group. */
static void
write_member(struct publish *p, const char *text)
{
	if (!view_is_member(p->core, text)) {
		reggroups_delete(p->groups, text);
		return;
	}
	int code = reggroups_put(p->groups, text);
	if (code < 0)
		warn_of_room(p, code);
}

/* What an instance's service says; nothing where a row has no room for it. */
static struct bytes
meta_of(struct publish *p, const char *instance)
{
	char service[INSTANCE_NAME_MAX + 1];
	instance_service_name(instance, service);
	struct bytes meta = service_meta(p->core, service);
	return meta.size <= REGFILE_META_MAX ? meta : (struct bytes){NULL, 0};
}

/* Writes what is known of a name; a view_name_fn. */
static void
write_name(void *context, const char *name)
{
	struct publish *p = context;
	struct name_view v;
	if (reggroups_is_row(name)) {
		write_member(p, name);
		return;
	}
	if (!view_name(p->core, name, &v)) {
		regwriter_delete(p->writer, name);
		return;
	}
	if (v.kind == ROW_INSTANCE)
		v.meta = meta_of(p, v.name);
	struct regwriter_row row = {
		.name = v.name,
		.host = v.node,
		.meta = v.meta.data,
		.meta_size = v.meta.size,
		.kind = v.kind == ROW_INSTANCE ? SKEP_KIND_SERVICE
					       : SKEP_KIND_TRACKED,
		.state = state_of(v.state),
		.pid = v.pid,
		.epoch = v.epoch,
		.since_ms = v.since_wall_ms,
	};
	int code = regwriter_put(p->writer, &row);
	if (code < 0)
		warn_of_room(p, code);
}

/* --- All names --- */

static void
begin_pass(struct publish *p)
{
	p->is_again = p->pass != PASS_NONE;
	if (p->is_again)
		return; /* this one comes to its end first */
	p->pass = PASS_NAMES;
	p->cursor = 0;
	p->is_lacking = false;
	ev_idle_start(p->loop, &p->pass_on);
}

/* Takes out what the core does not hold, of some names; false at the end. */
static bool
sweep(struct publish *p)
{
	struct name_view v;
	for (unsigned i = 0; i < LEFTOVER_LOOK; i++) {
		const char *name = regwriter_next(p->writer, &p->cursor);
		if (!name)
			return false;
		bool is_of_group = reggroups_is_row(name);
		const char *member =
			is_of_group ? reggroups_member(p->groups, name) : NULL;
		if (member && !view_is_member(p->core, member))
			reggroups_delete(p->groups, member);
		if (!is_of_group && !view_name(p->core, name, &v))
			regwriter_delete(p->writer, name);
	}
	return true;
}

static void
end_pass(struct publish *p)
{
	p->pass = PASS_NONE;
	ev_idle_stop(p->loop, &p->pass_on);
	regwriter_set_lacking(p->writer, p->is_lacking);
	if (p->is_again)
		begin_pass(p);
	if (p->is_lacking)
		return;
	if (p->is_warned)
		say(SAY_INFO, "%s: all names have room again", p->path);
	p->is_warned = false;
	p->retry_at = MONO_NEVER;
}

static void
do_slice(struct publish *p)
{
	switch (p->pass) {
	case PASS_NONE:
		break;
	case PASS_NAMES:
		if (view_names_walk(p->core, &p->cursor, SLICE, write_name, p))
			break;
		p->pass = PASS_FILE;
		p->cursor = 0;
		break;
	case PASS_FILE:
		if (!sweep(p))
			end_pass(p);
		break;
	}
}

/* --- The file --- */

static void
close_writer(struct publish *p)
{
	reggroups_free(p->groups);
	regwriter_close(p->writer);
	p->groups = NULL;
	p->writer = NULL;
}

static void
open_writer(struct publish *p)
{
	uint64_t random;
	struct err err;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = (uint64_t)clock_wall_ms() ^ (uint64_t)(uintptr_t)p;
	p->begun = clock_mono();
	int code =
		regwriter_open(p->path, p->names_max, random, &p->writer, &err);
	if (code == 0) {
		p->groups = reggroups_new(p->writer);
		begin_pass(p);
		return;
	}
	p->retry_at = mono_add(p->begun, RETRY_MS);
	if (!p->is_warned)
		say(SAY_WARNING, "%s; local lookups have to wait", err.text);
	p->is_warned = true;
}

/* Gives the file its name when it is worth it. */
static void
show_if_due(struct publish *p)
{
	const char *why;
	struct err err;
	if (p->has_name || !p->writer || p->pass != PASS_NONE)
		return;
	if (duty_is_gated(p->core, &why) &&
		mono_diff(clock_mono(), p->begun) < LATEST_MS)
		return;
	if (regwriter_publish(p->writer, &err) == 0) {
		p->has_name = true;
		return;
	}
	say(SAY_WARNING, "%s; local lookups have to wait", err.text);
	close_writer(p);
	p->retry_at = mono_add(clock_mono(), RETRY_MS);
}

static void
on_idle(struct ev_loop *loop, ev_idle *w, int revents)
{
	(void)loop;
	(void)revents;
	do_slice(w->data);
	show_if_due(w->data);
}

static void
on_beat(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct publish *p = w->data;
	bool is_due = p->retry_at.ms <= clock_mono().ms;
	if (p->writer)
		regwriter_beat(p->writer);
	if (is_due && !p->writer)
		open_writer(p);
	else if (is_due && p->pass == PASS_NONE)
		begin_pass(p);
	show_if_due(p);
}

static void
on_flush(struct ev_loop *loop, ev_prepare *w, int revents)
{
	(void)loop;
	(void)revents;
	struct publish *p = w->data;
	if (p->writer)
		regwriter_flush(p->writer);
}

struct publish *
publish_new(struct ev_loop *loop, struct core *core, const char *run_dir,
	uint32_t names_max)
{
	size_t size = strlen(run_dir) + sizeof "/registry";
	struct publish *p = calloc(1, sizeof *p + size);
	CHECK(p);
	p->loop = loop;
	p->core = core;
	p->names_max = names_max;
	p->retry_at = MONO_NEVER;
	snprintf(p->path, size, "%s/registry", run_dir);
	ev_timer_init(&p->beat, on_beat, BEAT_S, BEAT_S);
	ev_prepare_init(&p->flush, on_flush);
	ev_idle_init(&p->pass_on, on_idle);
	ev_set_priority(&p->pass_on, EV_MAXPRI);
	p->beat.data = p->flush.data = p->pass_on.data = p;
	ev_timer_start(loop, &p->beat);
	ev_prepare_start(loop, &p->flush);
	open_writer(p);
	return p;
}

void
publish_free(struct publish *p)
{
	if (!p)
		return;
	ev_timer_stop(p->loop, &p->beat);
	ev_prepare_stop(p->loop, &p->flush);
	ev_idle_stop(p->loop, &p->pass_on);
	if (p->writer)
		regwriter_flush(p->writer);
	close_writer(p);
	free(p);
}

void
publish_on_step(struct publish *p)
{
	if (!p || !p->writer)
		return;
	if (!view_names_changed(p->core, write_name, p))
		begin_pass(p);
	show_if_due(p);
}
