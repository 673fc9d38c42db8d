#include "spec/advice.h"

#include <stdio.h>

#include "spec/cron.h"

/* Whether 'text' has another value in each instance. */
static bool
is_of_instance(const char *text)
{
	for (; *text; text++) {
		if (*text != '%')
			continue;
		text++;
		if (*text == 'i' || *text == 'n')
			return true;
		if (!*text)
			return false;
	}
	return false;
}

/* Two instances at one file, each of which takes it for its own. */
static void
look_at_state_path(const struct spec *spec, advice_fn *say, void *context)
{
	const char *path = spec->handoff.state_path;
	bool is_apart = is_of_instance(path) ||
			(path[0] != '/' && is_of_instance(spec->working_dir));
	if (!path[0] || is_apart || spec_instance_count(spec) < 2 ||
		spec->placement.max_per_host == 1)
		return;
	say(context,
		"handoff.state_path: two instances on one host would have the "
		"same file; write %i or %n into it, or give 'placement: "
		"{max_per_host: 1}'");
}

static void
look_at_zone(const struct spec *spec, advice_fn *say, void *context)
{
	const struct spec_schedule *s = &spec->schedule;
	char text[256];
	if (!s->is_present || !s->cron[0] || cron_zone_is_known(s->timezone))
		return;
	snprintf(text, sizeof text,
		"schedule.timezone: %s is not known on this host; hosts "
		"without it never run the service: correct it, or install "
		"tzdata",
		s->timezone);
	say(context, text);
}

void
advice_give(const struct spec *spec, advice_fn *say, void *context)
{
	look_at_state_path(spec, say, context);
	look_at_zone(spec, say, context);
}
