/* Claims: what this host asks for, and the messages both ways. */
#include "core/claim.h"

#include <string.h>

#include "base/buddy.h"
#include "base/name.h"
#include "core/core_private.h"
#include "core/wire.h"

#define BATCH_SIZE 65536 /* bytes of one message, and of one answer */
#define GATHER_MS  1	 /* claims wait for others while some are under way */
#define RETRY_MS   100	 /* what could not be sent, or decided */
#define RESEND_MS  500	 /* what was not answered */

/* A host with few names needs few claims. */
static uint32_t
claims_max(const struct core_limits *l)
{
	return l->rows_max < CLAIMS_MAX ? l->rows_max : CLAIMS_MAX;
}

static uint32_t
grants_max(const struct core_limits *l)
{
	return l->rows_max < GRANTS_MAX ? l->rows_max : GRANTS_MAX;
}

size_t
claim_uses_max(const struct core_limits *l)
{
	return (size_t)claims_max(l) + grants_max(l);
}

static size_t
metas_size(const struct core_limits *l)
{
	return (size_t)claims_max(l) * 256;
}

size_t
claim_need(const struct core_limits *l)
{
	return arena_need(claims_max(l), sizeof(struct claim)) +
	       arena_need(grants_max(l), sizeof(struct grant)) +
	       arena_need(map_bucket_count(claims_max(l)),
		       sizeof(struct map_link *)) +
	       arena_need(map_bucket_count(grants_max(l)),
		       sizeof(struct map_link *)) +
	       arena_need(buddy_need(metas_size(l)), 1);
}

static void
make_map(struct core *c, struct map *map, uint32_t max)
{
	size_t buckets = map_bucket_count(max);
	map_init(map, arena_take(&c->arena, buckets, sizeof(struct map_link *)),
		buckets);
}

void
claim_init(struct core *c)
{
	struct claims *k = &c->claims;
	const struct core_limits *l = &c->limits;
	slots_init(&k->slots,
		arena_take(&c->arena, claims_max(l), sizeof(struct claim)),
		claims_max(l), sizeof(struct claim));
	slots_init(&k->grant_slots,
		arena_take(&c->arena, grants_max(l), sizeof(struct grant)),
		grants_max(l), sizeof(struct grant));
	make_map(c, &k->by_number, claims_max(l));
	make_map(c, &k->grants, grants_max(l));
	k->metas =
		buddy_init(arena_take(&c->arena, buddy_need(metas_size(l)), 1),
			metas_size(l));
	list_init(&k->unsent);
	list_init(&k->sent);
	list_init(&k->by_age);
	k->flush_at = k->retry_at = k->due_at = MONO_NEVER;
}

void
claim_on_boot(struct core *c)
{
	/* A late answer to an earlier start is nobody's. */
	c->claims.next_number = c->incarnation << 32;
}

/* --- One claim --- */

static struct claim *
find_claim(const struct core *c, uint64_t number)
{
	const struct map *map = &c->claims.by_number;
	struct map_link *l = map_first(map, number);
	return l ? container_of(l, struct claim, by_number) : NULL;
}

static bool
take_meta(struct claims *k, struct claim *claim, struct bytes meta)
{
	if (meta.size == 0)
		return true;
	claim->meta = buddy_take(k->metas, meta.size);
	if (!claim->meta)
		return false;
	memcpy(claim->meta, meta.data, meta.size);
	claim->meta_size = (uint32_t)meta.size;
	return true;
}

struct claim *
claim_begin(struct core *c, enum claim_kind kind, const char *name,
	int64_t timeout_ms, struct bytes meta, claim_done_fn *done)
{
	struct claims *k = &c->claims;
	struct claim *claim = slots_take(&k->slots);
	if (!claim)
		return NULL;
	memset(claim, 0, sizeof *claim);
	if (!take_meta(k, claim, meta)) {
		slots_give(&k->slots, claim);
		return NULL;
	}
	if (timeout_ms <= 0)
		timeout_ms = CLAIM_TIMEOUT_MS;
	if (timeout_ms > CLAIM_TIMEOUT_MAX_MS)
		timeout_ms = CLAIM_TIMEOUT_MAX_MS;
	claim->name = names_take(c, name)->text;
	claim->number = ++k->next_number;
	claim->kind = kind;
	claim->to = MEMBER_NONE;
	claim->deadline = mono_add(c->now, timeout_ms);
	claim->done = done;
	map_insert(&k->by_number, &claim->by_number, claim->number);
	list_init(&claim->link);
	list_append(&k->unsent, &claim->link);
	bool is_alone = list_is_empty(&k->sent);
	k->flush_at = mono_min(
		k->flush_at, mono_add(c->now, is_alone ? 0 : GATHER_MS));
	k->due_at = mono_min(k->due_at, claim->deadline);
	return claim;
}

