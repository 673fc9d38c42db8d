/* What skep-node asks skep-prober, and what comes back.
 *
 * Typed messages of ipc.h on descriptor PROBE_FD of the prober.  Every ASK is
 * answered by one ANSWER with its number, in any order, after its timeout at
 * the latest.  The prober leaves at end of file.
 */
#ifndef SKEP_SYS_PROBE_H
#define SKEP_SYS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

#define PROBE_FD 3

enum probe_message {
	PROBE_ASK = 1, /* node -> prober: struct probe_ask */
	PROBE_ANSWER,  /* prober -> node: struct probe_answer */
};

enum probe_way {
	PROBE_HTTP = 1, /* GET; well is a status from 200 to 399 */
	PROBE_TCP,	/* well is an accepted connection */
};

struct probe_ask {
	uint32_t number; /* the asker's */
	uint8_t way;	 /* enum probe_way */
	uint16_t port;
	const char *host; /* a name or an address */
	const char *path; /* PROBE_HTTP: "/health"; else "" */
	int64_t timeout_ms;
};

struct probe_answer {
	uint32_t number;
	bool is_well;
	const char *text; /* what was wrong, one line; "" when it is well */
};

/* As in kproto.h: check w->bad; texts are borrowed from the body. */
void probe_put_ask(struct writer *w, const struct probe_ask *v);
bool probe_get_ask(struct bytes body, struct probe_ask *v);
void probe_put_answer(struct writer *w, const struct probe_answer *v);
bool probe_get_answer(struct bytes body, struct probe_answer *v);

#endif
