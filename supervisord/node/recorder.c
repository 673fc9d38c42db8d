#include "node/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/clock.h"

#define BOOT_WAIT_MS 1000
#define END_WAIT_MS  2000
/* What one step and the end take besides the input: kept free, so that they
 * always fit behind an input that did. */
#define STEP_RESERVE (512u << 10)

struct recorder {
	int fd;
	uint64_t size_max;
	uint64_t steps;
	uint64_t size; /* bytes given to the ring so far */
	bool is_booted;
	bool is_ended;
	char why[NOTE_TEXT_MAX + 1];
	unsigned char *record; /* TRACE_RECORD_MAX bytes, to encode into */
	unsigned char *ring;   /* RECORDER_RING bytes */
	pthread_t thread;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;  /* for the thread: more, or the end */
	pthread_cond_t drained;
	uint64_t put;	   /* bytes ever put into the ring */
	uint64_t written;  /* bytes of those in the file */
	int error;	   /* of write(2), 0 for none */
	bool is_stopping;  /* write what is there, and leave */
	bool is_abandoned; /* leave at once */
};

/* --- The thread --- */

/* Waits for bytes; how many stand in one piece at '*from', 0 to leave. */
static size_t
next_piece(struct recorder *r, size_t *from)
{
	while (r->put == r->written && !r->is_stopping)
		pthread_cond_wait(&r->wake, &r->lock);
	if (r->is_abandoned || r->error)
		return 0;
	*from = (size_t)(r->written % RECORDER_RING);
	uint64_t waiting = r->put - r->written;
	uint64_t to_end = RECORDER_RING - *from;
	return (size_t)(waiting < to_end ? waiting : to_end);
}

