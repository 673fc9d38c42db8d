/* Loads plugins: shared objects of plugin.h in one folder.
 *
 * What is wrong with a file harms only that file: each refusal is one
 * sentence, said and kept for status.  Nothing is ever unloaded, because the
 * core borrows the operations for ever.
 *
 * Refused: a file or folder that anybody but root (and ourselves, when we are
 * not root) may write to, another major version of the ABI or a newer minor
 * one, a struct of another size, a missing name or rank, a name outside
 * [a-z0-9-]{1,31}, a name that is taken, an unknown kind.
 */
#ifndef SKEP_SYS_PLUGIN_HOST_H
#define SKEP_SYS_PLUGIN_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "skep/plugin.h"
#include "sys/err.h"

/* Takes a strategy ('ops' borrowed for ever); false: no room or the name is
 * taken. */
typedef bool plugin_register_fn(
	void *context, const struct skep_place_ops *ops);

/* What became of the files. */
struct plugin_report {
	unsigned loaded;
	unsigned refused;
	/* Called for each refusal, may be NULL. */
	void (*on_refused)(void *context, const char *text);
	void *context;
};

/* Loads every *.so of 'folder' in the order of names.  A folder that does not
 * exist holds no plugins. */
void plugin_host_load(const char *folder, plugin_register_fn *take,
	void *take_context, struct plugin_report *report);

/* Checks what a plugin exports, without loading anything: 0, or -EINVAL with
 * the sentence. */
int plugin_host_check(const struct skep_plugin *plugin, struct err *err);

#endif
