/* Commands to a world, and what it answers: the words of tests/dialogue and
 * of nothing else.
 *
 * A script is a text of lines.  A line that begins with "> " is a command, one
 * that begins with "#" or is empty stays as it is, anything else is what the
 * command before it printed.  'script_run' reads commands and writes the whole
 * text anew; a dialogue holds when that gives the same bytes.
 */
#ifndef SKEP_TESTS_DIALOGUE_SCRIPT_H
#define SKEP_TESTS_DIALOGUE_SCRIPT_H

#include <stdio.h>

#include "spec/policy.h"
#include "tests/sim/world_view.h"

#define WORDS_MAX 24

/* A script that runs. */
struct script {
	struct world *w;
	FILE *out;
	bool is_silent; /* nobody reads 'out', which is ours */
	uint32_t at;	/* host that requests go to; WORLD_HOSTS: the first */
	bool is_muted;	/* notes are not printed */
	struct disk *disk;    /* kept by keep-disk; owned */
	uint32_t disk_of;     /* whose that is */
	uint64_t mail;	      /* the last message that was sent */
	uint32_t mail_at;     /* from that host */
	int64_t born_wall_ms; /* wall clock when the story began */
};

/* Makes an empty world for a script that writes to 'out' (NULL: what it writes
 * is read by nobody); ends it. */
void script_init(struct script *s, FILE *out);
void script_fini(struct script *s);
/* Runs the commands of 'text' (its lines are cut in place) and writes the
 * transcript. */
void script_run(struct script *s, char *text);
/* The same with a text that stays as it is. */
void script_tell(struct script *s, const char *text);
/* The host of that name. */
struct host *script_host(const struct script *s, const char *node);

/* The host that a command goes to. */
uint32_t script_asked(const struct script *s);
/* "show WHAT": instances, nodes; and, for the stories about what a host knows
 * and not what it does: members, logs, specs. */
void script_show(struct script *s, char **words, int count);

/* Cuts a line at its blanks; returns how many words. */
int script_words(char *line, char *words[WORDS_MAX]);
/* The value of 'key' among KEY=VALUE words, or NULL; whether a word stands
 * there alone. */
const char *script_value(char *const *words, int count, const char *key);
bool script_has(char *const *words, int count, const char *word);
/* "500ms", "3s", "2m", "1h", "2d". */
int64_t script_ms(const char *text);

/* A service from words such as "replicas=3 handoff attempts=2 mode=fail";
 * the defaults are those of the spec library. */
struct script_service {
	struct spec_policy policy;
	uint64_t digest;
	uint64_t run_digest;
	char body[256];
};
void script_service(char *const *words, int count, struct script_service *out);
/* The input that applies it under this name, without a request; both are
 * borrowed. */
struct input script_spec_set(
	const char *name, const struct script_service *service);
/* How its processes behave, from words such as "answer=none start=2s". */
void script_behaviour(char *const *words, int count, struct behaviour *b);

#endif
