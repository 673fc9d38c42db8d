/* L1 to L4: messages.
 *
 * Of those that a storm sends (their text is "#" and a number that rises):
 *
 *   L1 (A)  what one run of a node was asked to send to one name is taken on
 *	     each host in the order in which it was asked, some possibly
 *	     missing; and, if it is sent until it has arrived, by a later run
 *	     of that name after what an earlier one took elsewhere.  (What its
 *	     sender has given up, "unknown", may come late where it is: of two
 *	     copies in a partition one may be there.)
 *   L2 (A)  no name takes a message twice
 *   L3 (A)  what is said is so: after "ok" to one that was to be acknowledged,
 *	     its process has it; after a refusal it never takes it.  "unknown"
 *	     says nothing, and so does the end of a call that was taken
 *   L4 (E)  a request is answered once, and within its time, while its node
 *	     runs
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tests/sim/check.h"

/* How late a reply may be: a host that stands still is not asked. */
#define LATE_MS 5000

/* One message that was asked for. */
struct page {
	enum mail_op op;
	uint32_t host;
	uint32_t start; /* of that host */
	uint64_t id;	/* its request */
	uint64_t to;	/* hash */
	bool is_acked;
	bool has_reply;
	enum reply_code code;
	uint32_t taken; /* how often, of a message to one name */
	mono until;
};

struct letters {
	struct check *k;
	struct page *items; /* by number; 0 is unused */
	uint32_t count;
	struct keys last;   /* sender, name -> the last number taken */
	struct keys epochs; /* ... -> the highest that took any */
	struct keys takes;  /* number, name -> 1 */
};

/* The number of a message by its text, or 0. */
static uint32_t
number_of(const struct letters *l, const char *text, size_t size)
{
	char digits[16] = "";
	if (size < 2 || size >= sizeof digits || text[0] != '#')
		return 0;
	memcpy(digits, text + 1, size - 1);
	uint32_t n = (uint32_t)strtoul(digits, NULL, 10);
	return n < l->count ? n : 0;
}

static bool
is_many(enum mail_op op)
{
	return op == MAIL_PUBLISH || op == MAIL_MULTICALL;
}

/* Whether that answer says that nobody has it, nor ever will. */
static bool
is_refusal(const struct page *p)
{
	if (p->code == REPLY_OK || p->code == REPLY_UNKNOWN || is_many(p->op))
		return false;
	bool was_taken = p->op == MAIL_CALL &&
			 (p->code == REPLY_TIMEOUT || p->code == REPLY_FAILED);
	return !was_taken;
}

static void
on_asked(struct letters *l, uint32_t host, const struct input_mail *in)
{
	const char *text = in->body.data;
	if (in->op > MAIL_MULTICALL || in->body.size < 2 || text[0] != '#')
		return;
	/* Numbers rise by one: the storm counts. */
	while (l->count < 1)
		l->items = array_add(l->items, &l->count, sizeof *l->items);
	l->items = array_add(l->items, &l->count, sizeof *l->items);
	struct page *p = &l->items[l->count - 1];
	CHECK(number_of(l, text, in->body.size) == l->count - 1);
	*p = (struct page){
		.op = in->op,
		.host = host,
		.start = l->k->w->hosts[host].starts,
		.id = in->id,
		.to = hash_text(in->to, 0),
		.is_acked = in->is_acked || in->op == MAIL_CALL,
		.until = mono_add(l->k->w->hosts[host].core->now,
			in->timeout_ms ? in->timeout_ms : MAIL_TIMEOUT_MS),
	};
}

static void
on_step(struct world *w, uint32_t host, const struct input *in,
	const struct effects *fx, void *context)
{
	(void)w;
	(void)fx;
	if (in->kind == INPUT_MAIL)
		on_asked(context, host, &in->mail);
}

/* The message that a reply of that host is about, or NULL. */
static struct page *
find(struct letters *l, uint32_t host, uint64_t id)
{
	for (uint32_t n = l->count; n-- > 1;)
		if (l->items[n].host == host && l->items[n].id == id)
			return &l->items[n];
	return NULL;
}

