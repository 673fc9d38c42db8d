#include "node/status_sources.h"

#include "node/node.h"
#include "node/quarantine.h"
#include "node/schedule.h"
#include "node/specdir.h"

/* Both walks hand on what the owner of the facts has, in the API's words. */
struct quarantine_walk {
	quarantine_fn *fn;
	void *context;
};

static void
hand_on_item(void *context, const struct quarantined *q)
{
	const struct quarantine_walk *walk = context;
	struct quarantine_item item = {
		.digest = q->digest,
		.kind = q->kind,
		.name = q->name,
		.text = q->reason,
		.since_wall_ms = q->since_wall_ms,
	};
	walk->fn(walk->context, &item);
}

void
node_quarantine_walk(struct node *n, quarantine_fn *fn, void *context)
{
	struct quarantine_walk walk = {fn, context};
	if (n->quarantine)
		quarantine_walk(n->quarantine, hand_on_item, &walk);
}

struct specdir_walk {
	specdir_error_fn *fn;
	void *context;
};

static void
hand_on_file(void *context, const char *path, const char *error,
	int64_t since_wall_ms)
{
	const struct specdir_walk *walk = context;
	struct specdir_error e = {
		.file = path,
		.text = error,
		.since_wall_ms = since_wall_ms,
	};
	walk->fn(walk->context, &e);
}

void
specdir_errors_walk(struct node *n, specdir_error_fn *fn, void *context)
{
	struct specdir_walk walk = {fn, context};
	if (n->specdir)
		specdir_walk_broken(n->specdir, hand_on_file, &walk);
}

bool
node_schedule_fault(
	const struct node *n, const char *service, char *out, size_t size)
{
	return schedules_fault(n->schedules, service, out, size);
}
