/* start, stop, restart, reload, enable, signal, move: one instance or
 * service. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "sys/clock.h"

#define LOOK_MS 600 /* between two looks at what a host says of a move */

/* POST /v1/names/NAME/VERB and the line that says so. */
static int
post_verb(struct ctl *ctl, const char *name, const char *verb, json_t *body)
{
	char path[API_PATH_SIZE];
	json_t *document = NULL;
	path_format(path, sizeof(path), "/v1/names", name, verb);
	int code = ctl_call(ctl, "POST", path, body, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (*get_text(document, "message"))
		tell(ctl, "%s  %s", name, get_text(document, "message"));
	else
		tell(ctl, "%s  %s", name,
			strcmp(get_text(document, "result"), "unchanged") == 0
				? "unchanged"
				: verb);
	json_decref(document);
	return EXIT_DONE;
}

static int
post_each(struct ctl *ctl, int argc, char **argv, const char *verb,
	int (*wait)(struct ctl *ctl, const char *name))
{
	for (int i = 0; i < argc; i++) {
		int code = post_verb(ctl, argv[i], verb, NULL);
		if (code != EXIT_DONE)
			return code;
	}
	for (int i = 0; ctl->opt.is_wait && i < argc; i++) {
		int code = wait(ctl, argv[i]);
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}

int
cmd_start(struct ctl *ctl, int argc, char **argv)
{
	return post_each(ctl, argc, argv, "start", wait_ready);
}

int
cmd_stop(struct ctl *ctl, int argc, char **argv)
{
	return post_each(ctl, argc, argv, "stop", wait_stopped);
}

/* --- restart --- */

/* {INSTANCE: epoch} of 'name' now; NULL if it cannot be told (said). */
static json_t *
epochs_of(struct ctl *ctl, const char *name, int *code)
{
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/names", name, "");
	*code = ctl_get(ctl, path, &document);
	if (*code != EXIT_DONE)
		return NULL;
	json_t *epochs = json_object();
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(document, "instances"), i, o)
		json_object_set(epochs, get_text(o, "name"),
			json_object_get(o, "epoch"));
	json_decref(document);
	return epochs;
}

/* A restart that is waited for. */
struct restart {
	const char *name;
	json_t *before;
};

static int
is_restarted(struct ctl *ctl, void *context)
{
	struct restart *r = context;
	int code;
	json_t *now = epochs_of(ctl, r->name, &code);
	if (!now)
		return -code;
	const char *name;
	json_t *epoch;
	int rc = 1;
	json_object_foreach(now, name,
		epoch) if (json_equal(epoch, json_object_get(r->before, name)))
		rc = 0;
	json_decref(now);
	return rc;
}

static int
restart_one(struct ctl *ctl, const char *name)
{
	int code = EXIT_DONE;
	struct restart r = {.name = name};
	if (ctl->opt.is_wait)
		r.before = epochs_of(ctl, name, &code);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	code = post_verb(ctl, name, "restart", NULL);
	if (code == EXIT_DONE && ctl->opt.is_wait)
		code = wait_until(
			ctl, "it was not started again", is_restarted, &r);
	if (code == EXIT_DONE && ctl->opt.is_wait)
		code = wait_ready(ctl, name);
	json_decref(r.before);
	return code;
}

int
cmd_restart(struct ctl *ctl, int argc, char **argv)
{
	int code = EXIT_DONE;
	for (int i = 0; i < argc && code == EXIT_DONE; i++)
		code = restart_one(ctl, argv[i]);
	return code;
}

int
cmd_enable(struct ctl *ctl, int argc, char **argv)
{
	return post_each(ctl, argc, argv, "enable", wait_ready);
}

int
cmd_disable(struct ctl *ctl, int argc, char **argv)
{
	return post_each(ctl, argc, argv, "disable", wait_stopped);
}

/* All instances of a service, or the one that is named. */
static int
reload_one(struct ctl *ctl, const char *name)
{
	int code;
	json_t *epochs = epochs_of(ctl, name, &code);
	if (!epochs)
		return ctl_fail(ctl, code);
	const char *instance;
	json_t *epoch;
	json_object_foreach(epochs, instance, epoch) {
		code = post_verb(ctl, instance, "reload", NULL);
		if (code != EXIT_DONE)
			break;
	}
	json_decref(epochs);
	return code;
}

int
cmd_reload(struct ctl *ctl, int argc, char **argv)
{
	int code = EXIT_DONE;
	for (int i = 0; i < argc && code == EXIT_DONE; i++)
		code = reload_one(ctl, argv[i]);
	return code;
}

int
cmd_signal(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return post_verb(
		ctl, argv[1], "signal", json_pack("{s:s}", "signal", argv[0]));
}

/* --- move --- */

/* A move that is waited for. */
struct move {
	const char *name;
	const char *node;
	char from[256]; /* who has it; "": nobody can be asked */
	bool has_last_id;
	int64_t last_id; /* of the events there that are no news */
	json_t *now;	 /* the instance as seen last */
	mono look_at;	 /* when to ask the host that gives it again */
	mono until;	 /* the end of the wait */
	bool is_over;	 /* it will not go, at least not in that time */
	bool is_late;	 /* ... but its host tries again */
	char why[512];	 /* ... or did not yet */
};

/* Takes the instance as it is now; -exit code on failure. */
static int
look_at_instance(struct ctl *ctl, struct move *m)
{
	json_t *document = NULL;
	int code = instances_get(ctl, m->name, &document);
	if (code != EXIT_DONE)
		return -code;
	json_decref(m->now);
	m->now = json_incref(
		json_array_get(json_object_get(document, "instances"), 0));
	json_decref(document);
	return 0;
}

/* What the host that gives it said of it so far; NULL if it did not tell. */
static json_t *
events_there(struct ctl *ctl, const struct move *m)
{
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/history", m->name, "");
	size_t used = strlen(path);
	snprintf(path + used, sizeof(path) - used, "?node=");
	(void)http_escape(path, sizeof(path), m->from);
	if (ctl_get(ctl, path, &document) != EXIT_DONE)
		return NULL;
	bool is_told =
		json_array_size(json_object_get(document, "missing")) == 0;
	json_t *events = json_object_get(document, "events");
	events = is_told ? json_incref(events) : NULL;
	json_decref(document);
	return events;
}

/* A move that was called off is over. */
static void
take_event(struct move *m, const json_t *o)
{
	static const char given_up[] = "given up: ",
			  off[] = "called off, starts here again: ";
	const char *text = get_text(o, "text");
	if (strcmp(get_text(o, "kind"), "handoff") != 0)
		return;
	m->is_over |= strncmp(text, off, sizeof(off) - 1) == 0;
	if (m->is_over)
		snprintf(m->why, sizeof(m->why), "%s", text + sizeof(off) - 1);
	else if (strncmp(text, given_up, sizeof(given_up) - 1) == 0)
		snprintf(m->why, sizeof(m->why), "%s",
			text + sizeof(given_up) - 1);
}

/* Takes what is news since the move was told.  What the host told the first
 * time is none, also where it could not be asked before: nobody knows how old
 * that is, and it may be the end of another move. */
static void
look_at_events(struct ctl *ctl, struct move *m)
{
	json_t *o;
	size_t i;
	json_t *events = events_there(ctl, m);
	json_array_foreach(events, i, o)
	{
		if (get_int(o, "id") <= m->last_id)
			continue;
		m->last_id = get_int(o, "id");
		if (m->has_last_id)
			take_event(m, o);
	}
	m->has_last_id |= events != NULL;
	json_decref(events);
}

/* Whether what was given up is tried again while we wait. */
static void
look_at_move(struct ctl *ctl, struct move *m)
{
	json_t *moves = moves_get(ctl, m->from);
	const json_t *o = json_object_get(moves, m->name);
	if (strcmp(get_text(o, "state"), "waits") == 0) {
		snprintf(m->why, sizeof(m->why), "%s", get_text(o, "why"));
		m->is_over = get_bool(o, "stays") ||
			     get_int(o, "again_ms") >
				     mono_diff(m->until, clock_mono());
		m->is_late = m->is_over;
	}
	json_decref(moves);
}

/* wait_fn: 1 as well when it is over without success. */
static int
is_moved(struct ctl *ctl, void *context)
{
	struct move *m = context;
	int code = look_at_instance(ctl, m);
	if (code)
		return code;
	if (strcmp(get_text(m->now, "node"), m->node) == 0 &&
		strcmp(get_text(m->now, "state"), "ready") == 0)
		return 1;
	mono now = clock_mono();
	if (!m->from[0] || !mono_reached(m->look_at, now))
		return 0;
	m->look_at = mono_add(now, LOOK_MS);
	look_at_events(ctl, m);
	if (!m->is_over)
		look_at_move(ctl, m);
	return m->is_over;
}

/* Notes who has it before it is moved. */
static void
before_move(struct ctl *ctl, struct move *m)
{
	if (look_at_instance(ctl, m) != 0)
		return;
	snprintf(m->from, sizeof(m->from), "%s", get_text(m->now, "node"));
	if (strcmp(m->from, m->node) == 0)
		m->from[0] = '\0';
	if (m->from[0])
		look_at_events(ctl, m);
}

static int
wait_moved(struct ctl *ctl, struct move *m)
{
	m->look_at = mono_add(clock_mono(), LOOK_MS / 2);
	m->until = mono_add(clock_mono(), wait_limit_ms(ctl));
	int code = wait_until(ctl, "it is not ready there", is_moved, m);
	if (code == EXIT_DONE && !m->is_over)
		return code;
	if (!m->why[0] && m->now)
		reason_get(ctl, m->now, m->why, sizeof(m->why));
	if (m->is_over)
		code = EXIT_FAILED;
	fprintf(stderr, "skepctl: %s %s %s%s%s%s%s%s; see 'skepctl why %s'\n",
		m->name, m->is_over ? "does not go to" : "is not ready on",
		m->node, m->why[0] ? ": " : "", m->why, m->is_late ? "; " : "",
		m->is_late ? m->from : "",
		m->is_late ? " tries again later" : "", m->name);
	return code;
}

int
cmd_move(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	struct move m = {.name = argv[0], .node = argv[1]};
	if (ctl->opt.is_wait)
		before_move(ctl, &m);
	int code = post_verb(
		ctl, m.name, "move", json_pack("{s:s}", "node", m.node));
	if (code == EXIT_DONE && ctl->opt.is_wait)
		code = wait_moved(ctl, &m);
	json_decref(m.now);
	return code;
}
