/* Groups of names. */
#include "ctl/ctl.h"

static int
word(struct ctl *ctl, const char *verb, char **argv)
{
	char path[1024];
	path_format(path, sizeof path, "/v1/groups", argv[0], verb);
	json_t *body = json_pack("{s:s}", "name", argv[1]);
	if (!body)
		return usage_error(ctl, "the name is not valid UTF-8");
	int rc = ctl_call(ctl, "POST", path, body, NULL);
	return rc ? ctl_fail(ctl, rc) : EXIT_DONE;
}

int
cmd_group_join(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return word(ctl, "join", argv);
}

int
cmd_group_leave(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return word(ctl, "leave", argv);
}

static void
show_members(struct ctl *ctl, const json_t *members)
{
	static const char *const headers[] = {
		"NAME", "NODE", "PID", "STATE", "SINCE", NULL};
	struct table t;
	size_t i;
	json_t *m;
	table_init(&t, headers);
	json_array_foreach(members, i, m)
	{
		char age[32];
		const char *state = get_text(m, "state");
		table_add(&t, get_text(m, "name"));
		table_add(&t, get_text(m, "node"));
		table_printf(&t, "%lld", (long long)get_int(m, "pid"));
		table_paint(&t, paint_for_state(state), state);
		table_add(&t, age_text(m, "since", age, sizeof age));
	}
	show_table(ctl, &t);
}

int
cmd_group_members(struct ctl *ctl, int argc, char **argv)
{
	char path[1024];
	json_t *o;
	(void)argc;
	path_format(path, sizeof path, "/v1/groups", argv[0], "");
	int rc = ctl_get(ctl, path, &o);
	if (rc)
		return ctl_fail(ctl, rc);
	const json_t *members = json_object_get(o, "members");
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(o);
	else if (ctl->opt.output == OUTPUT_NAME)
		show_names(members, "name");
	else
		show_members(ctl, members);
	json_decref(o);
	return EXIT_DONE;
}
