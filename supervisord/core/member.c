#include "core/member.h"

#include <string.h>

#include "base/hash.h"
#include "core/member_private.h"

#define RECORD_VERSION 2 /* with a nonce; 1 is read, too */
#define RECORD_SIZE    (ADDRESS_MAX + 64)
#define INCARNATION    "incarnation"
#define LEAVING	       "leaving"

size_t
member_need(const struct core_limits *limits)
{
	return arena_need(limits->members_max, sizeof(struct member)) +
	       arena_need(map_bucket_count(limits->members_max),
		       sizeof(struct map_link *)) +
	       arena_need(lookup_slot_count(limits->members_max),
		       sizeof(struct lookup_slot));
}

static bool
is_present(enum member_state state)
{
	return state == MEMBER_ALIVE || state == MEMBER_SUSPECT;
}

/* What it adds to the digest of all present members, suspects included: a
 * suspicion is private, and must not hold up everybody else. */
static uint64_t
view_share(const struct member *m)
{
	return is_present(m->state) ? hash_text(m->name, m->incarnation) : 0;
}

static void
make_map(struct core *c, struct map *map)
{
	size_t buckets = map_bucket_count(c->limits.members_max);
	map_init(map, arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
}

void
member_init(struct core *c)
{
	struct member_table *t = &c->members;
	t->max = c->limits.members_max;
	t->items = arena_take(&c->arena, t->max, sizeof(struct member));
	make_map(c, &t->by_name);
	size_t slots = lookup_slot_count(t->max);
	lookup_init(&t->by_link,
		arena_take(&c->arena, slots, sizeof(struct lookup_slot)),
		slots);
	struct member *self = member_add(c, c->config.node);
	CHECK(self == &t->items[MEMBER_SELF]);
	self->state = MEMBER_ALIVE;
	t->view_digest = view_share(self);
	self->node_id = c->config.node_id;
	self->boot = c->config.boot;
	self->nonce = c->config.nonce;
	self->version = WIRE_VERSION;
	member_set_address(self, c->config.address);
	t->next_heartbeat = MONO_NEVER;
	t->tick_due = MONO_NEVER;
	t->leave_at = MONO_NEVER;
	t->stall.since = t->stall.quiet_until = MONO_NEVER;
}

uint64_t
member_log_incarnation(uint64_t incarnation)
{
	return incarnation >> 16;
}

/* --- Records --- */

static bool
is_key(struct bytes key, const char *text)
{
	return key.size == strlen(text) && !memcmp(key.data, text, key.size);
}

void
member_on_load_meta(struct core *c, struct bytes key, struct bytes value)
{
	struct reader r;
	if (is_key(key, LEAVING))
		c->members.is_leaving = true;
	if (!is_key(key, INCARNATION))
		return;
	reader_init(&r, value.data, value.size);
	uint64_t incarnation = reader_u64(&r);
	if (!r.bad && incarnation < INCARNATION_MAX >> 16)
		c->incarnation = incarnation;
}

void
member_save_incarnation(struct core *c)
{
	unsigned char buffer[8];
	struct writer w;
	writer_init(&w, buffer, sizeof buffer);
	writer_u64(&w, c->incarnation);
	c->members.incarnation_seq = core_store(c, TABLE_META,
		(struct bytes){INCARNATION, strlen(INCARNATION)},
		writer_done(&w));
}

uint64_t
member_save_leaving(struct core *c)
{
	bool is_due = c->members.is_leaving && !c->members.has_left;
	return core_store(c, TABLE_META,
		(struct bytes){LEAVING, strlen(LEAVING)},
		is_due ? (struct bytes){"1", 1} : (struct bytes){NULL, 0});
}

void
member_save(struct core *c, const struct member *m)
{
	unsigned char buffer[RECORD_SIZE];
	struct writer w;
	CHECK(m != &c->members.items[MEMBER_SELF]);
	writer_init(&w, buffer, sizeof buffer);
	writer_u8(&w, RECORD_VERSION);
	writer_u8(&w, m->state == MEMBER_LEFT);
	writer_u64(&w, m->node_id);
	writer_u64(&w, m->incarnation);
	writer_text(&w, m->address);
	writer_u64(&w, m->nonce);
	CHECK(!w.bad);
	core_store(c, TABLE_MEMBER, (struct bytes){m->name, strlen(m->name)},
		writer_done(&w));
}

void
member_on_load(struct core *c, struct bytes key, struct bytes value)
{
	char name[NODE_NAME_MAX + 1] = "";
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint8_t version = reader_u8(&r);
	bool has_left = reader_u8(&r) != 0;
	uint64_t node_id = reader_u64(&r);
	uint64_t incarnation = reader_u64(&r);
	const char *address = reader_text(&r);
	uint64_t nonce = version < RECORD_VERSION ? 0 : reader_u64(&r);
	/* A later version may have written more behind it. */
	if (r.bad || version == 0 || incarnation > INCARNATION_MAX)
		return;
	if (key.size > NODE_NAME_MAX)
		return;
	memcpy(name, key.data, key.size);
	if (!member_is_name(name) || member_find(c, name) != MEMBER_NONE)
		return;
	struct member *m = member_add(c, name);
	if (!m)
		return;
	m->node_id = node_id;
	m->incarnation = incarnation;
	m->nonce = nonce;
	m->state = has_left ? MEMBER_LEFT : MEMBER_UNKNOWN;
	member_set_address(m, address);
}

void
member_on_boot(struct core *c)
{
	struct member_table *t = &c->members;
	c->incarnation++;
	member_save_incarnation(c);
	member_set_own(c, c->incarnation << 16);
	for (member_id id = 0; id < t->count; id++)
		t->items[id].since = c->now;
	for (uint32_t i = 0; i < c->config.join_count; i++)
		if (strcmp(c->config.join[i], c->config.address) != 0)
			member_seed_add(c, c->config.join[i]);
	t->next_heartbeat = mono_add(c->now, HEARTBEAT_MS);
	t->health_at = mono_add(c->now, 1000);
	t->view_since = c->now;
	member_view_changed(c);
	member_hold_boot(c);
}

/* --- The table --- */

struct member *
member_at(struct core *c, member_id id)
{
	CHECK(id < c->members.count);
	return &c->members.items[id];
}

member_id
member_id_of(const struct core *c, const struct member *m)
{
	CHECK(m >= c->members.items);
	CHECK(m < c->members.items + c->members.count);
	return (member_id)(m - c->members.items);
}

bool
member_is_name(const char *name)
{
	size_t length = strlen(name);
	return length > 0 && length <= NODE_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789._-") == length;
}

/* A free entry: a new one, else one of a member that left. */
static struct member *
find_room(struct core *c)
{
	struct member_table *t = &c->members;
	if (t->count < t->max)
		return &t->items[t->count++];
	for (member_id id = 1; id < t->count; id++) {
		struct member *m = &t->items[id];
		if (m->state != MEMBER_LEFT || m->link)
			continue;
		map_remove(&t->by_name, &m->by_name);
		c->registry.origins[id].forgotten = 0;
		place_on_renamed(c);
		return m;
	}
	return NULL;
}

/* Nothing may speak of the host that had this entry before. */
static void
forget_entry(struct core *c, member_id id)
{
	struct member_table *t = &c->members;
	for (uint32_t i = 0; i < t->seed_count; i++)
		if (t->seeds[i].member == id)
			t->seeds[i].member = MEMBER_NONE;
	for (uint32_t i = 0; i < PENDING_MAX; i++)
		if (t->pending[i].spare_of == id)
			t->pending[i].spare_of = MEMBER_NONE;
}

struct member *
member_add(struct core *c, const char *name)
{
	struct member *m = find_room(c);
	if (!m)
		return NULL;
	forget_entry(c, member_id_of(c, m));
	c->members.is_quiet = c->members.is_tally_known = false;
	place_forget_hosts(c);
	memset(m, 0, sizeof *m);
	memcpy(m->name, name, strlen(name) + 1);
	map_insert(&c->members.by_name, &m->by_name, hash_text(name, 0));
	m->state = MEMBER_UNKNOWN;
	m->since = c->now;
	m->redial_at = c->now;
	m->ask_at = m->contested_until = MONO_NEVER;
	return m;
}

void
member_set_link(struct core *c, struct member *m, uint32_t link)
{
	struct lookup *links = &c->members.by_link;
	c->members.is_tally_known = false;
	bool was_linked = m->link != 0;
	if (was_linked)
		lookup_remove(links, m->link);
	m->link = link;
	m->has_heartbeat = false;
	m->is_list_lost = false;
	place_forget_hosts(c);
	if (link)
		lookup_put(links, link, member_id_of(c, m));
	if (was_linked)
		message_on_unlinked(c, member_id_of(c, m));
}

struct member *
member_find_link(const struct core *c, uint32_t link)
{
	uint32_t id = lookup_get(&c->members.by_link, link);
	return id == LOOKUP_NONE ? NULL : &c->members.items[id];
}

bool
member_is_many(const struct core *c)
{
	return c->members.count > NEWS_ALL_MAX;
}

bool
member_set_address(struct member *m, const char *address)
{
	size_t length = strlen(address);
	if (length == 0 || length > ADDRESS_MAX || !strcmp(m->address, address))
		return false;
	memcpy(m->address, address, length + 1);
	return true;
}

static bool
is_gone(enum member_state state)
{
	return state == MEMBER_DEAD || state == MEMBER_LEFT;
}

void
member_enter(struct core *c, struct member *m, enum member_state state,
	uint64_t incarnation)
{
	bool was_present = is_present(m->state);
	bool is_newer = incarnation > m->incarnation;
	c->members.is_quiet = c->members.is_tally_known = false;
	c->members.view_digest -= view_share(m);
	place_forget_hosts(c);
	CHECK(incarnation >= m->incarnation);
	CHECK(is_newer || !is_gone(m->state) || is_gone(state));
	if (is_gone(state)) {
		m->is_confirming = false;
		m->ask_at = MONO_NEVER;
	}
	if (is_present(state))
		m->is_confirmed_down = false;
	if (m->state != state)
		m->since = c->now;
	/* Another start has another nonce, which only its Hello tells, and
	 * counts from the beginning. */
	if (member_log_incarnation(incarnation) !=
			member_log_incarnation(m->incarnation) &&
		m != &c->members.items[MEMBER_SELF]) {
		m->nonce = 0;
		m->hb_is_going = false;
		m->stall_changes = m->stall_tell = 0;
	}
	if (is_newer)
		m->contested_until = MONO_NEVER;
	m->state = state;
	m->incarnation = incarnation;
	c->members.view_digest += view_share(m);
	if (was_present != is_present(state))
		changes_on_host(c, member_id_of(c, m));
	if (!was_present && is_present(state))
		duty_know_host(c, member_id_of(c, m));
	if (was_present != is_present(state) || (was_present && is_newer))
		member_view_changed(c);
}

void
member_set_own(struct core *c, uint64_t incarnation)
{
	member_enter(c, member_at(c, MEMBER_SELF), MEMBER_ALIVE, incarnation);
	CHECK(member_log_incarnation(incarnation) == c->incarnation);
}

uint32_t
member_present_count(const struct core *c)
{
	uint32_t n = 0;
	for (member_id id = 0; id < c->members.count; id++)
		n += is_present(c->members.items[id].state);
	return n;
}

/* --- Questions of others --- */

member_id
member_find(const struct core *c, const char *name)
{
	const struct map *map = &c->members.by_name;
	struct map_link *l = map_first(map, hash_text(name, 0));
	for (; l; l = map_next(map, l)) {
		const struct member *m =
			container_of(l, struct member, by_name);
		if (!strcmp(m->name, name))
			return member_id_of(c, m);
	}
	return MEMBER_NONE;
}

const struct member *
member_get(const struct core *c, member_id id)
{
	CHECK(id < c->members.count);
	return &c->members.items[id];
}

bool
member_is_present(const struct core *c, member_id id)
{
	return is_present(member_get(c, id)->state);
}

/* A member that others vouched for and that we never were linked to counts
 * as ready: they would not have it in their view otherwise. */
bool
member_is_expected(const struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	return m->state == MEMBER_UNKNOWN &&
	       mono_diff(c->now, m->since) < c->settings.settle_timeout_ms;
}

mono
member_expected_until(const struct core *c)
{
	mono first = MONO_NEVER;
	for (member_id id = 1; id < c->members.count; id++)
		if (member_is_expected(c, id))
			first = mono_min(first,
				mono_add(member_get(c, id)->since,
					c->settings.settle_timeout_ms));
	return first;
}

bool
member_is_usable(const struct core *c, member_id id)
{
	const struct member *m = member_get(c, id);
	if (!is_present(m->state))
		return false;
	if (id == MEMBER_SELF)
		return c->members.hold == HOLD_NONE;
	return !m->has_heartbeat || (m->hb_is_ready && !m->hb_is_lonely);
}

enum member_hold
member_hold_now(const struct core *c)
{
	return c->members.hold;
}

bool
member_is_view_agreed(const struct core *c)
{
	const struct member_table *t = &c->members;
	for (member_id id = 1; id < t->count; id++) {
		const struct member *m = &t->items[id];
		if (!is_present(m->state) || !m->link)
			continue;
		if (!m->has_heartbeat || m->hb_view_digest != t->view_digest)
			return false;
	}
	return true;
}

/* --- Time --- */

/* When the first of the members' own timers is due. */
static mono
members_due_at(const struct core *c)
{
	return mono_min(member_detect_due(c), member_link_deadline(c));
}

/* Whether 'due_at' still holds. */
static bool
is_due_known(const struct core *c)
{
	const struct member_table *t = &c->members;
	return t->is_quiet && t->due_patience_ms == member_patience_ms(c) &&
	       t->due_grace_ms == c->settings.restart_grace_ms;
}

void
member_on_tick(struct core *c)
{
	struct member_table *t = &c->members;
	member_health_tick(c);
	if (!is_due_known(c) || mono_reached(t->due_at, c->now)) {
		member_detect_tick(c);
		member_link_tick(c);
		t->is_quiet = false;
	}
	member_heartbeat_tick(c);
	member_hold_tick(c);
	member_leave_tick(c);
	member_stall_tick(c);
	if (!t->is_quiet) {
		t->due_at = members_due_at(c);
		t->due_patience_ms = member_patience_ms(c);
		t->due_grace_ms = c->settings.restart_grace_ms;
		t->is_quiet = true;
	}
	t->tick_due = member_deadline(c);
}

mono
member_deadline(const struct core *c)
{
	const struct member_table *t = &c->members;
	mono at = is_due_known(c) ? t->due_at : members_due_at(c);
	at = mono_min(at, t->leave_at);
	at = mono_min(at, member_heartbeat_deadline(c));
	at = mono_min(at, member_stall_deadline(c));
	return mono_min(at, member_hold_deadline(c));
}

void
member_check(const struct core *c)
{
	const struct member_table *t = &c->members;
	CHECK(t->count >= 1 && t->count <= t->max);
	CHECK(!strcmp(t->items[MEMBER_SELF].name, c->config.node));
	CHECK(t->health <= HEALTH_MAX);
	uint32_t pending = 0;
	for (uint32_t i = 0; i < PENDING_MAX; i++)
		pending += t->pending[i].link != 0;
	CHECK(pending == t->pending_count);
	uint64_t digest = 0;
	for (member_id id = 0; id < t->count; id++) {
		const struct member *m = &t->items[id];
		CHECK(member_is_name(m->name));
		CHECK(member_find(c, m->name) == id);
		CHECK(m->link == 0 || is_present(m->state));
		CHECK(id != MEMBER_SELF || m->link == 0);
		CHECK(!m->link || member_find_link(c, m->link) == m);
		digest += view_share(m);
	}
	CHECK(digest == t->view_digest);
	member_hold_check(c);
}

const char *
member_state_name(enum member_state state)
{
	static const char *const names[MEMBER_STATE_COUNT] = {
#define X(state, name) [state] = name,
		MEMBER_STATES(X)
#undef X
	};
	return names[state];
}

const char *
member_hold_name(enum member_hold hold)
{
	static const char *const names[] = {
		[HOLD_NONE] = "",
		[HOLD_FORMING] = "forming",
		[HOLD_LONELY] = "lonely",
		[HOLD_KEEP] = "keep",
		[HOLD_FREEZE] = "freeze",
		[HOLD_STOP] = "stop",
		[HOLD_LEAVING] = "leaving",
		[HOLD_ENDING] = "ending",
	};
	return names[hold];
}