/* Tells who wanted it; then it is gone. */
static void
finish(struct core *c, struct claim *claim, const struct claim_answer *answer)
{
	struct claims *k = &c->claims;
	map_remove(&k->by_number, &claim->by_number);
	list_remove(&claim->link);
	claim->done(c, claim, answer);
	names_give(c, names_of(claim->name));
	buddy_give(k->metas, claim->meta);
	slots_give(&k->slots, claim);
}

/* --- Sending --- */

/* Decides what is ours to decide; what cannot be yet stays. */
static void
decide_own(struct core *c, struct claim *claim)
{
	struct claim_answer a = claim_decide(c, claim->name, MEMBER_SELF,
		claim->number, claim->kind, claim->pid);
	if (a.verdict != CLAIM_AGAIN)
		finish(c, claim, &a);
}

static bool
put_item(struct wire_out *w, const struct claim *claim)
{
	skep_ClaimItem item = skep_ClaimItem_init_zero;
	item.number = claim->number;
	item.kind = (uint32_t)claim->kind;
	item.pid = claim->pid;
	memcpy(item.name, claim->name, strlen(claim->name) + 1);
	return wire_put(w, skep_Claim_items_tag, skep_ClaimItem_fields, &item);
}

/* Sends all unsent claims for 'to', from 'first' on; false when the step has
 * no room. */
static bool
send_to(struct core *c, member_id to, struct list *first)
{
	struct claims *k = &c->claims;
	struct wire_out w;
	if (!effects_has_room(&c->fx, 16, BATCH_SIZE + WIRE_HEAD_MAX))
		return false;
	wire_begin(&w, &c->fx, BATCH_SIZE);
	struct list *next;
	for (struct list *it = first; it != &k->unsent; it = next) {
		struct claim *claim = container_of(it, struct claim, link);
		next = it->next;
		if (claim->to != to)
			continue;
		if (!put_item(&w, claim))
			break;
		claim->sent_at = c->now;
		list_remove(it);
		list_append(&k->sent, it);
	}
	CHECK(w.count > 0);
	skep_Claim msg = skep_Claim_init_zero;
	struct bytes body = wire_end(&w, WIRE_CLAIM, &msg);
	CHECK(body.data);
	member_send(c, to, WIRE_CLAIM, body, 0);
	return true;
}

/* Whether the step has room for what comes of one more claim. */
static bool
has_room(const struct core *c)
{
	return effects_has_room(&c->fx, 16, 8192);
}

/* Finds out whom to ask, and decides what this host decides itself. */
static void
address_all(struct core *c)
{
	list_each_safe (it, &c->claims.unsent) {
		struct claim *claim = container_of(it, struct claim, link);
		claim->to = claim_arbiter(c, claim->name);
		if (claim->to == MEMBER_SELF && !has_room(c)) {
			c->claims.flush_at = c->now;
			return;
		}
		if (claim->to == MEMBER_SELF)
			decide_own(c, claim);
	}
}

/* Sends what can be sent. */
static void
send_all(struct core *c)
{
	struct claims *k = &c->claims;
	struct list *it = k->unsent.next;
	while (it != &k->unsent) {
		const struct claim *claim =
			container_of(it, struct claim, link);
		const bool is_ours = claim->to == MEMBER_SELF;
		const bool has_link = claim->to != MEMBER_NONE && !is_ours &&
				      member_get(c, claim->to)->link != 0;
		if (!has_link) {
			it = it->next;
			continue;
		}
		/* Takes this one out at least: a message holds one. */
		struct list *before = it->prev;
		if (!send_to(c, claim->to, it))
			return;
		it = before->next;
	}
}

