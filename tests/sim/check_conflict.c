/* H11: who goes on from the state of a copy that lost.
 *
 * H11 (always): who starts with such a state began its own line of starts with
 *     nothing, before that copy lost (by epochs), and the host that keeps the
 *     state has written down that it gave it to a run of that line; and nobody
 *     else ever started with it, before or later, but from a checkpoint that
 *     the one who went on from it made of it.  Who starts with such a state
 *     beside its own began its line before that copy lost, with whatever; all
 *     else is the same, and it has not joined that state already (fill_memory,
 *     by all that was joined on the way there; what both had when they parted
 *     they have in common, whatever that was made of).
 *
 * The books hold, for each sealed state that was kept as one of a copy that
 * lost, the epoch that won and the one that it was given to, as its host's
 * records say, and who started with it; and for each host and instance the
 * epoch under which its line began.  After the loss of a disk nothing is
 * demanded: what it had given is forgotten.  Nor is it of what two runs left
 * that began with the same state: here the two look the same (state_root).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/hash.h"
#include "core/core_private.h"
#include "tests/sim/check.h"

/* A state, by its root. */
struct origin_state {
	uint64_t winner;  /* what a record says; 0: it is in none */
	uint64_t given;	  /* the same; 0: to nobody */
	uint64_t epoch;	  /* of the run that left it */
	bool is_twin;	  /* another run left one that looks the same */
	uint32_t begun;	  /* 1 + a host that started with it */
	uint32_t adopted; /* 1 + the one that went on from it so */
};

struct lines {
	struct check *k;
	struct keys roots;	    /* root -> number in 'items', from 1 */
	struct origin_state *items; /* owned */
	uint32_t count;
	struct keys lines; /* host and name -> epoch; 0: there is none, or it
			      began with a state */
	struct keys any;   /* the same, whatever it began with */
};

static struct origin_state *
state_at(struct lines *l, const uint8_t root[DIGEST_SIZE])
{
	uint32_t *at = keys_at(&l->roots, check_root_key(root));
	if (!*at) {
		l->items = array_add(l->items, &l->count, sizeof *l->items);
		*at = l->count;
	}
	return &l->items[*at - 1];
}

/* A CONFLICT record, as conflict.c writes it. */
static void
on_stored(struct world *w, uint32_t host, enum core_table table,
	struct bytes key, struct bytes value, uint64_t seq, void *context)
{
	struct lines *l = context;
	struct reader r;
	uint8_t roots[CONFLICT_KEPT][DIGEST_SIZE];
	(void)w, (void)host, (void)key, (void)seq;
	if (table != TABLE_CONFLICT || !value.data)
		return;
	reader_init(&r, value.data, value.size);
	reader_u8(&r);
	uint8_t count = reader_u8(&r);
	CHECK(count <= CONFLICT_KEPT);
	for (uint8_t n = 0; n < count; n++) {
		reader_u64(&r); /* the epoch of the run that left it */
		uint64_t winner = reader_u64(&r);
		for (size_t i = 0; i < DIGEST_SIZE; i++)
			roots[n][i] = reader_u8(&r);
		reader_u64(&r); /* size, when it was sealed, for how long */
		reader_i64(&r);
		reader_u8(&r);
		reader_i64(&r);
		state_at(l, roots[n])->winner = winner;
		*keys_at(&l->k->lost, check_root_key(roots[n])) = 1;
	}
	for (uint8_t n = 0; n < count; n++) {
		uint64_t given = reader_u64(&r);
		/* For good; who keeps a copy of it may not know. */
		if (given)
			state_at(l, roots[n])->given = given;
	}
	CHECK(!r.bad);
}

