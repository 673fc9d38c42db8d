#include "node/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "node/bulk_private.h"
#include "sys/clock.h"

#define FILE_THREADS 2
#define SEAL_THREADS 2

void
bulk_say_hello(struct bulk *bulk, struct conn *c)
{
	message_send_hello(c, bulk->cluster, bulk->node, PURPOSE_STATES);
}

int
bulk_new(struct ev_loop *loop, const struct dialler *dialler,
	const struct bulk_config *config, struct bulk **out, struct err *err)
{
	*out = NULL;
	struct bulk *b = calloc(1, sizeof *b);
	if (!b)
		return err_sys(err, -ENOMEM, "states");
	b->loop = loop;
	b->dialler = dialler;
	snprintf(b->cluster, sizeof b->cluster, "%s", config->cluster);
	snprintf(b->node, sizeof b->node, "%s", config->node);
	list_init(&b->fetches);
	list_init(&b->served);
	list_init(&b->given);
	list_init(&b->orphans);
	list_init(&b->turns);
	pace_init(&b->pace, config->rate, clock_mono());
	ev_timer_init(&b->turn, served_on_turn, 0., 0.);
	b->turn.data = b;
	int r = dumps_init(&b->dumps, config->state_dir, err);
	if (r < 0) {
		free(b);
		return r;
	}
	r = pool_new(loop, FILE_THREADS, &b->files, err);
	if (r == 0)
		r = pool_new(loop, SEAL_THREADS, &b->seals, err);
	if (r < 0) {
		bulk_free(b);
		return r;
	}
	*out = b;
	return 0;
}

void
bulk_free(struct bulk *b)
{
	if (!b)
		return;
	b->is_ending = true;
	b->dumps.is_stopping = true;
	ev_timer_stop(b->loop, &b->turn);
	served_end_all(b);
	fetch_end_all(b);
	pool_free(b->files);
	pool_free(b->seals);
	CHECK(list_is_empty(&b->fetches) && list_is_empty(&b->served));
	given_forget_all(b);
	dumps_fini(&b->dumps);
	free(b);
}

/* --- Sealing --- */

/* One seal on its way. */
struct seal {
	struct pool_job job;
	struct bulk *bulk;
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t epoch;
	uint64_t size_max;
	int fd;
	bulk_seal_fn *done;
	void *context;
	int result;
	uint8_t root[DIGEST_SIZE];
	uint64_t size;
	struct err err;
};

static void
run_seal(struct pool_job *job)
{
	struct seal *s = container_of(job, struct seal, job);
	s->result = dumps_seal(&s->bulk->dumps, s->name, s->epoch, s->size_max,
		s->fd, s->root, &s->size, &s->err);
}

static void
seal_done(struct pool_job *job, bool is_dropped)
{
	struct seal *s = container_of(job, struct seal, job);
	if (!is_dropped)
		s->done(s->context, s->result, s->root, s->size, s->err.text);
	close(s->fd);
	free(s);
}

void
bulk_seal(struct bulk *b, const char *name, uint64_t epoch, uint64_t size_max,
	int fd, bulk_seal_fn *done, void *context)
{
	struct seal *s = calloc(1, sizeof *s);
	CHECK(s);
	s->job = (struct pool_job){.run = run_seal, .done = seal_done};
	s->bulk = b;
	snprintf(s->name, sizeof s->name, "%s", name);
	s->epoch = epoch;
	s->size_max = size_max;
	s->fd = fd;
	s->done = done;
	s->context = context;
	pool_submit(b->seals, &s->job);
}

/* --- What is here --- */

int
bulk_open(struct bulk *b, const uint8_t root[DIGEST_SIZE], struct err *err)
{
	return dumps_open(&b->dumps, root, err);
}

int
bulk_list(struct bulk *b, dumps_each_fn *each, void *context, struct err *err)
{
	return dumps_list(&b->dumps, each, context, err);
}

/* One drop on its way: removing a large file takes time. */
struct drop {
	struct pool_job job;
	struct bulk *bulk;
	char name[INSTANCE_NAME_MAX + 1];
	uint8_t root[DIGEST_SIZE];
	int result;
	struct err err;
};

static void
run_drop(struct pool_job *job)
{
	struct drop *d = container_of(job, struct drop, job);
	d->result = dumps_drop(&d->bulk->dumps, d->root, d->name, &d->err);
}

static void
drop_done(struct pool_job *job, bool is_dropped)
{
	struct drop *d = container_of(job, struct drop, job);
	if (!is_dropped && d->result < 0)
		say_limited(&d->bulk->drop_says, 1, SAY_WARNING,
			"a state of %s stays on disk: %s", d->name,
			d->err.text);
	free(d);
}

void
bulk_drop(struct bulk *b, const char *name, const uint8_t root[DIGEST_SIZE])
{
	struct drop *d = calloc(1, sizeof *d);
	CHECK(d);
	bulk_cancel(b, name, root);
	given_forget(b, name, root);
	d->job = (struct pool_job){.run = run_drop, .done = drop_done};
	d->bulk = b;
	snprintf(d->name, sizeof d->name, "%s", name);
	memcpy(d->root, root, sizeof d->root);
	pool_submit(b->files, &d->job);
}
