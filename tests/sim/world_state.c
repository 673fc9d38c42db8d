/* Sealed states on the disks of hosts, and those on their way between them. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/world_private.h"

#define FETCH_MS	   10
#define FETCH_RETRY_MS	   200
#define FETCH_RETRY_MAX_MS 5000
#define STATE_SIZE	   1000 /* bytes that every state is said to have */

/* The digest of a state stands for its content. */
void
state_root(const struct state *s, uint8_t root[DIGEST_SIZE])
{
	uint64_t words[4] = {hash_text(s->name, 0), s->birth, s->lives,
		0x736b6570 + (s->work << 32)};
	for (uint32_t i = 0; i < s->part_count; i++)
		words[3] = hash_mix(words[3], s->parts[i].key);
	memcpy(root, words, DIGEST_SIZE);
}

bool
state_has(const struct state *s, uint64_t birth)
{
	bool has = s->birth == birth;
	for (uint32_t i = 0; i < s->part_count; i++)
		has |= s->parts[i].birth == birth;
	return has;
}

/* Puts one more into it; false if it is there already. */
static bool
add_part(struct state *s, struct state_part part)
{
	for (uint32_t i = 0; i < s->part_count; i++)
		if (s->parts[i].key == part.key)
			return false;
	if (s->part_count < STATE_PARTS_MAX)
		s->part_count++;
	memmove(s->parts + 1, s->parts, (s->part_count - 1) * sizeof part);
	s->parts[0] = part;
	return true;
}

bool
state_join(struct state *s, const struct state *other)
{
	uint8_t root[DIGEST_SIZE];
	state_root(other, root);
	for (uint32_t i = other->part_count; i-- > 0;)
		add_part(s, other->parts[i]);
	return add_part(
		s, (struct state_part){
			   hash_bytes(root, DIGEST_SIZE, 0), other->birth});
}

void
state_observe(struct world *w, uint32_t host, enum world_process_what what,
	const struct state *s, uint64_t epoch, bool is_aside)
{
	uint8_t root[DIGEST_SIZE];
	state_root(s, root);
	struct world_process_event event = {
		.what = what,
		.name = s->name,
		.epoch = epoch,
		.status = is_aside,
		.birth = s->birth,
		.lives = s->lives,
		.work = s->work,
		.root = root,
	};
	observe_process(w, host, &event);
}

/* --- States --- */

struct state *
state_find(const struct host *h, const uint8_t root[DIGEST_SIZE])
{
	for (size_t i = 0; i < h->state_count; i++) {
		uint8_t there[DIGEST_SIZE];
		state_root(&h->states[i], there);
		if (!memcmp(there, root, DIGEST_SIZE))
			return &h->states[i];
	}
	return NULL;
}

/* Whether a move has one of its states, or a start that is not over: those were
 * verified when they came, and are not a second time.  A checkpoint that a move
 * carries is, where it came from.  A host that is down does not tell. */
static bool
is_in_hand(const struct core *c, const char *name)
{
	const struct instance *i = c ? instance_find(c, name) : NULL;
	const struct handoff *h = c ? handoff_find(c, name) : NULL;
	return !c || (i && i->staged) || (h && !h->is_carried);
}

bool
world_rot(struct world *w, uint32_t host, const char *name)
{
	struct host *h = &w->hosts[host];
	struct state *newest = NULL;
	for (size_t i = 0; i < h->state_count; i++) {
		struct state *s = &h->states[i];
		if (!strcmp(s->name, name) && s->is_aside &&
			!is_in_hand(h->core, name) &&
			(!newest || s->work > newest->work))
			newest = s;
	}
	if (newest && !newest->is_rotten) {
		newest->is_rotten = true;
		newest->rotten_at = h->core->now;
	}
	return newest;
}

bool
world_has_sound(
	const struct world *w, uint32_t host, const uint8_t root[DIGEST_SIZE])
{
	const struct state *s = state_find(&w->hosts[host], root);
	return s && !s->is_rotten;
}

void
state_keep(struct host *h, const struct state *s, uint64_t epoch)
{
	uint8_t root[DIGEST_SIZE];
	state_root(s, root);
	struct state *there = state_find(h, root);
	if (there) {
		there->epoch = epoch;
		there->is_rotten = false; /* it was written anew */
		return;
	}
	h->states = realloc(h->states, (h->state_count + 1) * sizeof *s);
	CHECK(h->states);
	h->states[h->state_count] = *s;
	h->states[h->state_count++].epoch = epoch;
}

static struct fetching *
find_fetch(
	const struct host *h, const char *name, const uint8_t root[DIGEST_SIZE])
{
	for (size_t i = 0; i < h->fetch_count; i++)
		if (!strcmp(h->fetches[i].name, name) &&
			!memcmp(h->fetches[i].root, root, DIGEST_SIZE))
			return &h->fetches[i];
	return NULL;
}

