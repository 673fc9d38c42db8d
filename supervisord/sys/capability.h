/* Linux capabilities by name, as capabilities(7) has them but without "CAP_".
 * Pure. */
#ifndef SKEP_SYS_CAPABILITY_H
#define SKEP_SYS_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>

/* The number of a capability ("NET_BIND_SERVICE" is 10), -1 when there is none
 * of that name. */
int capability_number(const char *name);

/* What is wrong with 'name', as a sentence that names the nearest one; false
 * when nothing is. */
bool capability_fault(const char *name, char *out, size_t size);

#endif
