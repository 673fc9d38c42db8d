/* States of services between keeper, disk and network: DUMP, FETCH, DROP and
 * the descriptor that a START carries. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "node/bulk.h"
#include "node/node_private.h"
#include "sys/clock.h"
#include "sys/say.h"

#define COLLECTS_MAX	  4   /* movers at once; the others wait */
#define PROGRESS_EVERY_MS 500 /* between two inputs about one fetch */
#define SEAL_AGAIN_S	  1.  /* until a seal is tried again */
#define TRIES_MAX	  120 /* unless it is room that it waits for */

/* One DUMP, from the effect to DUMPED. */
struct dump {
	struct list link; /* in states.dumps, oldest first */
	struct node *node;
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t epoch;
	uint64_t size_max;
	bool is_checkpoint;
	bool is_active;	 /* a mover was asked for */
	bool is_waiting; /* for the next try */
	int tries;	 /* in vain, for another reason than a full disk */
};

/* One FETCH that goes on. */
struct fetch {
	struct list link; /* in states.fetches */
	char name[INSTANCE_NAME_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	int64_t told_ms; /* last progress */
};

struct states {
	struct node *node;
	struct list dumps;
	struct list fetches;
	struct ev_timer again;	  /* runs while a dump waits for its next try */
	struct say_limit trouble; /* so that the log does not fill up as well */
};

static void on_again(struct ev_loop *loop, struct ev_timer *w, int revents);

int
states_open_bulk(struct node *n, struct err *err)
{
	struct bulk_config config = {
		.state_dir = n->conf.node.state_dir,
		.cluster = n->conf.cluster.name,
		.node = n->conf.node.name,
		.rate = n->conf.node.handoff_rate,
	};
	n->states = calloc(1, sizeof *n->states);
	CHECK(n->states);
	n->states->node = n;
	ev_timer_init(&n->states->again, on_again, 0., 0.);
	list_init(&n->states->dumps);
	list_init(&n->states->fetches);
	return bulk_new(
		n->loop, links_get_dialler(n->links), &config, &n->bulk, err);
}

void
states_close(struct node *n)
{
	bulk_free(n->bulk);
	n->bulk = NULL;
	if (!n->states)
		return;
	ev_timer_stop(n->loop, &n->states->again);
	list_each_safe (it, &n->states->dumps)
		free(container_of(it, struct dump, link));
	list_each_safe (it, &n->states->fetches)
		free(container_of(it, struct fetch, link));
	free(n->states);
	n->states = NULL;
}

int
states_open(struct node *n, const uint8_t root[DIGEST_SIZE], struct err *err)
{
	return bulk_open(n->bulk, root, err);
}

/* --- DUMP --- */

static struct dump *
dump_find(struct node *n, const char *name, uint64_t epoch, bool is_checkpoint)
{
	list_each (it, &n->states->dumps) {
		struct dump *d = container_of(it, struct dump, link);
		if (d->epoch == epoch && d->is_checkpoint == is_checkpoint &&
			strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

/* Asks for as many movers as may run. */
static void
dump_next(struct node *n)
{
	unsigned active = 0;
	list_each_safe (it, &n->states->dumps) {
		struct dump *d = container_of(it, struct dump, link);
		if (d->is_waiting)
			continue;
		if (!d->is_active && active < COLLECTS_MAX) {
			d->is_active = true;
			keeper_collect(
				n->keeper, d->name, d->epoch, d->is_checkpoint);
			return;
		}
		active += d->is_active;
	}
}

/* Tells the core and forgets; 'in' lacks the name. */
static void
dump_end(struct dump *d, struct input *in)
{
	struct node *n = d->node;
	list_remove(&d->link);
	in->kind = INPUT_DUMPED;
	in->dumped.name = d->name;
	in->dumped.epoch = d->epoch;
	in->dumped.is_checkpoint = d->is_checkpoint;
	node_step(n, in);
	free(d);
	dump_next(n);
}

static void
on_again(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct states *s = container_of(w, struct states, again);
	(void)loop;
	(void)revents;
	list_each (it, &s->dumps)
		container_of(it, struct dump, link)->is_waiting = false;
	for (int i = 0; i < COLLECTS_MAX; i++)
		dump_next(s->node);
}

/* Whether another try would say the same: there is no state, or who reads it
 * says that it is not to be had. */
static bool
is_verdict(int code)
{
	return code == 0 || code == -ENODATA || code == -EBADMSG ||
	       code == -EINVAL || code == -ESRCH || code == -ENOENT ||
	       code == -ESTALE;
}

static bool
is_full(int code)
{
	return code == -ENOSPC || code == -EDQUOT;
}

/* A full disk or a mover that was killed is no verdict: what a service put
 * aside would be lost if it began again without it.  It stands where the
 * service left it, and is tried until it is sealed: for two minutes, or for
 * room as long as the core lets it. */
static void
dump_wait(struct dump *d, int code, const char *text)
{
	struct node *n = d->node;
	say_limited(&n->states->trouble, 5, SAY_WARNING,
		"%s: its state waits %s: %s", d->name,
		is_full(code) ? "for room on the disk" : "to be read again",
		text);
	d->tries += !is_full(code);
	d->is_active = false;
	d->is_waiting = true;
	if (!ev_is_active(&n->states->again)) {
		ev_timer_set(&n->states->again, SEAL_AGAIN_S, 0.);
		ev_timer_start(n->loop, &n->states->again);
	}
	dump_next(n);
}

static void
on_sealed(void *context, int result, const uint8_t root[DIGEST_SIZE],
	uint64_t size, const char *text)
{
	struct dump *d = context;
	struct input in = {
		.dumped =
			{
				.is_ok = result == 0,
				.is_absent = result == -ENODATA,
				.size = size,
				.text = text,
			},
	};
	/* A checkpoint has its next time. */
	if (!is_verdict(result) && !d->is_checkpoint && d->tries < TRIES_MAX) {
		dump_wait(d, result, text);
		return;
	}
	if (result == 0)
		memcpy(in.dumped.root, root, DIGEST_SIZE);
	dump_end(d, &in);
}

void
states_dump(struct node *n, const struct effect_dump *dump)
{
	if (dump_find(n, dump->name, dump->epoch, dump->is_checkpoint))
		return;
	struct dump *d = calloc(1, sizeof *d);
	CHECK(d);
	d->node = n;
	snprintf(d->name, sizeof d->name, "%s", dump->name);
	d->epoch = dump->epoch;
	d->size_max = dump->size_max;
	d->is_checkpoint = dump->is_checkpoint;
	list_append(&n->states->dumps, &d->link);
	dump_next(n);
}

void
states_on_mover(struct node *n, const char *name, uint64_t epoch,
	bool is_checkpoint, int socket, const char *why)
{
	struct dump *d = dump_find(n, name, epoch, is_checkpoint);
	if (!d) {
		if (socket >= 0)
			close(socket);
		return;
	}
	if (socket >= 0) {
		/* No run left a checkpoint: it went on. */
		bulk_seal(n->bulk, d->name, is_checkpoint ? 0 : epoch,
			d->size_max, socket, on_sealed, d);
		return;
	}
	if (!is_verdict(socket) && !d->is_checkpoint) {
		dump_wait(d, socket, why);
		return;
	}
	struct input in = {.dumped = {.text = why}};
	dump_end(d, &in);
}

/* --- FETCH, DROP --- */

static struct fetch *
fetch_find(struct node *n, const char *name, const uint8_t root[DIGEST_SIZE])
{
	list_each (it, &n->states->fetches) {
		struct fetch *f = container_of(it, struct fetch, link);
		if (strcmp(f->name, name) == 0 &&
			memcmp(f->root, root, DIGEST_SIZE) == 0)
			return f;
	}
	return NULL;
}

static void
fetch_remove(struct fetch *f)
{
	if (!f)
		return;
	list_remove(&f->link);
	free(f);
}

/* Whether this report is worth a step now. */
static bool
fetch_is_due(struct node *n, const struct bulk_report *r)
{
	struct fetch *f = fetch_find(n, r->name, r->root);
	int64_t now_ms = clock_mono().ms;
	if (r->is_final) {
		fetch_remove(f);
		return true;
	}
	if (!f || now_ms - f->told_ms < PROGRESS_EVERY_MS)
		return false;
	f->told_ms = now_ms;
	return true;
}

static void
on_fetched(void *context, const struct bulk_report *r)
{
	struct node *n = context;
	if (!fetch_is_due(n, r))
		return;
	struct input in = {
		.kind = INPUT_FETCHED,
		.fetched =
			{
				.name = r->name,
				.is_ok = r->is_ok,
				.is_final = r->is_final,
				.bytes = r->bytes,
				.text = r->text,
			},
	};
	memcpy(in.fetched.root, r->root, DIGEST_SIZE);
	node_step(n, &in);
}

void
states_fetch(struct node *n, const struct effect_fetch *fetch)
{
	if (!fetch_find(n, fetch->name, fetch->root)) {
		struct fetch *f = calloc(1, sizeof *f);
		CHECK(f);
		snprintf(f->name, sizeof f->name, "%s", fetch->name);
		memcpy(f->root, fetch->root, DIGEST_SIZE);
		list_append(&n->states->fetches, &f->link);
	}
	bulk_fetch(n->bulk, fetch->name, fetch->node, fetch->address,
		fetch->root, fetch->size, on_fetched, n);
}

void
states_drop(struct node *n, const struct effect_drop *drop)
{
	fetch_remove(fetch_find(n, drop->name, drop->root));
	bulk_drop(n->bulk, drop->name, drop->root);
}
