/* S1 to S5: the desired state, against the versions that were ever written.
 *
 * A version is (kind, name, stamp, writer); what it says never changes.  Each
 * host's last version of an entry is remembered, so that a merge which picks
 * the wrong one of two shows in the step that does it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/specs_private.h"
#include "tests/sim/check.h"

/* How far ahead of all clocks a stamp may be. */
#define FUTURE_MS 71000

/* A write, which is a promise from the moment when it is durable. */
struct promise {
	enum entry_kind kind;
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t stamp;
	char writer[NODE_NAME_MAX + 1];
	uint32_t host;
	uint64_t request; /* of the operator who waits for it; 0: nobody */
	bool is_durable;
};

/* The stamps that a host gave. */
struct clock {
	uint64_t last;
	uint64_t durable; /* what it knows after a power loss */
};

/* The last version of one entry on one host. */
struct version {
	uint64_t stamp;
	uint64_t writer; /* hash */
	bool is_gone;	 /* dropped: an older one must not come back */
};

struct specifics {
	struct check *k;
	struct keys contents; /* version -> number of a hash, from 1 */
	uint64_t *hashes;     /* owned */
	uint32_t hash_count;
	struct keys entries; /* host and entry -> number of a version, from 1 */
	struct version *versions; /* owned */
	uint32_t version_count;
	struct clock *clocks; /* owned, by host */
	uint32_t clock_count;
	struct promise *promises; /* owned */
	uint32_t promise_count;
	int64_t wall_ms; /* the latest that any host ever saw */
};

static uint64_t
version_key(const skep_Entry *e)
{
	return hash_mix(
		hash_text(e->name, e->kind), hash_text(e->writer, e->stamp));
}

static struct clock *
clock_at(struct specifics *s, uint32_t host)
{
	while (s->clock_count <= host)
		s->clocks = array_add(
			s->clocks, &s->clock_count, sizeof *s->clocks);
	return &s->clocks[host];
}

/* S1: one version says one thing, on whatever way it came, once it is on a disk
 * or was sent.  What a power cut took before that never was, and its stamp may
 * be given again. */
static void
check_content(struct specifics *s, const skep_Entry *e, struct bytes value)
{
	/* Seeds of many hosts are one version each, and may differ. */
	if (e->stamp == SEED_STAMP)
		return;
	uint64_t hash = hash_bytes(value.data, value.size, e->is_deleted);
	uint32_t *at = keys_at(&s->contents, version_key(e));
	if (!*at) {
		s->hashes =
			array_add(s->hashes, &s->hash_count, sizeof *s->hashes);
		*at = s->hash_count;
		s->hashes[*at - 1] = hash;
	}
	if (s->hashes[*at - 1] != hash)
		world_violated(s->k->w, "S1",
			"%s of %s exists with two contents", e->name,
			e->writer);
}

static bool
is_older(uint64_t stamp, const char *writer, uint64_t than,
	const char *than_writer)
{
	return stamp != than ? stamp < than : strcmp(writer, than_writer) < 0;
}

/* What a host holds of an entry now, against what it held: S1 says that it
 * only rises, S4 that what was dropped stays so. */
static void
check_entry(struct specifics *s, uint32_t host, enum entry_kind kind,
	const char *name)
{
	const struct core *c = s->k->w->hosts[host].core;
	const struct entry *e = specs_lookup(c, kind, name);
	uint32_t *at = keys_at(&s->entries,
		hash_mix(hash_mix(host, s->k->w->hosts[host].starts),
			hash_text(name, kind)));
	if (!*at) {
		s->versions = array_add(
			s->versions, &s->version_count, sizeof *s->versions);
		*at = s->version_count;
	}
	struct version *v = &s->versions[*at - 1];
	if (!e) {
		v->is_gone = v->stamp != 0;
		return;
	}
	if (v->is_gone && e->stamp <= v->stamp && !e->is_deleted)
		world_violated(s->k->w, "S4",
			"%s has %s again, which was "
			"deleted",
			c->config.node, name);
	if (!v->is_gone && e->stamp < v->stamp)
		world_violated(s->k->w, "S1", "%s took an older %s for a newer",
			c->config.node, name);
	*v = (struct version){e->stamp, hash_text(e->writer, 0), false};
}

