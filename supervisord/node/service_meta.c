#include "node/service_meta.h"

#include "core/specs.h"
#include "spec/spec.h"

struct bytes
service_meta(struct core *c, const char *service)
{
	struct service_value v;
	const struct entry *e = specs_find(c, ENTRY_SERVICE, service);
	if (!e || !specs_service(c, e, &v))
		return (struct bytes){NULL, 0};
	return spec_body_meta(v.body.data, v.body.size);
}
