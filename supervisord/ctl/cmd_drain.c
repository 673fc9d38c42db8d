/* drain: everything away from a node, and watching that.
 *
 * The node that drains decides when it is drained (DESIGN promise 3): only
 * its own word "drained" ends this with 0.  What moves meanwhile is told from
 * the instances that were there when the drain began; how far their states are,
 * the node that drains tells through the one that is asked.
 *
 * Names of processes that are only tracked do not keep a node from being
 * drained, for skep has no hand in these.  But they do not move, so they are
 * listed, and with them the command does not end with 0 unless it is forced, or
 * all of skepd ends there, which ends none of them.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd_node.h"
#include "ctl/ctl.h"
#include "sys/clock.h"
#include "sys/units.h"

#define TRANSFER_MS 1000 /* between two lines about one state */

/* A drain that is watched. */
struct drain {
	char node[256];
	json_t *here; /* {NAME: why it is there} not yet seen ready elsewhere */
	json_t *moved; /* [{name, from, to, state, ...}] */
	json_t *moves; /* {NAME: its move as it was told last} */
	json_t *told;  /* {NAME: {ms, text}}: the last line about its state */
	json_t *now;   /* {NAME: the instance as seen last} */
	char on_its_way[96]; /* of one of them, for the bar */
	mono began;
	struct progress progress;
	size_t total;
	bool is_stuck; /* the node says that the rest cannot move */
	json_t *tracked;	   /* {NAME: why} of those in 'here' that are
				      names of processes */
	json_int_t tracked_untold; /* such names beyond those */
};

static int
drain_node(struct ctl *ctl, int argc, char **argv, char *out, size_t size)
{
	if (argc && ctl->opt.is_self)
		return usage_error(ctl, "drain: NODE or --self, not both");
	if (argc) {
		snprintf(out, size, "%s", argv[0]);
		return EXIT_DONE;
	}
	int code = node_self(ctl, out, size);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

static int
get_instances(struct ctl *ctl, const char *node, json_t **out)
{
	char path[API_PATH_SIZE];
	snprintf(path, sizeof(path), "/v1/instances%s", node ? "?node=" : "");
	if (node)
		(void)http_escape(path, sizeof(path), node);
	return ctl_get(ctl, path, out);
}

/* Remembers what is on the node now. */
static int
note_instances(struct ctl *ctl, struct drain *d)
{
	json_t *document;
	int code = get_instances(ctl, d->node, &document);
	if (code != EXIT_DONE)
		return code;
	size_t i;
	json_t *o;
	d->here = json_object();
	d->moved = json_array();
	d->moves = json_object();
	d->told = json_object();
	d->now = json_object();
	d->tracked = json_object();
	d->began = clock_mono();
	json_array_foreach(json_object_get(document, "instances"), i, o)
		json_object_set_new(
			d->here, get_text(o, "name"), json_string(""));
	d->total = json_object_size(d->here);
	json_decref(document);
	return EXIT_DONE;
}

static bool
has_left(const struct drain *d, const json_t *o)
{
	const char *node = get_text(o, "node");
	return json_object_get(d->here, get_text(o, "name")) && *node &&
	       strcmp(node, d->node) != 0 &&
	       strcmp(get_text(o, "state"), "ready") == 0;
}

/* A line about a state that travels, a second after the last one, where lines
 * are printed. */
static void
tell_transfer(struct ctl *ctl, struct drain *d, const json_t *move)
{
	char text[96];
	const char *name = get_text(move, "name");
	moves_text(move, text, sizeof(text));
	if (!*text || get_int(move, "bytes") >= get_int(move, "size"))
		return;
	snprintf(d->on_its_way, sizeof(d->on_its_way), "%.40s %.50s", name,
		text);
	json_int_t now_ms = clock_mono().ms;
	const json_t *last = json_object_get(d->told, name);
	bool is_due = last && now_ms - get_int(last, "ms") >= TRANSFER_MS &&
		      strcmp(get_text(last, "text"), text) != 0;
	if (is_due && !ctl->is_tty)
		progress_line(ctl, &d->progress, "%s  %s → %s  %s", name,
			d->node, get_text(move, "to"), text);
	if (is_due || !last)
		json_object_set_new(d->told, name,
			json_pack("{s:I, s:s}", "ms", now_ms, "text", text));
}

/* How far the states are; what was moved by an earlier drain does not count. */
static void
watch_moves(struct ctl *ctl, struct drain *d)
{
	const char *name;
	json_t *o;
	json_t *moves = moves_get(ctl, d->node);
	int64_t age_ms = mono_diff(clock_mono(), d->began) + TRANSFER_MS;
	d->on_its_way[0] = '\0';
	json_object_foreach(moves, name, o)
	{
		if (get_bool(o, "over") && get_int(o, "ago_ms") > age_ms)
			continue;
		json_object_set(d->moves, name, o);
		if (*get_text(o, "why") && json_object_get(d->here, name))
			json_object_set(
				d->here, name, json_object_get(o, "why"));
		tell_transfer(ctl, d, o);
	}
	json_decref(moves);
}

static int
watch_instances(struct ctl *ctl, struct drain *d)
{
	json_t *document;
	int code = get_instances(ctl, NULL, &document);
	if (code != EXIT_DONE)
		return code;
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(document, "instances"), i, o)
	{
		const char *name = get_text(o, "name");
		bool is_left = has_left(d, o);
		if (json_object_get(d->here, name))
			json_object_set(d->now, name, o);
		if (!is_left && *get_text(o, "why") &&
			json_object_get(d->here, name))
			json_object_set(
				d->here, name, json_object_get(o, "why"));
		if (!is_left)
			continue;
		progress_line(ctl, &d->progress, "%s  %s → %s  ready", name,
			d->node, get_text(o, "node"));
		json_array_append_new(d->moved,
			json_pack("{s:s, s:s, s:s, s:s}", "name", name, "from",
				d->node, "to", get_text(o, "node"), "state",
				"ready"));
		json_object_del(d->here, name);
	}
	json_decref(document);
	return EXIT_DONE;
}

