/* The keeper of every host, its processes, and the states they hand over. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/world_private.h"

#define EMPTY_MS  1
#define DUMP_MS	  5
#define PROVEN_MS 12000 /* a start waits no longer after a look */
#define ASIDE_MS  20	/* that writing a checkpoint takes */
/* As BULK_RETRY_MS and BULK_RETRY_MAX_MS. */
#define STATE_SIZE 1000 /* bytes that every state is said to have */

/* --- Behaviours --- */

/* Of services that nobody gave one. */
static const struct behaviour usual = {
	.start_ms = 10,
	.stop_ms = 5,
	.hook_ms = 10,
	.answer = ANSWER_RESUME,
	.answer_ms = 10,
};

static struct behaviour *
find_behaviour(struct world *w, const char *service, const char *host)
{
	for (uint32_t i = 0; i < w->behaviour_count; i++) {
		struct behaviour *b = &w->behaviours[i];
		if (!strcmp(b->service, service) && !strcmp(b->host, host))
			return b;
	}
	return NULL;
}

struct behaviour *
world_behave(struct world *w, const char *service, const char *host)
{
	struct behaviour *b = find_behaviour(w, service, host);
	if (b)
		return b;
	CHECK(w->behaviour_count < WORLD_BEHAVIOURS);
	b = &w->behaviours[w->behaviour_count++];
	const struct behaviour *all = find_behaviour(w, service, "");
	*b = all ? *all : usual;
	strcpy(b->service, service);
	strcpy(b->host, host);
	return b;
}

const struct behaviour *
proc_behaviour(struct world *w, uint32_t host, const char *name)
{
	char service[INSTANCE_NAME_MAX + 1] = "";
	memcpy(service, name, strcspn(name, "@"));
	const struct behaviour *b =
		find_behaviour(w, service, w->hosts[host].name);
	if (!b)
		b = find_behaviour(w, service, "");
	return b ? b : &usual;
}

/* How long what is left of it hangs in the kernel. */
static int64_t
empty_ms(struct world *w, uint32_t host, const char *name)
{
	const struct behaviour *b = proc_behaviour(w, host, name);
	return b->empty_ms ? b->empty_ms : EMPTY_MS;
}

static uint64_t
state_size(struct world *w, uint32_t host, const char *name)
{
	const struct behaviour *b = proc_behaviour(w, host, name);
	return b->state_size ? b->state_size : STATE_SIZE;
}

/* --- Processes --- */

struct process *
world_process(const struct world *w, uint32_t host, const char *name)
{
	const struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->process_count; i++)
		if (!strcmp(h->processes[i].name, name))
			return &h->processes[i];
	return NULL;
}

static struct process *
process_add(struct world *w, uint32_t host, const char *name)
{
	struct host *h = &w->hosts[host];
	struct process *p = world_process(w, host, name);
	if (!p) {
		h->processes = realloc(h->processes,
			(h->process_count + 1) * sizeof *h->processes);
		CHECK(h->processes);
		p = &h->processes[h->process_count++];
	}
	memset(p, 0, sizeof *p);
	strcpy(p->name, name);
	return p;
}

/* Tells the observers. */
static void
observe(struct world *w, uint32_t host, enum world_process_what what,
	const struct process *p)
{
	struct world_process_event event = {
		.what = what,
		.name = p->name,
		.epoch = p->epoch,
		.status = what == PROCESS_HAS_ANSWERED ? p->answer : p->status,
		.birth = p->state.birth,
		.lives = p->state.lives,
		.work = p->state.work,
		.parts = p->state.parts,
		.part_count = p->state.part_count,
	};
	observe_process(w, host, &event);
}

void
proc_end_all(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].phase != PROCESS_EMPTY)
			observe(w, host, PROCESS_IS_LOST, &h->processes[i]);
	h->process_count = 0;
	h->keeper_starts++;
}

static void
later(struct world *w, uint32_t host, enum event_kind kind, int64_t in_ms,
	const char *name, uint64_t epoch, int32_t status)
{
	struct event *e = event_new(
		w, kind, host, in_ms, (struct bytes){name, strlen(name) + 1});
	e->start = w->hosts[host].keeper_starts;
	e->seq = epoch;
	e->status = status;
	event_push(w, e);
}

