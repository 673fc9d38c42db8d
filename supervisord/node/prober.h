/* The prober of this host: HTTP and TCP probes, asked of skep-prober.
 *
 * The helper is started with the first question and lives as long as the
 * node; when it dies, what was asked fails, and the next question starts it
 * again.
 */
#ifndef SKEP_NODE_PROBER_H
#define SKEP_NODE_PROBER_H

#include <ev.h>

#include "sys/probe.h"

struct prober;

/* An answer; also when the prober itself failed.  'number' is the asker's. */
typedef void prober_fn(void *context, const struct probe_answer *answer);

struct prober *prober_new(
	struct ev_loop *loop, prober_fn *on_answer, void *context);
/* Ends the helper; nothing is answered any more. */
void prober_free(struct prober *p);

/* Asks; 'ask->number' is not 0 and not under way.  Answered by 'on_answer',
 * never from within this call. */
void prober_ask(struct prober *p, const struct probe_ask *ask);

#endif
