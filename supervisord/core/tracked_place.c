#include "core/tracked_place.h"

#include <string.h>

/* What stands behind 'prefix', or NULL. */
static const char *
behind(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);
	return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* Copies up to the next comma, or the end; NULL: it is too long, or empty. */
static const char *
take_word(const char *text, char *out, size_t max)
{
	size_t size = strcspn(text, ", ");
	if (size == 0 || size > max)
		return NULL;
	memcpy(out, text, size);
	out[size] = '\0';
	return text + size;
}

/* A number of ten digits at most; NULL: it is none. */
static const char *
take_number(const char *text, uint32_t *out)
{
	uint64_t n = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9' && at - text < 10; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	*out = (uint32_t)n;
	return at > text && n <= UINT32_MAX ? at : NULL;
}

bool
tracked_place_read(const char *text, struct tracked_place *out)
{
	memset(out, 0, sizeof *out);
	const char *at = behind(text, TRACKED_PLACE_SERVICE);
	const char *host = behind(text, TRACKED_PLACE_HOST);
	if (host)
		at = take_word(host, out->node, NODE_NAME_MAX);
	const char *process = at ? behind(at, TRACKED_PLACE_PROCESS) : NULL;
	if (process)
		at = take_number(process, &out->pid);
	const char *state = at ? behind(at, ", ") : NULL;
	if (state)
		at = take_word(state, out->state, TRACKED_STATE_MAX);
	if (at && *at == '\0')
		return true;
	memset(out, 0, sizeof *out);
	return false;
}
