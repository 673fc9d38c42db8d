/* The [policy] of skep.conf from names to numbers.  Looks names up, so it is
 * called in a child only. */
#ifndef SKEP_KEEPER_RULES_H
#define SKEP_KEEPER_RULES_H

#include "keeper/policy.h"
#include "sys/conf.h"
#include "sys/err.h"

/* Resolves users, groups and paths of 'o' into 'p', with this process's ids
 * and limits.  Names and paths that do not exist here allow nothing.  The
 * memory is the process's until it ends or executes. */
int rules_resolve(
	const struct conf_policy *o, struct policy *p, struct err *err);

#endif
