/* What is looked at in every state of a tiny world. */
#include <string.h>

#include "base/hash.h"
#include "core/wire.h"
#include "tests/sim/tiny.h"

/* --- The canonical hash --- */

struct sum {
	uint64_t value;
};

static void
add(struct sum *s, uint64_t v)
{
	s->value = hash_mix(s->value, v);
}

static void
add_bytes(struct sum *s, const void *data, size_t size)
{
	add(s, hash_bytes(data, size, size));
}

static bool
is_armed(mono at)
{
	return at.ms != MONO_NEVER.ms;
}

static void
add_instance(struct sum *s, const struct core *c)
{
	const struct instance *i = instance_find(c, TINY_NAME);
	add(s, i != NULL);
	if (!i)
		return;
	add(s, (uint64_t)i->state << 8 | i->purpose);
	add(s, i->epoch);
	add(s, i->epoch_reserved);
	add(s, i->epoch_floor);
	add(s, i->epoch_used);
	add(s, i->is_past);
	add(s, i->epoch_after > c->stored_seq ? i->epoch_after - c->stored_seq
					      : 0);
	add(s, (uint64_t)(i->is_remembered | i->is_refused << 1 |
			  i->has_start_failed << 2 | i->is_over << 3 |
			  i->is_found << 4 | i->is_salvaging << 5 |
			  (i->staged != NULL) << 6 | i->is_killed << 7 |
			  i->keeps_move << 8 | i->passes_on << 9 |
			  i->is_left_alone << 10 | i->was_ready << 11 |
			  (i->stopped_in_vain > 0) << 12 | i->is_sick << 13));
	add(s, (uint64_t)i->phase << 8 | (i->failures > 3 ? 3 : i->failures));
	add(s, is_armed(i->deadline));
	add(s, i->stop_until.ms != MONO_NEVER.ms);
	add(s, i->seen_move);
	add(s, hash_text(i->last_owner, 1));
	if (i->staged)
		add_bytes(s, i->staged->root, DIGEST_SIZE);
	add(s, mono_diff(i->move_again_at, c->now) > 0);
}

static void
add_handoff(struct sum *s, const struct core *c)
{
	const struct handoff *h = handoff_find(c, TINY_NAME);
	add(s, is_armed(c->handoffs.retry_at));
	add(s, h != NULL);
	if (!h)
		return;
	add(s, h->state);
	add(s, h->epoch);
	add(s, h->epoch_known);
	add(s, h->attempt);
	add(s, hash_text(h->peer_name, 0));
	add(s, h->stored > c->stored_seq ? h->stored - c->stored_seq : 0);
	add(s, (uint64_t)(h->has_root | h->wants_dump << 1 |
			  h->is_required << 2 | h->is_signalled << 3 |
			  h->is_cancelled << 4 | h->is_yield << 5 |
			  h->starts_first << 6 | h->is_refused << 7 |
			  h->is_passed << 8 | h->adopts << 9));
	if (h->has_root)
		add_bytes(s, h->root, DIGEST_SIZE);
	add(s, (uint64_t)(is_armed(h->deadline) | is_armed(h->resend_at) << 1 |
			  is_armed(h->until) << 2));
}

static void
add_conflict(struct sum *s, const struct core *c)
{
	const struct conflict *k = conflict_find(c, TINY_NAME);
	const struct instance *i = instance_find(c, TINY_NAME);
	add(s, i ? i->used : 0);
	for (uint32_t n = 0; k && n < k->word.count; n++)
		add_bytes(s, k->word.kept[n].root, DIGEST_SIZE);
	if (k)
		add(s, k->stored > c->stored_seq ? k->stored - c->stored_seq
						 : 0);
}

/* What a row says of states of copies that lost, but for when that was. */
static void
add_word(struct sum *s, const struct row *row)
{
	struct conflict_word word;
	if (!conflict_read_row(row, &word))
		return;
	add(s, word.used);
	for (uint32_t n = 0; n < word.count; n++)
		add_bytes(s, word.kept[n].root, DIGEST_SIZE);
}

static void
add_rows(struct sum *s, const struct core *c, uint32_t origin)
{
	const struct row *r = NULL;
	const struct origin *log = &c->registry.origins[origin];
	add(s, (uint64_t)(log->is_ready | log->is_shown << 1 |
			  (log->next != NULL) << 2 | log->has_end << 3 |
			  registry_is_complete(c, origin) << 4 |
			  is_armed(log->behind_at) << 5));
	while ((r = registry_walk(c, origin, r)) != NULL) {
		add(s, r->value.state);
		add(s, r->value.epoch);
		add(s, r->value.kind);
		add_word(s, r);
	}
}