static void
on_effect(struct world *w, uint32_t host, const struct effect *e, void *context)
{
	struct letters *l = context;
	struct page *p = e->kind == EFFECT_REPLY
				 ? find(l, host, e->reply.request)
				 : NULL;
	if (!p)
		return;
	uint32_t n = (uint32_t)(p - l->items);
	if (p->has_reply)
		world_violated(w, "L4", "message %u has two replies", n);
	p->has_reply = true;
	p->code = e->reply.code;
	if (p->is_acked && !is_many(p->op) && p->code == REPLY_OK && !p->taken)
		world_violated(w, "L3", "message %u: ok, and nobody has it", n);
	if (is_refusal(p) && p->taken)
		world_violated(w, "L3", "message %u: %s, and it was taken", n,
			reply_code_name(p->code));
}

/* The message 'n' is taken: no later one of its sender was taken before. */
static void
look_at_order(struct world *w, uint32_t host, struct letters *l,
	const struct world_mail *m, uint32_t n)
{
	const struct page *p = &l->items[n];
	uint64_t sender = hash_mix(hash_text(m->name, p->start), p->host);
	if (p->op == MAIL_PUBLISH)
		sender = hash_mix(sender, p->to);
	uint32_t *here = keys_at(&l->last, hash_mix(sender, host));
	if (*here > n)
		world_violated(w, "L1", "%s has message %u of %s behind %u",
			m->name, n, w->hosts[p->host].name, *here);
	*here = n;
	bool is_given_up = p->has_reply && p->code == REPLY_UNKNOWN;
	uint32_t *epoch = keys_at(&l->epochs, sender);
	uint32_t *last = keys_at(&l->last, sender);
	if (!p->is_acked || is_given_up || m->epoch < *epoch)
		return;
	if (*last > n)
		world_violated(w, "L1", "%s has message %u of %s behind %u",
			m->name, n, w->hosts[p->host].name, *last);
	*epoch = (uint32_t)m->epoch;
	*last = n;
}

static void
on_mail(struct world *w, uint32_t host, const struct world_mail *m,
	void *context)
{
	struct letters *l = context;
	uint32_t n = m->kind == WORLD_MAIL_TAKEN
			     ? number_of(l, m->text, strlen(m->text))
			     : 0;
	if (n == 0)
		return;
	struct page *p = &l->items[n];
	uint64_t name = hash_text(m->name, 0);
	uint32_t *takes = keys_at(&l->takes, hash_mix(name, n));
	if (++*takes > 1)
		world_violated(w, "L2", "%s has message %u twice", m->name, n);
	look_at_order(w, host, l, m, n);
	p->taken++;
	if (p->has_reply && is_refusal(p))
		world_violated(w, "L3", "message %u: taken after %s", n,
			reply_code_name(p->code));
}

static void
on_phase(struct world *w, enum world_phase phase, void *context)
{
	struct letters *l = context;
	if (phase != WORLD_PHASE_SETTLED)
		return;
	for (uint32_t n = 1; n < l->count; n++) {
		const struct page *p = &l->items[n];
		const struct host *h = &w->hosts[p->host];
		if (p->has_reply || !h->is_running || h->starts != p->start ||
			mono_diff(h->core->now, p->until) < LATE_MS)
			continue;
		world_violated(w, "L4", "message %u: no reply after %lld ms", n,
			(long long)mono_diff(h->core->now, p->until));
	}
}

static void
on_end(struct world *w, void *context)
{
	struct letters *l = context;
	(void)w;
	free(l->items);
	keys_fini(&l->last);
	keys_fini(&l->epochs);
	keys_fini(&l->takes);
	free(l);
}

void
check_message(struct check *k)
{
	struct letters *l = calloc(1, sizeof *l);
	CHECK(l);
	l->k = k;
	world_observe(k->w, &(struct world_observer){
				    .name = "message",
				    .on_step = on_step,
				    .on_effect = on_effect,
				    .on_mail = on_mail,
				    .on_phase = on_phase,
				    .on_end = on_end,
				    .context = l,
			    });
}