static struct fetching *
add_fetch(struct host *h)
{
	size_t size = (h->fetch_count + 1) * sizeof *h->fetches;
	h->fetches = realloc(h->fetches, size);
	CHECK(h->fetches);
	return memset(&h->fetches[h->fetch_count++], 0, sizeof *h->fetches);
}

static void
end_fetch(struct host *h, struct fetching *f)
{
	*f = h->fetches[--h->fetch_count];
}

static void
try_fetch(
	struct world *w, uint32_t host, const struct fetching *f, int64_t in_ms)
{
	struct event *e = event_new(w, EVENT_FETCH, host, in_ms,
		(struct bytes){f->name, strlen(f->name) + 1});
	e->start = w->hosts[host].keeper_starts;
	e->dial = f->number;
	event_push(w, e);
}

/* As the real one: one that is under way only hears where the state is. */
void
state_fetch(struct world *w, uint32_t host, const struct effect_fetch *e)
{
	struct host *h = &w->hosts[host];
	struct fetching *f = find_fetch(h, e->name, e->root);
	bool is_new = !f;
	if (is_new)
		f = add_fetch(h);
	CHECK(strlen(e->address) < sizeof f->address);
	strcpy(f->address, e->address);
	if (!is_new)
		return;
	strcpy(f->name, e->name);
	memcpy(f->root, e->root, DIGEST_SIZE);
	f->number = ++w->next_fetch;
	f->retry_ms = FETCH_RETRY_MS;
	try_fetch(w, host, f, FETCH_MS);
}

static void
lose_state(struct world *w, uint32_t host, struct state *s)
{
	struct host *h = &w->hosts[host];
	state_observe(w, host, STATE_IS_DROPPED, s, 0, s->is_rotten);
	*s = h->states[--h->state_count];
}

void
state_drop(struct world *w, uint32_t host, const struct effect_drop *d)
{
	struct host *h = &w->hosts[host];
	struct state *s = state_find(h, d->root);
	struct fetching *f = find_fetch(h, d->name, d->root);
	if (f)
		end_fetch(h, f);
	if (!s)
		return;
	lose_state(w, host, s);
}

/* What became of a fetch: it is over either way. */
static void
tell_fetched(struct world *w, uint32_t host, struct fetching *f,
	const struct state *s)
{
	struct host *h = &w->hosts[host];
	struct fetching done = *f;
	struct input in = {.kind = INPUT_FETCHED};
	end_fetch(h, f);
	in.fetched = (struct input_fetched){
		.name = done.name,
		.is_ok = s != NULL,
		.is_final = true,
		.bytes = s ? STATE_SIZE : 0,
		.text = !s		  ? "the state could not be fetched"
			: done.was_rotten ? "what was here was damaged"
					  : "",
	};
	memcpy(in.fetched.root, done.root, DIGEST_SIZE);
	if (s) {
		struct state came = *s;
		state_keep(h, &came, 0);
		state_observe(w, host, STATE_IS_FETCHED, &came, 0, false);
	}
	world_step(w, host, &in);
}

/* Who cannot be reached is tried again, until the node does not want it any
 * more; who has no such state says so, and that is final, like a disk here
 * that does not take it. */
void
state_on_fetch(struct world *w, struct event *e)
{
	struct host *h = &w->hosts[e->host];
	struct fetching *f = NULL;
	for (size_t i = 0; i < h->fetch_count; i++)
		if (h->fetches[i].number == e->dial)
			f = &h->fetches[i];
	if (!f || !h->is_running)
		return;
	struct state *here = state_find(h, f->root);
	if (here && !here->is_rotten) {
		tell_fetched(w, e->host, f, here);
		return;
	}
	f->was_rotten |= here != NULL;
	if (here)
		lose_state(w, e->host, here);
	if (!f->address[0]) {
		tell_fetched(w, e->host, f, NULL);
		return;
	}
	uint32_t from = world_host_at(w, f->address);
	bool can_reach = from != WORLD_HOSTS && w->hosts[from].is_running &&
			 world_has_bulk(w, from, e->host);
	if (!can_reach) {
		try_fetch(w, e->host, f, f->retry_ms);
		f->retry_ms *= 2;
		if (f->retry_ms > FETCH_RETRY_MAX_MS)
			f->retry_ms = FETCH_RETRY_MAX_MS;
		return;
	}
	bool is_failing = proc_behaviour(w, e->host, f->name)->is_fetch_failing;
	const struct state *s = state_find(&w->hosts[from], f->root);
	tell_fetched(
		w, e->host, f, is_failing || (s && s->is_rotten) ? NULL : s);
}