/* wait_fn: one look at the node and its instances. */
static int
is_drained(struct ctl *ctl, void *context)
{
	struct drain *d = context;
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/nodes", d->node, "");
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return -code;
	bool is_done = strcmp(get_text(document, "progress"), "drained") == 0;
	bool is_off = strcmp(get_text(document, "intent"), "draining") != 0;
	d->is_stuck =
		strcmp(get_text(document, "progress"), "undrainable") == 0;
	json_decref(document);
	watch_moves(ctl, d);
	code = watch_instances(ctl, d);
	if (code != EXIT_DONE)
		return -code;
	char what[400];
	snprintf(what, sizeof(what), "%s  %s", d->node, d->on_its_way);
	progress_set(ctl, &d->progress, what,
		(unsigned)(d->total - json_object_size(d->here)),
		(unsigned)d->total);
	if (is_off && !is_done) {
		err_set(&ctl->err, -1, "%s does not drain any more", d->node);
		return -EXIT_FAILED;
	}
	/* With a deadline what is stuck may still become movable. */
	return is_done || (d->is_stuck && !ctl->opt.deadline_ms);
}

/* --- The end --- */

/* What is known of one that has not arrived, where nobody said a reason. */
static const char *
reason_of(const struct drain *d, const char *name, char *buffer, size_t size)
{
	const json_t *o = json_object_get(d->now, name);
	const json_t *move = json_object_get(d->moves, name);
	const char *state = get_text(o, "state");
	const char *node = get_text(o, "node");
	bool is_here = strcmp(node, d->node) == 0;
	if (!o)
		return "";
	if (move && !get_bool(move, "over") && *get_text(move, "to"))
		snprintf(buffer, size, "its move to %s is under way: %s",
			get_text(move, "to"), get_text(move, "state"));
	else if (*node && !is_here)
		snprintf(buffer, size, "it is on %s, and %s", node, state);
	else if (!is_here)
		snprintf(buffer, size, "it does not run: %s", state);
	else if (strcmp(state, "stopping") == 0 ||
		 strcmp(state, "handoff") == 0)
		snprintf(buffer, size, "its move is under way");
	else if (!*get_text(o, "duty"))
		snprintf(buffer, size, "no other host may take it");
	else if (strcmp(state, "ready") == 0)
		snprintf(buffer, size, "its move waits for its turn");
	else
		snprintf(buffer, size, "it is %s", state);
	return buffer;
}

