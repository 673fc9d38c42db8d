#include "node/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "core/trace.h"
#include "node/node.h"
#include "node/recorder.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/say.h"

#define EXIT_RESTART   75
#define ANSWER_S       0.2 /* for the answer to leave before the node does */
#define PANIC_FLUSH_MS 2000
#define PATH_SIZE      (CONF_PATH_SIZE + 32)

/* Inside the node; made by 'recording_begin'. */
struct recording {
	struct recorder *recorder; /* NULL: this node records nothing */
	bool is_told;		   /* that it ended */
	ev_timer leave;
	ev_timer limit;
	int64_t for_ms;
	uint64_t size_max;
};

static struct recorder *recorded; /* for panic */

static void
path_of(const struct node *n, const char *file, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s", n->conf.node.state_dir, file);
}

static void
file_path(const struct node *n, char path[PATH_SIZE])
{
	path_of(n, "recording.skeptrc", path);
}

static void
marker_path(const struct node *n, char path[PATH_SIZE])
{
	path_of(n, "recording.ask", path);
}

/* --- Looking --- */

static enum recording_phase
phase_of(const struct node *n)
{
	char marker[PATH_SIZE], file[PATH_SIZE];
	const struct recording *r = n->recording;
	marker_path(n, marker);
	file_path(n, file);
	if (access(marker, F_OK) == 0)
		return RECORDING_WANTED;
	if (r->recorder && !recorder_is_done(r->recorder))
		return RECORDING_RUNS;
	return access(file, F_OK) == 0 ? RECORDING_ENDED : RECORDING_NONE;
}

void
recording_view(struct node *n, struct recording_view *out)
{
	const struct recording *r = n->recording;
	char path[PATH_SIZE];
	struct stat st;
	file_path(n, path);
	*out = (struct recording_view){.phase = phase_of(n)};
	if (r->recorder) {
		out->steps = recorder_steps(r->recorder);
		out->size = recorder_size(r->recorder);
		snprintf(out->why, sizeof out->why, "%s",
			recorder_why(r->recorder));
	} else if (stat(path, &st) == 0) {
		out->size = (uint64_t)st.st_size;
	}
}

int
recording_open(struct node *n, struct err *err)
{
	char path[PATH_SIZE];
	file_path(n, path);
	if (phase_of(n) == RECORDING_RUNS)
		return err_set(err, -EBUSY,
			"the recording goes on; end it "
			"first");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, -ENOENT, "there is no recording here");
	return fd < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

/* --- Asking --- */

static void
on_leave(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	node_announce(w->data);
	node_end(w->data, EXIT_RESTART,
		"asked to record, which begins with a new node");
}

int
recording_ask(
	struct node *n, uint64_t size_max, int64_t for_ms, struct err *err)
{
	char path[PATH_SIZE], text[64];
	enum recording_phase phase = phase_of(n);
	if (phase == RECORDING_RUNS || phase == RECORDING_WANTED)
		return err_set(err, -EBUSY,
			"a recording is under way; 'skepctl debug record "
			"--stop FILE' ends it");
	if (size_max < RECORDER_SIZE_MIN || for_ms < 0)
		return err_set(err, -EINVAL,
			"a recording needs at least 1MiB, and no time below "
			"zero");
	marker_path(n, path);
	int size = snprintf(text, sizeof text, "%" PRIu64 " %" PRId64 "\n",
		size_max, for_ms);
	int code = files_write_atomic(
		path, (struct bytes){text, (size_t)size}, 0600, err);
	if (code)
		return code;
	ev_timer_start(n->loop, &n->recording->leave);
	return 0;
}

static int
remove_file(const char *path, struct err *err)
{
	if (unlink(path) == 0)
		return 0;
	return errno == ENOENT
		       ? err_set(err, -ENOENT, "there is no recording here")
		       : err_sys(err, -errno, "%s", path);
}