static void
add_members(struct sum *s, const struct core *c)
{
	const struct member_table *t = &c->members;
	add(s, (uint64_t)t->hold << 4 | (uint64_t)(t->is_founding));
	add(s, (uint64_t)(t->stall.is_on | is_armed(t->stall.quiet_until)
						   << 1));
	for (member_id id = 1; id < t->count; id++) {
		const struct member *m = &t->items[id];
		add(s, (uint64_t)m->state);
		add(s, (uint64_t)((m->link != 0) | (m->dial != 0) << 1 |
				  m->has_heartbeat << 2 | m->is_in_stable << 3 |
				  m->hb_is_ready << 4 | m->hb_is_lonely << 5 |
				  (m->hb_view_digest == t->view_digest) << 6 |
				  member_is_expected(c, id) << 7 |
				  m->is_list_lost << 8));
	}
	for (member_id id = 0; id < t->count; id++) {
		add(s, hash_text(t->items[id].name, 0));
		add_rows(s, c, id);
	}
	add(s, registry_epoch_max(c, TINY_NAME));
}

static void
add_drops(struct sum *s, const struct core *c)
{
	list_each (l, &c->sealed.drops) {
		const struct sealed_drop *d =
			container_of(l, struct sealed_drop, link);
		add_bytes(s, d->root, DIGEST_SIZE);
		add(s, d->after > c->stored_seq ? d->after - c->stored_seq : 0);
	}
}

static void
add_core(struct sum *s, const struct core *c)
{
	add_instance(s, c);
	add_handoff(s, c);
	add_conflict(s, c);
	add_drops(s, c);
	add_members(s, c);
	add(s, (uint64_t)((c->duty.waiting.next != &c->duty.waiting) |
			  is_armed(c->duty.gate_since) << 1 |
			  c->duty.is_gate_overrun << 2 |
			  is_armed(c->duty.expect_until) << 3));
	add(s, c->registry.push_after > c->stored_seq
			? c->registry.push_after - c->stored_seq
			: 0);
}

static void
add_record(struct sum *s, const struct tiny_record *r)
{
	if (r->table != TABLE_OWNER && r->table != TABLE_HANDOFF)
		return;
	add(s, r->table);
	add_bytes(s, r->value, r->size);
}

static void
add_host(struct sum *s, const struct tiny_host *h)
{
	uint64_t records = 0;
	add(s, (uint64_t)(h->is_up | h->is_keeper_up << 1 | h->is_gone << 2 |
			  h->is_dumping << 3));
	add_bytes(s, &h->proc, sizeof h->proc);
	add_bytes(s, &h->is_fetching, sizeof h->is_fetching);
	add_bytes(s, h->sealed, sizeof h->sealed);
	add_bytes(s, h->sealed_epochs, sizeof h->sealed_epochs);
	for (uint32_t i = 0; i < h->record_count; i++) {
		struct sum one = {0};
		add_record(&one, &h->records[i]);
		records += one.value;
	}
	add(s, records);
	for (uint32_t i = 0; i < h->dirty_count; i++)
		add_record(s, &h->dirty[i]);
	for (uint32_t i = 0; i < h->held_count; i++) {
		const struct tiny_held *e = &h->held[i];
		add(s, e->after - h->stored);
		add(s, (uint64_t)e->kind << 2 | e->is_void << 1 |
				e->is_at_hand);
		add(s, e->epoch);
		add_bytes(s, &e->state, sizeof e->state);
		add(s, e->frame.type);
		add_bytes(s, e->frame.body, e->frame.size);
	}
	if (h->is_up)
		add_core(s, h->core);
}

static void
add_way(struct sum *s, const struct tiny *t, const struct tiny_queue *q)
{
	uint64_t bag = 0;
	for (uint32_t i = 0; i < q->count; i++) {
		const struct tiny_frame *f = &q->items[i];
		uint64_t one = hash_bytes(f->body, f->size, f->type);
		if (t->is_bag && f->type >= WIRE_HANDOFF_OFFER)
			bag += one;
		else
			add(s, one);
	}
	add(s, bag);
	add(s, q->count);
}

