#include "logger/match.h"

#include <regex.h>
#include <stdlib.h>

#include "sys/say.h"

struct match {
	regex_t regex;
	char line[MATCH_LINE_MAX + 1]; /* what came of it so far */
	size_t length;		       /* of 'line' */
	size_t seen;		       /* bytes ahead that were looked at */
	bool is_found;
};

struct match *
match_new(const char *ere, const char *name)
{
	if (!*ere)
		return NULL;
	struct match *m = calloc(1, sizeof *m);
	if (m && regcomp(&m->regex, ere, REG_EXTENDED | REG_NOSUB) == 0)
		return m;
	free(m);
	say(SAY_ERROR,
		"%s: readiness.log_line cannot be looked for, so it will not "
		"be ready",
		name);
	return NULL;
}

void
match_free(struct match *m)
{
	if (!m)
		return;
	regfree(&m->regex);
	free(m);
}

static void
take_byte(struct match *m, char byte)
{
	if (byte != '\n') {
		if (m->length < MATCH_LINE_MAX)
			m->line[m->length++] = byte;
		return;
	}
	m->line[m->length] = 0;
	m->length = 0;
	if (!m->is_found)
		m->is_found = regexec(&m->regex, m->line, 0, NULL, 0) == 0;
}

void
match_look(struct match *m, struct bytes ahead)
{
	const char *data = ahead.data;
	for (; m->seen < ahead.size; m->seen++)
		take_byte(m, data[m->seen]);
}

void
match_moved(struct match *m, size_t size)
{
	m->seen -= m->seen < size ? m->seen : size;
}

bool
match_is_found(const struct match *m)
{
	return m->is_found;
}
