#include "node/apply.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "node/effect_copy.h"

struct apply {
	apply_fn *carry;
	void *context;
	struct list ready;   /* to be carried out now, oldest first */
	struct list waiting; /* for the disk, oldest first */
	size_t waiting_count;
	uint64_t stored_seq; /* durable */
	bool is_carrying;    /* 'apply_carry' is on the stack */
};

struct apply *
apply_new(apply_fn *carry, void *context)
{
	struct apply *a = calloc(1, sizeof *a);
	CHECK(a);
	a->carry = carry;
	a->context = context;
	list_init(&a->ready);
	list_init(&a->waiting);
	return a;
}

static void
apply_forget(struct list *queue)
{
	list_each_safe (it, queue) {
		list_remove(it);
		free(container_of(it, struct effect_copy, link));
	}
}

void
apply_free(struct apply *a)
{
	if (!a)
		return;
	apply_forget(&a->ready);
	apply_forget(&a->waiting);
	free(a);
}

/* Works off what is ready, and what comes along meanwhile. */
static void
apply_carry(struct apply *a)
{
	if (a->is_carrying)
		return;
	a->is_carrying = true;
	while (!list_is_empty(&a->ready)) {
		struct list *first = a->ready.next;
		struct effect_copy *copy =
			container_of(first, struct effect_copy, link);
		list_remove(first);
		a->carry(a->context, &copy->effect);
		free(copy);
	}
	a->is_carrying = false;
}

void
apply_take(struct apply *a, const struct effects *fx)
{
	for (size_t i = 0; i < fx->count; i++) {
		effect_copy_void_start(&a->waiting, &fx->items[i]);
		struct effect_copy *copy = effect_copy_new(&fx->items[i]);
		if (copy->effect.after > a->stored_seq) {
			list_append(&a->waiting, &copy->link);
			a->waiting_count++;
		} else {
			list_append(&a->ready, &copy->link);
		}
	}
	apply_carry(a);
}

void
apply_on_stored(struct apply *a, uint64_t seq)
{
	if (seq <= a->stored_seq)
		return;
	a->stored_seq = seq;
	list_each_safe (it, &a->waiting) {
		struct effect_copy *copy =
			container_of(it, struct effect_copy, link);
		if (copy->effect.after > seq)
			break;
		list_remove(it);
		list_append(&a->ready, it);
		a->waiting_count--;
	}
	apply_carry(a);
}

size_t
apply_waiting(const struct apply *a)
{
	return a->waiting_count;
}
