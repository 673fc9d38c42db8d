#include "tests/sim/world_observe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

void
world_observe(struct world *w, const struct world_observer *observer)
{
	CHECK(w->observer_count < WORLD_OBSERVERS);
	w->observers[w->observer_count++] = *observer;
}

void
world_enter(struct world *w, enum world_phase phase)
{
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_phase)
			o->on_phase(w, phase, o->context);
	}
}

_Noreturn void
world_violated(struct world *w, const char *invariant, const char *format, ...)
{
	va_list args;
	fflush(stdout);
	fprintf(stderr, "VIOLATED %s: seed %llu, at %lld ms, %s: ", invariant,
		(unsigned long long)w->seed, (long long)w->now.ms,
		w->observed < w->count ? w->hosts[w->observed].name : "-");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

const char *
world_process_what_name(enum world_process_what what)
{
	static const char *const names[] = {
#define X(what, name) [what] = name,
		WORLD_PROCESS_EVENTS(X)
#undef X
	};
	return names[what];
}

const char *
world_fault_name(enum world_fault what)
{
	static const char *const names[] = {
#define X(what, name) [WORLD_##what] = name,
		WORLD_FAULTS(X)
#undef X
	};
	return names[what];
}

/* --- For the world's own files --- */

void
observe_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx)
{
	w->observed = host;
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_step)
			o->on_step(w, host, in, fx, o->context);
	}
}

void
observe_effect(struct world *w, uint32_t host, const struct effect *e)
{
	w->observed = host;
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_effect)
			o->on_effect(w, host, e, o->context);
	}
}

void
observe_process(
	struct world *w, uint32_t host, const struct world_process_event *event)
{
	w->observed = host;
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_process)
			o->on_process(w, host, event, o->context);
	}
}

void
observe_mail(struct world *w, uint32_t host, const struct world_mail *mail)
{
	w->observed = host;
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_mail)
			o->on_mail(w, host, mail, o->context);
	}
}

void
observe_stored(struct world *w, uint32_t host, enum core_table table,
	struct bytes key, struct bytes value, uint64_t seq)
{
	w->observed = host;
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_stored)
			o->on_stored(
				w, host, table, key, value, seq, o->context);
	}
}

void
observe_fault(struct world *w, enum world_fault what, uint32_t a, uint32_t b,
	int64_t number)
{
	struct world_fault_event event = {what, a, b, number};
	w->observed = a;
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_fault)
			o->on_fault(w, &event, o->context);
	}
}

void
observe_end(struct world *w)
{
	for (uint32_t i = 0; i < w->observer_count; i++) {
		const struct world_observer *o = &w->observers[i];
		if (o->on_end)
			o->on_end(w, o->context);
	}
	w->observer_count = 0;
}
