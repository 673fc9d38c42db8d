/* What this host allows, whoever in the cluster asks for it.
 *
 * Pure: all names are numbers and all paths are resolved before.  The check
 * runs in the child, still with the keeper's rights, before the switch to the
 * service's user; the one on the program's path right before exec.
 * Every refusal names the key of skep.conf that would allow it.
 */
#ifndef SKEP_KEEPER_POLICY_H
#define SKEP_KEEPER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "keeper/ids.h"
#include "sys/err.h"
#include "sys/kproto.h"

/* The [policy] of skep.conf, resolved, and what the keeper is itself. */
struct policy {
	uid_t own_uid;	    /* the keeper's */
	gid_t own_gid;	    /* the keeper's */
	bool allow_root;    /* allow_root */
	bool allow_raise;   /* allow_raise */
	const uid_t *users; /* allowed_users */
	size_t user_count;
	const gid_t *groups; /* allowed_groups, besides a user's own */
	size_t group_count;
	uint64_t capabilities;	  /* allowed_capabilities, bit by number */
	const char *const *paths; /* allowed_paths, resolved; none: any */
	size_t path_count;
	uint64_t hard[RLIM_NLIMITS]; /* the keeper's own hard limits */
};

/* Whether 'start' may run as 'ids' ('own': the groups that are the user's
 * anyway).  false with the sentence in 'why'. */
bool policy_check_start(const struct policy *p,
	const struct kproto_start *start, const struct ids *ids,
	const struct ids_own *own, struct err *why);

/* Whether the program at 'path' (resolved, absolute) may be executed.  An
 * allowed path that is a directory allows all beneath it. */
bool policy_check_program(
	const struct policy *p, const char *path, struct err *why);

/* Whether the program may have the variables 'vars' (NULL at the end).  Where
 * allowed_paths is set, the loader's LD_* are refused: they would have an
 * allowed program run any file, a state from another host for one. */
bool policy_check_environment(
	const struct policy *p, char *const *vars, struct err *why);

#endif
