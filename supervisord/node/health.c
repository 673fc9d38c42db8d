#include "node/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "node/prober.h"
#include "spec/spec.h"

#define BUCKETS 1024

enum watch_phase {
	WATCH_WAITING, /* for STARTED, or for the word that it is ready */
	WATCH_READINESS,
	WATCH_LIVENESS,
	WATCH_OVER, /* it is being ended */
};

/* One start that is asked. */
struct watch {
	struct health *health;
	struct map_link by_name;
	struct list link; /* health.all */
	uint64_t epoch;
	enum watch_phase phase;
	struct spec *spec;
	struct spec_launch texts; /* the probes, expanded */
	ev_timer timer;
	uint32_t number;   /* of the probe under way, 0: none */
	bool is_due;	   /* the timer fired meanwhile */
	int32_t failures;  /* in a row */
	int32_t successes; /* in a row */
	char name[INSTANCE_NAME_MAX + 1];
};

struct health {
	struct ev_loop *loop;
	struct keeper *keeper;
	struct prober *prober; /* made with the first question */
	const char *host;
	health_fn *say;
	void *context;
	struct map_link *buckets[BUCKETS];
	struct map by_name;
	struct list all;
	uint32_t next_number;
};

/* --- The table --- */

static struct watch *
find(const struct health *h, const char *name)
{
	struct map_link *l = map_first(&h->by_name, hash_text(name, 0));
	for (; l; l = map_next(&h->by_name, l)) {
		struct watch *w = container_of(l, struct watch, by_name);
		if (strcmp(w->name, name) == 0)
			return w;
	}
	return NULL;
}

static void
forget(struct watch *w)
{
	ev_timer_stop(w->health->loop, &w->timer);
	map_remove(&w->health->by_name, &w->by_name);
	list_remove(&w->link);
	spec_launch_fini(&w->texts);
	spec_free(w->spec);
	free(w);
}

/* --- Probes --- */

static const struct spec_probe *
probe_of(const struct watch *w)
{
	return w->phase == WATCH_LIVENESS ? &w->texts.liveness
					  : &w->texts.readiness;
}

static void
say(struct watch *w, enum news_kind kind, const char *text)
{
	struct input in = {
		.kind = INPUT_NEWS,
		.news = {w->name, w->epoch, kind, 0, text},
	};
	w->health->say(w->health->context, &in);
}

/* For people: what is asked. */
static const char *
describe(const struct watch *w, char *out, size_t size)
{
	const struct spec_probe *p = probe_of(w);
	if (p->has_http)
		snprintf(out, size, "http %s:%d%s", p->http_host, p->http_port,
			p->http_path);
	else if (p->has_tcp)
		snprintf(out, size, "tcp %s:%d", p->tcp_host, p->tcp_port);
	else
		snprintf(out, size, "exec %s", p->exec.items[0]);
	return out;
}

static void on_result(struct watch *w, bool is_well, const char *text);

static void
on_answer(void *context, const struct probe_answer *v)
{
	struct health *h = context;
	list_each_safe (l, &h->all) {
		struct watch *w = container_of(l, struct watch, link);
		if (w->number != v->number)
			continue;
		on_result(w, v->is_well, v->text);
		return;
	}
}

static void
ask_prober(struct watch *w, const struct spec_probe *p)
{
	struct health *h = w->health;
	struct probe_ask ask = {
		.number = w->number,
		.way = p->has_http ? PROBE_HTTP : PROBE_TCP,
		.port = (uint16_t)(p->has_http ? p->http_port : p->tcp_port),
		.host = p->has_http ? p->http_host : p->tcp_host,
		.path = p->has_http ? p->http_path : "",
		.timeout_ms = p->timeout_ms,
	};
	if (!h->prober)
		h->prober = prober_new(h->loop, on_answer, h);
	prober_ask(h->prober, &ask);
}

static void
ask(struct watch *w)
{
	const struct spec_probe *p = probe_of(w);
	if (w->number) {
		w->is_due = true;
		return;
	}
	w->is_due = false;
	if (++w->health->next_number == 0)
		w->health->next_number = 1;
	w->number = w->health->next_number;
	if (p->exec.count == 0)
		ask_prober(w, p);
	else
		keeper_probe(w->health->keeper, w->name, w->epoch,
			w->phase == WATCH_LIVENESS ? KCMD_LIVENESS
						   : KCMD_READINESS,
			p->timeout_ms);
}

static void
on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	ask(t->data);
}

static void
begin(struct watch *w, enum watch_phase phase)
{
	w->phase = phase;
	w->failures = w->successes = 0;
	w->number = 0; /* an answer about something else is stale */
	double period = (double)probe_of(w)->period_ms / 1000.;
	/* Readiness is asked at once: the first answer is awaited. */
	double first = phase == WATCH_READINESS ? 0. : period;
	ev_timer_stop(w->health->loop, &w->timer);
	ev_timer_set(&w->timer, first, period);
	ev_timer_start(w->health->loop, &w->timer);
}

static void
end(struct watch *w, enum watch_phase phase)
{
	w->phase = phase;
	w->number = 0;
	ev_timer_stop(w->health->loop, &w->timer);
}

/* --- Results --- */

static void
on_sick(struct watch *w, const char *text)
{
	char what[256], sentence[NOTE_TEXT_MAX];
	snprintf(sentence, sizeof sentence, "liveness: %s: %s (%d in a row)",
		describe(w, what, sizeof what), text, w->failures);
	end(w, WATCH_OVER);
	say(w, NEWS_SICK, sentence);
}