uint64_t
tiny_hash(const struct tiny *t)
{
	const struct tiny_net *n = t->net;
	struct sum s = {1};
	for (uint32_t i = 0; i < t->count; i++)
		add_host(&s, t->hosts[i]);
	for (uint32_t a = 0; a < t->count; a++)
		for (uint32_t b = 0; b < t->count; b++) {
			add(&s, (uint64_t)(n->is_cut[a][b] |
					   (n->link[a][b] != 0) << 1));
			add_way(&s, t, &n->way[a][b]);
		}
	add_bytes(&s, n->spent, sizeof n->spent);
	add_bytes(&s, &n->newest, sizeof n->newest);
	add(&s, (uint64_t)(n->is_lost | n->is_split << 1 | n->is_frozen << 2));
	add_bytes(&s, n->epochs_used, sizeof n->epochs_used);
	add_bytes(&s, n->wiped_at, sizeof n->wiped_at);
	add_bytes(&s, n->is_begun, sizeof n->is_begun);
	add(&s, n->is_stop_forgotten && t->kind == TINY_FIRST);
	if (t->is_required)
		add(&s, (uint64_t)n->last_host << 1 | n->is_waived);
	return s.value;
}

/* --- Invariants --- */

bool
tiny_is_buried(const struct tiny *t, uint32_t host, uint32_t about)
{
	const struct core *c = t->hosts[host]->core;
	member_id id = member_find(c, t->hosts[about]->name);
	return id != MEMBER_NONE && !member_is_present(c, id) &&
	       !member_is_expected(c, id);
}

void
tiny_notice_split(struct tiny *t)
{
	for (uint32_t a = 0; a < t->count; a++)
		for (uint32_t b = 0; b < t->count; b++) {
			bool is_now = a != b && t->hosts[a]->is_up &&
				      tiny_is_buried(t, a, b);
			if (is_now && !t->net->is_buried[a][b] &&
				t->hosts[b]->is_keeper_up)
				t->net->is_split = true;
			t->net->is_buried[a][b] = is_now;
		}
}

/* What core_check does, but for the tree of specs: nothing writes to it. */
static void
check_core(const struct core *c)
{
	CHECK(c->stored_seq <= c->store_seq);
	member_check(c);
	registry_check(c);
	instance_check(c);
}

const char *
tiny_trouble(struct tiny *t)
{
	const struct tiny_net *n = t->net;
	uint32_t live = 0;
	tiny_notice_split(t);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tiny_host *h = t->hosts[i];
		live += h->proc.phase != TINY_NOTHING &&
			h->proc.phase != TINY_EMPTY;
		if (h->is_up && (t->touched >> i & 1))
			check_core(h->core);
	}
	if (t->wrong)
		return t->wrong;
	if (t->kind == TINY_FIRST)
		return tiny_trouble_first(t);
	if (live > 1 && !n->is_split)
		return "H1: two live copies";
	if (!n->is_lost && !n->is_split && !tiny_has_home(t, n->newest))
		return "H2: the state has no home left";
	return NULL;
}

/* Whether every state that lies there is that of a copy that lost, and known as
 * such. */
static bool
keeps_lost_only(const struct tiny_host *h)
{
	const struct conflict *k = conflict_find(h->core, TINY_NAME);
	return h->sealed_count == (k ? k->word.count : 0);
}

static bool
is_host_good(const struct tiny *t, uint32_t host, uint32_t *running)
{
	const struct tiny_host *h = t->hosts[host];
	if (!h->is_up)
		return h->is_gone;
	*running += h->proc.phase == TINY_RUNNING;
	if (h->proc.phase != TINY_NOTHING && h->proc.phase != TINY_RUNNING)
		return false;
	if (!keeps_lost_only(h) || handoff_is_busy(h->core, TINY_NAME))
		return false;
	const struct instance *i = instance_find(h->core, TINY_NAME);
	bool is_ready = i && i->state == INSTANCE_READY;
	if (is_ready != (h->proc.phase == TINY_RUNNING))
		return false;
	for (uint32_t b = 0; b < t->count; b++)
		if (b != host && t->hosts[b]->is_up && !t->net->link[host][b])
			return false;
	return true;
}

bool
tiny_is_good(const struct tiny *t)
{
	uint32_t running = 0;
	for (uint32_t i = 0; i < t->count; i++)
		if (!is_host_good(t, i, &running))
			return false;
	return running == 1;
}