/* The end of its leader is on its way. */
static void
end_process(struct world *w, uint32_t host, struct process *p, int64_t in_ms,
	int32_t status)
{
	if (p->is_ending)
		return;
	p->is_ending = true;
	later(w, host, EVENT_EXITED, in_ms, p->name, p->epoch, status);
}

void
world_process_end(
	struct world *w, uint32_t host, const char *name, int32_t status)
{
	struct process *p = world_process(w, host, name);
	if (p && p->phase < PROCESS_EXITED)
		end_process(w, host, p, 0, status);
}

/* --- What the core wants --- */

static void
fail_start(struct world *w, uint32_t host, const struct effect_start *s,
	enum start_blame blame)
{
	later(w, host, EVENT_START_FAILED, 0, s->name, s->epoch,
		(int32_t)blame);
}

/* The one that a hook makes of 'own' and of what the start brings with it. */
static struct state
join(struct world *w, uint32_t host, const struct effect_start *s,
	const struct state *own)
{
	struct state joined = *own;
	const struct state *theirs = state_find(&w->hosts[host], s->theirs);
	if (!theirs)
		world_violated(w, "H4", "%s joins %s with a state that is lost",
			w->hosts[host].name, s->name);
	else if (!state_join(&joined, theirs))
		world_violated(w, "H11", "%s joins %s with a state twice",
			w->hosts[host].name, s->name);
	return joined;
}

/* What it starts with: the state it was given, what stands at its state_path,
 * or nothing. */
static void
fill_memory(struct world *w, uint32_t host, struct process *p,
	const struct effect_start *s)
{
	const struct state *from =
		s->has_state ? state_find(&w->hosts[host], s->root) : NULL;
	struct state joined;
	struct state_place *at = proc_behaviour(w, host, s->name)->has_path
					 ? place_of(&w->hosts[host], s->name)
					 : NULL;
	if (s->has_state && !from)
		world_violated(w, "H4", "%s starts %s from a %s that is lost",
			w->hosts[host].name, s->name, s->state_kind);
	/* That start waited for the disk; what it begins with was verified. */
	const struct core *c = w->hosts[host].core;
	const struct instance *i = instance_find(c, s->name);
	if (from && from->is_rotten && i && i->state == INSTANCE_STARTING &&
		mono_diff(i->since, from->rotten_at) > PROVEN_MS)
		world_violated(w, "H8", "%s starts %s from damaged bytes",
			w->hosts[host].name, s->name);
	if (from && s->has_theirs) {
		joined = join(w, host, s, from);
		from = &joined;
	}
	if (at)
		place_prepare(at, s, from);
	if (at && at->is_there) {
		p->state = at->state;
	} else if (from) {
		p->state = *from;
	} else {
		strcpy(p->state.name, s->name);
		p->state.birth = ++w->next_birth;
	}
	p->state.lives++;
	p->state.is_aside = false;
	if (at) {
		at->state = p->state;
		at->state.epoch = p->epoch;
		at->is_there = true;
	}
}

static void
do_start(struct world *w, uint32_t host, const struct effect_start *s)
{
	const struct behaviour *b = proc_behaviour(w, host, s->name);
	struct process *p = world_process(w, host, s->name);
	if (s->is_void) {
		fail_start(w, host, s, BLAME_STOPPED);
		observe_process(w, host,
			&(struct world_process_event){
				.what = PROCESS_IS_REFUSED,
				.name = s->name,
				.epoch = s->epoch,
			});
		return;
	}
	if (p && p->phase != PROCESS_EMPTY) {
		fail_start(w, host, s, BLAME_BUSY);
		return;
	}
	/* No epoch is ever used twice on a host. */
	CHECK(!p || s->epoch > p->epoch);
	p = process_add(w, host, s->name);
	p->epoch = s->epoch;
	p->run_digest = s->run_digest;
	p->started_wall_ms = 1700000000000 + w->now.ms;
	bool is_unresolved = s->has_theirs && b->is_unresolving;
	if (b->blame || is_unresolved) {
		p->phase = PROCESS_EMPTY;
		p->has_failed = true;
		fail_start(w, host, s, b->blame ? b->blame : BLAME_RESOLVE);
		observe(w, host, PROCESS_IS_REFUSED, p);
		return;
	}
	fill_memory(w, host, p, s);
	observe_process(w, host,
		&(struct world_process_event){
			.what = PROCESS_IS_FORKED,
			.name = p->name,
			.epoch = p->epoch,
			.birth = p->state.birth,
			.lives = p->state.lives,
			.work = p->state.work,
			.root = s->has_state ? s->root : NULL,
		});
	later(w, host, EVENT_STARTED, b->start_ms, s->name, s->epoch, 0);
}

