/* What travels of the desired state: floods, and repair by the tree. */
#include <string.h>

#include "core/specs_private.h"

/* A difference that lasts this long is not just a flood on its way. */
#define REPAIR_AFTER_MS 1000
#define REPAIR_EVERY_MS 1000

skep_Entry
specs_to_wire(const struct entry *e)
{
	skep_Entry msg = {
		.kind = e->kind,
		.stamp = e->stamp,
		.is_deleted = e->is_deleted,
		.value = wire_lend(&e->value),
	};
	memcpy(msg.name, e->name, sizeof msg.name);
	memcpy(msg.writer, e->writer, sizeof msg.writer);
	return msg;
}

bool
specs_put_entry(struct wire_out *w, const struct entry *e)
{
	skep_Entry msg = specs_to_wire(e);
	return wire_put(w, skep_Entries_entries_tag, skep_Entry_fields, &msg);
}

/* Ends a message of entries and returns it. */
static struct bytes
end_entries(struct core *c, struct wire_out *w, bool is_repair)
{
	skep_Entries head = {
		.horizon = c->specs.trusted, .is_repair = is_repair};
	struct bytes body = wire_end(w, WIRE_ENTRIES, &head);
	CHECK(body.data);
	return body;
}

void
specs_flood(struct core *c, const struct entry *e, uint64_t after)
{
	struct wire_out w;
	/* A storm of writes in one step: the trees tell the others. */
	if (!effects_has_room(&c->fx, c->members.count + c->fx.capacity / 4,
		    ENTRIES_SIZE + c->fx.pool_size / 4))
		return;
	wire_begin(&w, &c->fx, ENTRIES_SIZE);
	bool is_done = specs_put_entry(&w, e);
	CHECK(is_done);
	member_broadcast(c, WIRE_ENTRIES, end_entries(c, &w, false), after);
}

/* Whether the step has room to send 'size' more bytes. */
static bool
has_room(const struct core *c, size_t size)
{
	return effects_has_room(&c->fx, 16, size + WIRE_HEAD_MAX);
}

static void
send_node(struct core *c, member_id to, uint32_t depth, uint32_t prefix)
{
	if (!has_room(c, 0))
		return;
	skep_TreeNode msg = {.depth = depth,
		.prefix = prefix,
		.sums_count = TREE_FAN,
		.horizon = c->specs.trusted};
	for (uint32_t i = 0; i < TREE_FAN; i++)
		msg.sums[i] =
			specs_tree_sum(c, depth + 1, prefix * TREE_FAN + i);
	member_send(c, to, WIRE_TREE_NODE,
		wire_encode(&c->fx, WIRE_TREE_NODE, &msg), 0);
}

/* The largest STORE that entries of a leaf wait for. */
static uint64_t
after_of(const struct entry *e, uint64_t after)
{
	return e->store_seq > after ? e->store_seq : after;
}

/* Sends all entries of some leaves, in as many messages as it takes and the
 * step allows; the rest is found in the next round. */
static void
send_leaves(struct core *c, member_id to, const uint32_t *leaves, size_t count)
{
	struct wire_out w;
	uint64_t after = 0;
	const struct map *by_leaf = &c->specs.by_leaf;
	if (!has_room(c, ENTRIES_SIZE))
		return;
	wire_begin(&w, &c->fx, ENTRIES_SIZE);
	for (size_t i = 0; i < count; i++)
		for (struct map_link *l = map_first(by_leaf, leaves[i]); l;
			l = map_next(by_leaf, l)) {
			const struct entry *e =
				container_of(l, struct entry, by_leaf);
			if (!specs_put_entry(&w, e)) {
				member_send(c, to, WIRE_ENTRIES,
					end_entries(c, &w, true), after);
				if (!has_room(c, ENTRIES_SIZE))
					return;
				wire_begin(&w, &c->fx, ENTRIES_SIZE);
				bool is_done = specs_put_entry(&w, e);
				CHECK(is_done);
			}
			after = after_of(e, after);
		}
	if (w.count)
		member_send(
			c, to, WIRE_ENTRIES, end_entries(c, &w, true), after);
	else
		wire_cancel(&w);
}

/* --- Entries --- */

static struct entry_change
change_of(const skep_Entry *e, const struct wire_slice *value)
{
	return (struct entry_change){(enum entry_kind)e->kind, e->name,
		e->stamp, e->writer, e->is_deleted, value->found};
}

