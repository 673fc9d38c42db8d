/* What of skep.conf depends on the user and the host.  Inside of conf.
 *
 * Root, and who was told to be its helper, has /etc, /var and /run.  Anyone
 * else has the XDG base directories (version 0.8 of that specification:
 * relative values are ignored), and /tmp/skep-UID for a missing
 * XDG_RUNTIME_DIR.
 */
#ifndef SKEP_SYS_CONF_DIRS_H
#define SKEP_SYS_CONF_DIRS_H

#include "sys/conf.h"

/* Sets the host's name and, without root, the directories and groups. */
int conf_dirs_set(struct conf *conf, struct err *err);

/* Checks what was left to a default: that the host has a usable name, and
 * that a run directory below /tmp is ours.  'name' is the file. */
int conf_dirs_finish(
	const char *name, const struct conf *conf, struct err *err);

/* The usual path of skep.conf. */
int conf_dirs_file(char out[CONF_PATH_SIZE], struct err *err);

#endif