static void
flush(struct core *c)
{
	struct claims *k = &c->claims;
	k->flush_at = MONO_NEVER;
	if (member_hold_now(c) == HOLD_NONE) {
		address_all(c);
		send_all(c);
	}
	bool is_empty = list_is_empty(&k->unsent);
	bool is_idle = is_empty && list_is_empty(&k->sent);
	k->retry_at =
		is_idle ? MONO_NEVER
			: mono_add(c->now, is_empty ? RESEND_MS : RETRY_MS);
}

/* What was sent to nobody's avail is to be sent again: all of it, or what has
 * not been answered for long. */
static void
take_back(struct core *c, bool is_all)
{
	struct claims *k = &c->claims;
	list_each_safe (it, &k->sent) {
		struct claim *claim = container_of(it, struct claim, link);
		if (!is_all && mono_diff(c->now, claim->sent_at) < RESEND_MS)
			continue;
		list_remove(it);
		list_append(&k->unsent, it);
	}
}

/* --- Receiving --- */

static void
answer_one(struct core *c, struct wire_out *w, member_id from,
	const skep_ClaimItem *item)
{
	struct bytes name = {item->name, strlen(item->name)};
	if (item->kind == CLAIM_WITHDRAW) {
		claim_withdraw(c, item->name, from, item->number);
		return;
	}
	struct claim_answer a = {.verdict = CLAIM_AGAIN, .node = ""};
	bool is_known = item->kind >= CLAIM_TRACKED && item->kind <= CLAIM_LOOK;
	if (is_known && name_is_runtime(name))
		a = claim_decide(c, item->name, from, item->number,
			(enum claim_kind)item->kind, item->pid);
	skep_ClaimWord word = skep_ClaimWord_init_zero;
	word.number = item->number;
	word.verdict = (uint32_t)a.verdict;
	word.epoch = a.epoch;
	word.pid = a.pid;
	memcpy(word.node, a.node, strlen(a.node) + 1);
	if (a.state)
		strncpy(word.state, a.state, sizeof word.state - 1);
	/* What does not fit is asked for again. */
	(void)wire_put(
		w, skep_ClaimAnswer_words_tag, skep_ClaimWord_fields, &word);
}

static void
on_claim(struct core *c, member_id from, struct bytes body)
{
	struct wire_in in;
	struct wire_out w;
	skep_ClaimItem item;
	if (!effects_has_room(&c->fx, 16, 2 * BATCH_SIZE + WIRE_HEAD_MAX))
		return;
	wire_begin(&w, &c->fx, 2 * BATCH_SIZE);
	wire_each(&in, body, skep_Claim_items_tag);
	while (wire_next(&in, skep_ClaimItem_fields, &item))
		answer_one(c, &w, from, &item);
	skep_ClaimAnswer msg = skep_ClaimAnswer_init_zero;
	struct bytes answer = wire_end(&w, WIRE_CLAIM_ANSWER, &msg);
	if (answer.data && w.count > 0)
		member_send(c, from, WIRE_CLAIM_ANSWER, answer, 0);
}

/* One word of whom we asked; an earlier arbiter's counts no more. */
static void
take_word(struct core *c, member_id from, const skep_ClaimWord *word)
{
	struct claims *k = &c->claims;
	struct claim *claim = find_claim(c, word->number);
	if (!claim || claim->to != from || word->epoch > EPOCH_MAX)
		return;
	if (word->verdict == CLAIM_AGAIN ||
		claim_arbiter(c, claim->name) != from) {
		list_remove(&claim->link);
		list_append(&k->unsent, &claim->link);
		k->retry_at = mono_min(k->retry_at, mono_add(c->now, RETRY_MS));
		return;
	}
	if (word->verdict != CLAIM_GRANTED && word->verdict != CLAIM_TAKEN)
		return;
	const struct claim_answer a = {
		.verdict = (enum claim_verdict)word->verdict,
		.epoch = word->epoch,
		.node = word->node,
		.pid = word->pid,
		.state = word->state,
		.why = "",
	};
	finish(c, claim, &a);
}