static bool
is_sound(const skep_Entry *e, const struct wire_slice *value)
{
	return e->kind > 0 && e->kind < ENTRY_KIND_COUNT && e->name[0] &&
	       e->stamp > 0 && value->found.size <= SPEC_VALUE_MAX;
}

/* A host that knows more says that an entry of ours was deleted long ago. */
static void
on_gone(struct core *c, member_id from, const skep_Entry *e)
{
	struct specs *s = &c->specs;
	uint64_t trusted = s->peers[from].trusted;
	struct entry *mine = specs_lookup(c, (enum entry_kind)e->kind, e->name);
	if (!mine || mine->stamp != e->stamp ||
		strcmp(mine->writer, e->writer) != 0 || trusted < e->stamp)
		return;
	if (!mine->is_deleted) {
		if (s->trusted >= trusted)
			return;
		s->gone++;
		core_note(c, NOTE_REPAIR, mine->name, 0,
			effects_format(&c->fx,
				"was deleted while this host was away, says "
				"%s; dropped",
				member_get(c, from)->name));
	}
	specs_raise(c, mine->stamp, 0);
	specs_drop(c, mine);
}

/* Whether an entry that is unknown here must stay so: what is below our
 * horizon and not here was deleted, unless its sender knows more. */
static bool
is_refused(const struct core *c, member_id from, const skep_Entry *e)
{
	const struct specs *s = &c->specs;
	if (e->is_gone || e->stamp > s->horizon ||
		specs_lookup(c, (enum entry_kind)e->kind, e->name))
		return false;
	return e->is_deleted || s->peers[from].trusted < s->horizon;
}

/* Takes one entry, if it wins.  Returns whether it was refused. */
static bool
on_entry(struct core *c, member_id from, const skep_Entry *e,
	const struct wire_slice *value)
{
	if (e->is_gone) {
		on_gone(c, from, e);
		return false;
	}
	if (specs_is_future(c, e->stamp)) {
		c->specs.parked++;
		return false;
	}
	if (is_refused(c, from, e))
		return true;
	struct entry_change change = change_of(e, value);
	const struct entry *mine = specs_lookup(c, change.kind, e->name);
	if (!mine || specs_is_newer(&change, mine))
		specs_take(c, &change);
	return false;
}

/* Reads the next entry; false at the end and at nonsense, which is counted. */
static bool
next_entry(struct core *c, struct wire_in *in, skep_Entry *e,
	struct wire_slice *value)
{
	e->value = wire_borrow(value);
	if (wire_next(in, skep_Entry_fields, e) && is_sound(e, value))
		return true;
	c->specs.refused += in->is_bad || in->stream.bytes_left > 0;
	return false;
}

/* Tells the sender which of its entries were deleted long ago. */
static void
answer_gone(struct core *c, member_id from, struct bytes body)
{
	if (!has_room(c, ENTRIES_SIZE))
		return;
	struct wire_slice value = {.whole = body};
	skep_Entry e = skep_Entry_init_zero;
	struct wire_in in;
	struct wire_out w;
	wire_each(&in, body, skep_Entries_entries_tag);
	wire_begin(&w, &c->fx, ENTRIES_SIZE);
	while (next_entry(c, &in, &e, &value)) {
		if (!is_refused(c, from, &e) || e.stamp > c->specs.trusted)
			continue;
		skep_Entry gone = {
			.kind = e.kind, .stamp = e.stamp, .is_gone = true};
		memcpy(gone.name, e.name, sizeof gone.name);
		memcpy(gone.writer, e.writer, sizeof gone.writer);
		if (!wire_put(&w, skep_Entries_entries_tag, skep_Entry_fields,
			    &gone))
			break;
	}
	if (w.count)
		member_send(c, from, WIRE_ENTRIES, end_entries(c, &w, true), 0);
	else
		wire_cancel(&w);
}

/* What a peer says of itself, unless that is nonsense. */
static void
note_trusted(struct core *c, member_id from, uint64_t trusted)
{
	if (specs_is_future(c, trusted))
		c->specs.refused++;
	else
		c->specs.peers[from].trusted = trusted;
}

static void
on_entries(struct core *c, member_id from, struct bytes body)
{
	skep_Entries head = skep_Entries_init_zero;
	if (!wire_decode(WIRE_ENTRIES, body, &head)) {
		c->specs.refused++;
		return;
	}
	note_trusted(c, from, head.horizon);
	struct wire_slice value = {.whole = body};
	skep_Entry e = skep_Entry_init_zero;
	struct wire_in in;
	bool has_refused = false;
	wire_each(&in, body, skep_Entries_entries_tag);
	while (next_entry(c, &in, &e, &value))
		has_refused |= on_entry(c, from, &e, &value);
	if (has_refused)
		answer_gone(c, from, body);
}

