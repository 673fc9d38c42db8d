/* Lines of skep.conf into (section, key, value, line).  Inside of conf.
 *
 * inih splits sections, keys and values; this reader in front of it counts
 * lines, takes comments off, and hands a line longer than inih's buffer over
 * in pieces, each as an inih continuation line, from which the value is put
 * together again.
 */
#ifndef SKEP_SYS_CONF_READ_H
#define SKEP_SYS_CONF_READ_H

#include <stddef.h>

#include "sys/err.h"

/* Who wants to hear.  Both return 0, or -errno with a sentence, which ends
 * the reading; place and key are put in front of it. */
struct conf_listener {
	int (*on_section)(void *context, const char *section, struct err *err);
	int (*on_value)(void *context, const char *section, const char *key,
		const char *value, struct err *err);
	void *context;
};

/* Reads 'size' bytes at 'data'.  Sentences start with 'name' and the line. */
int conf_read(const char *name, const char *data, size_t size,
	const struct conf_listener *listener, struct err *err);

#endif