static void
on_result(struct watch *w, bool is_well, const char *text)
{
	const struct spec_probe *p = probe_of(w);
	w->number = 0;
	w->failures = is_well ? 0 : w->failures + 1;
	w->successes = is_well ? w->successes + 1 : 0;
	if (w->phase == WATCH_READINESS &&
		w->successes >= p->success_threshold) {
		end(w, WATCH_WAITING);
		say(w, NEWS_READY, "");
	} else if (w->phase == WATCH_LIVENESS &&
		   w->failures >= p->failure_threshold) {
		on_sick(w, text);
	} else if (w->is_due) {
		ask(w);
	}
}

void
health_on_ran(struct health *h, const char *name, const struct kproto_ran *ran)
{
	char text[256];
	struct watch *w = find(h, name);
	if (!w || w->epoch != ran->epoch || w->number == 0)
		return;
	const char *said = ran->text[0] ? ": " : "";
	if (ran->is_refused)
		snprintf(text, sizeof text, "%s", ran->text);
	else if (ran->has_expired)
		snprintf(text, sizeof text, "no end within its timeout");
	else if (WIFSIGNALED(ran->status))
		snprintf(text, sizeof text, "killed by signal %d",
			WTERMSIG(ran->status));
	else
		snprintf(text, sizeof text, "exited %d%s%s",
			WEXITSTATUS(ran->status), said, ran->text);
	on_result(w, ran->status == 0 && !ran->has_expired && !ran->is_refused,
		text);
}

/* --- Life --- */

static bool
has_readiness_probe(const struct spec *s)
{
	const struct spec_readiness *r = &s->readiness;
	return r->is_present && !r->notify && !r->fd && !r->log_line[0];
}

/* Most services have no probe, and their bodies need no parsing. */
static bool
may_have_probes(struct bytes body)
{
	return memmem(body.data, body.size, "\"liveness\"", 10) ||
	       memmem(body.data, body.size, "\"readiness\"", 11);
}

/* Reads the spec; NULL when it has nothing to be asked for. */
static struct spec *
read_spec(struct bytes body)
{
	struct spec *spec = NULL;
	if (!may_have_probes(body) ||
		spec_from_body(body.data, body.size, &spec, NULL) != 0)
		return NULL;
	if (spec->liveness.is_present || has_readiness_probe(spec))
		return spec;
	spec_free(spec);
	return NULL;
}

static void
expand(struct watch *w)
{
	char service[INSTANCE_NAME_MAX + 1];
	struct spec_names names = {
		.service = service,
		.full = w->name,
		.host = w->health->host,
	};
	CHECK(spec_split_name(w->name, service, &names.instance) == 0);
	spec_expand(w->spec, &names, &w->texts);
}

void
health_on_start(
	struct health *h, const char *name, uint64_t epoch, struct bytes body)
{
	struct watch *w = find(h, name);
	if (w)
		forget(w);
	struct spec *spec = read_spec(body);
	if (!spec)
		return;
	w = calloc(1, sizeof *w);
	CHECK(w && strlen(name) < sizeof w->name);
	w->health = h;
	w->epoch = epoch;
	w->spec = spec;
	strcpy(w->name, name);
	expand(w);
	ev_timer_init(&w->timer, on_timer, 0., 0.);
	w->timer.data = w;
	map_insert(&h->by_name, &w->by_name, hash_text(name, 0));
	list_append(&h->all, &w->link);
}

void
health_on_found(
	struct health *h, const struct input_found *found, struct bytes body)
{
	if (!found->pid)
		return;
	health_on_start(h, found->name, found->epoch, body);
	struct watch *w = find(h, found->name);
	if (w && !found->is_ready && has_readiness_probe(w->spec))
		begin(w, WATCH_READINESS);
	else if (w && found->is_ready && w->spec->liveness.is_present)
		begin(w, WATCH_LIVENESS);
}

void
health_on_input(struct health *h, const struct input *in)
{
	if (in->kind != INPUT_STARTED && in->kind != INPUT_EXITED &&
		in->kind != INPUT_EMPTY)
		return;
	struct watch *w = find(h, in->proc.name);
	if (!w || w->epoch != in->proc.epoch)
		return;
	if (in->kind != INPUT_STARTED)
		forget(w);
	else if (has_readiness_probe(w->spec))
		begin(w, WATCH_READINESS);
}

void
health_on_note(struct health *h, const struct effect_note *note)
{
	if (note->kind == NOTE_READY)
		keeper_ready(h->keeper, note->name, note->epoch);
	if (note->kind != NOTE_READY && note->kind != NOTE_STOPPING)
		return;
	struct watch *w = find(h, note->name);
	if (!w || w->epoch != note->epoch)
		return;
	if (note->kind == NOTE_STOPPING)
		end(w, WATCH_OVER);
	else if (w->spec->liveness.is_present)
		begin(w, WATCH_LIVENESS);
}

struct health *
health_new(struct ev_loop *loop, struct keeper *keeper, const char *host,
	health_fn *say_fn, void *context)
{
	struct health *h = calloc(1, sizeof *h);
	CHECK(h);
	h->loop = loop;
	h->keeper = keeper;
	h->host = host;
	h->say = say_fn;
	h->context = context;
	map_init(&h->by_name, h->buckets, BUCKETS);
	list_init(&h->all);
	return h;
}

void
health_free(struct health *h)
{
	if (!h)
		return;
	list_each_safe (l, &h->all)
		forget(container_of(l, struct watch, link));
	prober_free(h->prober);
	free(h);
}
