/* The names of services that are given at run time. */
#ifndef SKEP_NODE_API_REGISTER_H
#define SKEP_NODE_API_REGISTER_H

#include "node/api_private.h"

/* Answers, later, a POST /v1/names whose body has a command: {"name",
 * "command", and, each of which may be left out, "find" (true: whoever has the
 * name is as good), "timeout" (until it is ready), and the keys of a service}.
 * 'body' is borrowed, and changed. */
void call_register_service(struct call *c, json_t *body);

#endif
