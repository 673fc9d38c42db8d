/* The kinds of events, as people name them and with what each means.
 *
 * For whoever reads skep.conf or writes the manual, and may not see the core;
 * which kinds there are, NOTE_KINDS of core/effect.h says, and a test of conf
 * compares.  Pure.
 */
#ifndef SKEP_SYS_EVENT_KINDS_H
#define SKEP_SYS_EVENT_KINDS_H

/* One kind. */
struct event_kind {
	const char *name; /* "node_down" */
	const char *help; /* what has happened, one sentence */
};

/* All of them, in the core's order; a row with name NULL ends the list. */
extern const struct event_kind event_kinds[];

#endif
