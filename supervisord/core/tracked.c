#include "core/tracked.h"

#include <string.h>

#include "base/name.h"
#include "core/core_private.h"
#include "core/tracked_place.h"

#define RECORD_VERSION 1
#define RECORD_MAX     (64 + ROW_META_MAX)
#define NOTES_EVERY_MS 1000

/* Hosts that speak an older protocol refuse rows of names. */
#define WIRE_VERSION_NAMES 2

void
tracked_init(struct core *c)
{
	c->tracked.notes_until = MONO_NEVER;
}

/* --- Events --- */

/* An event of a name, or one more that is only counted. */
static void
note(struct core *c, enum note_kind kind, const char *name, uint64_t epoch,
	const char *text, const struct actor *actor)
{
	struct tracked *t = &c->tracked;
	if (t->notes_until.ms == MONO_NEVER.ms)
		t->notes_until = mono_add(c->now, NOTES_EVERY_MS);
	if (t->notes == TRACKED_NOTES_MAX) {
		t->untold[kind == NOTE_UNREGISTERED]++;
		return;
	}
	t->notes++;
	core_note_by(c, kind, name, epoch, text, actor);
}

static void
tell_count(struct core *c, const char *what, uint32_t *count)
{
	if (*count)
		core_note(c, NOTE_MISSED, c->config.node, 0,
			effects_format(&c->fx,
				"%u more names were %s within a second, which "
				"are not told one by one",
				(uint64_t)*count, what));
	*count = 0;
}

void
tracked_on_lost(struct core *c, member_id id)
{
	uint64_t count = 0;
	const struct row *row = NULL;
	while ((row = registry_walk(c, id, row)))
		count += row->value.kind == ROW_TRACKED;
	if (count)
		core_note(c, NOTE_MISSED, member_get(c, id)->name, 0,
			effects_format(&c->fx,
				"%u names of processes there are free, which "
				"are not told one by one",
				count));
}

/* --- Looking --- */

bool
tracked_is_live(const struct core *c, const struct row *row)
{
	return row->origin == MEMBER_SELF || member_is_present(c, row->origin);
}

/* Whether 'a' wins against 'b'. */
static bool
wins(const struct core *c, const struct row *a, const struct row *b)
{
	if (a->value.epoch != b->value.epoch)
		return a->value.epoch > b->value.epoch;
	return strcmp(member_get(c, a->origin)->name,
		       member_get(c, b->origin)->name) < 0;
}

const struct row *
tracked_find(const struct core *c, const char *name)
{
	const struct row *best = NULL;
	const struct row *row = registry_first(c, ROW_TRACKED, name);
	for (; row; row = registry_next(c, row))
		if (tracked_is_live(c, row) && (!best || wins(c, row, best)))
			best = row;
	return best;
}

uint64_t
tracked_epoch_max(const struct core *c, const char *name)
{
	const struct name *n = names_find(c, name);
	uint64_t max = 0;
	for (const struct row *row = n ? n->rows : NULL; row; row = row->next)
		if (row->value.kind == ROW_TRACKED && row->value.epoch > max)
			max = row->value.epoch;
	return max;
}

const char *
tracked_place_text(struct core *c, const char *node, uint32_t pid)
{
	if (!node[0])
		return TRACKED_PLACE_SERVICE;
	if (pid == 0)
		return effects_format(&c->fx, TRACKED_PLACE_HOST "%s", node);
	return effects_format(&c->fx,
		TRACKED_PLACE_HOST "%s" TRACKED_PLACE_PROCESS "%u", node,
		(uint64_t)pid);
}

/* --- Records --- */

static uint64_t
store(struct core *c, const char *name, const struct tracked_record *r)
{
	unsigned char buffer[RECORD_MAX];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	writer_u8(&w, RECORD_VERSION);
	writer_u32(&w, r->pid);
	writer_u64(&w, r->start);
	writer_u64(&w, r->epoch);
	writer_i64(&w, r->since_wall_ms);
	writer_bytes(&w, r->meta.data, r->meta.size);
	return core_store(c, TABLE_TRACKED, (struct bytes){name, strlen(name)},
		writer_done(&w));
}