/* --- The tree --- */

/* Both hold the same: what the peer may say of itself, we may too. */
static void
on_equal(struct core *c, member_id id)
{
	uint64_t trusted = c->specs.peers[id].trusted;
	if (trusted > c->specs.trusted && has_room(c, 0))
		specs_raise(c, trusted, trusted);
}

/* The leaves that differ: exchange their entries. */
static void
exchange(struct core *c, member_id to, const uint32_t *leaves, size_t count)
{
	if (!has_room(c, 0))
		return;
	skep_EntriesWanted msg = {.leaves_count = (pb_size_t)count};
	memcpy(msg.leaves, leaves, count * sizeof *leaves);
	member_send(c, to, WIRE_ENTRIES_WANTED,
		wire_encode(&c->fx, WIRE_ENTRIES_WANTED, &msg), 0);
	send_leaves(c, to, leaves, count);
}

static void
on_tree_node(struct core *c, member_id from, struct bytes body)
{
	skep_TreeNode msg = skep_TreeNode_init_zero;
	if (!wire_decode(WIRE_TREE_NODE, body, &msg) ||
		msg.depth >= TREE_DEPTH || msg.prefix >= 1u << 4 * msg.depth ||
		msg.sums_count != TREE_FAN) {
		c->specs.refused++;
		return;
	}
	note_trusted(c, from, msg.horizon);
	uint32_t different[TREE_FAN];
	size_t count = 0;
	for (uint32_t i = 0; i < TREE_FAN; i++) {
		uint32_t child = msg.prefix * TREE_FAN + i;
		if (specs_tree_sum(c, msg.depth + 1, child) != msg.sums[i])
			different[count++] = child;
	}
	if (count == 0) {
		if (msg.depth > 0)
			return;
		on_equal(c, from);
		if (c->specs.peers[from].trusted < c->specs.trusted)
			send_node(c, from, 0, 0);
	} else if (msg.depth == TREE_DEPTH - 1) {
		exchange(c, from, different, count);
	} else {
		for (size_t i = 0; i < count; i++)
			send_node(c, from, msg.depth + 1, different[i]);
	}
}

static void
on_wanted(struct core *c, member_id from, struct bytes body)
{
	skep_EntriesWanted msg = skep_EntriesWanted_init_zero;
	bool is_good = wire_decode(WIRE_ENTRIES_WANTED, body, &msg);
	for (size_t i = 0; is_good && i < msg.leaves_count; i++)
		is_good = msg.leaves[i] < TREE_LEAVES;
	if (is_good)
		send_leaves(c, from, msg.leaves, msg.leaves_count);
	else
		c->specs.refused++;
}

/* --- Events --- */

/* One of two begins; the other only when that does not help. */
static bool
is_first(const struct core *c, member_id id)
{
	return strcmp(c->config.node, member_get(c, id)->name) < 0;
}

void
specs_on_linked(struct core *c, member_id id)
{
	struct specs_peer *p = &c->specs.peers[id];
	p->repair_at = MONO_NEVER;
	p->trusted = 0;
	if (is_first(c, id))
		send_node(c, id, 0, 0);
}

void
specs_on_heartbeat(struct core *c, member_id id)
{
	struct specs_peer *p = &c->specs.peers[id];
	if (member_get(c, id)->hb_spec_root == specs_root(c)) {
		p->repair_at = MONO_NEVER;
		on_equal(c, id);
		return;
	}
	if (p->repair_at.ms == MONO_NEVER.ms) {
		int64_t wait = is_first(c, id) ? 1 : 2;
		p->repair_at = mono_add(c->now, wait * REPAIR_AFTER_MS);
	} else if (mono_reached(p->repair_at, c->now)) {
		p->repair_at = mono_add(c->now, REPAIR_EVERY_MS);
		send_node(c, id, 0, 0);
	}
}

void
specs_on_recv(struct core *c, member_id from, uint16_t type, struct bytes body)
{
	if (type == WIRE_ENTRIES)
		on_entries(c, from, body);
	else if (type == WIRE_TREE_NODE)
		on_tree_node(c, from, body);
	else if (type == WIRE_ENTRIES_WANTED)
		on_wanted(c, from, body);
	else
		UNREACHABLE();
}
