/* What the shell knows beside the core, as status shows it.
 *
 * Implemented by whoever owns the facts (quarantine, services.d); the API
 * only reads.  Called on the loop's thread; texts are borrowed during the
 * callback.
 */
#ifndef SKEP_NODE_STATUS_SOURCES_H
#define SKEP_NODE_STATUS_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

/* A stored or received item that made the node crash twice and is left out
 * since. */
struct quarantine_item {
	uint64_t digest;  /* as the keeper noted it */
	const char *kind; /* "record", "frame", ... */
	const char *name; /* key or sender, "" if unknown */
	const char *text; /* one sentence */
	int64_t since_wall_ms;
};

/* Calls 'fn' for each quarantined item. */
typedef void quarantine_fn(void *context, const struct quarantine_item *item);
void node_quarantine_walk(struct node *n, quarantine_fn *fn, void *context);

/* A file of services.d that is not in force. */
struct specdir_error {
	const char *file; /* path */
	const char *text; /* "FILE:LINE:COLUMN: ...", or why it is declared
			     differently in the cluster */
	int64_t since_wall_ms;
};

/* Calls 'fn' for each such file. */
typedef void specdir_error_fn(void *context, const struct specdir_error *e);
void specdir_errors_walk(struct node *n, specdir_error_fn *fn, void *context);

/* Why this host runs nothing by the schedule of 'service', as a sentence
 * without a dot; false when it does, or there is none. */
bool node_schedule_fault(
	const struct node *n, const char *service, char *out, size_t size);

#endif