static void
do_handoff_signal(struct world *w, uint32_t host, struct process *p,
	const struct behaviour *b)
{
	if (b->is_dying)
		end_process(w, host, p, b->answer_ms, SIGUSR1);
	else if (b->answer)
		later(w, host, EVENT_ANSWERED,
			b->answer == ANSWER_UNSUPPORTED ? 0 : b->answer_ms,
			p->name, p->epoch, (int32_t)b->answer);
}

/* It wrote what it has; the node hears of it if it looks there. */
static void
write_aside(struct world *w, uint32_t host, struct process *p)
{
	p->state.work++;
	p->aside = p->state;
	p->aside.is_aside = true;
	p->has_aside = true;
	if (!proc_behaviour(w, host, p->name)->has_path)
		return;
	struct state_place *at = place_of(&w->hosts[host], p->name);
	at->state = p->state;
	at->state.epoch = p->epoch;
}

static void
do_signal(struct world *w, uint32_t host, const struct effect_signal *s)
{
	struct process *p = world_process(w, host, s->name);
	const struct behaviour *b = proc_behaviour(w, host, s->name);
	if (!p || p->epoch != s->epoch || p->phase >= PROCESS_EXITED)
		return;
	if (s->is_handoff)
		do_handoff_signal(w, host, p, b);
	else if (s->is_checkpoint && !b->is_aside_deaf)
		later(w, host, EVENT_ANSWERED, ASIDE_MS, p->name, p->epoch,
			ANSWER_CHECKPOINT);
	else if (s->is_checkpoint)
		return;
	else if (s->signal == SIGKILL)
		end_process(w, host, p, 0, SIGKILL);
	else if (!b->is_deaf && s->signal != SIGUSR1 && s->signal != SIGHUP)
		end_process(w, host, p, b->stop_ms, 0);
}

static void
do_kill(struct world *w, uint32_t host, const struct effect_proc *k)
{
	struct process *p = world_process(w, host, k->name);
	if (!p || p->epoch != k->epoch || p->phase == PROCESS_EMPTY)
		return;
	if (p->phase != PROCESS_EXITED) {
		p->is_ending = false;
		end_process(w, host, p, 0, SIGKILL);
	}
	later(w, host, EVENT_EMPTY, empty_ms(w, host, p->name), p->name,
		p->epoch, 0);
}

static void
do_release(struct world *w, uint32_t host, const struct effect_proc *r)
{
	struct host *h = &w->hosts[host];
	struct process *p = world_process(w, host, r->name);
	if (!p || p->epoch != r->epoch)
		return;
	CHECK(p->phase == PROCESS_EMPTY);
	if (proc_behaviour(w, host, p->name)->has_path && r->sets_aside)
		place_of(h, p->name)->is_there = false;
	if (proc_behaviour(w, host, p->name)->has_path)
		place_forget(place_of(h, p->name));
	observe(w, host, PROCESS_IS_RELEASED, p);
	*p = h->processes[--h->process_count];
}

static void
do_run(struct world *w, uint32_t host, const struct effect_run *r)
{
	const struct behaviour *b = proc_behaviour(w, host, r->name);
	bool is_failing = b->failing >> r->hook & 1;
	int64_t took_ms = b->hook_ms ? b->hook_ms : r->timeout_ms;
	later(w, host, EVENT_RAN, took_ms, r->name, r->epoch,
		(int32_t)r->hook | (is_failing || !b->hook_ms) << 8);
}

