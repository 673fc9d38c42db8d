/* People who work on services: stops, starts, restarts, moves. */
#include <signal.h>
#include <stdio.h>

#include "tests/sim/storm.h"

/* A service, or one of its instances. */
static void
any_name(struct storm *s, struct prng *p, char out[static 24])
{
	uint32_t number = any(p, s->config.services);
	uint32_t instance = any(p, 5);
	if (instance)
		snprintf(out, 24, "s%u@%u", number, instance);
	else
		snprintf(out, 24, "s%u", number);
}

static void
ask(struct storm *s, struct prng *p, enum request_op op, const char *arg,
	int64_t number)
{
	char name[24];
	uint32_t host = storm_any_running(s, p);
	any_name(s, p, name);
	if (host != MAKER_NO_HOST)
		world_request_with(s->w, host, op, name, arg, number);
}

static void
make_stop(struct storm *s, struct prng *p)
{
	ask(s, p, any(p, 3) ? REQUEST_START : REQUEST_STOP, "", 0);
}

static void
make_restart(struct storm *s, struct prng *p)
{
	ask(s, p, REQUEST_RESTART, "", 0);
}

static void
make_signal(struct storm *s, struct prng *p)
{
	ask(s, p, REQUEST_SIGNAL, "", any(p, 2) ? SIGHUP : SIGTERM);
}

static void
make_move(struct storm *s, struct prng *p)
{
	ask(s, p, REQUEST_MOVE, s->w->hosts[any(p, s->w->count)].name, 0);
}

/* One instance is moved, stopped, started and restarted while the move is
 * under way. */
static void
make_fumble(struct storm *s, struct prng *p)
{
	static const enum request_op ops[] = {
		REQUEST_MOVE, REQUEST_STOP, REQUEST_START, REQUEST_RESTART};
	char name[24];
	uint32_t count = 2 + any(p, 4);
	any_name(s, p, name);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t host = storm_any_running(s, p);
		enum request_op op = i ? ops[any(p, 4)] : REQUEST_MOVE;
		const char *to = s->w->hosts[any(p, s->w->count)].name;
		if (host != MAKER_NO_HOST)
			world_request_with(s->w, host, op, name,
				op == REQUEST_MOVE ? to : "", 0);
		world_run(s->w, any(p, 40));
	}
	uint32_t host = storm_any_running(s, p);
	if (host != MAKER_NO_HOST && any(p, 3))
		world_request(s->w, host, REQUEST_START, name);
}

const struct maker work_service_makers[] = {
	{"stop", true, 2000, 120000, make_stop, false},
	{"restart", true, 2000, 120000, make_restart, false},
	{"signal", true, 3000, 120000, make_signal, false},
	{"move", true, 1000, 60000, make_move, false},
	{"fumble", true, 3000, 60000, make_fumble, false},
	{0},
};
