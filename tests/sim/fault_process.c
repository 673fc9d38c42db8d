/* Processes that die, and services that behave badly. */
#include <signal.h>
#include <stdio.h>

#include "tests/sim/storm.h"

#define HUGE_SIZE (2 << 20) /* bytes, of which half would be too many */

static void
make_process(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count);
	struct host *h = &s->w->hosts[host];
	uint32_t number = any(p, 64);
	int32_t status = any(p, 2) ? SIGKILL : any(p, 2) ? 1 << 8 : 0;
	if (!h->process_count)
		return;
	const struct process *it = &h->processes[number % h->process_count];
	if (it->phase == PROCESS_RUNNING)
		world_process_end(s->w, host, it->name, status);
}

/* A service behaves otherwise from now on, each way rare by itself. */
static void
make_behaviour(struct storm *s, struct prng *p)
{
	char name[16];
	snprintf(name, sizeof name, "s%u", any(p, s->config.services));
	struct behaviour *b = world_behave(s->w, name, "");
	b->answer = (enum handoff_answer)any(p, 5);
	b->answer_ms = any_scale(p, 1, 8000);
	b->start_ms = any_scale(p, 1, 5000);
	b->stop_ms = any_scale(p, 1, 15000);
	b->run_ms = any(p, 6) == 0 ? any_scale(p, 100, 60000) : 0;
	b->status = any(p, 2) ? 1 << 8 : 0;
	b->is_deaf = any(p, 8) == 0;
	b->is_lingering = any(p, 8) == 0;
	b->is_dying = any(p, 8) == 0;
	b->is_writing_late = any(p, 8) == 0;
	b->is_dump_failing = any(p, 8) == 0;
	b->is_fetch_failing = any(p, 8) == 0;
	b->blame = any(p, 12) == 0 ? (enum start_blame)(1 + any(p, 3))
				   : (enum start_blame)0;
}

/* Its next state is larger than it may be for a move, or no longer so. */
static void
make_huge(struct storm *s, struct prng *p)
{
	char name[16];
	snprintf(name, sizeof name, "s%u", any(p, s->config.services));
	struct behaviour *b = world_behave(s->w, name, "");
	b->state_size = any(p, 2) ? 0 : HUGE_SIZE;
}

/* A copy of a checkpoint that was on a disk for long is not what it was. */
static void
make_rot(struct storm *s, struct prng *p)
{
	uint32_t host = any(p, s->w->count), number = any(p, 64);
	const struct host *h = &s->w->hosts[host];
	if (h->state_count)
		world_rot(s->w, host, h->states[number % h->state_count].name);
}

const struct maker fault_process_makers[] = {
	{"process", false, 1000, 120000, make_process, false},
	{"behaviour", false, 2000, 120000, make_behaviour, false},
	{"huge", false, 2000, 120000, make_huge, false},
	{"rot", false, 2000, 60000, make_rot, true},
	{0},
};
