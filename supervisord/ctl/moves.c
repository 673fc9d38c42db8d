/* How far states are that travel. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

json_t *
moves_get(struct ctl *ctl, const char *node)
{
	char path[API_PATH_SIZE];
	json_t *document;
	json_t *moves = json_object();
	snprintf(path, sizeof(path), "/v1/moves%s", node ? "?node=" : "");
	if (node)
		(void)http_escape(path, sizeof(path), node);
	if (ctl_get(ctl, path, &document) != EXIT_DONE)
		return moves;
	size_t i;
	json_t *o;
	/* What is under way comes last, and is of more interest. */
	json_array_foreach(json_object_get(document, "moves"), i, o)
		json_object_set(moves, get_text(o, "name"), o);
	json_decref(document);
	return moves;
}

const char *
moves_text(const json_t *move, char *buffer, size_t size)
{
	char bytes[32], all[32], rate[32];
	*buffer = '\0';
	if (get_int(move, "size") <= 0)
		return buffer;
	snprintf(buffer, size, "%s of %s, %s/s",
		bytes_text(get_int(move, "bytes"), bytes, sizeof(bytes)),
		bytes_text(get_int(move, "size"), all, sizeof(all)),
		bytes_text(get_int(move, "rate"), rate, sizeof(rate)));
	return buffer;
}