static void *
run(void *context)
{
	struct recorder *r = context;
	size_t from, size;
	pthread_mutex_lock(&r->lock);
	while ((size = next_piece(r, &from)) > 0) {
		pthread_mutex_unlock(&r->lock);
		ssize_t n = write(r->fd, r->ring + from, size);
		int error = n < 0 ? errno : 0;
		pthread_mutex_lock(&r->lock);
		if (n > 0)
			r->written += (uint64_t)n;
		else if (error != EINTR)
			r->error = error ? error : EIO;
		pthread_cond_broadcast(&r->drained);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static int
start_thread(struct recorder *r, struct err *err)
{
	sigset_t all, before;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	pthread_cond_init(&r->drained, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code ? err_sys(err, -code, "a thread for the recording") : 0;
}

/* --- The ring --- */

/* Waits until at most 'size' bytes wait for the disk; under the lock. */
static void
wait_for_disk(struct recorder *r, uint64_t size, int64_t limit_ms)
{
	struct timespec until = clock_in_ms(limit_ms);
	while (r->put - r->written > size && !r->error)
		if (pthread_cond_timedwait(&r->drained, &r->lock, &until))
			return;
}

static void
copy_in(struct recorder *r, struct bytes b)
{
	size_t at = (size_t)(r->put % RECORDER_RING);
	size_t first = RECORDER_RING - at;
	if (first > b.size)
		first = b.size;
	memcpy(r->ring + at, b.data, first);
	memcpy(r->ring, (const char *)b.data + first, b.size - first);
	r->put += b.size;
}

/* Puts a record into the ring if 'reserve' bytes stay free behind it. */
static bool
put(struct recorder *r, struct bytes b, size_t reserve)
{
	uint64_t free_max = RECORDER_RING - b.size - reserve;
	pthread_mutex_lock(&r->lock);
	if (!r->is_booted)
		wait_for_disk(r, free_max, BOOT_WAIT_MS);
	bool has_room = r->put - r->written <= free_max && !r->error;
	if (has_room) {
		copy_in(r, b);
		r->size += b.size;
		pthread_cond_signal(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
	return has_room;
}

/* --- Ends --- */

static void
set_why(struct recorder *r, const char *why)
{
	r->is_ended = true;
	snprintf(r->why, sizeof r->why, "%s", why);
}

/* The disk did not take a record: why not. */
static void
fail(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	int error = r->error;
	pthread_mutex_unlock(&r->lock);
	if (error) {
		char text[128];
		snprintf(text, sizeof text, "it could not be written: %s",
			strerror(error));
		set_why(r, text);
	} else {
		recorder_end(r, "the disk could not follow");
	}
}

void
recorder_end(struct recorder *r, const char *why)
{
	struct trace_end end = {.steps = r->steps};
	if (r->is_ended)
		return;
	set_why(r, why);
	memcpy(end.why, r->why, sizeof end.why);
	put(r, trace_write_end(r->record, TRACE_RECORD_MAX, &end), 0);
}

bool
recorder_is_done(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	bool is_done = r->is_ended && (r->put == r->written || r->error);
	pthread_mutex_unlock(&r->lock);
	return is_done;
}

const char *
recorder_why(struct recorder *r)
{
	return r->why;
}

uint64_t
recorder_steps(const struct recorder *r)
{
	return r->steps;
}

uint64_t
recorder_size(const struct recorder *r)
{
	return r->size;
}

void
recorder_flush(struct recorder *r, int64_t limit_ms)
{
	pthread_mutex_lock(&r->lock);
	wait_for_disk(r, 0, limit_ms);
	pthread_mutex_unlock(&r->lock);
}

/* --- Steps --- */

void
recorder_input(struct recorder *r, const struct input *in)
{
	if (r->is_ended)
		return;
	struct bytes b = trace_write_input(r->record, TRACE_RECORD_MAX, in);
	if (!b.data)
		recorder_end(r, "an input was larger than a record may be");
	else if (r->size + b.size + STEP_RESERVE > r->size_max)
		recorder_end(r, "it reached its largest size");
	else if (!put(r, b, STEP_RESERVE))
		fail(r);
	else
		r->steps++;
	r->is_booted = r->is_booted || in->kind == INPUT_BOOT;
}

void
recorder_effects(struct recorder *r, const struct effects *fx)
{
	if (r->is_ended)
		return;
	struct bytes b = trace_write_effects(r->record, TRACE_RECORD_MAX, fx);
	CHECK(b.data && b.size < STEP_RESERVE - 1024);
	if (!put(r, b, 1024))
		fail(r);
}

/* --- The whole --- */

static int
open_file(const char *path, struct err *err)
{
	int fd = open(path,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	if (fchmod(fd, 0600)) {
		int code = err_sys(err, -errno, "%s", path);
		close(fd);
		return code;
	}
	return fd;
}

int
recorder_open(const char *path, uint64_t size_max,
	const struct trace_head *head, struct recorder **out, struct err *err)
{
	struct recorder *r = calloc(1, sizeof *r);
	CHECK(r);
	r->size_max = size_max;
	r->record = malloc(TRACE_RECORD_MAX);
	r->ring = malloc(RECORDER_RING);
	CHECK(r->record && r->ring);
	int code = r->fd = open_file(path, err);
	if (code >= 0)
		code = start_thread(r, err);
	if (code) {
		if (r->fd >= 0)
			close(r->fd);
		free(r->ring);
		free(r->record);
		free(r);
		return code;
	}
	struct bytes b = trace_write_head(r->record, TRACE_RECORD_MAX, head);
	CHECK(b.data); /* trace_head_of made it */
	if (!put(r, b, STEP_RESERVE))
		fail(r);
	*out = r;
	return 0;
}

void
recorder_free(struct recorder *r)
{
	if (!r)
		return;
	recorder_end(r, "the node ended");
	pthread_mutex_lock(&r->lock);
	wait_for_disk(r, 0, END_WAIT_MS);
	r->is_stopping = true;
	r->is_abandoned = r->put != r->written;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->drained);
	pthread_mutex_destroy(&r->lock);
	close(r->fd);
	free(r->ring);
	free(r->record);
	free(r);
}