/* Whether a link is a member's, so that the core listens to it. */
static bool
is_heard(const struct core *c, uint32_t link)
{
	for (member_id id = 1; id < c->members.count; id++)
		if (member_get(c, id)->link == link)
			return true;
	return false;
}

/* Entries that came in: each is here now, or something newer is. */
static void
on_entries(struct specifics *s, uint32_t host, struct bytes body)
{
	const struct core *c = s->k->w->hosts[host].core;
	struct wire_slice value = {.whole = body};
	skep_Entry e = skep_Entry_init_zero;
	struct wire_in in;
	e.value = wire_borrow(&value);
	wire_each(&in, body, skep_Entries_entries_tag);
	while (wire_next(&in, skep_Entry_fields, &e)) {
		if (e.kind == 0 || e.kind >= ENTRY_KIND_COUNT)
			return;
		enum entry_kind kind = (enum entry_kind)e.kind;
		const struct entry *mine = specs_lookup(c, kind, e.name);
		if (!e.is_gone)
			check_content(s, &e, value.found);
		if (!e.is_gone && mine &&
			is_older(
				mine->stamp, mine->writer, e.stamp, e.writer) &&
			!specs_is_future(c, e.stamp) && !c->specs.refused)
			world_violated(s->k->w, "S1",
				"%s kept an older %s (kind %d, %llx by %s) "
				"than it was sent (%llx by %s)",
				c->config.node, e.name, (int)kind,
				(unsigned long long)mine->stamp, mine->writer,
				(unsigned long long)e.stamp, e.writer);
		check_entry(s, host, kind, e.name);
		e.value = wire_borrow(&value);
	}
}

/* S2: a host's stamps rise, and lie near its clock. */
static void
check_clock(struct specifics *s, uint32_t host, const skep_Entry *e)
{
	struct clock *clock = clock_at(s, host);
	const char *name = s->k->w->hosts[host].name;
	if (e->stamp <= clock->last)
		world_violated(s->k->w, "S2", "%s gave the stamp of %s twice",
			name, e->name);
	if ((int64_t)(e->stamp >> 16) > s->wall_ms + FUTURE_MS)
		world_violated(s->k->w, "S2", "%s stamps %s in the future",
			name, e->name);
	clock->last = e->stamp;
}

/* A write of this step: of whom, and for whom. */
static void
on_store(struct specifics *s, uint32_t host, const struct input *in,
	const struct effect_store *store)
{
	const struct core *c = s->k->w->hosts[host].core;
	struct wire_slice value = {.whole = store->value};
	skep_Entry e = skep_Entry_init_zero;
	e.value = wire_borrow(&value);
	if (!store->value.data ||
		!wire_decode_message(skep_Entry_fields, store->value, &e))
		return;
	bool is_foreign =
		in->kind == INPUT_RECV && in->recv.type == WIRE_ENTRIES;
	check_entry(s, host, (enum entry_kind)e.kind, e.name);
	if (is_foreign || e.stamp == SEED_STAMP ||
		strcmp(e.writer, c->config.node) != 0)
		return;
	check_clock(s, host, &e);
	s->promises =
		array_add(s->promises, &s->promise_count, sizeof *s->promises);
	struct promise *p = &s->promises[s->promise_count - 1];
	p->kind = (enum entry_kind)e.kind;
	memcpy(p->name, e.name, sizeof p->name);
	memcpy(p->writer, e.writer, sizeof p->writer);
	p->stamp = e.stamp;
	p->host = host;
	p->request = in->kind == INPUT_SPEC_SET	  ? in->spec_set.request
		     : in->kind == INPUT_SPEC_DEL ? in->spec_del.request
						  : 0;
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	struct specifics *s = context;
	if (in->wall_ms > s->wall_ms)
		s->wall_ms = in->wall_ms;
	if (in->kind == INPUT_LOAD)
		return;
	if (in->kind == INPUT_RECV && in->recv.type == WIRE_ENTRIES &&
		is_heard(w->hosts[host].core, in->recv.link))
		on_entries(s, host, in->recv.body);
	for (size_t i = 0; i < fx->count; i++)
		if (fx->items[i].kind == EFFECT_STORE &&
			fx->items[i].store.table == TABLE_SPEC)
			on_store(s, host, in, &fx->items[i].store);
}