bool
tracked_read(struct bytes value, struct tracked_record *out)
{
	struct reader r;
	reader_init(&r, value.data, value.size);
	if (reader_u8(&r) < 1)
		return false;
	out->pid = reader_u32(&r);
	out->start = reader_u64(&r);
	out->epoch = reader_u64(&r);
	out->since_wall_ms = reader_i64(&r);
	out->meta = reader_bytes(&r);
	/* A later version may have written more behind it. */
	return !r.bad && out->pid && out->epoch && out->epoch <= EPOCH_MAX &&
	       out->meta.size <= ROW_META_MAX;
}

static bool
put(struct core *c, const char *name, const struct tracked_record *r)
{
	const struct row_value v = {.kind = ROW_TRACKED,
		.state = ROW_READY,
		.epoch = r->epoch,
		.pid = r->pid,
		.since_wall_ms = r->since_wall_ms,
		.meta = r->meta};
	return registry_put(c, name, &v, 0);
}

void
tracked_on_load(struct core *c, struct bytes key, struct bytes value)
{
	struct tracked_record r;
	char name[RUNTIME_NAME_MAX + 1];
	if (!name_is_runtime(key) || !tracked_read(value, &r))
		return;
	memcpy(name, key.data, key.size);
	name[key.size] = '\0';
	if (put(c, name, &r))
		c->tracked.count++;
}

/* --- Ends of names --- */

/* This host's row of a name, or NULL. */
static const struct row *
own_row(const struct core *c, const char *name)
{
	return registry_find(c, ROW_TRACKED, name, MEMBER_SELF);
}

bool
tracked_is_here(const struct core *c, const char *name, uint32_t pid)
{
	const struct row *row = own_row(c, name);
	return row && row->value.pid == pid;
}

/* This host has the name no more; returns the STORE that says so. */
static uint64_t
let_go(struct core *c, const char *name)
{
	CHECK(c->tracked.count > 0);
	c->tracked.count--;
	registry_delete(c, ROW_TRACKED, name);
	group_forget(c, name);
	return core_store(c, TABLE_TRACKED, (struct bytes){name, strlen(name)},
		(struct bytes){NULL, 0});
}

void
tracked_on_gone(struct core *c, const struct input_gone *in)
{
	const struct row *row = own_row(c, in->name);
	if (!row || row->value.pid != in->pid)
		return;
	const uint64_t epoch = row->value.epoch;
	let_go(c, in->name);
	note(c, NOTE_UNREGISTERED, in->name, epoch, "its process ended",
		&(struct actor){0});
}

bool
tracked_unregister_here(
	struct core *c, const char *name, const struct actor *actor)
{
	const struct row *row = own_row(c, name);
	if (!row)
		return false;
	const uint64_t epoch = row->value.epoch;
	let_go(c, name);
	note(c, NOTE_UNREGISTERED, name, epoch, "", actor);
	return true;
}

/* --- Copies --- */

/* The row of another host that wins against ours, or NULL. */
static const struct row *
winner_over(const struct core *c, const struct row *own)
{
	const struct row *row = registry_first(c, ROW_TRACKED, own->name);
	for (; row; row = registry_next(c, row))
		if (row->origin != MEMBER_SELF && tracked_is_live(c, row) &&
			registry_is_current(c, row->origin) &&
			wins(c, row, own))
			return row;
	return NULL;
}

/* Why a name of ours is another's, or NULL. */
static const char *
lost_to(struct core *c, const struct row *own)
{
	const struct instance *i = instance_find(c, own->name);
	if ((i && i->is_declared) || specs_find(c, ENTRY_SERVICE, own->name))
		return "a service of that name is declared; the process here "
		       "runs on without the name";
	const struct row *row = winner_over(c, own);
	if (!row)
		return NULL;
	return effects_format(&c->fx,
		"%s has it too, as process %u since epoch %u, and wins against "
		"epoch %u; the process here runs on without the name",
		member_get(c, row->origin)->name, (uint64_t)row->value.pid,
		row->value.epoch, own->value.epoch);
}

