/* Older states that moves and losses left beside a state_path. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

void
aside_get(struct ctl *ctl, const char *name, const char *node, json_t *list)
{
	char path[API_PATH_SIZE];
	json_t *document;
	snprintf(path, sizeof(path), "/v1/aside?%s", node ? "node=" : "");
	if (node)
		(void)http_escape(path, sizeof(path), node);
	size_t length = strlen(path);
	snprintf(path + length, sizeof(path) - length,
		"%sname=", node ? "&" : "");
	(void)http_escape(path, sizeof(path), name ? name : "");
	if (ctl_get(ctl, path, &document) != EXIT_DONE)
		return;
	json_array_extend(list, json_object_get(document, "aside"));
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(document, "missing"), i, o)
		fprintf(stderr, "skepctl: older states are not known: %s: %s\n",
			get_text(o, "host"), get_text(o, "error"));
	json_decref(document);
}

void
aside_show(const json_t *list)
{
	char bytes[32], age[32];
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o)
	{
		if (*get_text(o, "error")) {
			printf("on %s, %s: %s\n", get_text(o, "host"),
				get_text(o, "path"), get_text(o, "error"));
			continue;
		}
		bool has_size = json_is_integer(json_object_get(o, "size"));
		printf("older state of %s on %s: %s, %s, set aside %s ago for "
		       "run %lld; not used, yours to remove\n",
			get_text(o, "name"), get_text(o, "host"),
			get_text(o, "path"),
			has_size ? bytes_text(get_int(o, "size"), bytes,
					   sizeof(bytes))
				 : "a large folder",
			age_text(o, "since", age, sizeof(age)),
			(long long)get_int(o, "epoch"));
	}
}
