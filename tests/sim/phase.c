#include "tests/sim/phase.h"

#include <stdio.h>
#include <time.h>

#include "tests/sim/scale_audit.h"

#define LOOK_MS 1000   /* between two looks at all */
#define REST_MS 120000 /* until all agree, at most */

static double
real_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
resident_bytes(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * 4096;
}

struct phase
phase_begin(const struct world *w)
{
	struct phase p = {
		.real_s = real_s(), .ms = w->now.ms, .happened = w->happened};
	for (uint32_t i = 0; i < w->count; i++) {
		p.steps += w->hosts[i].steps;
		p.bytes += w->hosts[i].sent_bytes;
	}
	return p;
}

void
phase_end(const struct world *w, const struct phase *p, const char *name)
{
	const struct phase now = phase_begin(w);
	double took_s = now.real_s - p->real_s;
	double simulated_s = (double)(now.ms - p->ms) / 1000;
	printf("%-8s %9.1f s in %8.2f s: %9.1f x real time, %9.0f events/s, "
	       "%9.0f steps/s, %9.1f kB/node, %11llu bytes sent\n",
		name, simulated_s, took_s, simulated_s / took_s,
		(double)(now.happened - p->happened) / took_s,
		(double)(now.steps - p->steps) / took_s,
		resident_bytes() / 1000 / w->count,
		(unsigned long long)(now.bytes - p->bytes));
	fflush(stdout);
}

bool
phase_agree(struct world *w, enum world_phase phase)
{
	char why[WORLD_TROUBLE_MAX] = "";
	struct phase p = phase_begin(w);
	world_enter(w, WORLD_PHASE_HEALED);
	bool is_at_rest = !scale_audit(w, why);
	for (int64_t ms = 0; ms < REST_MS && !is_at_rest; ms += LOOK_MS) {
		world_run(w, LOOK_MS);
		is_at_rest = !scale_audit(w, why);
	}
	if (is_at_rest)
		world_enter(w, WORLD_PHASE_SETTLED);
	world_enter(w, phase);
	phase_end(w, &p, is_at_rest ? "  agreed" : "  NOT");
	if (!is_at_rest)
		printf("%s\n", why);
	return is_at_rest;
}
