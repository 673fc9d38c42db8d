/* Asks a host's registry through libskep, for the tests in this folder.
 *
 *	seek FILE where NAME	HOST PID STATE EPOCH; exit status 3: not there
 *	seek FILE meta NAME	what is said of it
 *	seek FILE list PREFIX	one name a line, with its host
 *	seek FILE match PATTERN	the same
 *	seek FILE members GROUP	the same
 *	seek FILE info		NAMES AGE_MS IS_LACKING
 *	seek FILE watch NAME	one line per change, until it is killed
 *	seek FILE keep NAME	looks each millisecond with one handle until
 *				SIGTERM, then says how often, and how often the
 *				name was missing or an older one came
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "skep/registry.h"

static volatile sig_atomic_t is_over;
static struct skep_registry *registry;

static void
on_term(int number)
{
	(void)number;
	is_over = 1;
}

static void
show(const struct skep_entry *e)
{
	printf("%s %u %s %llu\n", e->name[0] ? e->host : "-", e->pid,
		skep_state_name(e->state), (unsigned long long)e->epoch);
	fflush(stdout);
}

static int
where(const char *name)
{
	struct skep_entry e;
	int code = skep_registry_lookup(registry, name, &e);
	if (code == 0)
		show(&e);
	return code;
}

static int
meta(const char *name)
{
	struct skep_entry e;
	int code = skep_registry_lookup(registry, name, &e);
	if (code == 0)
		printf("%s\n", e.meta);
	return code;
}

static int
list(const char *text,
	int next(struct skep_registry *, const char *, struct skep_entry *))
{
	struct skep_entry e;
	int code;
	memset(&e, 0, sizeof e);
	while ((code = next(registry, text, &e)) > 0)
		printf("%s %s\n", e.name, e.host);
	return code;
}

static int
info(const char *unused)
{
	struct skep_registry_info i;
	(void)unused;
	skep_registry_get_info(registry, &i);
	printf("%llu %lld %d\n", (unsigned long long)i.names,
		(long long)i.age_ms, i.is_lacking);
	return 0;
}

static int
watch(const char *name)
{
	struct skep_entry e;
	int code;
	memset(&e, 0, sizeof e);
	while ((code = skep_registry_watch_name(registry, name, &e, -1)) > 0)
		show(&e);
	return code;
}

static int
keep(const char *name)
{
	unsigned long looks = 0, missing = 0, older = 0;
	struct skep_entry e = {0}, last = {0};
	signal(SIGTERM, on_term);
	while (!is_over) {
		int code = skep_registry_lookup(registry, name, &e);
		looks++;
		missing += code != 0;
		older += code == 0 && e.epoch < last.epoch;
		last = e;
		usleep(1000);
	}
	printf("%lu looks, %lu missing, %lu older\n", looks, missing, older);
	return 0;
}

static int
run(const char *what, const char *argument)
{
	if (strcmp(what, "where") == 0)
		return where(argument);
	if (strcmp(what, "meta") == 0)
		return meta(argument);
	if (strcmp(what, "list") == 0)
		return list(argument, skep_registry_next);
	if (strcmp(what, "match") == 0)
		return list(argument, skep_registry_match);
	if (strcmp(what, "members") == 0)
		return list(argument, skep_registry_members);
	if (strcmp(what, "watch") == 0)
		return watch(argument);
	if (strcmp(what, "keep") == 0)
		return keep(argument);
	return info(argument);
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int code = skep_registry_open(argv[1], &registry);
	if (code == 0)
		code = run(argv[2], argc > 3 ? argv[3] : "");
	if (code < 0)
		fprintf(stderr, "seek: %s\n", strerror(-code));
	skep_registry_close(registry);
	return code == -ENOENT ? 3 : code < 0;
}
