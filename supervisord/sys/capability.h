/* Linux capabilities by name, as capabilities(7) has them but without "CAP_".
 * Pure. */
#ifndef SKEP_SYS_CAPABILITY_H
#define SKEP_SYS_CAPABILITY_H

/* The number of a capability ("NET_BIND_SERVICE" is 10), -1 when there is none
 * of that name. */
int capability_number(const char *name);

#endif
