/* status, list, where, why, version: looking. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "sys/units.h"

static bool
is_running(const json_t *o)
{
	static const char *const running[] = {
		"ready", "starting", "stopping", "handoff", NULL};
	for (const char *const *s = running; *s; s++)
		if (strcmp(get_text(o, "state"), *s) == 0)
			return true;
	return false;
}

static bool
is_named(const json_t *o, const char *name)
{
	return strcmp(get_text(o, "name"), name) == 0 ||
	       strcmp(get_text(o, "service"), name) == 0;
}

/* The instances that one of the names means; all without names. */
static json_t *
select_named(const json_t *list, int argc, char **argv)
{
	json_t *selected = json_array();
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o)
	{
		bool is_wanted = argc == 0;
		for (int k = 0; k < argc; k++)
			is_wanted |= is_named(o, argv[k]);
		if (is_wanted)
			json_array_append(selected, o);
	}
	return selected;
}

/* Whether it runs, or is a oneshot that did its work. */
static bool
is_fine(const json_t *o)
{
	return is_running(o) || get_bool(o, "done");
}

/* 3 as soon as one of the named is unknown or does not run. */
static int
code_for_named(const json_t *list, int argc, char **argv)
{
	int code = EXIT_DONE;
	for (int k = 0; k < argc; k++) {
		size_t i, found = 0;
		json_t *o;
		json_array_foreach(list, i, o)
		{
			if (!is_named(o, argv[k]))
				continue;
			found++;
			if (!is_fine(o))
				code = EXIT_NOT_RUNNING;
		}
		if (found)
			continue;
		fprintf(stderr, "skepctl: nothing is named '%s'\n", argv[k]);
		code = EXIT_NOT_RUNNING;
	}
	return code;
}

/* "lonely: REASON (7s left)" for whoever holds. */
static void
show_hold(struct ctl *ctl, const char *node, const json_t *o)
{
	const char *hold = get_text(o, "hold");
	if (!*hold)
		return;
	char left[64] = "";
	char buffer[32];
	if (json_is_integer(json_object_get(o, "hold_left_ms")))
		snprintf(left, sizeof(left), " (%s left)",
			units_format_age(get_int(o, "hold_left_ms"), buffer,
				sizeof(buffer)));
	const char *text = get_text(o, "hold_text");
	printf("%s%s holds: %s%s%s%s%s\n",
		ctl->is_colour ? paint_begin(PAINT_BUSY) : "", node, hold,
		*text ? ": " : "", text, left,
		ctl->is_colour ? paint_end(PAINT_BUSY) : "");
}

static void
show_holds(struct ctl *ctl, const json_t *document)
{
	const json_t *cluster = json_object_get(document, "cluster");
	const char *self = get_text(cluster, "node");
	size_t i;
	json_t *o;
	show_hold(ctl, self, cluster);
	json_array_foreach(json_object_get(document, "nodes"), i,
		o) if (strcmp(get_text(o, "name"), self) != 0)
		show_hold(ctl, get_text(o, "name"), o);
}

static void
show_problems(const json_t *document)
{
	size_t i;
	json_t *o;
	const char *weaker = get_text(document, "weaker");
	if (*weaker)
		printf("'stopped' is weaker here: %s\n", weaker);
	const json_t *keeper = json_object_get(document, "keeper");
	if (get_int(keeper, "crashes") > 0)
		printf("skepd ended %lld times in a row without being asked "
		       "to: see its log\n",
			(long long)get_int(keeper, "crashes"));
	json_array_foreach(json_object_get(document, "files"), i, o)
		printf("not in force: %s\n", get_text(o, "text"));
	json_array_foreach(json_object_get(document, "quarantined"), i, o)
		printf("quarantined: %s %s: %s\n", get_text(o, "kind"),
			get_text(o, "name"), get_text(o, "text"));
}

static void
show_head(struct ctl *ctl, const json_t *document)
{
	const json_t *c = json_object_get(document, "cluster");
	char done[32] = "";
	if (ctl->opt.is_quiet)
		return;
	show_holds(ctl, document);
	show_problems(document);
	if (get_int(c, "done"))
		snprintf(done, sizeof(done), ", %lld done",
			(long long)get_int(c, "done"));
	printf("cluster %s: %lld of %lld nodes alive, %lld services, "
	       "%lld of %lld instances ready%s\n",
		get_text(c, "name"), (long long)get_int(c, "alive"),
		(long long)get_int(c, "members"),
		(long long)get_int(c, "services"),
		(long long)get_int(c, "ready"),
		(long long)get_int(c, "instances"), done);
}

