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

bool
specs_is_known_to(const struct core *c, member_id id, enum realm realm)
{
	return realm == REALM_STATE ||
	       member_get(c, id)->version >= WIRE_VERSION_KV;
}

uint64_t
specs_told_root(const struct core *c, member_id id, enum realm realm)
{
	const struct member *m = member_get(c, id);
	return realm == REALM_KV ? m->hb_kv_root : m->hb_spec_root;
}

/* Ends a message of entries and returns it. */
static struct bytes
end_entries(
	struct core *c, struct wire_out *w, enum realm realm, bool is_repair)
{
	skep_Entries head = {.horizon = c->specs.realms[realm].trusted,
		.is_repair = is_repair,
		.realm = realm};
	struct bytes body = wire_end(w, WIRE_ENTRIES, &head);
	CHECK(body.data);
	return body;
}

void
specs_flood(struct core *c, const struct entry *e, uint64_t after)
{
	struct wire_out w;
	enum realm realm = specs_realm_of(e->kind);
	/* A storm of writes in one step: the trees tell the others. */
	if (!effects_has_room(&c->fx, c->members.count + c->fx.capacity / 4,
		    ENTRIES_SIZE + c->fx.pool_size / 4))
		return;
	wire_begin(&w, &c->fx, ENTRIES_SIZE);
	bool is_done = specs_put_entry(&w, e);
	CHECK(is_done);
	struct bytes body = end_entries(c, &w, realm, false);
	for (member_id id = 1; id < c->members.count; id++)
		if (specs_is_known_to(c, id, realm) &&
			effects_has_room(&c->fx, 1, 0))
			member_send(c, id, WIRE_ENTRIES, body, after);
}

/* Whether the step has room to send 'size' more bytes. */
static bool
has_room(const struct core *c, size_t size)
{
	return effects_has_room(&c->fx, 16, size + WIRE_HEAD_MAX);
}

static void
send_node(struct core *c, member_id to, enum realm realm, uint32_t depth,
	uint32_t prefix)
{
	if (!has_room(c, 0))
		return;
	skep_TreeNode msg = {.depth = depth,
		.prefix = prefix,
		.sums_count = TREE_FAN,
		.horizon = c->specs.realms[realm].trusted,
		.realm = realm};
	for (uint32_t i = 0; i < TREE_FAN; i++)
		msg.sums[i] = specs_tree_sum(
			c, realm, depth + 1, prefix * TREE_FAN + i);
	member_send(c, to, WIRE_TREE_NODE,
		wire_encode(&c->fx, WIRE_TREE_NODE, &msg), 0);
}

/* The largest STORE that entries of a leaf wait for. */
static uint64_t
after_of(const struct entry *e, uint64_t after)
{
	return e->store_seq > after ? e->store_seq : after;
}

/* Begins a message of entries, if the step has room for one. */
static bool
begin_entries(struct core *c, struct wire_out *w)
{
	if (!has_room(c, ENTRIES_SIZE))
		return false;
	wire_begin(w, &c->fx, ENTRIES_SIZE);
	return true;
}

/* Sends all entries of some leaves, in as many messages as it takes and the
 * step allows; the rest is found in the next round. */
static void
send_leaves(struct core *c, member_id to, enum realm realm,
	const uint32_t *leaves, size_t count)
{
	struct wire_out w;
	uint64_t after = 0;
	const struct map *by_leaf = &c->specs.by_leaf;
	if (!begin_entries(c, &w))
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t key = specs_leaf_key(realm, leaves[i]);
		for (struct map_link *l = map_first(by_leaf, key); l;
			l = map_next(by_leaf, l)) {
			const struct entry *e =
				container_of(l, struct entry, by_leaf);
			if (!specs_put_entry(&w, e)) {
				member_send(c, to, WIRE_ENTRIES,
					end_entries(c, &w, realm, true), after);
				if (!begin_entries(c, &w))
					return;
				bool is_done = specs_put_entry(&w, e);
				CHECK(is_done);
			}
			after = after_of(e, after);
		}
	}
	if (w.count)
		member_send(c, to, WIRE_ENTRIES,
			end_entries(c, &w, realm, true), after);
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
is_sound(const skep_Entry *e, enum realm realm, const struct wire_slice *value)
{
	if (e->kind == 0 || e->kind >= ENTRY_KIND_COUNT || e->stamp == 0)
		return false;
	enum entry_kind kind = (enum entry_kind)e->kind;
	size_t size_max = kind == ENTRY_KV ? KV_VALUE_MAX : SPEC_VALUE_MAX;
	return specs_realm_of(kind) == realm &&
	       specs_is_name(kind, e->name) && value->found.size <= size_max;
}

