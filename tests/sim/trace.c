#include "tests/sim/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SUBJECT_MAX 160
#define BUCKETS	    4096

/* What something was last. */
struct subject {
	struct subject *next;
	uint32_t host;
	char name[SUBJECT_MAX];
	const char *state; /* static text */
};

struct trace {
	mono start;
	struct subject *buckets[BUCKETS];
};

/* Remembers 'state'; returns what it was. */
static const char *
change(struct trace *t, uint32_t host, const char *name, const char *state)
{
	struct subject **at =
		&t->buckets[hash_mix(host, hash_text(name, 0)) % BUCKETS];
	struct subject *s = *at;
	while (s && (s->host != host || strcmp(s->name, name) != 0))
		s = s->next;
	if (!s) {
		s = calloc(1, sizeof *s);
		CHECK(s);
		s->host = host;
		snprintf(s->name, sizeof s->name, "%s", name);
		s->state = "-";
		s->next = *at;
		*at = s;
	}
	const char *was = s->state;
	s->state = state;
	return was;
}

static void
print(struct trace *t, struct world *w, uint32_t host, const char *name,
	const char *state, const char *why)
{
	int64_t ms = mono_diff(w->now, t->start);
	printf("%6lld.%03d %-8s %-20s %-11s -> %-11s %s\n",
		(long long)(ms / 1000), (int)(ms % 1000), w->hosts[host].name,
		name, change(t, host, name, state), state, why);
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	char why[NOTE_TEXT_MAX + 40];
	if (e->kind != EFFECT_NOTE)
		return;
	snprintf(why, sizeof why, e->note.epoch ? "%s epoch %llu" : "%s",
		e->note.text, (unsigned long long)e->note.epoch);
	print(context, w, host, e->note.name, note_kind_name(e->note.kind),
		why);
}

static void
on_process(struct world *w, uint32_t host,
	const struct world_process_event *event, void *context)
{
	char name[SUBJECT_MAX], why[64] = "";
	snprintf(name, sizeof name, "%s/%llu", event->name,
		(unsigned long long)event->epoch);
	if (event->birth)
		snprintf(why, sizeof why, "state %llu.%llu",
			(unsigned long long)event->birth,
			(unsigned long long)event->lives);
	else if (event->status)
		snprintf(why, sizeof why, "status %d", (int)event->status);
	print(context, w, host, name, world_process_what_name(event->what),
		why);
}

static void
on_fault(struct world *w, const struct world_fault_event *event, void *context)
{
	char name[SUBJECT_MAX], why[32] = "";
	uint32_t host = event->a == WORLD_NO_HOST ? 0 : event->a;
	snprintf(name, sizeof name, "%s%s%s", w->hosts[host].name,
		event->b == WORLD_NO_HOST ? "" : ">",
		event->b == WORLD_NO_HOST ? "" : w->hosts[event->b].name);
	if (event->number)
		snprintf(why, sizeof why, "%lld", (long long)event->number);
	print(context, w, host, name, world_fault_name(event->what), why);
}

static void
on_end(struct world *w, void *context)
{
	struct trace *t = context;
	(void)w;
	for (uint32_t i = 0; i < BUCKETS; i++)
		while (t->buckets[i]) {
			struct subject *s = t->buckets[i];
			t->buckets[i] = s->next;
			free(s);
		}
	free(t);
}

void
trace_attach(struct world *w)
{
	struct trace *t = calloc(1, sizeof *t);
	CHECK(t);
	t->start = w->now;
	world_observe(w, &(struct world_observer){
				 .name = "trace",
				 .on_effect = on_effect,
				 .on_process = on_process,
				 .on_fault = on_fault,
				 .on_end = on_end,
				 .context = t,
			 });
}
