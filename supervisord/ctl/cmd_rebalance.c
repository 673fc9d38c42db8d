/* rebalance: what does not run where it belongs, and moving it there.
 *
 * A pass is over when every host says that it is through with it.  What is left
 * then although it was to go is named, and makes it fail; what stays because
 * its spec or an operator says so does not.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"

/* A pass that is watched. */
struct pass {
	int64_t number;	  /* over when all are through with this one */
	json_t *going;	  /* {NAME: {from, to}} not yet seen where it belongs */
	json_t *document; /* as last heard */
	struct progress progress;
	size_t total;
};

static int
look(struct ctl *ctl, struct pass *p)
{
	json_decref(p->document);
	p->document = NULL;
	return ctl_get(ctl, "/v1/rebalance", &p->document);
}

static json_t *
instances_of(const struct pass *p)
{
	return json_object_get(p->document, "instances");
}

static void
show_plan(struct ctl *ctl, const json_t *list)
{
	static const char *const headers[] = {
		"NAME", "FROM", "TO", "GOES", "WHY", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(list, i, o)
	{
		table_add(&t, get_text(o, "name"));
		table_add(&t, get_text(o, "from"));
		table_add(&t, get_text(o, "to"));
		table_add(&t, get_bool(o, "goes") ? "yes" : "no");
		table_add(&t, get_text(o, "why"));
	}
	show_table(ctl, &t);
}

static void
show_document(struct ctl *ctl, const struct pass *p)
{
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(p->document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(instances_of(p), "name");
	else if (json_array_size(instances_of(p)))
		show_plan(ctl, instances_of(p));
	else
		tell(ctl, "everything runs where it belongs");
}

/* Remembers what is to go. */
static void
note_going(struct pass *p)
{
	size_t i;
	json_t *o;
	p->going = json_object();
	json_array_foreach(instances_of(p), i, o)
	{
		if (get_bool(o, "goes"))
			json_object_set(p->going, get_text(o, "name"), o);
	}
	p->total = json_object_size(p->going);
}

/* The item of this name, if it still does not run where it belongs. */
static json_t *
find(const struct pass *p, const char *name)
{
	size_t i;
	json_t *o;
	json_array_foreach(instances_of(p), i, o)
	{
		if (!strcmp(get_text(o, "name"), name))
			return o;
	}
	return NULL;
}

static void
tell_arrived(struct ctl *ctl, struct pass *p)
{
	const char *name;
	json_t *o;
	void *next;
	json_object_foreach_safe(p->going, next, name, o)
	{
		if (find(p, name))
			continue;
		progress_line(ctl, &p->progress, "%s  %s → %s", name,
			get_text(o, "from"), get_text(o, "to"));
		json_object_del(p->going, name);
	}
}

/* How many are where they belong, or on their way there. */
static void
tell_progress(struct ctl *ctl, struct pass *p)
{
	unsigned here = 0;
	const char *name;
	json_t *o;
	json_object_foreach(p->going, name, o) here += find(p, name) != NULL;
	progress_set(ctl, &p->progress, "rebalance", (unsigned)p->total - here,
		(unsigned)p->total);
}

/* wait_fn: whether all hosts are through. */
static int
is_through(struct ctl *ctl, void *context)
{
	struct pass *p = context;
	int code = look(ctl, p);
	if (code != EXIT_DONE)
		return -code;
	tell_progress(ctl, p);
	if (get_int(p->document, "pass") < p->number ||
		!get_bool(p->document, "through"))
		return 0;
	tell_arrived(ctl, p);
	return 1;
}

/* What was to go and did not. */
static int
show_left(const struct pass *p)
{
	const char *name;
	json_t *o;
	fflush(stdout);
	json_object_foreach(p->going, name, o)
	{
		json_t *now = find(p, name);
		fprintf(stderr, "left on %s: %s: %s\n", get_text(o, "from"),
			name, now ? get_text(now, "why") : "");
	}
	return json_object_size(p->going) ? EXIT_FAILED : EXIT_DONE;
}

static int
watch(struct ctl *ctl, struct pass *p)
{
	if (ctl->opt.timeout_ms < 0)
		ctl->opt.timeout_ms = INT64_MAX / 2;
	bool is_quiet = ctl->opt.is_quiet;
	ctl->opt.is_quiet |= ctl->opt.output == OUTPUT_JSON ||
			     ctl->opt.output == OUTPUT_NAME;
	int code = wait_until(ctl, "not all hosts are through", is_through, p);
	progress_end(ctl, &p->progress);
	ctl->opt.is_quiet = is_quiet;
	if (code != EXIT_DONE)
		return code;
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(p->document);
	return show_left(p);
}

static int
begin(struct ctl *ctl, struct pass *p)
{
	if (!confirm(ctl, "%zu instances move. Go on?", p->total))
		return EXIT_FAILED;
	p->number = get_int(p->document, "pass") + 1;
	int code = ctl_call(ctl, "POST", "/v1/rebalance", json_object(), NULL);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

int
cmd_rebalance(struct ctl *ctl, int argc, char **argv)
{
	struct pass p = {0};
	(void)argc;
	(void)argv;
	int code = look(ctl, &p);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	note_going(&p);
	if (ctl->opt.is_dry_run) {
		show_document(ctl, &p);
	} else if (p.total == 0) {
		tell(ctl, "nothing is to move");
	} else {
		code = begin(ctl, &p);
		if (code == EXIT_DONE && !ctl->opt.is_detach)
			code = watch(ctl, &p);
	}
	json_decref(p.going);
	json_decref(p.document);
	return code;
}