static void
settle(struct core *c, const struct row *own)
{
	const char *why = lost_to(c, own);
	if (!why)
		return;
	const struct name *name = names_take(c, own->name);
	const uint64_t epoch = own->value.epoch;
	c->tracked.conflicts++;
	let_go(c, name->text);
	core_note(c, NOTE_CONFLICT, name->text, epoch, why);
	names_give(c, names_of(name->text));
}

/* Whether one more name can go in this step: half of its effects are for the
 * rest of it. */
static bool
has_room(const struct core *c)
{
	return effects_has_room(
		&c->fx, c->fx.capacity / 2, c->fx.pool_size / 2);
}

static void
mark_all(struct core *c)
{
	c->tracked.is_all_dirty = true;
	c->tracked.all_seq = 0;
}

/* The next name of this host behind 'row', or NULL. */
static const struct row *
next_own(const struct core *c, const struct row *row)
{
	do {
		row = registry_walk(c, MEMBER_SELF, row);
	} while (row && row->value.kind != ROW_TRACKED);
	return row;
}

/* Goes on behind the row that was looked at last; what was let go has left
 * the log with all rows of its groups, and what is new stands at its end. */
static void
settle_all(struct core *c)
{
	struct tracked *t = &c->tracked;
	const struct row *row = next_own(c, NULL), *next;
	for (; row; row = next) {
		next = next_own(c, row);
		if (row->seq <= t->all_seq)
			continue;
		if (!has_room(c))
			return;
		t->all_seq = row->seq;
		settle(c, row);
	}
	t->is_all_dirty = false;
}

static void
settle_dirty(struct core *c)
{
	struct tracked *t = &c->tracked;
	uint32_t done = 0;
	for (; done < t->dirty_count && has_room(c); done++) {
		const struct row *own = own_row(c, t->dirty[done]);
		if (own)
			settle(c, own);
		names_give(c, names_of(t->dirty[done]));
	}
	t->dirty_count -= done;
	memmove(t->dirty, t->dirty + done, t->dirty_count * sizeof *t->dirty);
	if (t->is_all_dirty)
		settle_all(c);
}

void
tracked_mark_name(struct core *c, const char *name)
{
	struct tracked *t = &c->tracked;
	if (t->count == 0 || !own_row(c, name))
		return;
	if (t->dirty_count == TRACKED_DIRTY_MAX) {
		mark_all(c);
		return;
	}
	t->dirty[t->dirty_count++] = names_take(c, name)->text;
}

void
tracked_mark(struct core *c, const struct row *row)
{
	if (row->origin != MEMBER_SELF && !row->is_deleted)
		tracked_mark_name(c, row->name);
}

/* --- Words --- */

/* A host that would refuse our rows, or NULL. */
const char *
tracked_old_host(const struct core *c)
{
	for (member_id id = 1; id < c->members.count; id++) {
		const struct member *m = member_get(c, id);
		if (member_is_present(c, id) && m->version &&
			m->version < WIRE_VERSION_NAMES)
			return m->name;
	}
	return NULL;
}

/* Whether there are as many names as this host is to hold; the table has room
 * for more, which logs need that take the place of others. */
static bool
is_full(const struct core *c)
{
	uint64_t rows = 0;
	for (member_id id = 0; id < c->members.count; id++)
		rows += c->registry.origins[id].row_count;
	return rows >= (uint64_t)c->limits.instances_max + c->members.count;
}