/* A duration of a document for people; "-" for null. */
static const char *
duration_text(const json_t *o, const char *key, char *buffer, size_t size)
{
	return json_is_integer(json_object_get(o, key))
		       ? units_format_age(get_int(o, key), buffer, size)
		       : "-";
}

/* The age of the last checkpoint that counts, and on how many hosts the newest
 * is, of those that should have it: "12s 2/2". */
static void
add_checkpoint(struct table *t, const json_t *k)
{
	char age[32];
	if (!json_is_object(k)) {
		table_add(t, "-");
		return;
	}
	table_printf(t, "%s %lld/%lld",
		duration_text(k, "age_ms", age, sizeof(age)),
		(long long)get_int(k, "have"), (long long)get_int(k, "wanted"));
}

/* What the death of its host would cost, as the end of a sentence. */
static void
print_loss(const json_t *k, const char *node)
{
	char age[32];
	printf("; if %s died now, ", node);
	if (get_bool(k, "waits"))
		printf("it would wait for one that counts");
	else if (json_is_object(json_object_get(k, "next")))
		printf("the last %s would be lost",
			duration_text(k, "loss_ms", age, sizeof(age)));
	else
		printf("it would begin without one");
}

static void
print_checkpoint(const json_t *o, const json_t *k)
{
	char age[32];
	printf("checkpoint of %s: ", get_text(o, "name"));
	if (json_is_object(json_object_get(k, "acked")))
		printf("%s old", duration_text(k, "age_ms", age, sizeof(age)));
	else
		printf("none counts yet");
	if (get_bool(k, "late"))
		printf(", too long ago");
	if (json_is_object(json_object_get(k, "newest")))
		printf("; the newest is on %lld of %lld hosts",
			(long long)get_int(k, "have"),
			(long long)get_int(k, "wanted"));
	if (get_int(k, "named") < get_int(k, "wanted"))
		printf(", only %lld may keep it",
			(long long)get_int(k, "named"));
	if (is_running(o) && *get_text(o, "node"))
		print_loss(k, get_text(o, "node"));
	printf("\n");
}

/* Below the table, for those that were asked for by name. */
static void
show_checkpoints(struct ctl *ctl, const json_t *list)
{
	size_t i;
	json_t *o;
	if (ctl->opt.is_quiet)
		return;
	json_array_foreach(list, i, o)
	{
		const json_t *k = json_object_get(o, "checkpoint");
		if (json_is_object(k))
			print_checkpoint(o, k);
	}
}

/* "moving to beta: 12.5 MiB of 100.0 MiB, 50.1 MiB/s"; false if it is not. */
static bool
move_detail(const json_t *o, char *buffer, size_t size)
{
	char bytes[96];
	const json_t *move = json_object_get(o, "move");
	if (!move)
		return false;
	moves_text(move, bytes, sizeof(bytes));
	snprintf(buffer, size, "moving to %s: %s", get_text(move, "to"),
		*bytes ? bytes : get_text(move, "state"));
	return true;
}

/* How it ended; the document says nothing of an exit with 0. */
static const char *
exit_of(const json_t *o)
{
	bool is_zero = strcmp(get_text(o, "state"), "exited") == 0 &&
		       json_is_integer(json_object_get(o, "last_status")) &&
		       get_int(o, "last_status") == 0;
	return is_zero ? "exited 0" : get_text(o, "last_exit");
}

/* What there is to say beside the state: how far its move is, the core's
 * sentence, a change on its way, or how it ended. */
static const char *
detail_of(const json_t *o, char *buffer, size_t size)
{
	if (move_detail(o, buffer, size))
		return buffer;
	if (*get_text(o, "why"))
		return get_text(o, "why");
	if (get_bool(o, "conflict"))
		return "a second copy runs (conflict)";
	if (is_running(o) && *get_text(o, "node") &&
		strcmp(get_text(o, "run_digest"),
			get_text(o, "wanted_digest")) != 0)
		return "runs an older description";
	if (get_bool(json_object_get(o, "checkpoint"), "late"))
		return "its last checkpoint is too old";
	if (!get_bool(o, "done"))
		return is_running(o) ? "" : exit_of(o);
	snprintf(buffer, size, "%s, done", exit_of(o));
	return buffer;
}

