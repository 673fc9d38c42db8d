#include "core/sealed.h"

#include <string.h>

#include "core/core_private.h"

size_t
sealed_need(void)
{
	return arena_need(SEALED_DROPS_MAX, sizeof(struct sealed_drop));
}

void
sealed_init(struct core *c)
{
	struct sealed *t = &c->sealed;
	slots_init(&t->slots,
		arena_take(&c->arena, SEALED_DROPS_MAX,
			sizeof(struct sealed_drop)),
		SEALED_DROPS_MAX, sizeof(struct sealed_drop));
	list_init(&t->drops);
}

bool
sealed_is_needed(
	const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	const struct handoff *h = handoff_find(c, name);
	const struct instance *i = instance_find(c, name);
	return (h && h->has_root && memcmp(h->root, root, DIGEST_SIZE) == 0) ||
	       (i && instance_is_staged(i, root)) ||
	       checkpoint_needs_state(c, name, root) ||
	       conflict_needs_state(c, name, root);
}

/* Whether a state of that name is being sealed, whose root nobody knows yet:
 * it may be one that is about to go. */
static bool
is_being_sealed(const struct core *c, const char *name)
{
	const struct checkpoint *k = checkpoint_find(c, name);
	const struct handoff *h = handoff_find(c, name);
	const struct instance *i = instance_find(c, name);
	return (k && k->phase == CHECKPOINT_SEALING) ||
	       (i && i->is_salvaging) || (h && h->state == HANDOFF_DUMPING);
}

static void
issue(struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	struct effect *e = effects_add(&c->fx, EFFECT_DROP);
	e->drop.name = effects_text(&c->fx, name);
	memcpy(e->drop.root, root, DIGEST_SIZE);
}

/* Whether there is nothing more to wait for: it went, or stays. */
static bool
try_drop(struct core *c, const char *name, const uint8_t root[DIGEST_SIZE],
	uint64_t after)
{
	bool is_needed = sealed_is_needed(c, name, root);
	if (!is_needed && (after > c->stored_seq || is_being_sealed(c, name)))
		return false;
	if (!is_needed)
		issue(c, name, root);
	return true;
}

struct sealed_drop *
sealed_find_drop(
	const struct core *c, const char *name, const uint8_t root[DIGEST_SIZE])
{
	list_each (l, &c->sealed.drops) {
		struct sealed_drop *d =
			container_of(l, struct sealed_drop, link);
		if (!memcmp(d->root, root, DIGEST_SIZE) &&
			!strcmp(d->name, name))
			return d;
	}
	return NULL;
}

void
sealed_drop(struct core *c, const char *name, const uint8_t root[DIGEST_SIZE],
	uint64_t after)
{
	if (try_drop(c, name, root, after))
		return;
	struct sealed_drop *d = sealed_find_drop(c, name, root);
	if (d && d->after < after)
		d->after = after;
	if (d || !(d = slots_take(&c->sealed.slots)))
		return;
	strcpy(d->name, name);
	memcpy(d->root, root, DIGEST_SIZE);
	d->after = after;
	d->since = c->now;
	list_append(&c->sealed.drops, &d->link);
}

void
sealed_review(struct core *c)
{
	list_each_safe (l, &c->sealed.drops) {
		struct sealed_drop *d =
			container_of(l, struct sealed_drop, link);
		if (!try_drop(c, d->name, d->root, d->after))
			continue;
		list_remove(&d->link);
		slots_give(&c->sealed.slots, d);
	}
}
