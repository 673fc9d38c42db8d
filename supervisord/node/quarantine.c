#include "node/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/hash.h"
#include "sys/say.h"

struct quarantine {
	struct quarantine_hooks hooks;
	struct quarantined items[QUARANTINE_MAX];
	unsigned count;
};

struct quarantine *
quarantine_new(const struct quarantine_hooks *hooks)
{
	struct quarantine *q = calloc(1, sizeof *q);
	CHECK(q);
	q->hooks = *hooks;
	return q;
}

void
quarantine_free(struct quarantine *q)
{
	free(q);
}

static struct quarantined *
quarantine_find(struct quarantine *q, uint64_t digest)
{
	for (unsigned i = 0; i < q->count; i++)
		if (q->items[i].digest == digest)
			return &q->items[i];
	return NULL;
}

/* A new item; the oldest makes room when there are too many. */
static struct quarantined *
quarantine_add(struct quarantine *q, uint64_t digest)
{
	if (q->count == QUARANTINE_MAX)
		memmove(q->items, q->items + 1,
			--q->count * sizeof q->items[0]);
	struct quarantined *item = &q->items[q->count++];
	*item = (struct quarantined){.digest = digest};
	return item;
}

static void
quarantine_keep(struct quarantine *q, const struct quarantined *item)
{
	unsigned char key[8], value[512];
	struct writer k, v;
	writer_init(&k, key, sizeof key);
	writer_u64(&k, item->digest);
	writer_init(&v, value, sizeof value);
	writer_u64(&v, item->digest);
	writer_i64(&v, item->since_wall_ms);
	writer_text(&v, item->reason);
	writer_text(&v, item->kind);
	writer_text(&v, item->name);
	CHECK(!k.bad && !v.bad);
	q->hooks.keep(q->hooks.context, writer_done(&k), writer_done(&v));
}

void
quarantine_load(struct quarantine *q, struct bytes value)
{
	struct reader r;
	reader_init(&r, value.data, value.size);
	uint64_t digest = reader_u64(&r);
	int64_t since_wall_ms = reader_i64(&r);
	const char *reason = reader_text(&r);
	const char *kind = reader_text(&r);
	const char *name = reader_text(&r);
	if (!reader_is_done(&r) || quarantine_find(q, digest))
		return;
	struct quarantined *item = quarantine_add(q, digest);
	item->since_wall_ms = since_wall_ms;
	snprintf(item->reason, sizeof item->reason, "%s", reason);
	snprintf(item->kind, sizeof item->kind, "%s", kind);
	snprintf(item->name, sizeof item->name, "%s", name);
}

void
quarantine_on_crash(
	struct quarantine *q, const struct kproto_crash *crash, int64_t wall_ms)
{
	if (!crash->digest || crash->in_a_row < QUARANTINE_CRASHES ||
		quarantine_find(q, crash->digest))
		return;
	struct quarantined *item = quarantine_add(q, crash->digest);
	item->since_wall_ms = wall_ms;
	bool is_signal = WIFSIGNALED(crash->status);
	snprintf(item->reason, sizeof item->reason,
		"skep-node ended %u times in a row while taking it in (%s %d)",
		crash->in_a_row, is_signal ? "signal" : "exit code",
		is_signal ? WTERMSIG(crash->status)
			  : WEXITSTATUS(crash->status));
	say(SAY_ERROR, "quarantine: item %016llx: %s; it is left out from now",
		(unsigned long long)item->digest, item->reason);
	quarantine_keep(q, item);
}

/* Notes what the item is, once it is known. */
static void
quarantine_meet(struct quarantine *q, struct quarantined *item,
	const char *kind, const char *name)
{
	if (item->kind[0])
		return;
	snprintf(item->kind, sizeof item->kind, "%s", kind);
	snprintf(item->name, sizeof item->name, "%s", name);
	say(SAY_ERROR, "quarantine: %s %s is left out: %s", item->kind,
		item->name, item->reason);
	quarantine_keep(q, item);
}

bool
quarantine_enter(struct quarantine *q, struct bytes bytes, const char *kind,
	const char *name)
{
	uint64_t digest = hash_bytes(bytes.data, bytes.size, 0);
	struct quarantined *item = quarantine_find(q, digest);
	if (item) {
		quarantine_meet(q, item, kind, name);
		return false;
	}
	q->hooks.announce(q->hooks.context, digest);
	return true;
}

void
quarantine_leave(struct quarantine *q)
{
	q->hooks.announce(q->hooks.context, 0);
}

void
quarantine_walk(const struct quarantine *q, quarantined_fn *fn, void *context)
{
	for (unsigned i = 0; i < q->count; i++)
		fn(context, &q->items[i]);
}
