/* node ...: the members of the cluster. */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd_node.h"
#include "ctl/ctl.h"
#include "sys/units.h"

/* "active", or what operators want and how far that is. */
static const char *
duty_of(const json_t *o)
{
	const char *progress = get_text(o, "progress");
	return *progress ? progress : get_text(o, "intent");
}

static void
add_heard(struct table *t, const json_t *o)
{
	char buffer[32];
	if (json_is_integer(json_object_get(o, "heard_ms")))
		table_add(t, units_format_age(get_int(o, "heard_ms"), buffer,
				     sizeof(buffer)));
	else
		table_add(t, "-");
}

static void
show_nodes(struct ctl *ctl, const json_t *list)
{
	static const char *const headers[] = {"NODE", "STATE", "DUTY",
		"INSTANCES", "+WEIGHT", "HEARD", "ADDRESS", "+VERSION",
		"+INCARNATION", "DETAIL", NULL};
	struct table t;
	size_t i;
	json_t *o;
	table_init(&t, headers);
	json_array_foreach(list, i, o)
	{
		const char *state = get_text(o, "state");
		table_printf(&t, "%s%s", get_text(o, "name"),
			get_bool(o, "self") ? " *" : "");
		table_paint(&t, paint_for_state(state), state);
		table_paint(&t, paint_for_state(duty_of(o)), duty_of(o));
		table_printf(&t, "%lld", (long long)get_int(o, "instances"));
		table_printf(&t, "%lld", (long long)get_int(o, "weight"));
		add_heard(&t, o);
		table_add(&t, or_dash(get_text(o, "address")));
		table_add(&t, or_dash(get_text(o, "version")));
		table_printf(&t, "%lld", (long long)get_int(o, "incarnation"));
		table_add(&t, *get_text(o, "hold") ? get_text(o, "hold")
						   : get_text(o, "reason"));
	}
	show_table(ctl, &t);
}

int
cmd_node_list(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	json_t *document;
	int code = ctl_get(ctl, "/v1/nodes", &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *list = json_object_get(document, "nodes");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(list, "name");
	else
		show_nodes(ctl, list);
	json_decref(document);
	return EXIT_DONE;
}

int
node_self(struct ctl *ctl, char *out, size_t size)
{
	json_t *document;
	int code = ctl_get(ctl, "/v1/cluster", &document);
	if (code != EXIT_DONE)
		return code;
	snprintf(out, size, "%s",
		get_text(json_object_get(document, "cluster"), "node"));
	json_decref(document);
	return EXIT_DONE;
}

/* The node that the first word means; without one, the node that answers. */
static int
node_of(struct ctl *ctl, int argc, char **argv, char *out, size_t size)
{
	if (argc == 0)
		return node_self(ctl, out, size);
	snprintf(out, size, "%s", argv[0]);
	return EXIT_DONE;
}

static void
show_members(const json_t *o)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		printf("%-14s ", key);
		if (json_is_string(value)) {
			printf("%s\n", or_dash(json_string_value(value)));
			continue;
		}
		json_dumpf(value, stdout, JSON_ENCODE_ANY);
		putchar('\n');
	}
}

int
cmd_node_show(struct ctl *ctl, int argc, char **argv)
{
	char node[256];
	char path[API_PATH_SIZE];
	json_t *document;
	int code = node_of(ctl, argc, argv, node, sizeof(node));
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	path_format(path, sizeof(path), "/v1/nodes", node, "");
	code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	json_t *aside = json_array();
	if (ctl->opt.output != OUTPUT_NAME)
		aside_get(ctl, NULL, get_text(document, "name"), aside);
	if (ctl->opt.output == OUTPUT_JSON) {
		json_object_set(document, "aside", aside);
		show_json(document);
	} else if (ctl->opt.output == OUTPUT_NAME) {
		printf("%s\n", get_text(document, "name"));
	} else {
		show_members(document);
		aside_show(aside);
	}
	json_decref(aside);
	json_decref(document);
	return EXIT_DONE;
}

/* POST and the line that says what became of it. */
static int
post(struct ctl *ctl, const char *path, json_t *body, const char *name,
	const char *done)
{
	json_t *document = NULL;
	int code = ctl_call(ctl, "POST", path, body, &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	const char *message = get_text(document, "message");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else
		tell(ctl, "%s  %s", name, *message ? message : done);
	json_decref(document);
	return EXIT_DONE;
}

static int
post_verb(struct ctl *ctl, const char *node, const char *verb, json_t *body,
	const char *done)
{
	char path[API_PATH_SIZE];
	path_format(path, sizeof(path), "/v1/nodes", node, verb);
	return post(ctl, path, body, node, done);
}

int
cmd_node_cordon(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return post_verb(ctl, argv[0], "cordon",
		ctl->opt.reason ? json_pack("{s:s}", "reason", ctl->opt.reason)
				: NULL,
		"cordoned");
}

int
cmd_node_uncordon(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return post_verb(ctl, argv[0], "uncordon", NULL, "uncordoned");
}

int
cmd_node_undrain(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return post_verb(ctl, argv[0], "undrain", NULL, "undrained");
}

int
cmd_node_join(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return post(ctl, "/v1/nodes", json_pack("{s:s}", "address", argv[0]),
		argv[0], "joining");
}

int
cmd_node_leave(struct ctl *ctl, int argc, char **argv)
{
	char node[256];
	int code = node_of(ctl, argc, argv, node, sizeof(node));
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (!confirm(ctl, "%s leaves the cluster. Go on?", node))
		return EXIT_FAILED;
	return post_verb(ctl, node, "leave", NULL, "leaves");
}

int
cmd_node_forget(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	if (!confirm(ctl, "%s is forgotten with everything it said. Go on?",
		    argv[0]))
		return EXIT_FAILED;
	return post_verb(ctl, argv[0], "forget", NULL, "forgotten");
}

int
cmd_node_confirm_down(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	if (!confirm(ctl,
		    "If %s still runs, its services will run twice. Is it "
		    "really down?",
		    argv[0]))
		return EXIT_FAILED;
	return post_verb(ctl, argv[0], "confirm-down", NULL, "is down");
}