void
proc_perform(struct world *w, uint32_t host, const struct effect *e)
{
	const struct behaviour *b;
	if (e->kind == EFFECT_START) {
		do_start(w, host, &e->start);
	} else if (e->kind == EFFECT_SIGNAL) {
		do_signal(w, host, &e->signal);
	} else if (e->kind == EFFECT_KILL) {
		do_kill(w, host, &e->proc);
	} else if (e->kind == EFFECT_RELEASE) {
		do_release(w, host, &e->proc);
	} else if (e->kind == EFFECT_DUMP) {
		b = proc_behaviour(w, host, e->dump.name);
		later(w, host, EVENT_DUMPED, DUMP_MS, e->dump.name,
			e->dump.epoch,
			(b->is_dump_failing ||
				(e->dump.size_max &&
					state_size(w, host, e->dump.name) >
						e->dump.size_max)) |
				e->dump.is_checkpoint << 8);
	} else if (e->kind == EFFECT_FETCH) {
		state_fetch(w, host, &e->fetch);
	} else if (e->kind == EFFECT_DROP) {
		state_drop(w, host, &e->drop);
	} else if (e->kind == EFFECT_RUN) {
		do_run(w, host, &e->run);
	}
}

void
proc_mark_ready(
	struct world *w, uint32_t host, const char *name, uint64_t epoch)
{
	struct process *p = world_process(w, host, name);
	if (p && p->epoch == epoch)
		p->is_ready = true;
}

/* --- What happens --- */

/* Tells the node, if there is one, about a process. */
static void
tell(struct world *w, uint32_t host, enum input_kind kind,
	const struct process *p, uint8_t answer)
{
	struct input in = {.kind = kind};
	char name[INSTANCE_NAME_MAX + 1];
	if (!w->hosts[host].is_running)
		return;
	strcpy(name, p->name);
	in.proc = (struct input_proc){
		.name = name,
		.epoch = p->epoch,
		.pid = (uint32_t)(1000 + p->epoch),
		.status = p->status,
		.answer = answer,
	};
	world_step(w, host, &in);
}

static void
on_started(struct world *w, struct event *e, struct process *p)
{
	const struct behaviour *b = proc_behaviour(w, e->host, p->name);
	if (p->phase != PROCESS_STARTING)
		return;
	p->phase = PROCESS_RUNNING;
	observe(w, e->host, PROCESS_IS_RUNNING, p);
	if (b->run_ms)
		later(w, e->host, EVENT_EXITED, b->run_ms, p->name, p->epoch,
			b->status);
	if (b->ready_ms)
		later(w, e->host, EVENT_SAID, b->ready_ms, p->name, p->epoch,
			NEWS_READY);
	if (b->aside_ms)
		later(w, e->host, EVENT_ANSWERED, b->aside_ms, p->name,
			p->epoch, ANSWER_CHECKPOINT);
	if (b->sick_ms)
		later(w, e->host, EVENT_SAID, b->sick_ms, p->name, p->epoch,
			NEWS_SICK);
	char name[INSTANCE_NAME_MAX + 1];
	strcpy(name, p->name);
	tell(w, e->host, INPUT_STARTED, p, 0);
	mail_open(w, e->host, name);
}

static void
on_said(struct world *w, struct event *e, struct process *p)
{
	struct input in = {.kind = INPUT_NEWS};
	if (p->phase != PROCESS_RUNNING)
		return;
	if (!w->hosts[e->host].is_running)
		return;
	in.news = (struct input_news){
		.name = (const char *)e->body,
		.epoch = e->seq,
		.kind = (enum news_kind)e->status,
		.text = e->status == NEWS_SICK ? "its liveness probe failed"
					       : "",
	};
	world_step(w, e->host, &in);
}

static void
on_start_failed(struct world *w, struct event *e)
{
	struct input in = {.kind = INPUT_START_FAILED};
	enum start_blame blame = (enum start_blame)e->status;
	if (!w->hosts[e->host].is_running)
		return;
	in.start_failed = (struct input_start_failed){
		.name = (const char *)e->body,
		.epoch = e->seq,
		.blame = blame,
		.text = blame == BLAME_BUSY ? "the last start is not over yet"
			: blame == BLAME_STOPPED
				? "it was stopped before it began"
			: blame == BLAME_RESOLVE
				? "hooks.resolve_conflict: it exited 1"
				: "exec: no such file",
	};
	if (blame == BLAME_SERVICE || blame == BLAME_RESOLVE)
		later(w, e->host, EVENT_EMPTY, EMPTY_MS, (const char *)e->body,
			e->seq, 0);
	world_step(w, e->host, &in);
}

