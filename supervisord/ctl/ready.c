/* Waiting until what is named is ready.  What cannot become so by itself (its
 * attempts are used up, a oneshot failed, no host can run it: skepd says that
 * it is at rest) ends the wait before its time, and what is not ready is named
 * with its reason. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "ctl/ctl.h"
#include "sys/clock.h"

/* What was accepted may take this long until skepd here knows all of it, and a
 * host that is gone until it is suspected. */
#define HOPELESS_MS 3000

/* What is waited for. */
struct ready_wait {
	const char *const *names;
	size_t count;
	ready_fn *on_ready; /* or NULL */
	void *context;
	bool *is_ready;	     /* by name: that was told */
	json_t *lacking;     /* instances that are not ready, as seen last */
	mono hopeless_since; /* NEVER: something may still become ready */
	bool is_hopeless;    /* it has been so for long enough */
};

int
instances_get(struct ctl *ctl, const char *name, json_t **out)
{
	char path[API_PATH_SIZE];
	path_format(path, sizeof(path), "/v1/names", name, "");
	int code = ctl_get(ctl, path, out);
	return ctl->status == 404 ? EXIT_DONE : code;
}

static bool
has_state(const json_t *o, const char *state)
{
	return strcmp(get_text(o, "state"), state) == 0;
}

/* Whether what runs, or ran, is what is declared. */
static bool
is_current(const json_t *o)
{
	return strcmp(get_text(o, "run_digest"),
		       get_text(o, "wanted_digest")) == 0;
}

/* A oneshot that ran to its end with success is as ready as it gets. */
static bool
is_completed(const json_t *o)
{
	return has_state(o, "exited") &&
	       (get_bool(o, "done") || get_int(o, "last_status") == 0);
}

static bool
is_as_wanted(const json_t *o)
{
	return strcmp(get_text(o, "desired"), "running") != 0 ||
	       (has_state(o, "ready") && is_current(o)) || is_completed(o);
}

/* --- Why it is not ready --- */

/* What its hosts said last of what went wrong. */
static void
last_trouble(struct ctl *ctl, const char *name, char *out, size_t size)
{
	static const char *const kinds[] = {"refused", "start_failed", "exited",
		"hook_failed", "unhealthy", "waiting", NULL};
	char path[API_PATH_SIZE];
	json_t *document, *o;
	size_t i;
	*out = '\0';
	path_format(path, sizeof(path), "/v1/history", name, "");
	if (ctl_get(ctl, path, &document) != EXIT_DONE)
		return;
	json_array_foreach(json_object_get(document, "events"), i, o)
	{
		for (const char *const *k = kinds; *k; k++)
			if (strcmp(get_text(o, "kind"), *k) == 0)
				snprintf(out, size, "%s: %s",
					get_text(o, "host"),
					get_text(o, "text"));
	}
	json_decref(document);
}

void
reason_get(struct ctl *ctl, const json_t *o, char *out, size_t size)
{
	const char *why = get_text(o, "why");
	const char *end = has_state(o, "ready") || has_state(o, "starting")
				  ? ""
				  : get_text(o, "last_exit");
	if (*why || *end)
		snprintf(out, size, "%s%s%s", why, *why && *end ? "; " : "",
			end);
	else
		last_trouble(ctl, get_text(o, "name"), out, size);
}

/* "'web@2' is failed on beta: exited 3; ..." */
static void
tell_lacking(struct ctl *ctl, const json_t *o)
{
	char reason[512];
	const char *name = get_text(o, "name");
	const char *node = get_text(o, "node");
	bool has_failed = has_state(o, "failed") && get_bool(o, "at_rest");
	reason_get(ctl, o, reason, sizeof(reason));
	bool is_old = has_state(o, "ready");
	fprintf(stderr,
		"skepctl: '%s' is %s%s%s%s%s%s%s; see 'skepctl why %s'\n", name,
		get_text(o, "state"), *node ? " on " : "", node,
		is_old ? ", with an older description" : "",
		*reason ? ": " : "", reason,
		has_failed ? "; its attempts are used up, 'skepctl start' "
			     "starts it again"
			   : "",
		name);
}

/* --- The wait --- */

/* Takes the instances of a name that are not ready; -exit code on failure. */
static int
look_at(struct ctl *ctl, struct ready_wait *w, size_t n)
{
	json_t *document = NULL;
	int code = instances_get(ctl, w->names[n], &document);
	if (code != EXIT_DONE)
		return -code;
	json_t *list = json_object_get(document, "instances");
	size_t i, before = json_array_size(w->lacking);
	json_t *o;
	json_array_foreach(list, i, o)
	{
		if (!is_as_wanted(o))
			json_array_append(w->lacking, o);
	}
	if (json_array_size(list) == 0)
		json_array_append_new(
			w->lacking, json_pack("{s:s, s:s}", "name", w->names[n],
					    "state", "not known"));
	w->is_ready[n] = json_array_size(w->lacking) == before;
	if (w->is_ready[n] && w->on_ready)
		w->on_ready(ctl, w->context, w->names[n]);
	json_decref(document);
	return 0;
}

static bool
are_hopeless(const json_t *list)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o)
	{
		if (!get_bool(o, "at_rest"))
			return false;
	}
	return true;
}

/* wait_fn */
static int
are_ready(struct ctl *ctl, void *context)
{
	struct ready_wait *w = context;
	json_array_clear(w->lacking);
	for (size_t n = 0; n < w->count; n++) {
		int code = w->is_ready[n] ? 0 : look_at(ctl, w, n);
		if (code)
			return code;
	}
	if (json_array_size(w->lacking) == 0)
		return 1;
	if (!are_hopeless(w->lacking))
		w->hopeless_since = MONO_NEVER;
	else if (w->hopeless_since.ms == MONO_NEVER.ms)
		w->hopeless_since = clock_mono();
	else
		w->is_hopeless = mono_diff(clock_mono(), w->hopeless_since) >=
				 HOPELESS_MS;
	return w->is_hopeless;
}

int
wait_all_ready(struct ctl *ctl, const char *const *names, size_t count,
	ready_fn *on_ready, void *context)
{
	char what[320];
	struct ready_wait w = {.names = names,
		.count = count,
		.on_ready = on_ready,
		.context = context,
		.hopeless_since = MONO_NEVER,
		.is_ready = calloc(count + 1, sizeof(bool)),
		.lacking = json_array()};
	CHECK(w.is_ready);
	if (count == 1)
		snprintf(what, sizeof(what), "'%s' is not ready", names[0]);
	else
		snprintf(what, sizeof(what), "not all are ready");
	int code = wait_until(ctl, what, are_ready, &w);
	if (w.is_hopeless)
		code = EXIT_FAILED;
	size_t i;
	json_t *o;
	if (code == EXIT_TIMEOUT || w.is_hopeless)
		json_array_foreach(w.lacking, i, o) tell_lacking(ctl, o);
	json_decref(w.lacking);
	free(w.is_ready);
	return code;
}

int
wait_ready(struct ctl *ctl, const char *name)
{
	return wait_all_ready(ctl, &name, 1, NULL, NULL);
}