int
recording_end(struct node *n, struct err *err)
{
	char marker[PATH_SIZE];
	switch (phase_of(n)) {
	case RECORDING_WANTED:
		marker_path(n, marker);
		return remove_file(marker, err);
	case RECORDING_RUNS:
		recorder_end(n->recording->recorder, "an operator ended it");
		return 0;
	case RECORDING_ENDED:
	case RECORDING_NONE:
		break;
	}
	return err_set(err, -ENOENT, "no recording is under way here");
}

int
recording_remove(struct node *n, struct err *err)
{
	char path[PATH_SIZE];
	file_path(n, path);
	if (phase_of(n) == RECORDING_RUNS)
		return err_set(err, -EBUSY,
			"the recording goes on; end it "
			"first");
	return remove_file(path, err);
}

/* --- Beginning --- */

/* Reads the marker and takes it away; false: there is none to obey. */
static bool
take_marker(struct node *n)
{
	struct recording *r = n->recording;
	char path[PATH_SIZE], *text = NULL;
	struct err err = {0};
	size_t size;
	marker_path(n, path);
	if (access(path, F_OK) != 0)
		return false;
	bool is_read = files_read_all(path, 63, &text, &size, &err) == 0;
	if (unlink(path) != 0) {
		say(SAY_WARNING,
			"%s: cannot be removed, so nothing is "
			"recorded: %s",
			path, strerror(errno));
		is_read = false;
	} else if (!is_read) {
		say(SAY_WARNING, "%s", err.text);
	}
	bool is_good = is_read && sscanf(text, "%" SCNu64 " %" SCNd64,
					  &r->size_max, &r->for_ms) == 2;
	free(text);
	if (is_read && !is_good)
		say(SAY_WARNING, "%s: makes no sense; nothing is recorded",
			path);
	return is_good;
}

static void
on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct node *n = w->data;
	recorder_end(n->recording->recorder, "its time was over");
}

static void
on_panic(void)
{
	recorder_flush(recorded, PANIC_FLUSH_MS);
}

static int
begin(struct node *n, struct err *err)
{
	static struct trace_head head;
	struct recording *r = n->recording;
	char path[PATH_SIZE];
	file_path(n, path);
	if (!trace_head_of(n->core, clock_wall_ms(), &head))
		return err_set(err, -E2BIG,
			"[defaults] of skep.conf holds more than a recording "
			"can");
	int code = recorder_open(path, r->size_max, &head, &r->recorder, err);
	if (code)
		return code;
	recorded = r->recorder;
	say_at_panic(on_panic);
	if (r->for_ms) {
		ev_timer_set(&r->limit, (double)r->for_ms / 1000., 0.);
		ev_timer_start(n->loop, &r->limit);
	}
	say(SAY_NOTICE, "recording: every input goes to %s", path);
	return 0;
}

void
recording_begin(struct node *n)
{
	struct err err = {0};
	struct recording *r = calloc(1, sizeof *r);
	CHECK(r);
	n->recording = r;
	ev_timer_init(&r->leave, on_leave, ANSWER_S, 0.);
	ev_timer_init(&r->limit, on_limit, 0., 0.);
	r->leave.data = r->limit.data = n;
	if (take_marker(n) && begin(n, &err))
		say(SAY_WARNING, "recording: %s", err.text);
}

void
recording_close(struct node *n)
{
	struct recording *r = n->recording;
	if (!r)
		return;
	ev_timer_stop(n->loop, &r->leave);
	ev_timer_stop(n->loop, &r->limit);
	say_at_panic(NULL);
	recorder_free(r->recorder);
	free(r);
	n->recording = NULL;
}

void
recording_input(struct node *n, const struct input *in)
{
	if (n->recording->recorder)
		recorder_input(n->recording->recorder, in);
}

void
recording_effects(struct node *n, const struct effects *fx)
{
	struct recording *r = n->recording;
	if (!r->recorder)
		return;
	recorder_effects(r->recorder, fx);
	if (!r->is_told && *recorder_why(r->recorder)) {
		r->is_told = true;
		say(SAY_NOTICE, "recording: ended: %s",
			recorder_why(r->recorder));
	}
}