/* Why nothing can be registered as that, or NULL. */
static const char *
complaint(
	struct core *c, const struct input_register *in, enum reply_code *code)
{
	size_t at;
	const struct bytes name = {in->name, strlen(in->name)};
	const char *why = name_fault(name, RUNTIME_NAME_MAX, &at);
	*code = REPLY_INVALID;
	if (why)
		return effects_format(&c->fx,
			"that is no name: %s, at byte %u (names are 1 to %u "
			"bytes of UTF-8 without control characters)",
			why, (uint64_t)at, (uint64_t)RUNTIME_NAME_MAX);
	if (in->meta.size > ROW_META_MAX)
		return effects_format(&c->fx,
			"its metadata takes %u bytes, and %u is the most",
			(uint64_t)in->meta.size, (uint64_t)ROW_META_MAX);
	if (in->pid == 0)
		return "there is no process 0";
	const char *old = tracked_old_host(c);
	*code = REPLY_FAILED;
	return old ? effects_format(&c->fx,
			     "not supported yet: %s runs an older version that "
			     "knows no such names; upgrade it first",
			     old)
		   : NULL;
}

static void
on_claimed(
	struct core *c, const struct claim *claim, const struct claim_answer *a)
{
	uint64_t known = tracked_epoch_max(c, claim->name) + 1;
	const struct tracked_record r = {
		.pid = claim->pid,
		.start = claim->start,
		.epoch = a->epoch > known ? a->epoch : known,
		.since_wall_ms = c->wall_ms,
		.meta = {claim->meta, claim->meta_size},
	};
	if (a->verdict == CLAIM_TAKEN || own_row(c, claim->name)) {
		const struct row *own = own_row(c, claim->name);
		core_reply(c, claim->request, 0, REPLY_EXISTS,
			own ? tracked_place_text(
				      c, c->config.node, own->value.pid)
			    : tracked_place_text(c, a->node, a->pid));
		return;
	}
	if (a->verdict != CLAIM_GRANTED) {
		claim_reply_undecided(c, claim, a);
		return;
	}
	if (!put(c, claim->name, &r)) {
		core_reply(c, claim->request, 0, REPLY_FULL,
			"the table of names is full: raise names_max");
		return;
	}
	c->tracked.count++;
	uint64_t after = store(c, claim->name, &r);
	note(c, NOTE_REGISTERED, claim->name, r.epoch,
		effects_format(&c->fx, "process %u", (uint64_t)r.pid),
		&claim->actor);
	core_reply(c, claim->request, after, REPLY_OK, "registered");
}

/* The process has the name: what is said of it may be new. */
static void
change_meta(
	struct core *c, const struct input_register *in, const struct row *own)
{
	const struct tracked_record r = {
		.pid = in->pid,
		.start = in->start,
		.epoch = own->value.epoch,
		.since_wall_ms = own->value.since_wall_ms,
		.meta = in->meta,
	};
	const struct bytes was = row_meta(own);
	if (was.size == r.meta.size &&
		(!was.size || !memcmp(was.data, r.meta.data, was.size))) {
		core_reply(c, in->request, 0, REPLY_UNCHANGED, "unchanged");
		return;
	}
	if (!put(c, in->name, &r)) {
		core_reply(c, in->request, 0, REPLY_FULL,
			"there is no room for more metadata");
		return;
	}
	uint64_t after = store(c, in->name, &r);
	core_reply(c, in->request, after, REPLY_OK, "changed");
}

void
tracked_on_register(struct core *c, const struct input_register *in)
{
	enum reply_code code;
	const char *why = complaint(c, in, &code);
	if (why) {
		core_reply(c, in->request, 0, code, why);
		return;
	}
	const struct row *own = own_row(c, in->name);
	if (own && own->value.pid == in->pid) {
		change_meta(c, in, own);
		return;
	}
	const struct row *there = own ? own : tracked_find(c, in->name);
	if (there) {
		core_reply(c, in->request, 0, REPLY_EXISTS,
			tracked_place_text(c,
				member_get(c, there->origin)->name,
				there->value.pid));
		return;
	}
	if (is_full(c)) {
		core_reply(c, in->request, 0, REPLY_FULL,
			"there are as many names as names_max of skep.conf "
			"allows");
		return;
	}
	struct claim *claim = claim_begin(c, CLAIM_TRACKED, in->name,
		in->timeout_ms, in->meta, on_claimed);
	if (!claim) {
		core_reply(c, in->request, 0, REPLY_FULL,
			"too many registrations are under way");
		return;
	}
	claim->request = in->request;
	claim->pid = in->pid;
	claim->start = in->start;
	claim->actor = in->actor;
	claim->actor.host = NULL;
}

