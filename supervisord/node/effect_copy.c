#include "node/effect_copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define FIELDS_MAX 6

/* Where an effect points to something. */
struct fields {
	const char **texts[FIELDS_MAX];
	size_t text_count;
	struct bytes *bytes[FIELDS_MAX];
	size_t bytes_count;
};

static void
add_text(struct fields *f, const char **text)
{
	CHECK(f->text_count < FIELDS_MAX);
	f->texts[f->text_count++] = text;
}

static void
add_bytes(struct fields *f, struct bytes *b)
{
	CHECK(f->bytes_count < FIELDS_MAX);
	f->bytes[f->bytes_count++] = b;
}

static void
add_start(struct fields *f, struct effect_start *start)
{
	add_text(f, &start->name);
	add_text(f, &start->service);
	add_bytes(f, &start->body);
	add_text(f, &start->state_kind);
	add_text(f, &start->handoff_from);
}

static void
add_note(struct fields *f, struct effect_note *note)
{
	add_text(f, &note->name);
	add_text(f, &note->text);
	add_text(f, &note->actor.host);
}

static void
add_fetch(struct fields *f, struct effect_fetch *fetch)
{
	add_text(f, &fetch->name);
	add_text(f, &fetch->node);
	add_text(f, &fetch->address);
}

static void
fields_of(struct effect *e, struct fields *f)
{
	switch (e->kind) {
	case EFFECT_SEND:
		add_bytes(f, &e->send.body);
		break;
	case EFFECT_STORE:
		add_bytes(f, &e->store.key);
		add_bytes(f, &e->store.value);
		break;
	case EFFECT_START:
		add_start(f, &e->start);
		break;
	case EFFECT_SIGNAL:
		add_text(f, &e->signal.name);
		break;
	case EFFECT_KILL:
	case EFFECT_RELEASE:
		add_text(f, &e->proc.name);
		break;
	case EFFECT_RUN:
		add_text(f, &e->run.name);
		break;
	case EFFECT_LINK_OPEN:
		add_text(f, &e->link_open.address);
		break;
	case EFFECT_LINK_CLOSE:
		add_text(f, &e->link_close.why);
		break;
	case EFFECT_DUMP:
		add_text(f, &e->dump.name);
		break;
	case EFFECT_FETCH:
		add_fetch(f, &e->fetch);
		break;
	case EFFECT_DROP:
		add_text(f, &e->drop.name);
		break;
	case EFFECT_REPLY:
		add_text(f, &e->reply.text);
		break;
	case EFFECT_NOTE:
		add_note(f, &e->note);
		break;
	case EFFECT_DELIVER:
		add_text(f, &e->deliver.name);
		add_text(f, &e->deliver.from);
		add_text(f, &e->deliver.group);
		add_bytes(f, &e->deliver.body);
		break;
	case EFFECT_ANSWER:
		add_text(f, &e->answer.name);
		add_text(f, &e->answer.text);
		add_bytes(f, &e->answer.body);
		break;
	case EFFECT_KIND_COUNT:
		UNREACHABLE();
	}
}

static size_t
fields_size(const struct fields *f)
{
	size_t size = 0;
	for (size_t i = 0; i < f->text_count; i++)
		if (*f->texts[i])
			size += strlen(*f->texts[i]) + 1;
	for (size_t i = 0; i < f->bytes_count; i++)
		size += f->bytes[i]->size;
	return size;
}

/* Moves everything that the fields point to behind 'at'.  Bytes that are
 * there but empty stay different from those that are not (a STORE of nothing
 * is not a deletion). */
static void
fields_move(struct fields *f, char *at)
{
	for (size_t i = 0; i < f->text_count; i++) {
		if (!*f->texts[i])
			continue;
		size_t size = strlen(*f->texts[i]) + 1;
		*f->texts[i] = memcpy(at, *f->texts[i], size);
		at += size;
	}
	for (size_t i = 0; i < f->bytes_count; i++) {
		struct bytes *b = f->bytes[i];
		if (!b->data)
			continue;
		if (b->size)
			memcpy(at, b->data, b->size);
		b->data = at;
		at += b->size;
	}
}

struct effect_copy *
effect_copy_new(const struct effect *e)
{
	struct effect effect = *e;
	struct fields fields = {0};
	fields_of(&effect, &fields);
	struct effect_copy *copy =
		malloc(sizeof *copy + fields_size(&fields) + 1);
	CHECK(copy);
	fields_move(&fields, copy->payload);
	copy->effect = effect;
	list_init(&copy->link);
	return copy;
}

void
effect_copy_void_start(struct list *waiting, const struct effect *e)
{
	bool is_kill = e->kind == EFFECT_KILL;
	if (!is_kill && (e->kind != EFFECT_SIGNAL || !e->signal.is_stop))
		return;
	const char *name = is_kill ? e->proc.name : e->signal.name;
	uint64_t epoch = is_kill ? e->proc.epoch : e->signal.epoch;
	list_each (it, waiting) {
		struct effect *w =
			&container_of(it, struct effect_copy, link)->effect;
		if (w->kind == EFFECT_START && w->start.epoch == epoch &&
			strcmp(w->start.name, name) == 0)
			w->start.is_void = true;
	}
}
