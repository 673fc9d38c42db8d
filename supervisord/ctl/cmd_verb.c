/* start, stop, restart, reload, enable, signal, move: one instance or
 * service. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

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
};

static int
is_moved(struct ctl *ctl, void *context)
{
	const struct move *m = context;
	char path[API_PATH_SIZE];
	json_t *document;
	path_format(path, sizeof(path), "/v1/names", m->name, "");
	int code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return -code;
	const json_t *o =
		json_array_get(json_object_get(document, "instances"), 0);
	int rc = strcmp(get_text(o, "node"), m->node) == 0 &&
		 strcmp(get_text(o, "state"), "ready") == 0;
	json_decref(document);
	return rc;
}

int
cmd_move(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	struct move m = {.name = argv[0], .node = argv[1]};
	int code = post_verb(
		ctl, m.name, "move", json_pack("{s:s}", "node", m.node));
	if (code == EXIT_DONE && ctl->opt.is_wait)
		code = wait_until(
			ctl, "it is not ready there; see why", is_moved, &m);
	return code;
}
