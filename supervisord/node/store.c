#include "node/store.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "node/store_db.h"
#include "sys/clock.h"
#include "sys/say.h"

#define RETRY_FIRST_MS	100
#define RETRY_LAST_MS	5000
#define PRUNE_EVERY	1000 /* events between two clean-ups */
#define EVENTS_WAIT_MS	100  /* for company */
#define EVENTS_READ_MAX 10000
#define ASIDE_MAX	1000

enum job_kind { JOB_PUT, JOB_EVENT, JOB_QUERY };

/* One thing for the thread to do, with its bytes behind it. */
struct job {
	struct list link; /* queue, batch or answers */
	enum job_kind kind;
	size_t size;  /* bytes it takes, for the bound */
	uint64_t seq; /* JOB_PUT: the core's number or 0 */
	unsigned table;
	struct bytes key;
	struct bytes value;
	struct event event;	  /* JOB_EVENT */
	struct store_query query; /* JOB_QUERY, and all below */
	events_done_fn *done;
	void *context;
	struct event *found; /* newest first while reading */
	int count;	     /* of 'found', or -errno */
	char bytes[];
};

struct store {
	struct store_db *db;	  /* the thread's, once it runs */
	struct store_db *reading; /* the reader's, NULL before its first */
	char *path;
	struct ev_loop *loop;
	ev_async wake_loop;
	struct store_hooks hooks;
	store_fault_fn *fault;
	void *fault_context;
	pthread_t thread;
	pthread_t reader;
	bool is_running;      /* the thread was started */
	bool has_reader;      /* the reader too */
	uint64_t next_event;  /* id; the loop's */
	uint64_t last_pruned; /* the thread's */
	bool is_failing;      /* the thread's: trouble was said */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake_thread;
	pthread_cond_t wake_reader;
	struct list queue;
	size_t urgent_count;   /* of 'queue': what is no event */
	struct list reads;     /* queries whose turn has come */
	struct list answers;   /* queries that are answered */
	struct list written;   /* jobs for the loop to free, whose heap they are
				  from: two threads at one heap wait */
	int64_t busy_since_ms; /* when the batch was taken; 0: none */
	uint64_t stored_seq;   /* durable */
	uint64_t told_seq;     /* given to on_stored */
	bool is_stopping;
	bool is_broken;
	char broken_why[ERR_TEXT_SIZE];
	struct store_stats stats;
};

static void
job_free(struct job *job)
{
	if (job->found && job->count > 0)
		for (int i = 0; i < job->count; i++)
			free((char *)job->found[i].kind);
	free(job->found);
	free(job);
}

/* Appends a text to the bytes behind a job; returns its place there. */
static const char *
job_text(char **at, const char *text)
{
	size_t size = strlen(text ? text : "") + 1;
	char *copy = *at;
	memcpy(copy, text ? text : "", size);
	*at += size;
	return copy;
}

static struct job *
job_new(enum job_kind kind, size_t bytes)
{
	struct job *job = calloc(1, sizeof *job + bytes);
	CHECK(job);
	job->kind = kind;
	job->size = sizeof *job + bytes;
	list_init(&job->link);
	return job;
}

/* --- The file --- */

