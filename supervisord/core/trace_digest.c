/* Digests of effects: over what they say, field by field. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/trace.h"

static uint64_t
add_bytes(uint64_t h, struct bytes b)
{
	/* A value that is empty and one that is absent differ. */
	h = hash_mix(h, b.data ? b.size + 1 : 0);
	return b.size ? hash_bytes(b.data, b.size, h) : h;
}

static uint64_t
add_text(uint64_t h, const char *text)
{
	return add_bytes(h, (struct bytes){text, text ? strlen(text) : 0});
}

static uint64_t
add_root(uint64_t h, const uint8_t root[DIGEST_SIZE])
{
	return hash_bytes(root, DIGEST_SIZE, h);
}

static uint64_t
digest_store(uint64_t h, const struct effect_store *e)
{
	h = hash_mix(hash_mix(h, e->seq), e->table);
	return add_bytes(add_bytes(h, e->key), e->value);
}

static uint64_t
digest_start(uint64_t h, const struct effect_start *e)
{
	h = add_text(add_text(h, e->name), e->service);
	h = hash_mix(hash_mix(h, e->epoch), e->run_digest);
	h = add_bytes(h, e->body);
	h = hash_mix(h, e->has_state);
	h = add_root(h, e->root);
	h = add_text(h, e->state_kind);
	h = hash_mix(h, (uint64_t)e->state_wall_ms);
	h = add_text(h, e->handoff_from);
	h = e->has_theirs ? add_root(h, e->theirs) : h;
	return e->sets_aside ? hash_mix(hash_mix(h, e->before), e->stay) : h;
}

static uint64_t
digest_signal(uint64_t h, const struct effect_signal *e)
{
	h = hash_mix(add_text(h, e->name), e->epoch);
	h = hash_mix(h, (uint64_t)e->signal);
	h = hash_mix(hash_mix(h, e->to_all), e->is_handoff);
	h = e->is_checkpoint ? hash_mix(h, 1) : h;
	return hash_mix(h, e->is_stop);
}

static uint64_t
digest_fetch(uint64_t h, const struct effect_fetch *e)
{
	h = add_text(add_text(add_text(h, e->name), e->node), e->address);
	return hash_mix(add_root(h, e->root), e->size);
}

static uint64_t
digest_note(uint64_t h, const struct effect_note *e)
{
	h = hash_mix(add_text(hash_mix(h, e->kind), e->name), e->epoch);
	h = add_text(h, e->text);
	h = hash_mix(hash_mix(h, e->actor.uid), e->actor.pid);
	return add_text(h, e->actor.host);
}

static uint64_t
digest_link(uint64_t h, uint32_t number, const char *text)
{
	return add_text(hash_mix(h, number), text);
}

static uint64_t
digest_mail(uint64_t h, const struct effect *e)
{
	if (e->kind == EFFECT_ANSWER) {
		h = hash_mix(hash_mix(h, e->answer.request), e->answer.code);
		h = add_text(add_text(h, e->answer.name), e->answer.text);
		return add_bytes(h, e->answer.body);
	}
	h = hash_mix(hash_mix(h, e->deliver.number), e->deliver.epoch);
	h = add_text(add_text(h, e->deliver.name), e->deliver.from);
	h = hash_mix(add_text(h, e->deliver.group), e->deliver.is_call);
	return add_bytes(h, e->deliver.body);
}

static uint64_t
digest(uint64_t h, const struct effect *e)
{
	switch (e->kind) {
	case EFFECT_SEND:
		h = hash_mix(hash_mix(h, e->send.link), e->send.type);
		return add_bytes(h, e->send.body);
	case EFFECT_STORE:
		return digest_store(h, &e->store);
	case EFFECT_START:
		return digest_start(h, &e->start);
	case EFFECT_SIGNAL:
		return digest_signal(h, &e->signal);
	case EFFECT_KILL:
	case EFFECT_RELEASE:
		h = hash_mix(add_text(h, e->proc.name), e->proc.epoch);
		return e->proc.sets_aside ? hash_mix(h, 1) : h;
	case EFFECT_RUN:
		h = hash_mix(add_text(h, e->run.name), e->run.epoch);
		return hash_mix(
			hash_mix(h, e->run.hook), (uint64_t)e->run.timeout_ms);
	case EFFECT_LINK_OPEN:
		return digest_link(h, e->link_open.dial, e->link_open.address);
	case EFFECT_LINK_CLOSE:
		return digest_link(h, e->link_close.link, e->link_close.why);
	case EFFECT_DUMP:
		h = hash_mix(add_text(h, e->dump.name), e->dump.epoch);
		h = hash_mix(h, e->dump.size_max);
		return e->dump.is_checkpoint ? hash_mix(h, 1) : h;
	case EFFECT_FETCH:
		return digest_fetch(h, &e->fetch);
	case EFFECT_DROP:
		return add_root(add_text(h, e->drop.name), e->drop.root);
	case EFFECT_REPLY:
		h = hash_mix(hash_mix(h, e->reply.request), e->reply.code);
		return add_text(h, e->reply.text);
	case EFFECT_NOTE:
		return digest_note(h, &e->note);
	case EFFECT_DELIVER:
	case EFFECT_ANSWER:
		return digest_mail(h, e);
	case EFFECT_KIND_COUNT:
		break;
	}
	UNREACHABLE();
}

uint32_t
trace_effect_digest(const struct effect *e)
{
	uint64_t h = digest(hash_mix(e->kind, e->after), e);
	return (uint32_t)(h ^ h >> 32);
}