/* Gives what is left a reason each. */
static void
fill_reasons(struct drain *d)
{
	char buffer[320];
	const char *name;
	json_t *why;
	json_object_foreach(d->here, name, why)
	{
		/* The value alone is replaced, which a walk allows. */
		if (!*json_string_value(why))
			json_object_set_new(d->here, name,
				json_string(reason_of(
					d, name, buffer, sizeof(buffer))));
	}
}

/* Adds what the moves tell to what was seen to be ready elsewhere: null where
 * that is not known. */
static void
fill_moved(struct drain *d)
{
	static const char *const keys[][2] = {
		{"bytes", "size"}, {"sent", "sent"}, {"took_ms", "took_ms"}};
	size_t i;
	json_t *o;
	json_array_foreach(d->moved, i, o)
	{
		const json_t *move =
			json_object_get(d->moves, get_text(o, "name"));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			json_t *value = json_object_get(move, keys[k][1]);
			json_object_set_new(o, keys[k][0],
				value ? json_incref(value) : json_null());
		}
	}
}

/* A number of bytes or milliseconds, or "-" when it is not known. */
static void
add_known(struct table *t, const json_t *value, bool is_time)
{
	char buffer[32];
	int64_t n = json_integer_value(value);
	if (!json_is_integer(value))
		table_add(t, "-");
	else if (is_time)
		table_add(t, units_format_age(n, buffer, sizeof(buffer)));
	else
		table_add(t, bytes_text(n, buffer, sizeof(buffer)));
}

/* Whether it is where it was, or the drain has stopped it. */
static bool
stays(const struct drain *d, const char *name)
{
	const json_t *o = json_object_get(d->now, name);
	return !o || *get_text(o, "node");
}

static void
show_moved(struct ctl *ctl, const struct drain *d)
{
	static const char *const headers[] = {
		"NAME", "FROM", "TO", "BYTES", "+SENT", "TIME", "RESULT", NULL};
	struct table t;
	size_t i;
	json_t *o;
	const char *name;
	table_init(&t, headers);
	json_array_foreach(d->moved, i, o)
	{
		const char *state = get_text(o, "state");
		table_add(&t, get_text(o, "name"));
		table_add(&t, get_text(o, "from"));
		table_add(&t, get_text(o, "to"));
		add_known(&t, json_object_get(o, "bytes"), false);
		add_known(&t, json_object_get(o, "sent"), false);
		add_known(&t, json_object_get(o, "took_ms"), true);
		table_paint(&t, paint_for_state(state), state);
	}
	json_object_foreach(d->here, name, o)
	{
		table_add(&t, name);
		table_add(&t, d->node);
		for (int k = 0; k < 4; k++)
			table_add(&t, "-");
		table_printf(&t, "%s%s%s", stays(d, name) ? "stays" : "stopped",
			*json_string_value(o) ? ": " : "",
			json_string_value(o));
	}
	show_table(ctl, &t);
}

/* What stays because it is a process that somebody has registered.  Who may not
 * ask, or asks an older skepd, is told of none. */
static void
note_tracked(struct ctl *ctl, struct drain *d)
{
	char path[API_PATH_SIZE];
	json_t *document, *o;
	size_t i;
	path_format(
		path, sizeof(path), "/v1/nodes", d->node, "drain?dry_run=1");
	if (ctl_call(ctl, "POST", path, NULL, &document) != EXIT_DONE)
		return;
	const json_t *list = json_object_get(document, "tracked");
	json_array_foreach(list, i, o)
	{
		json_object_set(d->tracked, get_text(o, "name"),
			json_object_get(o, "why"));
	}
	json_object_update(d->here, d->tracked);
	d->tracked_untold = get_int(document, "tracked_count") -
			    (json_int_t)json_array_size(list);
	json_decref(document);
}