static int
move_one(const char *path, const char *suffix, unsigned number)
{
	char from[4096], to[4096];
	snprintf(from, sizeof from, "%s%s", path, suffix);
	snprintf(to, sizeof to, "%s.corrupt-%u%s", path, number, suffix);
	return rename(from, to) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Renames the file and its log to the first free PATH.corrupt-N. */
static int
store_move_aside(const char *path, const char *why, struct err *err)
{
	char aside[4096];
	unsigned number = 1;
	do
		snprintf(aside, sizeof aside, "%s.corrupt-%u", path, number);
	while (access(aside, F_OK) == 0 && ++number < ASIDE_MAX);
	int code = move_one(path, "", number);
	if (code)
		return err_sys(err, code, "%s: cannot be moved aside", path);
	move_one(path, "-wal", number);
	move_one(path, "-shm", number);
	say(SAY_ERROR,
		"store: %s; moved aside to %s; starting with an empty one: "
		"running instances and the cluster's desired state are taken "
		"over from the keeper and the peers",
		why, aside);
	return 0;
}

static int
store_open_file(struct store *s, struct err *err)
{
	int code = store_db_open(s->path, &s->db, err);
	if (code == -EUCLEAN) {
		struct err why = *err;
		code = store_move_aside(s->path, why.text, err);
		if (!code)
			code = store_db_open(s->path, &s->db, err);
	}
	if (code)
		return code;
	code = store_db_last_event(s->db, &s->next_event, err);
	s->next_event++;
	return code;
}

/* --- The thread --- */

/* Waits while there are only events: nobody waits for those, and each
 * transaction costs an fsync. */
static void
store_gather(struct store *s)
{
	struct timespec until = clock_in_ms(EVENTS_WAIT_MS);
	int rc = 0;
	while (s->urgent_count == 0 && !s->is_stopping && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&s->wake_thread, &s->lock, &until);
}

/* Waits for work; moves all of it into 'batch'.  False: stop. */
static bool
store_take(struct store *s, struct list *batch)
{
	pthread_mutex_lock(&s->lock);
	while (list_is_empty(&s->queue) && !s->is_stopping)
		pthread_cond_wait(&s->wake_thread, &s->lock);
	store_gather(s);
	s->urgent_count = 0;
	list_move(batch, &s->queue);
	s->busy_since_ms = list_is_empty(batch) ? 0 : clock_mono().ms;
	pthread_mutex_unlock(&s->lock);
	return !list_is_empty(batch);
}

static int
store_write_job(struct store *s, const struct job *job, struct err *err)
{
	switch (job->kind) {
	case JOB_PUT:
		return store_db_put(
			s->db, job->table, job->key, job->value, err);
	case JOB_EVENT:
		return store_db_add_event(s->db, &job->event, err);
	case JOB_QUERY:
		return 0;
	}
	UNREACHABLE();
}

/* Drops old events now and then, in the transaction of the newest. */
static int
store_prune(struct store *s, uint64_t newest, struct err *err)
{
	if (newest < s->last_pruned + PRUNE_EVERY || newest <= STORE_EVENTS_MAX)
		return 0;
	int code = store_db_prune(s->db, newest - STORE_EVENTS_MAX, err);
	if (!code)
		s->last_pruned = newest;
	return code;
}

/* One attempt at one transaction for the whole batch. */
static int
store_write_once(struct store *s, struct list *batch, struct err *err)
{
	uint64_t newest = 0;
	int code = store_db_begin(s->db, err);
	list_each (it, batch) {
		struct job *job = container_of(it, struct job, link);
		if (code)
			break;
		code = store_write_job(s, job, err);
		if (job->kind == JOB_EVENT)
			newest = job->event.id;
	}
	if (!code && newest)
		code = store_prune(s, newest, err);
	if (!code && s->fault && (code = s->fault(s->fault_context)))
		err_sys(err, code, "fault");
	if (!code)
		code = store_db_commit(s->db, err);
	if (code)
		store_db_rollback(s->db);
	return code;
}

/* Sleeps between two attempts; false when the store is to end. */
static bool
store_back_off(struct store *s, int64_t ms)
{
	struct timespec until = clock_in_ms(ms);
	pthread_mutex_lock(&s->lock);
	s->stats.failures++;
	int rc = 0;
	while (!s->is_stopping && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&s->wake_thread, &s->lock, &until);
	bool goes_on = !s->is_stopping;
	pthread_mutex_unlock(&s->lock);
	return goes_on;
}

static void
store_say_trouble(struct store *s, const char *text)
{
	if (s->is_failing)
		return;
	s->is_failing = true;
	say(SAY_ERROR,
		"store: %s; trying again; what must be durable first waits",
		text);
}

static void
store_say_recovered(struct store *s)
{
	if (!s->is_failing)
		return;
	s->is_failing = false;
	say(SAY_NOTICE, "store: %s can be written again", s->path);
}

static void
store_break(struct store *s, const char *why)
{
	struct err err = {0};
	if (store_move_aside(s->path, why, &err))
		say(SAY_ERROR, "store: %s", err.text);
	pthread_mutex_lock(&s->lock);
	s->is_broken = true;
	snprintf(s->broken_why, sizeof s->broken_why, "%s", why);
	pthread_mutex_unlock(&s->lock);
	ev_async_send(s->loop, &s->wake_loop);
}

/* Writes a batch, however long it takes.  False: given up. */
static bool
store_write(struct store *s, struct list *batch)
{
	int64_t delay_ms = RETRY_FIRST_MS;
	for (;;) {
		struct err err = {0};
		int code = store_write_once(s, batch, &err);
		if (!code) {
			store_say_recovered(s);
			return true;
		}
		if (code == -EUCLEAN) {
			store_break(s, err.text);
			return false;
		}
		store_say_trouble(s, err.text);
		if (!store_back_off(s, delay_ms))
			return false;
		delay_ms = delay_ms * 2 < RETRY_LAST_MS ? delay_ms * 2
							: RETRY_LAST_MS;
	}
}

/* Keeps a copy of one event that a query found. */
static void
store_keep_found(void *context, const struct event *e)
{
	struct job *job = context;
	size_t size = strlen(e->kind) + strlen(e->name) + strlen(e->text) +
		      strlen(e->host) + 4;
	char *at = malloc(size);
	CHECK(at);
	struct event *copy = &job->found[job->count++];
	*copy = *e;
	copy->kind = job_text(&at, e->kind);
	copy->name = job_text(&at, e->name);
	copy->text = job_text(&at, e->text);
	copy->host = job_text(&at, e->host);
}

static void
store_answer(struct store *s, struct job *job)
{
	struct err err = {0};
	job->found = calloc(job->query.count_max + 1, sizeof *job->found);
	CHECK(job->found);
	int code = s->reading
			   ? 0
			   : store_db_open_reader(s->path, &s->reading, &err);
	if (!code)
		code = store_db_query(
			s->reading, &job->query, store_keep_found, job, &err);
	for (int i = 0, j = job->count - 1; i < j; i++, j--) {
		struct event swap = job->found[i];
		job->found[i] = job->found[j];
		job->found[j] = swap;
	}
	if (code) {
		say(SAY_WARNING, "store: %s", err.text);
		for (int i = 0; i < job->count; i++)
			free((char *)job->found[i].kind);
		job->count = code;
	}
}

/* Gives back a batch that was written (or given up), its queries to the reader
 * or to the loop, and publishes what is durable. */
static void
store_settle(struct store *s, struct list *batch, bool is_written)
{
	struct list *queries = is_written ? &s->reads : &s->answers;
	pthread_mutex_lock(&s->lock);
	uint64_t writes = 0;
	list_each_safe (it, batch) {
		struct job *job = container_of(it, struct job, link);
		list_remove(it);
		s->stats.queued_size -= job->size;
		if (is_written && job->seq > s->stored_seq)
			s->stored_seq = job->seq;
		writes += job->kind != JOB_QUERY;
		list_append(job->kind == JOB_QUERY ? queries : &s->written, it);
	}
	if (!list_is_empty(&s->reads))
		pthread_cond_signal(&s->wake_reader);
	if (is_written) {
		s->stats.writes += writes;
		s->stats.transactions += writes > 0;
	}
	s->busy_since_ms = 0;
	bool has_news = s->stored_seq > s->told_seq ||
			!list_is_empty(&s->written) ||
			!list_is_empty(&s->answers);
	pthread_mutex_unlock(&s->lock);
	if (has_news)
		ev_async_send(s->loop, &s->wake_loop);
}

static void
batch_cancel_queries(struct list *batch)
{
	list_each (it, batch) {
		struct job *job = container_of(it, struct job, link);
		if (job->kind == JOB_QUERY)
			job->count = -ECANCELED;
	}
}

static bool
batch_has_writes(const struct list *batch)
{
	list_each (it, batch)
		if (container_of(it, struct job, link)->kind != JOB_QUERY)
			return true;
	return false;
}

static void *
store_run(void *context)
{
	struct store *s = context;
	struct list batch;
	while (store_take(s, &batch)) {
		bool is_written =
			!batch_has_writes(&batch) || store_write(s, &batch);
		if (!is_written) {
			batch_cancel_queries(&batch);
			store_settle(s, &batch, false);
			break;
		}
		store_settle(s, &batch, true);
	}
	return NULL;
}

/* The other thread: answers queries, on a connection of its own, so that no
 * long answer stands between a write and the disk. */
static void *
store_read(void *context)
{
	struct store *s = context;
	pthread_mutex_lock(&s->lock);
	while (!s->is_stopping) {
		if (list_is_empty(&s->reads)) {
			pthread_cond_wait(&s->wake_reader, &s->lock);
			continue;
		}
		struct list *first = s->reads.next;
		list_remove(first);
		pthread_mutex_unlock(&s->lock);
		store_answer(s, container_of(first, struct job, link));
		pthread_mutex_lock(&s->lock);
		list_append(&s->answers, first);
		ev_async_send(s->loop, &s->wake_loop);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- The loop's side --- */

static void
jobs_free(struct list *jobs)
{
	list_each_safe (it, jobs)
		job_free(container_of(it, struct job, link));
	list_init(jobs);
}

static void
answers_deliver(struct list *answers)
{
	list_each_safe (it, answers) {
		struct job *job = container_of(it, struct job, link);
		list_remove(it);
		job->done(job->context, job->found, job->count);
		job_free(job);
	}
}

static void
on_wake(struct ev_loop *loop, ev_async *w, int revents)
{
	(void)loop;
	(void)revents;
	struct store *s = w->data;
	struct list answers, written;
	pthread_mutex_lock(&s->lock);
	list_move(&answers, &s->answers);
	list_move(&written, &s->written);
	uint64_t seq = s->stored_seq > s->told_seq ? s->stored_seq : 0;
	if (seq)
		s->told_seq = seq;
	bool is_broken = s->is_broken;
	pthread_mutex_unlock(&s->lock);
	jobs_free(&written);
	answers_deliver(&answers);
	if (seq)
		s->hooks.on_stored(s->hooks.context, seq);
	if (is_broken)
		s->hooks.on_broken(s->hooks.context, s->broken_why);
}

int
store_open(struct ev_loop *loop, const char *path,
	const struct store_hooks *hooks, struct store **out, struct err *err)
{
	*out = NULL;
	struct store *s = calloc(1, sizeof *s);
	CHECK(s);
	s->path = strdup(path);
	CHECK(s->path);
	s->loop = loop;
	s->hooks = *hooks;
	list_init(&s->queue);
	list_init(&s->reads);
	list_init(&s->answers);
	list_init(&s->written);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake_thread, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_cond_init(&s->wake_reader, NULL);
	ev_async_init(&s->wake_loop, on_wake);
	s->wake_loop.data = s;
	ev_async_start(loop, &s->wake_loop);
	int code = store_open_file(s, err);
	if (code) {
		store_free(s);
		return code;
	}
	*out = s;
	return 0;
}

int
store_start(struct store *s, struct err *err)
{
	CHECK(!s->is_running);
	sigset_t all, old; /* signals are the loop's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int code = -pthread_create(&s->thread, NULL, store_run, s);
	s->is_running = code == 0;
	if (!code)
		code = -pthread_create(&s->reader, NULL, store_read, s);
	s->has_reader = code == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return code ? err_sys(err, code, "store: no thread") : 0;
}

static void
store_stop(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->is_stopping = true;
	pthread_cond_signal(&s->wake_thread);
	pthread_cond_signal(&s->wake_reader);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	if (s->has_reader)
		pthread_join(s->reader, NULL);
}

/* Answers what nobody will read for any more. */
static void
cancel_reads(struct store *s)
{
	batch_cancel_queries(&s->reads);
	answers_deliver(&s->reads);
}

void
store_free(struct store *s)
{
	if (!s)
		return;
	if (s->is_running)
		store_stop(s);
	ev_async_stop(s->loop, &s->wake_loop);
	jobs_free(&s->written);
	answers_deliver(&s->answers);
	cancel_reads(s);
	batch_cancel_queries(&s->queue);
	list_each_safe (it, &s->queue) {
		struct job *job = container_of(it, struct job, link);
		list_remove(it);
		if (job->kind == JOB_QUERY)
			job->done(job->context, NULL, job->count);
		job_free(job);
	}
	store_db_close(s->reading);
	store_db_close(s->db);
	pthread_cond_destroy(&s->wake_reader);
	pthread_cond_destroy(&s->wake_thread);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

int
store_load(struct store *s, unsigned table, store_load_fn *fn, void *context,
	struct err *err)
{
	CHECK(!s->is_running);
	return store_db_load(s->db, table, fn, context, err);
}

int
store_load_all(
	struct store *s, store_load_fn *fn, void *context, struct err *err)
{
	int code = 0;
	for (unsigned t = 1; !code && t < TABLE_COUNT; t++)
		code = store_load(s, t, fn, context, err);
	return code;
}

/* Queues a job if no more than 'size_max' bytes wait then; otherwise frees
 * it. */
static int
store_queue(struct store *s, struct job *job, uint64_t size_max)
{
	pthread_mutex_lock(&s->lock);
	bool fits = s->stats.queued_size + job->size <= size_max;
	if (fits) {
		bool is_first = list_is_empty(&s->queue);
		s->stats.queued_size += job->size;
		list_append(&s->queue, &job->link);
		if (job->kind != JOB_EVENT && s->urgent_count++ == 0)
			is_first = true; /* of those that end the wait */
		if (is_first)
			pthread_cond_signal(&s->wake_thread);
	} else if (job->kind == JOB_EVENT) {
		s->stats.events_dropped++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!fits)
		job_free(job);
	return fits ? 0 : -ENOBUFS;
}

int
store_put(struct store *s, unsigned table, struct bytes key, struct bytes value,
	uint64_t seq)
{
	CHECK(table > 0 && table < STORE_TABLE_COUNT);
	struct job *job = job_new(JOB_PUT, key.size + value.size + 1);
	job->table = table;
	job->seq = seq;
	memcpy(job->bytes, key.data, key.size);
	job->key = (struct bytes){job->bytes, key.size};
	if (value.data) {
		char *copy = job->bytes + key.size;
		memcpy(copy, value.data, value.size);
		job->value = (struct bytes){copy, value.size};
	}
	return store_queue(s, job, STORE_QUEUE_MAX);
}

uint64_t
store_add_event(struct store *s, const struct event *event)
{
	uint64_t id = s->next_event++;
	size_t size = strlen(event->kind) + strlen(event->name) +
		      strlen(event->text) + strlen(event->host) + 4;
	struct job *job = job_new(JOB_EVENT, size);
	char *at = job->bytes;
	job->event = *event;
	job->event.id = id;
	job->event.kind = job_text(&at, event->kind);
	job->event.name = job_text(&at, event->name);
	job->event.text = job_text(&at, event->text);
	job->event.host = job_text(&at, event->host);
	store_queue(s, job, STORE_QUEUE_MAX / 2);
	return id;
}

void
store_query_events(struct store *s, const struct store_query *q,
	events_done_fn *done, void *context)
{
	size_t size = q->name ? strlen(q->name) + 1 : 0;
	struct job *job = job_new(JOB_QUERY, size);
	char *at = job->bytes;
	job->query = *q;
	if (q->name)
		job->query.name = job_text(&at, q->name);
	if (q->count_max > EVENTS_READ_MAX)
		job->query.count_max = EVENTS_READ_MAX;
	job->done = done;
	job->context = context;
	if (store_queue(s, job, STORE_QUEUE_MAX))
		done(context, NULL, -ENOBUFS);
}

void
store_get_stats(struct store *s, struct store_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
}

int64_t
store_stalled_ms(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	int64_t since_ms = s->busy_since_ms;
	pthread_mutex_unlock(&s->lock);
	return since_ms ? clock_mono().ms - since_ms : 0;
}

void
store_set_fault(struct store *s, store_fault_fn *fn, void *context)
{
	CHECK(!s->is_running);
	s->fault = fn;
	s->fault_context = context;
}
