/* The wait for a command that this process runs itself, within its time. */
#ifndef SKEP_KEEPER_HOOK_H
#define SKEP_KEEPER_HOOK_H

#include <stdint.h>

#include "keeper/spawn.h"
#include "sys/err.h"

/* Waits until the child 'hook' has ended; after 'timeout_ms' (0: never), which
 * 'key' sets, it and its process group are killed.  0 when it exited 0;
 * -ETIMEDOUT or -ECANCELED with the sentence otherwise. */
int hook_wait(const struct spawned *hook, int64_t timeout_ms, const char *key,
	struct err *err);

#endif
