/* Where the output of an instance is read: here, or (later) on the host that
 * runs it. */
#ifndef SKEP_NODE_API_LOGS_H
#define SKEP_NODE_API_LOGS_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct instance_view;

/* Streams the last 'lines' lines of this host's files and, if 'is_follow',
 * what is written from then on. */
void api_logs_local(
	struct call *c, const char *instance, uint64_t lines, bool is_follow);

/* Answers for an instance that another host holds: refuses with the code
 * 'on_other_node' and that host's name.  Asking that host over its link goes
 * in here. */
void api_logs_remote(struct call *c, const struct instance_view *v);

#endif