/* 'line': the epoch under which the line of starts began. */
static void
check_adopted(struct lines *l, uint32_t host, const struct effect_start *s,
	struct origin_state *o, uint32_t line)
{
	const char *name = l->k->w->hosts[host].name;
	l->k->stats->adopted += !o->adopted;
	if (l->k->has_lost_disk || o->is_twin)
		return;
	if (o->adopted && o->adopted != host + 1)
		world_violated(l->k->w, "H11",
			"%s goes on with %s from a state that %s has gone on "
			"from",
			name, s->name, l->k->w->hosts[o->adopted - 1].name);
	if (o->begun)
		world_violated(l->k->w, "H11",
			"%s goes on with %s from a state that was started "
			"with on %s",
			name, s->name, l->k->w->hosts[o->begun - 1].name);
	if (!o->adopted && (o->given < line || o->given > s->epoch))
		world_violated(l->k->w, "H11",
			"%s goes on with %s, begun under %u, from a state that "
			"was given to %llu",
			name, s->name, line, (unsigned long long)o->given);
	if (!o->adopted && (!line || line > o->winner))
		world_violated(l->k->w, "H11",
			"%s goes on with %s, begun %sunder %u, from "
			"a state that had lost against %llu",
			name, s->name, s->has_theirs ? "" : "with nothing ",
			line, (unsigned long long)o->winner);
}

static void
on_start(struct lines *l, uint32_t host, const struct effect_start *s)
{
	uint64_t key = hash_mix(host, hash_text(s->name, 0));
	uint32_t *line = keys_at(&l->lines, key);
	uint32_t *any = keys_at(&l->any, key);
	enum row_state before = check_row_before(l->k, host, s->name);
	/* What it left when it was stopped is its own line's. */
	bool was_waiting = before == ROW_STOPPED && s->has_state &&
			   !strcmp(s->state_kind, "dump");
	bool is_first = !row_state_is_held(before) && !was_waiting;
	if (is_first || !*any)
		*any = (uint32_t)s->epoch;
	if (is_first)
		*line = 0;
	if (!s->has_state && !*line)
		*line = (uint32_t)s->epoch;
	if (!s->has_state || !strcmp(s->state_kind, "checkpoint"))
		return;
	struct origin_state *o;
	if (s->has_theirs) {
		o = state_at(l, s->theirs);
		check_adopted(l, host, s, o, *any);
		o->adopted = host + 1;
	}
	o = state_at(l, s->root);
	if (!s->has_theirs && !strcmp(s->state_kind, "conflict")) {
		check_adopted(l, host, s, o, *line);
		o->adopted = host + 1;
		return;
	}
	if (o->adopted && !o->is_twin && !l->k->has_lost_disk)
		world_violated(l->k->w, "H11",
			"%s starts %s with a state that %s has gone on from",
			l->k->w->hosts[host].name, s->name,
			l->k->w->hosts[o->adopted - 1].name);
	o->begun = host + 1;
	if (s->has_theirs || strcmp(s->state_kind, "dump") != 0)
		*line = 0;
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	(void)w, (void)in;
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind == EFFECT_START)
			on_start(context, host, &fx->items[i].start);
}

static void
on_process(struct world *w, uint32_t host, const struct world_process_event *e,
	void *context)
{
	(void)w, (void)host;
	if (e->what != STATE_IS_SEALED)
		return;
	struct origin_state *o = state_at(context, e->root);
	o->is_twin |= o->epoch && o->epoch != e->epoch;
	o->epoch = e->epoch;
}

static void
on_end(struct world *w, void *context)
{
	struct lines *l = context;
	(void)w;
	keys_fini(&l->roots);
	keys_fini(&l->lines);
	keys_fini(&l->any);
	free(l->items);
	free(l);
}

void
check_conflict(struct check *k)
{
	struct lines *l = calloc(1, sizeof *l);
	CHECK(l);
	l->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "conflict",
				    .on_step = on_step,
				    .on_stored = on_stored,
				    .on_process = on_process,
				    .on_end = on_end,
				    .context = l,
			    });
}

uint32_t
check_told(const struct core *c, const struct effects *fx, const char *name)
{
	uint32_t words = 0, drops = 0;
	bool is_done = false;
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->items[i];
		drops += e->kind == EFFECT_DROP && !strcmp(e->drop.name, name);
		if (e->kind != EFFECT_NOTE || e->note.kind != NOTE_CONFLICT ||
			strcmp(e->note.name, name) != 0)
			continue;
		words++;
		is_done = strstr(e->note.text, "that won goes on from it");
	}
	if (words == 0)
		return 0;
	list_each (l, &c->sealed.drops) {
		const struct sealed_drop *d =
			container_of(l, struct sealed_drop, link);
		drops += d->since.ms == c->now.ms && !strcmp(d->name, name);
	}
	return words == 1 && drops == 1 && is_done ? TOLD_DONE : TOLD;
}