static void
show_left(const struct drain *d)
{
	const char *name;
	json_t *why;
	fflush(stdout);
	json_object_foreach(d->here, name, why)
	{
		bool is_service = !json_object_get(d->tracked, name);
		fprintf(stderr, "left on %s: %s%s%s%s%s%s\n", d->node, name,
			*json_string_value(why) ? ": " : "",
			json_string_value(why),
			is_service ? "; see 'skepctl why " : "",
			is_service ? name : "", is_service ? "'" : "");
	}
	if (d->tracked_untold > 0)
		fprintf(stderr,
			"left on %s: %" JSON_INTEGER_FORMAT
			" more names of processes\n",
			d->node, d->tracked_untold);
}

/* What a drain is that left only what is no service. */
static int
code_with_tracked(const struct ctl *ctl)
{
	if (ctl->opt.is_force || ctl->opt.is_drain)
		return EXIT_DONE;
	return ctl->opt.deadline_ms ? EXIT_TIMEOUT : EXIT_FAILED;
}

static void
show_result(struct ctl *ctl, const struct drain *d, const char *result)
{
	if (ctl->opt.output == OUTPUT_JSON) {
		json_t *left = json_array();
		const char *name;
		json_t *value;
		json_object_foreach(d->here, name, value)
			json_array_append_new(left, json_string(name));
		json_t *o = json_pack("{s:s, s:s, s:O, s:o, s:O}", "node",
			d->node, "result", result, "moved", d->moved, "left",
			left, "why_left", d->here);
		show_json(o);
		json_decref(o);
	} else if (ctl->opt.output == OUTPUT_NAME) {
		show_names(d->moved, "name");
	} else if ((json_array_size(d->moved) ||
			   json_object_size(d->tracked)) &&
		   !ctl->opt.is_quiet) {
		show_moved(ctl, d);
	}
}

/* The time was the command's, not the drain's. */
static void
tell_goes_on(const struct drain *d)
{
	fprintf(stderr,
		"skepctl: the drain goes on: 'skepctl drain %s --monitor' "
		"watches it, 'skepctl node undrain %s' ends it\n",
		d->node, d->node);
}

static int
watch(struct ctl *ctl, struct drain *d)
{
	char what[320];
	bool is_own_time = ctl->opt.timeout_ms >= 0 &&
			   (!ctl->opt.deadline_ms ||
				   ctl->opt.timeout_ms < ctl->opt.deadline_ms);
	if (ctl->opt.deadline_ms && ctl->opt.timeout_ms < 0)
		ctl->opt.timeout_ms = ctl->opt.deadline_ms;
	else if (ctl->opt.timeout_ms < 0)
		ctl->opt.timeout_ms = INT64_MAX / 2;
	/* Only the table is JSON's or a script's business. */
	bool is_quiet = ctl->opt.is_quiet;
	ctl->opt.is_quiet |= ctl->opt.output == OUTPUT_JSON ||
			     ctl->opt.output == OUTPUT_NAME;
	snprintf(what, sizeof(what), "%s is not drained", d->node);
	int code = wait_until(ctl, what, is_drained, d);
	bool goes_on = is_own_time && code == EXIT_TIMEOUT;
	progress_end(ctl, &d->progress);
	ctl->opt.is_quiet = is_quiet;
	if (code == EXIT_DONE && d->is_stuck) {
		fprintf(stderr, "skepctl: the rest cannot move; --force stops "
				"it\n");
		code = EXIT_FAILED;
	}
	watch_moves(ctl, d); /* those that came to their end in between */
	fill_moved(d);
	fill_reasons(d);
	note_tracked(ctl, d);
	if (code == EXIT_DONE && json_object_size(d->tracked))
		code = code_with_tracked(ctl);
	show_result(ctl, d, code == EXIT_DONE ? "drained" : "not drained");
	/* What --force has stopped by now could not move either. */
	if (code != EXIT_DONE || json_object_size(d->tracked) ||
		(ctl->opt.is_force && json_object_size(d->here)))
		show_left(d);
	if (goes_on)
		tell_goes_on(d);
	if (code != EXIT_DONE)
		return code;
	if (ctl->opt.output == OUTPUT_TABLE || ctl->opt.output == OUTPUT_WIDE)
		tell(ctl, "drained");
	return code;
}