static void
on_exited(struct world *w, struct event *e, struct process *p)
{
	const struct behaviour *b = proc_behaviour(w, e->host, p->name);
	if (p->phase >= PROCESS_EXITED)
		return;
	p->phase = PROCESS_EXITED;
	p->status = e->status;
	observe(w, e->host, PROCESS_IS_EXITED, p);
	p->has_out |= b->is_writing_late && e->status == 0;
	if (!b->is_lingering)
		later(w, e->host, EVENT_EMPTY, empty_ms(w, e->host, p->name),
			p->name, p->epoch, 0);
	tell(w, e->host, INPUT_EXITED, p, 0);
}

static void
on_empty(struct world *w, struct event *e, struct process *p)
{
	if (p->phase < PROCESS_EXITED)
		return;
	p->phase = PROCESS_EMPTY;
	observe(w, e->host, PROCESS_IS_EMPTY, p);
	tell(w, e->host, INPUT_EMPTY, p, 0);
}

static void
on_answered(struct world *w, struct event *e, struct process *p)
{
	const struct behaviour *b = proc_behaviour(w, e->host, p->name);
	if (p->phase != PROCESS_RUNNING)
		return;
	if (e->status == ANSWER_CHECKPOINT) {
		write_aside(w, e->host, p);
		if (b->aside_ms)
			later(w, e->host, EVENT_ANSWERED, b->aside_ms, p->name,
				p->epoch, ANSWER_CHECKPOINT);
		tell(w, e->host, INPUT_ANSWERED, p, ANSWER_CHECKPOINT);
		return;
	}
	p->has_out |= e->status == ANSWER_RESUME;
	p->answer = (uint8_t)e->status;
	observe(w, e->host, PROCESS_HAS_ANSWERED, p);
	tell(w, e->host, INPUT_ANSWERED, p, (uint8_t)e->status);
}

/* Its state stands at $SKEP_STATE_OUT, by whomever it was written. */
static void
put_aside(struct world *w, uint32_t host, struct process *p)
{
	p->has_out = true;
	p->answer = ANSWER_RESUME;
	observe(w, host, PROCESS_HAS_ANSWERED, p);
	tell(w, host, INPUT_ANSWERED, p, ANSWER_RESUME);
}

/* Tells that something was renamed to $SKEP_CHECKPOINT_OUT, if that run is
 * there still. */
static void
tell_aside(struct world *w, uint32_t host, const char *name, uint64_t epoch)
{
	struct process *p = world_process(w, host, name);
	if (p && p->epoch == epoch && p->phase == PROCESS_RUNNING)
		tell(w, host, INPUT_ANSWERED, p, ANSWER_CHECKPOINT);
}

static void
on_ran(struct world *w, struct event *e, struct process *p)
{
	struct input in = {.kind = INPUT_RAN};
	bool is_failing = e->status >> 8;
	bool is_dump = (e->status & 0xff) == HOOK_HANDOFF;
	bool has_path = proc_behaviour(w, e->host, p->name)->has_path;
	bool is_aside = (e->status & 0xff) == HOOK_CHECKPOINT && !is_failing &&
			p->phase == PROCESS_RUNNING;
	if (is_dump && !is_failing && !has_path)
		put_aside(w, e->host, p);
	if (is_aside)
		write_aside(w, e->host, p);
	if (!w->hosts[e->host].is_running)
		return;
	in.ran = (struct input_ran){
		.name = (const char *)e->body,
		.epoch = e->seq,
		.hook = (enum hook)(e->status & 0xff),
		.is_ok = !is_failing,
		.text = is_failing ? "exited 1" : "",
	};
	world_step(w, e->host, &in);
	/* The keeper gave what it wrote its name, and sees that as well. */
	if (is_aside && !has_path && w->hosts[e->host].is_running)
		tell_aside(w, e->host, (const char *)e->body, e->seq);
}

