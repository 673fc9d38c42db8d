/* People and programs that register processes. */
#include <stdio.h>

#include "tests/sim/storm.h"

#define NAMES 12

/* Whether a host takes words now. */
static bool
is_awake(const struct storm *s, uint32_t host)
{
	return host != MAKER_NO_HOST && s->w->hosts[host].is_running &&
	       !world_is_still(s->w, host);
}

static void
name_of(struct prng *p, char out[static 16])
{
	snprintf(out, 16, "n%u", any(p, NAMES));
}

/* One to three want the same name, at about the same time. */
static void
register_some(struct storm *s, struct prng *p)
{
	char name[16];
	name_of(p, name);
	uint32_t count = 1 + any(p, 3);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = storm_any_running(s, p);
		int64_t ms = any(p, 2) ? 0 : any_scale(p, 20, 20000);
		if (is_awake(s, host))
			world_register(s->w, host, name, ms);
		if (any(p, 2))
			world_run(s->w, any(p, 20));
	}
}

/* A process ends. */
static void
end_one(struct storm *s, struct prng *p)
{
	uint32_t host = storm_any_running(s, p);
	if (!is_awake(s, host) || s->w->hosts[host].guest_count == 0)
		return;
	world_guest_end(s->w, host, any(p, s->w->hosts[host].guest_count));
}

/* Somebody asks something of a name: to be told where it is, to take it back,
 * to put it into a group or out of it. */
static void
ask_of_one(struct storm *s, struct prng *p)
{
	static const enum request_op ops[] = {REQUEST_UNREGISTER,
		REQUEST_LOCATE, REQUEST_GROUP_JOIN, REQUEST_GROUP_LEAVE,
		REQUEST_GROUP_JOIN, REQUEST_GROUP_JOIN};
	char name[16];
	uint32_t host = storm_any_running(s, p);
	uint32_t what = any(p, sizeof ops / sizeof *ops);
	name_of(p, name);
	if (is_awake(s, host))
		world_request_with(
			s->w, host, ops[what], name, what < 2 ? "" : "g", 0);
}

static void
make_names(struct storm *s, struct prng *p)
{
	uint32_t what = any(p, 12);
	if (what < 5)
		register_some(s, p);
	else if (what < 9)
		end_one(s, p);
	else
		ask_of_one(s, p);
}

const struct maker work_names_makers[] = {
	{"names", true, 100, 5000, make_names, true},
	{0},
};
