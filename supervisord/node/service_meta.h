/* What a service says of itself: the 'meta' of its spec. */
#ifndef SKEP_NODE_SERVICE_META_H
#define SKEP_NODE_SERVICE_META_H

#include "base/cursor.h"

struct core;

/* A JSON object, as it stands in the desired state, or empty where it says
 * nothing or there is no such service.  Borrowed until the next step. */
struct bytes service_meta(struct core *c, const char *service);

#endif
