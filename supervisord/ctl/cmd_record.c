/* debug record: the node's inputs into a file, from its next start on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "ctl/ctl.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/units.h"

#define RECORD_PATH    "/v1/debug/record"
#define FILE_PATH      "/v1/debug/recording"
#define START_LIMIT_MS 60000 /* for the next node to be there */
#define PAUSE_MS       200

static volatile sig_atomic_t is_interrupted;

static void
on_interrupt(int number)
{
	(void)number;
	is_interrupted = 1;
}

/* The first interrupt ends the recording, the next one this program. */
static void
catch_interrupt(void)
{
	struct sigaction action = {
		.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* The recording's state; "" while skepd is not reachable, NULL when it
 * refuses (ctl->err says why). */
static const char *
get_state(struct ctl *ctl, char *buffer, size_t size)
{
	json_t *o = NULL;
	int code = ctl_get(ctl, RECORD_PATH, &o);
	if (code == EXIT_UNREACHABLE || ctl->status == 503)
		return "";
	if (code != EXIT_DONE)
		return NULL;
	snprintf(buffer, size, "%s", get_text(o, "state"));
	if (strcmp(buffer, "ended") == 0)
		tell(ctl, "%lld bytes%s%s", (long long)get_int(o, "size"),
			*get_text(o, "why") ? ": " : "", get_text(o, "why"));
	json_decref(o);
	return buffer;
}

static bool
is_state(const char *state, const char *name)
{
	return state && strcmp(state, name) == 0;
}

/* The recording as the waiting sees it. */
struct watching {
	struct ctl *ctl;
	const char *path;
	bool has_begun;
	mono limit; /* when to give up: skepd is silent, or nothing begins */
};

static mono
new_limit(void)
{
	return mono_add(clock_mono(), START_LIMIT_MS);
}

static void
on_recording(struct watching *w)
{
	w->limit = new_limit();
	if (w->has_begun)
		return;
	w->has_begun = true;
	tell(w->ctl, "recording into %s%s", w->path,
		w->ctl->opt.for_ms ? "" : "; interrupt to end it");
	fflush(stdout);
}

/* The operator wants no more. */
static int
on_interrupted(struct watching *w, const char *state)
{
	is_interrupted = 0;
	ctl_call(w->ctl, "DELETE", RECORD_PATH, NULL, NULL);
	if (!is_state(state, "wanted"))
		return EXIT_DONE;
	fprintf(stderr, "skepctl: interrupted before it began\n");
	return EXIT_FAILED;
}

static int
give_up(struct watching *w, const char *state)
{
	if (is_state(state, ""))
		return ctl_fail(w->ctl, EXIT_UNREACHABLE);
	fprintf(stderr, "skepctl: timeout: the node does not begin to "
			"record\n");
	return EXIT_TIMEOUT;
}

/* Waits until the recording has ended: by itself, by --for, by an interrupt,
 * or with its node. */
static int
wait_for_end(struct ctl *ctl, const char *path)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	char buffer[32];
	struct watching w = {ctl, path, false, new_limit()};
	for (;;) {
		const char *state = get_state(ctl, buffer, sizeof(buffer));
		if (!state)
			return ctl_fail(ctl, EXIT_FAILED);
		if (is_state(state, "ended"))
			return EXIT_DONE;
		if (is_state(state, "none")) {
			err_set(&ctl->err, -ENOENT,
				"the node did not record; its log says why");
			return ctl_fail(ctl, EXIT_FAILED);
		}
		if (is_state(state, "recording"))
			on_recording(&w);
		if (is_interrupted && on_interrupted(&w, state) != EXIT_DONE)
			return EXIT_FAILED;
		if (mono_reached(w.limit, clock_mono()))
			return give_up(&w, state);
		nanosleep(&pause, NULL);
	}
}

static int
write_piece(void *context, const void *data, size_t size)
{
	struct ctl *ctl = context;
	return files_write_all(
		ctl->record_fd, (struct bytes){data, size}, &ctl->err);
}

/* Copies the node's file; then nobody needs it there any more. */
static int
fetch(struct ctl *ctl, const char *path)
{
	int code = ctl_stream(ctl, FILE_PATH, write_piece, ctl);
	if (code == EXIT_DONE && fsync(ctl->record_fd) < 0) {
		err_sys(&ctl->err, -errno, "%s", path);
		code = EXIT_FAILED;
	}
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	ctl_call(ctl, "DELETE", FILE_PATH, NULL, NULL);
	tell(ctl, "%s: look at it with 'skepctl replay %s'", path, path);
	return EXIT_DONE;
}

static int
ask(struct ctl *ctl)
{
	json_t *body =
		json_pack("{s:I}", "for_ms", (json_int_t)ctl->opt.for_ms);
	CHECK(body);
	if (ctl->opt.max_size)
		json_object_set_new(body, "max_size",
			json_integer((json_int_t)ctl->opt.max_size));
	int code = ctl_call(ctl, "POST", RECORD_PATH, body, NULL);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

/* --stop: ends the one that runs; one that has ended is fetched as it is. */
static int
stop(struct ctl *ctl)
{
	char buffer[32];
	const char *state = get_state(ctl, buffer, sizeof(buffer));
	if (!state)
		return ctl_fail(ctl, EXIT_FAILED);
	if (!is_state(state, "recording"))
		return EXIT_DONE;
	int code = ctl_call(ctl, "DELETE", RECORD_PATH, NULL, NULL);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

static int
record(struct ctl *ctl, const char *path)
{
	int code = ctl->opt.is_stop ? stop(ctl) : ask(ctl);
	if (code == EXIT_DONE)
		code = wait_for_end(ctl, path);
	return code == EXIT_DONE ? fetch(ctl, path) : code;
}

int
cmd_debug_record(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	const char *path = argv[0];
	if (ctl->opt.is_stop && (ctl->opt.for_ms || ctl->opt.max_size))
		return usage_error(ctl,
			"--stop ends a recording; --for and --max-size are for "
			"a new one");
	/* What it holds is nobody else's to read. */
	ctl->record_fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (ctl->record_fd < 0) {
		err_sys(&ctl->err, -errno, "%s", path);
		return ctl_fail(ctl, EXIT_FAILED);
	}
	catch_interrupt();
	int code = record(ctl, path);
	if (code != EXIT_DONE)
		unlink(path);
	close(ctl->record_fd);
	return code;
}