static void
add_instance(struct table *t, const json_t *o)
{
	char age[32];
	char detail[256];
	const char *state = get_text(o, "state");
	table_add(t, get_text(o, "name"));
	table_add(t, get_text(o, "desired"));
	table_paint(t, paint_for_state(state), state);
	table_add(t, or_dash(get_text(o, "node")));
	table_add(t, or_dash(get_text(o, "duty")));
	table_printf(t, "%lld", (long long)get_int(o, "restarts"));
	table_add(t, age_text(o, "since", age, sizeof(age)));
	if (get_int(o, "pid"))
		table_printf(t, "%lld", (long long)get_int(o, "pid"));
	else
		table_add(t, "-");
	table_printf(t, "%lld", (long long)get_int(o, "epoch"));
	add_checkpoint(t, json_object_get(o, "checkpoint"));
	table_add(t, detail_of(o, detail, sizeof(detail)));
}

static void
show_instances(struct ctl *ctl, const json_t *list)
{
	static const char *const headers[] = {"NAME", "DESIRED", "STATE",
		"NODE", "+DUTY", "RESTARTS", "SINCE", "+PID", "+EPOCH",
		"+CHECKPOINT", "DETAIL", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(list, i, o) add_instance(&t, o);
	show_table(ctl, &t);
}

/* Puts into each instance that is on its way, as "move", how far it is. */
static void
add_moves(struct ctl *ctl, json_t *list)
{
	size_t i;
	json_t *o;
	bool is_any = false;
	json_array_foreach(list, i, o) is_any |=
		strcmp(get_text(o, "state"), "handoff") == 0 ||
		strncmp(get_text(o, "why"), "moving", 6) == 0;
	if (!is_any)
		return;
	json_t *moves = moves_get(ctl, NULL);
	json_array_foreach(list, i, o)
	{
		json_t *move = json_object_get(moves, get_text(o, "name"));
		if (*get_text(move, "to") && !get_bool(move, "over"))
			json_object_set(o, "move", move);
	}
	json_decref(moves);
}

/* What lies aside of the named; who asks for all is not told of it, since all
 * hosts would have to be asked. */
static json_t *
get_aside(struct ctl *ctl, int argc, char **argv)
{
	json_t *list = json_array();
	for (int i = 0; i < argc; i++)
		aside_get(ctl, argv[i], NULL, list);
	return list;
}

/* With what there is to say of the named beside their table. */
static void
show_status(struct ctl *ctl, const json_t *document, const json_t *selected,
	const json_t *aside, bool is_named)
{
	show_head(ctl, document);
	if (json_array_size(selected))
		show_instances(ctl, selected);
	if (is_named)
		show_checkpoints(ctl, selected);
	if (!ctl->opt.is_quiet)
		aside_show(aside);
}

int
cmd_status(struct ctl *ctl, int argc, char **argv)
{
	json_t *document;
	int code = ctl_get(ctl, "/v1/status", &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *all = json_object_get(document, "instances");
	json_t *selected = select_named(all, argc, argv);
	code = code_for_named(all, argc, argv);
	if (ctl->opt.output != OUTPUT_NAME)
		add_moves(ctl, selected);
	json_t *aside =
		get_aside(ctl, ctl->opt.output == OUTPUT_NAME ? 0 : argc, argv);
	switch (ctl->opt.output) {
	case OUTPUT_JSON:
		json_object_set(document, "instances", selected);
		if (argc)
			json_object_set(document, "aside", aside);
		show_json(document);
		break;
	case OUTPUT_NAME:
		show_names(selected, "name");
		break;
	case OUTPUT_TABLE:
	case OUTPUT_WIDE:
		show_status(ctl, document, selected, aside, argc > 0);
		break;
	}
	json_decref(aside);
	json_decref(selected);
	json_decref(document);
	return code;
}

/* The age of the oldest of a service's last checkpoints, and how many of its
 * instances are late with theirs. */
static void
add_oldest(struct table *t, const json_t *k)
{
	char age[32];
	const char *text = duration_text(k, "age_ms", age, sizeof(age));
	if (get_int(k, "late"))
		table_printf(t, "%s, %lld late", text,
			(long long)get_int(k, "late"));
	else
		table_add(t, text);
}

/* "2/3", and how many oneshots of these have done their work. */
static void
add_ready(struct table *t, const json_t *o)
{
	long long ready = get_int(o, "ready"), all = get_int(o, "instances");
	if (get_int(o, "done"))
		table_printf(t, "%lld/%lld, %lld done", ready, all,
			(long long)get_int(o, "done"));
	else
		table_printf(t, "%lld/%lld", ready, all);
}

static void
show_services(struct ctl *ctl, const json_t *list)
{
	static const char *const headers[] = {"SERVICE", "READY", "ENABLED",
		"SOURCE", "+WRITER", "+DIGEST", "+CHECKPOINT", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(list, i, o)
	{
		const json_t *source = json_object_get(o, "source");
		const char *enabled = get_bool(o, "enabled") ? "yes" : "no";
		table_add(&t, get_text(o, "name"));
		add_ready(&t, o);
		table_add(&t, get_bool(o, "stopped") ? "stopped" : enabled);
		if (*get_text(source, "file"))
			table_printf(&t, "%s:%s", get_text(source, "node"),
				get_text(source, "file"));
		else
			table_add(&t, get_bool(o, "runtime") ? "register"
							     : "apply");
		table_add(&t, get_text(o, "writer"));
		table_add(&t, get_text(o, "digest"));
		add_oldest(&t, json_object_get(o, "checkpoints"));
	}
	show_table(ctl, &t);
}

int
cmd_list(struct ctl *ctl, int argc, char **argv)
{
	if (argc || ctl->opt.meta)
		return cmd_list_names(ctl, argc, argv);
	json_t *document;
	int code = ctl_get(ctl, "/v1/services", &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *list = json_object_get(document, "services");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(list, "name");
	else
		show_services(ctl, list);
	json_decref(document);
	return EXIT_DONE;
}

static void
show_where(struct ctl *ctl, const json_t *list)
{
	static const char *const headers[] = {"NAME", "NODE", "STATE", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(list, i, o)
	{
		const char *state = get_text(o, "state");
		table_add(&t, get_text(o, "name"));
		table_add(&t, or_dash(get_text(o, "node")));
		table_paint(&t, paint_for_state(state), state);
	}
	show_table(ctl, &t);
}

int
cmd_where(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/names", argv[0], "");
	size_t used = strlen(path);
	if (ctl->opt.is_authoritative)
		snprintf(path + used, sizeof(path) - used, "?authoritative=1");
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *list = json_object_get(document, "instances");
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o) if (!is_running(o)) code =
		EXIT_NOT_RUNNING;
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(list, "node");
	else
		show_where(ctl, list);
	json_decref(document);
	return code;
}

int
cmd_why(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/why", argv[0], "");
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *list = json_object_get(document, "names");
	size_t i;
	json_t *o;
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else
		json_array_foreach(list, i, o) printf(
			"%s: %s\n", get_text(o, "name"), get_text(o, "why"));
	json_decref(document);
	return EXIT_DONE;
}

/* The version of the node that answers; "" if none does. */
static void
daemon_version(struct ctl *ctl, char *out, size_t size)
{
	json_t *document;
	*out = '\0';
	if (ctl_get(ctl, "/v1/nodes", &document) != EXIT_DONE)
		return;
	size_t i;
	json_t *o;
	json_array_foreach(json_object_get(document, "nodes"), i,
		o) if (get_bool(o, "self"))
		snprintf(out, size, "%s", get_text(o, "version"));
	json_decref(document);
}

int
cmd_version(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	char version[64];
	daemon_version(ctl, version, sizeof(version));
	if (ctl->opt.output == OUTPUT_JSON) {
		json_t *o = json_pack("{s:s, s:s}", "skepctl", PACKAGE_VERSION,
			"skepd", version);
		show_json(o);
		json_decref(o);
		return EXIT_DONE;
	}
	printf("skepctl %s\n", PACKAGE_VERSION);
	if (*version)
		printf("skepd   %s\n", version);
	else
		printf("skepd   does not answer: %s\n", ctl->err.text);
	return EXIT_DONE;
}