void
claim_on_recv(struct core *c, member_id from, uint16_t type, struct bytes body)
{
	if (type == WIRE_CLAIM) {
		on_claim(c, from, body);
		return;
	}
	struct wire_in in;
	skep_ClaimWord word;
	wire_each(&in, body, skep_ClaimAnswer_words_tag);
	while (has_room(c) && wire_next(&in, skep_ClaimWord_fields, &word))
		take_word(c, from, &word);
}

/* --- Time --- */

/* Why a claim came to nothing. */
static struct claim_answer
late(struct core *c, const struct claim *claim)
{
	struct claim_answer a = {.verdict = CLAIM_NO_NODE, .node = ""};
	if (member_hold_now(c) != HOLD_NONE) {
		a.why = effects_format(&c->fx,
			"this host holds and takes no names: %s",
			c->members.hold_text);
		return a;
	}
	member_id to = claim_arbiter(c, claim->name);
	const struct member *m = member_get(c, to);
	if (to != MEMBER_SELF && m->link == 0) {
		a.why = effects_format(&c->fx,
			"%s decides about this name and is not linked",
			m->name);
		return a;
	}
	a.verdict = CLAIM_LATE;
	a.why = effects_format(&c->fx,
		"%s decides about this name and did not say in time", m->name);
	return a;
}

void
claim_reply_undecided(struct core *c, const struct claim *claim,
	const struct claim_answer *answer)
{
	core_reply(c, claim->request, 0,
		answer->verdict == CLAIM_LATE ? REPLY_TIMEOUT : REPLY_NO_NODE,
		answer->why);
}

/* A grant may be on its way to a claim that is over.  What was asked goes
 * before this on the link, so nothing is granted afterwards. */
static void
withdraw(struct core *c, const struct claim *claim)
{
	member_id to = claim->to;
	if (claim->kind == CLAIM_LOOK || to == MEMBER_SELF ||
		to != claim_arbiter(c, claim->name) ||
		member_get(c, to)->link == 0)
		return;
	struct wire_out w;
	struct claim item = *claim;
	item.kind = CLAIM_WITHDRAW;
	wire_begin(&w, &c->fx, sizeof(skep_ClaimItem) + 64);
	if (!put_item(&w, &item)) {
		wire_cancel(&w);
		return;
	}
	skep_Claim msg = skep_Claim_init_zero;
	struct bytes body = wire_end(&w, WIRE_CLAIM, &msg);
	if (body.data)
		member_send(c, to, WIRE_CLAIM, body, 0);
}

static mono
end_late(struct core *c, struct list *list)
{
	mono next = MONO_NEVER;
	list_each_safe (it, list) {
		struct claim *claim = container_of(it, struct claim, link);
		if (!mono_reached(claim->deadline, c->now)) {
			next = mono_min(next, claim->deadline);
			continue;
		}
		if (!has_room(c))
			return c->now;
		const struct claim_answer a = late(c, claim);
		withdraw(c, claim);
		finish(c, claim, &a);
	}
	return next;
}

void
claim_on_tick(struct core *c)
{
	struct claims *k = &c->claims;
	const bool is_new_view = k->asked_view != c->members.view_digest;
	k->asked_view = c->members.view_digest;
	const bool is_retry = mono_reached(k->retry_at, c->now);
	if (is_retry || (is_new_view && k->by_number.count))
		take_back(c, is_new_view);
	if (is_retry || is_new_view || mono_reached(k->flush_at, c->now))
		flush(c);
	if (mono_reached(k->due_at, c->now)) {
		mono next = end_late(c, &k->sent);
		k->due_at = mono_min(next, end_late(c, &k->unsent));
	}
	claim_expire_grants(c);
}

mono
claim_deadline(const struct core *c)
{
	const struct claims *k = &c->claims;
	return mono_min(k->flush_at, mono_min(k->retry_at, k->due_at));
}

/* --- Audit --- */

void
claim_check(const struct core *c)
{
	const struct claims *k = &c->claims;
	size_t claims = 0, grants = 0;
	list_each (it, (struct list *)&k->unsent)
		claims++;
	list_each (it, (struct list *)&k->sent)
		claims++;
	list_each (it, (struct list *)&k->by_age)
		grants++;
	CHECK(claims == k->by_number.count);
	CHECK(grants == k->grants.count);
	CHECK(claims == 0 || k->due_at.ms != MONO_NEVER.ms);
}