/* A write of our own became durable. */
static void
on_stored(struct world *w, uint32_t host, enum core_table table,
	struct bytes key, struct bytes value, uint64_t seq, void *context)
{
	struct specifics *s = context;
	struct wire_slice body = {.whole = value};
	skep_Entry e = skep_Entry_init_zero;
	(void)key;
	(void)seq;
	e.value = wire_borrow(&body);
	if (table != TABLE_SPEC || !value.data ||
		!wire_decode_message(skep_Entry_fields, value, &e))
		return;
	check_content(s, &e, body.found);
	if (e.stamp == SEED_STAMP ||
		strcmp(e.writer, w->hosts[host].name) != 0)
		return;
	if (e.stamp > clock_at(s, host)->durable)
		clock_at(s, host)->durable = e.stamp;
	for (uint32_t i = s->promise_count; i-- > 0;) {
		struct promise *p = &s->promises[i];
		if (p->host == host && p->stamp == e.stamp &&
			p->kind == e.kind && !strcmp(p->name, e.name)) {
			p->is_durable = true;
			return;
		}
	}
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	struct specifics *s = context;
	if (e->kind != EFFECT_REPLY || e->reply.code != REPLY_OK ||
		e->reply.request == 0)
		return;
	/* S3: an operator is told yes only when the write is durable. */
	for (uint32_t i = 0; i < s->promise_count; i++)
		if (s->promises[i].request == e->reply.request &&
			s->promises[i].host == host &&
			!s->promises[i].is_durable)
			world_violated(w, "S3",
				"%s said yes to a change of "
				"%s that is not on its disk",
				w->hosts[host].name, s->promises[i].name);
}

static void
on_fault(struct world *w, const struct world_fault_event *e, void *context)
{
	struct specifics *s = context;
	(void)w;
	if (e->what == WORLD_FAULT_REINSTALL || e->what == WORLD_FAULT_RESTORE)
		*clock_at(s, e->a) = (struct clock){0, 0};
	else if (e->what == WORLD_FAULT_START)
		clock_at(s, e->a)->last = clock_at(s, e->a)->durable;
}

/* --- Ends of phases --- */

/* S3, S4: what was promised is there, or something newer, on every host; so
 * nothing that was deleted is back. */
static void
check_promise(
	struct specifics *s, const struct core *c, const struct promise *p)
{
	const struct entry *e = specs_lookup(c, p->kind, p->name);
	if (!p->is_durable || !check_core(s->k, p->host))
		return; /* nobody was told, or only that host has it */
	/* A tombstone may be old enough to have gone. */
	enum realm realm = specs_realm_of(p->kind);
	bool is_missing = !e && c->specs.realms[realm].horizon < p->stamp;
	if (is_missing ||
		(e && is_older(e->stamp, e->writer, p->stamp, p->writer)))
		world_violated(s->k->w, "S3",
			"%s lacks a change of %s that "
			"%s promised to keep",
			c->config.node, p->name, p->writer);
}

/* S5: all roots are equal. */
static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct specifics *s = context;
	const struct core *first = NULL;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t a = 0; a < w->count; a++) {
		const struct core *c = check_core(s->k, a);
		if (!c)
			continue;
		specs_check(c);
		first = first ? first : c;
		if (specs_root(c) != specs_root(first) ||
			specs_kv_root(c) != specs_kv_root(first))
			world_violated(w, "S5",
				"%s and %s want different things",
				first->config.node, c->config.node);
		for (uint32_t i = 0; i < s->promise_count; i++)
			if (!s->k->has_lost_disk)
				check_promise(s, c, &s->promises[i]);
	}
}

static void
on_end(struct world *w, void *context)
{
	struct specifics *s = context;
	(void)w;
	keys_fini(&s->contents);
	keys_fini(&s->entries);
	free(s->hashes);
	free(s->versions);
	free(s->clocks);
	free(s->promises);
	free(s);
}

void
check_specs(struct check *k)
{
	struct specifics *s = calloc(1, sizeof *s);
	CHECK(s);
	s->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "specs",
				    .on_step = on_step,
				    .on_effect = on_effect,
				    .on_stored = on_stored,
				    .on_fault = on_fault,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = s,
			    });
}