static void
on_dumped(struct world *w, struct event *e, struct process *p)
{
	struct input in = {.kind = INPUT_DUMPED};
	char name[INSTANCE_NAME_MAX + 1];
	bool is_aside = e->status >> 8;
	/* It may have got its state_path since it began. */
	bool is_at_path =
		p->state.birth && proc_behaviour(w, e->host, p->name)->has_path;
	bool has_state = is_aside ? p->has_aside : p->has_out || is_at_path;
	bool can = has_state && !(e->status & 0xff);
	const struct state *what = is_aside ? &p->aside : &p->state;
	if (!w->hosts[e->host].is_running)
		return;
	strcpy(name, p->name);
	in.dumped = (struct input_dumped){
		.name = name,
		.epoch = p->epoch,
		.is_ok = can,
		.is_absent = !has_state,
		.is_checkpoint = is_aside,
		.size = state_size(w, e->host, p->name),
		.text = can ? "" : "no state could be read",
	};
	state_root(what, in.dumped.root);
	if (can) {
		state_keep(&w->hosts[e->host], what, is_aside ? 0 : p->epoch);
		state_observe(
			w, e->host, STATE_IS_SEALED, what, p->epoch, is_aside);
	}
	world_step(w, e->host, &in);
}

/* What was to be sealed is gone. */
static void
on_undumped(struct world *w, struct event *e)
{
	struct input in = {.kind = INPUT_DUMPED};
	if (!w->hosts[e->host].is_running)
		return;
	in.dumped = (struct input_dumped){
		.name = (const char *)e->body,
		.epoch = e->seq,
		.is_checkpoint = true,
		.is_absent = true,
		.text = "its work directory is gone",
	};
	world_step(w, e->host, &in);
}

void
proc_on_event(struct world *w, struct event *e)
{
	struct process *p = world_process(w, e->host, (const char *)e->body);
	bool is_current = e->start == w->hosts[e->host].keeper_starts;
	bool is_its = is_current && p && p->epoch == e->seq;
	if (is_current && e->kind == EVENT_FETCH)
		state_on_fetch(w, e);
	else if (is_current && e->kind == EVENT_START_FAILED)
		on_start_failed(w, e);
	else if (is_its && e->kind == EVENT_STARTED)
		on_started(w, e, p);
	else if (is_its && e->kind == EVENT_EXITED)
		on_exited(w, e, p);
	else if (is_its && e->kind == EVENT_EMPTY)
		on_empty(w, e, p);
	else if (is_its && e->kind == EVENT_ANSWERED)
		on_answered(w, e, p);
	else if (is_its && e->kind == EVENT_DUMPED)
		on_dumped(w, e, p);
	else if (is_current && e->kind == EVENT_DUMPED && e->status >> 8)
		on_undumped(w, e);
	else if (is_its && e->kind == EVENT_SAID)
		on_said(w, e, p);
	else if (is_its && e->kind == EVENT_RAN)
		on_ran(w, e, p);
	event_free(w, e);
}

void
proc_found(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->process_count; i++) {
		const struct process *p = &h->processes[i];
		struct input in = {.kind = INPUT_FOUND};
		bool is_alive = p->phase < PROCESS_EXITED;
		in.found = (struct input_found){
			.name = p->name,
			.epoch = p->epoch,
			.run_digest = p->run_digest,
			.pid = is_alive ? (uint32_t)(1000 + p->epoch) : 0,
			.status = is_alive ? 0 : p->status,
			.is_empty = p->phase == PROCESS_EMPTY,
			.is_ready = p->is_ready,
			.started_wall_ms = p->started_wall_ms,
			.has_run =
				p->phase != PROCESS_STARTING && !p->has_failed,
		};
		world_step(w, host, &in);
	}
}

void
proc_sealed(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	/* From the end: one that is dropped leaves its place to the last. */
	for (size_t i = h->state_count; i-- > 0;) {
		struct input in = {.kind = INPUT_SEALED};
		const struct state s = h->states[i];
		in.sealed.name = s.name;
		in.sealed.epoch = s.epoch;
		state_root(&s, in.sealed.root);
		in.sealed.size = state_size(w, host, s.name);
		world_step(w, host, &in);
	}
}

void
proc_answer_again(struct world *w, uint32_t host)
{
	struct host *h = &w->hosts[host];
	for (size_t i = 0; i < h->process_count; i++) {
		const struct process *p = &h->processes[i];
		if (p->phase == PROCESS_RUNNING && p->answer)
			later(w, host, EVENT_ANSWERED, 0, p->name, p->epoch,
				(int32_t)p->answer);
	}
}