/* A host that knows more says that an entry of ours was deleted long ago. */
static void
on_gone(struct core *c, member_id from, const skep_Entry *e)
{
	struct specs *s = &c->specs;
	enum entry_kind kind = (enum entry_kind)e->kind;
	enum realm realm = specs_realm_of(kind);
	uint64_t trusted = s->peers[from].realms[realm].trusted;
	struct entry *mine = specs_lookup(c, kind, e->name);
	if (!mine || mine->stamp != e->stamp ||
		strcmp(mine->writer, e->writer) != 0 || trusted < e->stamp)
		return;
	if (!mine->is_deleted) {
		if (s->realms[realm].trusted >= trusted)
			return;
		s->gone++;
		core_note(c, NOTE_REPAIR, mine->name, 0,
			effects_format(&c->fx,
				"was deleted while this host was away, says "
				"%s; dropped",
				member_get(c, from)->name));
	}
	specs_raise(c, realm, mine->stamp, 0);
	specs_drop(c, mine);
}

/* Whether an entry that is unknown here must stay so: what is below our
 * horizon and not here was deleted, unless its sender knows more. */
static bool
is_refused(const struct core *c, member_id from, const skep_Entry *e)
{
	enum entry_kind kind = (enum entry_kind)e->kind;
	enum realm realm = specs_realm_of(kind);
	uint64_t horizon = c->specs.realms[realm].horizon;
	if (e->is_gone || e->stamp > horizon || specs_lookup(c, kind, e->name))
		return false;
	return e->is_deleted ||
	       c->specs.peers[from].realms[realm].trusted < horizon;
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

/* Reads the next entry of a realm; false at the end and at bytes that are none.
 * What makes no sense is counted. */
static bool
next_entry(struct core *c, struct wire_in *in, enum realm realm, skep_Entry *e,
	struct wire_slice *value)
{
	e->value = wire_borrow(value);
	while (wire_next(in, skep_Entry_fields, e)) {
		if (is_sound(e, realm, value))
			return true;
		c->specs.refused++;
		e->value = wire_borrow(value);
	}
	c->specs.refused += in->is_bad || in->stream.bytes_left > 0;
	return false;
}

/* Tells the sender which of its entries were deleted long ago. */
static void
answer_gone(
	struct core *c, member_id from, enum realm realm, struct bytes body)
{
	struct wire_slice value = {.whole = body};
	skep_Entry e = skep_Entry_init_zero;
	struct wire_in in;
	struct wire_out w;
	wire_each(&in, body, skep_Entries_entries_tag);
	if (!begin_entries(c, &w))
		return;
	while (next_entry(c, &in, realm, &e, &value)) {
		if (!is_refused(c, from, &e) ||
			e.stamp > c->specs.realms[realm].trusted)
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
		member_send(c, from, WIRE_ENTRIES,
			end_entries(c, &w, realm, true), 0);
	else
		wire_cancel(&w);
}

/* What a peer says of itself, unless that is nonsense. */
static void
note_trusted(
	struct core *c, member_id from, enum realm realm, uint64_t trusted)
{
	if (specs_is_future(c, trusted))
		c->specs.refused++;
	else
		c->specs.peers[from].realms[realm].trusted = trusted;
}

static void
on_entries(struct core *c, member_id from, struct bytes body)
{
	skep_Entries head = skep_Entries_init_zero;
	if (!wire_decode(WIRE_ENTRIES, body, &head) ||
		head.realm >= REALM_COUNT) {
		c->specs.refused++;
		return;
	}
	enum realm realm = (enum realm)head.realm;
	note_trusted(c, from, realm, head.horizon);
	struct wire_slice value = {.whole = body};
	skep_Entry e = skep_Entry_init_zero;
	struct wire_in in;
	bool has_refused = false;
	wire_each(&in, body, skep_Entries_entries_tag);
	while (next_entry(c, &in, realm, &e, &value))
		has_refused |= on_entry(c, from, &e, &value);
	if (has_refused)
		answer_gone(c, from, realm, body);
}

/* --- The tree --- */

/* Both hold the same: what the peer may say of itself, we may too. */
static void
on_equal(struct core *c, member_id id, enum realm realm)
{
	uint64_t trusted = c->specs.peers[id].realms[realm].trusted;
	if (trusted > c->specs.realms[realm].trusted && has_room(c, 0))
		specs_raise(c, realm, trusted, trusted);
}

/* The leaves that differ: exchange their entries. */
static void
exchange(struct core *c, member_id to, enum realm realm,
	const uint32_t *leaves, size_t count)
{
	if (!has_room(c, 0))
		return;
	skep_EntriesWanted msg = {
		.leaves_count = (pb_size_t)count, .realm = realm};
	memcpy(msg.leaves, leaves, count * sizeof *leaves);
	member_send(c, to, WIRE_ENTRIES_WANTED,
		wire_encode(&c->fx, WIRE_ENTRIES_WANTED, &msg), 0);
	send_leaves(c, to, realm, leaves, count);
}

static void
on_tree_node(struct core *c, member_id from, struct bytes body)
{
	skep_TreeNode msg = skep_TreeNode_init_zero;
	if (!wire_decode(WIRE_TREE_NODE, body, &msg) ||
		msg.depth >= TREE_DEPTH || msg.prefix >= 1u << 4 * msg.depth ||
		msg.sums_count != TREE_FAN || msg.realm >= REALM_COUNT) {
		c->specs.refused++;
		return;
	}
	enum realm realm = (enum realm)msg.realm;
	note_trusted(c, from, realm, msg.horizon);
	uint32_t different[TREE_FAN];
	size_t count = 0;
	for (uint32_t i = 0; i < TREE_FAN; i++) {
		uint32_t child = msg.prefix * TREE_FAN + i;
		if (specs_tree_sum(c, realm, msg.depth + 1, child) !=
			msg.sums[i])
			different[count++] = child;
	}
	if (count == 0) {
		if (msg.depth > 0)
			return;
		on_equal(c, from, realm);
		if (c->specs.peers[from].realms[realm].trusted <
			c->specs.realms[realm].trusted)
			send_node(c, from, realm, 0, 0);
	} else if (msg.depth == TREE_DEPTH - 1) {
		exchange(c, from, realm, different, count);
	} else {
		for (size_t i = 0; i < count; i++)
			send_node(c, from, realm, msg.depth + 1, different[i]);
	}
}

static void
on_wanted(struct core *c, member_id from, struct bytes body)
{
	skep_EntriesWanted msg = skep_EntriesWanted_init_zero;
	bool is_good = wire_decode(WIRE_ENTRIES_WANTED, body, &msg) &&
		       msg.realm < REALM_COUNT;
	for (size_t i = 0; is_good && i < msg.leaves_count; i++)
		is_good = msg.leaves[i] < TREE_LEAVES;
	if (is_good)
		send_leaves(c, from, (enum realm)msg.realm, msg.leaves,
			msg.leaves_count);
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

/* Who compares first on a new link; of key/value, which many clusters have
 * none of, whoever has some. */
static bool
begins(const struct core *c, member_id id, enum realm realm)
{
	if (realm == REALM_STATE)
		return is_first(c, id);
	return specs_is_known_to(c, id, realm) && c->specs.kv_count > 0;
}

void
specs_on_linked(struct core *c, member_id id)
{
	for (unsigned i = 0; i < REALM_COUNT; i++) {
		enum realm realm = (enum realm)i;
		c->specs.peers[id].realms[realm].repair_at = MONO_NEVER;
		c->specs.peers[id].realms[realm].trusted = 0;
		if (begins(c, id, realm))
			send_node(c, id, realm, 0, 0);
	}
}

/* Compares with what a member said of a realm. */
static void
compare(struct core *c, member_id id, enum realm realm)
{
	mono *repair_at = &c->specs.peers[id].realms[realm].repair_at;
	if (specs_told_root(c, id, realm) ==
		specs_tree_sum(c, realm, 0, 0)) {
		*repair_at = MONO_NEVER;
		on_equal(c, id, realm);
	} else if (repair_at->ms == MONO_NEVER.ms) {
		int64_t wait = is_first(c, id) ? 1 : 2;
		*repair_at = mono_add(c->now, wait * REPAIR_AFTER_MS);
	} else if (mono_reached(*repair_at, c->now)) {
		*repair_at = mono_add(c->now, REPAIR_EVERY_MS);
		send_node(c, id, realm, 0, 0);
	}
}

void
specs_on_heartbeat(struct core *c, member_id id)
{
	compare(c, id, REALM_STATE);
	if (specs_is_known_to(c, id, REALM_KV))
		compare(c, id, REALM_KV);
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
