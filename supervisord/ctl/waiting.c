#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "sys/clock.h"

#define WAIT_DEFAULT_MS 60000
#define PAUSE_MIN_MS	100
#define PAUSE_MAX_MS	500
#define BAR_WIDTH	24

static void
pause_ms(int64_t ms)
{
	struct timespec t = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

int64_t
wait_limit_ms(const struct ctl *ctl)
{
	return ctl->opt.timeout_ms >= 0 ? ctl->opt.timeout_ms : WAIT_DEFAULT_MS;
}

int
wait_until(struct ctl *ctl, const char *what, wait_fn *fn, void *context)
{
	mono deadline = mono_add(clock_mono(), wait_limit_ms(ctl));
	int64_t pause = PAUSE_MIN_MS;
	for (;;) {
		int rc = fn(ctl, context);
		if (rc > 0)
			return EXIT_DONE;
		/* The node may be restarting: its keeper starts it again. */
		if (rc < 0 && rc != -EXIT_UNREACHABLE)
			return ctl_fail(ctl, -rc);
		int64_t left = mono_diff(deadline, clock_mono());
		if (left <= 0)
			break;
		pause_ms(pause < left ? pause : left);
		pause = pause * 3 / 2 < PAUSE_MAX_MS ? pause * 3 / 2
						     : PAUSE_MAX_MS;
	}
	fflush(stdout);
	fprintf(stderr, "skepctl: timeout: %s\n", what);
	return EXIT_TIMEOUT;
}

static int
are_stopped(struct ctl *ctl, void *context)
{
	static const char *const held[] = {
		"starting", "ready", "stopping", "backoff", "handoff", NULL};
	json_t *document = NULL;
	int code = instances_get(ctl, context, &document);
	if (code != EXIT_DONE)
		return -code;
	json_t *list = json_object_get(document, "instances");
	size_t i;
	json_t *o;
	int rc = 1;
	json_array_foreach(list, i,
		o) for (const char *const *s = held; *s;
			s++) if (strcmp(get_text(o, "state"), *s) == 0) rc = 0;
	json_decref(document);
	return rc;
}

int
wait_stopped(struct ctl *ctl, const char *name)
{
	char what[256];
	snprintf(what, sizeof(what), "'%s' still runs", name);
	return wait_until(ctl, what, are_stopped, (void *)(uintptr_t)name);
}

bool
confirm(struct ctl *ctl, const char *format, ...)
{
	char answer[16];
	va_list args;
	if (ctl->opt.is_yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr,
			"skepctl: %s asks first; give -y here, where "
			"nobody can answer\n",
			ctl->command->name);
		return false;
	}
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " [y/N] ");
	return fgets(answer, sizeof(answer), stdin) &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

static void
draw_bar(struct progress *p)
{
	unsigned filled = p->total ? p->done * BAR_WIDTH / p->total : 0;
	printf("\r\033[K[");
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		fputs(i < filled ? "#" : ".", stdout);
	printf("] %u/%u %s", p->done, p->total, p->what);
	fflush(stdout);
	p->is_bar = true;
}

void
progress_set(struct ctl *ctl, struct progress *p, const char *what,
	unsigned done, unsigned total)
{
	bool is_news = p->done != done || p->total != total || !p->is_bar ||
		       strncmp(p->what, what, sizeof(p->what) - 1) != 0;
	p->done = done;
	p->total = total;
	snprintf(p->what, sizeof(p->what), "%s", what);
	if (ctl->is_tty && !ctl->opt.is_quiet && is_news)
		draw_bar(p);
}

void
progress_line(struct ctl *ctl, struct progress *p, const char *format, ...)
{
	va_list args;
	if (ctl->opt.is_quiet)
		return;
	if (p->is_bar)
		printf("\r\033[K");
	p->is_bar = false;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void
progress_end(struct ctl *ctl, struct progress *p)
{
	(void)ctl;
	if (p->is_bar)
		printf("\r\033[K");
	p->is_bar = false;
	fflush(stdout);
}
