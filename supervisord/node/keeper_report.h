/* What the keeper reports of hooks, probes and services, as inputs. */
#ifndef SKEP_NODE_KEEPER_REPORT_H
#define SKEP_NODE_KEEPER_REPORT_H

#include "node/keeper_link.h"

/* The keeper's word for a hook. */
enum kproto_command report_command_of(enum hook hook);

/* Where the fault of a failed start lies, by the keeper's word. */
enum start_blame report_blame_of(uint8_t blame);

/* The end of a command of 'name': RAN for a hook, 'on_probed' for a probe. */
void report_ran(const struct keeper_hooks *hooks, const char *name,
	const struct kproto_ran *ran);

/* What is news for the core becomes NEWS, the rest goes to 'on_word'. */
void report_news(const struct keeper_hooks *hooks, const char *name,
	const struct kproto_news *news);

/* Its answer to a handoff or checkpoint signal, as ANSWERED. */
void report_answer(const struct keeper_hooks *hooks, const char *name,
	uint64_t epoch, enum handoff_answer answer);

#endif
