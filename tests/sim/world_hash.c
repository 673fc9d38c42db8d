/* The hash by which two runs of a seed are compared: all that cores want, to
 * the last byte.
 */
#include <string.h>

#include "base/hash.h"
#include "tests/sim/world_private.h"

static uint64_t
add_text(uint64_t h, const char *text)
{
	return hash_mix(h, text ? hash_text(text, 1) : 0);
}

static uint64_t
add_bytes(uint64_t h, struct bytes b)
{
	if (!b.data)
		return hash_mix(h, 0);
	return hash_mix(h, b.size ? hash_bytes(b.data, b.size, 1) : 1);
}

static uint64_t
add_root(uint64_t h, const uint8_t root[DIGEST_SIZE])
{
	return hash_mix(h, hash_bytes(root, DIGEST_SIZE, 1));
}

static uint64_t
add_start(uint64_t h, const struct effect_start *s)
{
	h = add_text(add_text(h, s->name), s->service);
	h = hash_mix(hash_mix(h, s->epoch), s->run_digest);
	h = hash_mix(add_bytes(h, s->body), s->has_state);
	if (s->has_state)
		h = add_root(h, s->root);
	if (s->has_theirs)
		h = add_root(h, s->theirs);
	h = hash_mix(add_text(h, s->state_kind), (uint64_t)s->state_wall_ms);
	return add_text(h, s->handoff_from);
}

static uint64_t
add_note(uint64_t h, const struct effect_note *n)
{
	h = hash_mix(add_text(h, n->name), n->epoch);
	h = add_text(hash_mix(h, n->kind), n->text);
	return hash_mix(add_text(h, n->actor.host), n->actor.uid);
}

/* What stands in the union of an effect. */
static uint64_t
content(uint64_t h, const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_SEND:
		h = hash_mix(hash_mix(h, e->send.link), e->send.type);
		return add_bytes(h, e->send.body);
	case EFFECT_STORE:
		h = hash_mix(hash_mix(h, e->store.seq), e->store.table);
		return add_bytes(add_bytes(h, e->store.key), e->store.value);
	case EFFECT_START:
		return add_start(h, &e->start);
	case EFFECT_SIGNAL:
		h = hash_mix(add_text(h, e->signal.name), e->signal.epoch);
		h = hash_mix(h, (uint64_t)e->signal.signal);
		return hash_mix(
			h, e->signal.to_all * 2u + e->signal.is_handoff);
	case EFFECT_RUN:
		h = hash_mix(add_text(h, e->run.name), e->run.epoch);
		return hash_mix(
			hash_mix(h, e->run.hook), (uint64_t)e->run.timeout_ms);
	case EFFECT_KILL:
	case EFFECT_RELEASE:
		return hash_mix(add_text(h, e->proc.name), e->proc.epoch);
	case EFFECT_LINK_OPEN:
		return add_text(
			hash_mix(h, e->link_open.dial), e->link_open.address);
	case EFFECT_LINK_CLOSE:
		return add_text(
			hash_mix(h, e->link_close.link), e->link_close.why);
	case EFFECT_DUMP:
		h = hash_mix(add_text(h, e->dump.name), e->dump.epoch);
		return hash_mix(h, e->dump.size_max);
	case EFFECT_FETCH:
		h = add_text(add_text(h, e->fetch.name), e->fetch.node);
		h = add_root(add_text(h, e->fetch.address), e->fetch.root);
		return hash_mix(h, e->fetch.size);
	case EFFECT_DROP:
		return add_root(add_text(h, e->drop.name), e->drop.root);
	case EFFECT_REPLY:
		h = hash_mix(hash_mix(h, e->reply.request), e->reply.code);
		return add_text(h, e->reply.text);
	case EFFECT_NOTE:
		return add_note(h, &e->note);
	case EFFECT_DELIVER:
		h = hash_mix(hash_mix(h, e->deliver.number), e->deliver.epoch);
		return add_bytes(
			add_text(h, e->deliver.name), e->deliver.body);
	case EFFECT_ANSWER:
		h = hash_mix(hash_mix(h, e->answer.request), e->answer.code);
		return add_bytes(add_text(h, e->answer.name), e->answer.body);
	case EFFECT_KIND_COUNT:
		UNREACHABLE();
	}
	UNREACHABLE();
}

void
hash_effect(struct world *w, uint32_t host, const struct effect *e)
{
	uint64_t h = hash_mix(host, (uint64_t)e->kind);
	h = hash_mix(hash_mix(h, (uint64_t)w->now.ms), e->after);
	w->hash = hash_mix(w->hash, content(h, e));
}