static json_t *
drain_body(const struct ctl *ctl)
{
	json_t *body = json_object();
	if (ctl->opt.reason)
		json_object_set_new(
			body, "reason", json_string(ctl->opt.reason));
	if (ctl->opt.deadline_ms)
		json_object_set_new(body, "deadline_ms",
			json_integer(ctl->opt.deadline_ms));
	if (ctl->opt.is_force)
		json_object_set_new(body, "force", json_true());
	if (ctl->opt.max_parallel >= 0)
		json_object_set_new(body, "max_parallel",
			json_integer(ctl->opt.max_parallel));
	return body;
}

/* What is known of the size of a state that is not written yet. */
static void
add_size(struct table *t, const json_t *o)
{
	char bytes[32], ago[32];
	if (!json_object_get(o, "carries"))
		table_add(t, "-"); /* an older skepd */
	else if (!get_bool(o, "carries"))
		table_add(t, "no state");
	else if (!json_is_integer(json_object_get(o, "size")))
		table_add(t, "unknown until it is written");
	else
		table_printf(t, "%s, %s ago",
			bytes_text(get_int(o, "size"), bytes, sizeof(bytes)),
			units_format_age(
				get_int(o, "size_ago_ms"), ago, sizeof(ago)));
}

static void
show_plan(struct ctl *ctl, const struct drain *d, const json_t *document)
{
	static const char *const headers[] = {
		"NAME", "FROM", "TO", "LAST SIZE", "DETAIL", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(json_object_get(document, "moves"), i, o)
	{
		table_add(&t, get_text(o, "name"));
		table_add(&t, get_text(o, "from"));
		table_add(&t, or_dash(get_text(o, "to")));
		add_size(&t, o);
		table_add(&t, get_text(o, "why"));
	}
	json_array_foreach(json_object_get(document, "tracked"), i, o)
	{
		table_add(&t, get_text(o, "name"));
		table_add(&t, d->node);
		table_add(&t, "-");
		table_add(&t, "-");
		table_add(&t, get_text(o, "why"));
	}
	show_table(ctl, &t);
	fflush(stdout);
	json_array_foreach(json_object_get(document, "missing"), i, o)
		fprintf(stderr,
			"skepctl: sizes of states are not known: %s: "
			"%s\n",
			get_text(o, "host"), get_text(o, "error"));
}

static int
dry_run(struct ctl *ctl, const struct drain *d)
{
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(
		path, sizeof(path), "/v1/nodes", d->node, "drain?dry_run=1");
	int code = ctl_call(ctl, "POST", path, drain_body(ctl), &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *list = json_object_get(document, "moves");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(list, "name");
	else
		show_plan(ctl, d, document);
	json_decref(document);
	return EXIT_DONE;
}

static int
begin(struct ctl *ctl, struct drain *d)
{
	char path[API_PATH_SIZE];
	if (!confirm(ctl, "%zu instances move away from %s. Go on?", d->total,
		    d->node))
		return EXIT_FAILED;
	path_format(path, sizeof(path), "/v1/nodes", d->node, "drain");
	int code = ctl_call(ctl, "POST", path, drain_body(ctl), NULL);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}

int
cmd_drain(struct ctl *ctl, int argc, char **argv)
{
	struct drain d = {0};
	int code = drain_node(ctl, argc, argv, d.node, sizeof(d.node));
	if (code != EXIT_DONE)
		return code;
	if (ctl->opt.is_dry_run)
		return dry_run(ctl, &d);
	code = note_instances(ctl, &d);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (!ctl->opt.is_monitor)
		code = begin(ctl, &d);
	if (code == EXIT_DONE && ctl->opt.is_detach)
		tell(ctl, "%s  draining", d.node);
	else if (code == EXIT_DONE)
		code = watch(ctl, &d);
	json_decref(d.here);
	json_decref(d.moved);
	json_decref(d.moves);
	json_decref(d.told);
	json_decref(d.now);
	json_decref(d.tracked);
	return code;
}