static void
reply_nobody(struct core *c, uint64_t request, const char *name)
{
	core_reply(c, request, 0, REPLY_NOT_FOUND,
		effects_format(&c->fx, "nothing is registered as %s",
			effects_text(&c->fx, name)));
}

/* Who decides says where a name is that is to go. */
static void
on_found(
	struct core *c, const struct claim *claim, const struct claim_answer *a)
{
	const struct input_request r = {.id = claim->request,
		.op = REQUEST_UNREGISTER,
		.name = claim->name,
		.arg = "",
		.actor = claim->actor};
	member_id to = a->verdict == CLAIM_TAKEN ? member_find(c, a->node)
						 : MEMBER_NONE;
	if (to != MEMBER_NONE && to != MEMBER_SELF)
		operate_forward(c, &r, to);
	else if (a->verdict == CLAIM_TAKEN || a->verdict == CLAIM_GRANTED)
		reply_nobody(c, claim->request, claim->name);
	else
		claim_reply_undecided(c, claim, a);
}

void
tracked_on_unregister(struct core *c, const struct input_request *r)
{
	const struct bytes name = {r->name, strlen(r->name)};
	if (tracked_unregister_here(c, r->name, &r->actor)) {
		core_reply(c, r->id, c->store_seq, REPLY_OK, "unregistered");
		return;
	}
	const struct row *there = tracked_find(c, r->name);
	if (there) {
		operate_forward(c, r, there->origin);
		return;
	}
	/* Its row may be on its way. */
	struct claim *claim =
		name_is_runtime(name)
			? claim_begin(c, CLAIM_LOOK, r->name, 0,
				  (struct bytes){NULL, 0}, on_found)
			: NULL;
	if (!claim) {
		reply_nobody(c, r->id, r->name);
		return;
	}
	claim->request = r->id;
	claim->actor = r->actor;
	claim->actor.host = NULL;
}

static void
on_located(
	struct core *c, const struct claim *claim, const struct claim_answer *a)
{
	if (a->verdict == CLAIM_TAKEN) {
		const char *place = tracked_place_text(c, a->node, a->pid);
		core_reply(c, claim->request, 0, REPLY_OK,
			effects_format(&c->fx, "%s%s%s", place,
				a->state[0] ? ", " : "", a->state));
	} else if (a->verdict == CLAIM_GRANTED)
		core_reply(c, claim->request, 0, REPLY_NOT_FOUND,
			"nobody has that name");
	else
		claim_reply_undecided(c, claim, a);
}

void
tracked_on_locate(struct core *c, const struct input_request *r)
{
	const struct bytes name = {r->name, strlen(r->name)};
	if (!name_is_runtime(name)) {
		core_reply(c, r->id, 0, REPLY_INVALID, "that is no name");
		return;
	}
	struct claim *claim = claim_begin(c, CLAIM_LOOK, r->name, r->number,
		(struct bytes){NULL, 0}, on_located);
	if (!claim) {
		core_reply(c, r->id, 0, REPLY_FULL,
			"too many questions are under way");
		return;
	}
	claim->request = r->id;
}

/* --- Time --- */

void
tracked_on_tick(struct core *c)
{
	struct tracked *t = &c->tracked;
	if (t->view != c->members.view_digest) {
		t->view = c->members.view_digest;
		if (t->count > 0)
			mark_all(c);
	}
	if (t->is_all_dirty || t->dirty_count)
		settle_dirty(c);
	if (!mono_reached(t->notes_until, c->now))
		return;
	t->notes_until = MONO_NEVER;
	t->notes = 0;
	tell_count(c, "registered", &t->untold[0]);
	tell_count(c, "unregistered", &t->untold[1]);
}

mono
tracked_deadline(const struct core *c)
{
	const struct tracked *t = &c->tracked;
	return t->is_all_dirty || t->dirty_count ? c->now : t->notes_until;
}
