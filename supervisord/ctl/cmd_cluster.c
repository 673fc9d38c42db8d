/* cluster, wait, keygen, debug: the whole. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "core/settings.h"
#include "ctl/ctl.h"
#include "sys/conf.h"
#include "sys/keyfile.h"
#include "sys/nearest.h"

static void
show_cluster(struct ctl *ctl, const json_t *document)
{
	static const char *const headers[] = {"KEY", "VALUE", NULL};
	const json_t *c = json_object_get(document, "cluster");
	json_t *settings = json_object_get(document, "settings");
	struct table t;
	const char *key;
	json_t *value;
	tell(ctl, "cluster %s: %lld of %lld nodes alive, desired state %s",
		get_text(c, "name"), (long long)get_int(c, "alive"),
		(long long)get_int(c, "members"), get_text(c, "spec_root"));
	if (*get_text(c, "hold"))
		tell(ctl, "%s holds: %s: %s", get_text(c, "node"),
			get_text(c, "hold"), get_text(c, "hold_text"));
	table_init(&t, headers);
	json_object_foreach(settings, key, value)
	{
		table_add(&t, key);
		table_add(&t, or_dash(get_text(settings, key)));
	}
	show_table(ctl, &t);
}

int
cmd_cluster_show(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	json_t *document;
	int code = ctl_get(ctl, "/v1/cluster", &document);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (ctl->opt.output == OUTPUT_JSON)
		show_json(document);
	else if (ctl->opt.output == OUTPUT_NAME)
		printf("%s\n",
			get_text(json_object_get(document, "cluster"), "name"));
	else
		show_cluster(ctl, document);
	json_decref(document);
	return EXIT_DONE;
}

/* A refused key: which one may be meant, if it is none that is known here. */
static int
fail_key(struct ctl *ctl, const char *key, int code)
{
	struct nearest nearest;
	const char *known;
	bool is_known = false;
	(void)ctl_fail(ctl, code);
	nearest_init(&nearest, key);
	for (unsigned i = 0; (known = settings_key(i)); i++) {
		nearest_offer(&nearest, known);
		is_known |= strcmp(known, key) == 0;
	}
	if (is_known || code != EXIT_FAILED)
		return code;
	if (nearest.best)
		fprintf(stderr, "Did you mean '%s'?\n", nearest.best);
	else
		fprintf(stderr, "'skepctl cluster show' lists them.\n");
	return code;
}

int
cmd_cluster_set(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	char path[API_PATH_SIZE];
	json_t *document = NULL;
	path_format(path, sizeof(path), "/v1/cluster", argv[0], "");
	int code = ctl_call(ctl, "PUT", path,
		json_pack("{s:s}", "value", argv[1]), &document);
	if (code != EXIT_DONE)
		return fail_key(ctl, argv[0], code);
	bool is_same = strcmp(get_text(document, "result"), "unchanged") == 0;
	tell(ctl, "%s = %s%s", argv[0], argv[1], is_same ? " (unchanged)" : "");
	json_decref(document);
	return EXIT_DONE;
}

/* --- wait --- */

/* A node's state that is waited for. */
struct node_wait {
	const char *node;
	const char *state;
};

/* Its liveness, what operators want, or how far that is. */
static int
is_in_state(struct ctl *ctl, void *context)
{
	const struct node_wait *w = context;
	char path[API_PATH_SIZE];
	json_t *o;
	path_format(path, sizeof(path), "/v1/nodes", w->node, "");
	int code = ctl_get(ctl, path, &o);
	if (ctl->status == 404)
		return 0;
	if (code != EXIT_DONE)
		return -code;
	int rc = strcmp(get_text(o, "state"), w->state) == 0 ||
		 strcmp(get_text(o, "intent"), w->state) == 0 ||
		 strcmp(get_text(o, "progress"), w->state) == 0;
	json_decref(o);
	return rc;
}

/* As in skepctl(1); "unknown" is for scripts that had it from a table. */
#define NODE_STATES                                                            \
	"alive, suspect, dead, left, active, cordoned, draining, drained, "    \
	"undrainable, unknown"

static bool
is_node_state(const char *state)
{
	size_t size = strlen(state);
	const char *at = NODE_STATES;
	while (*at) {
		size_t word = strcspn(at, ",");
		if (word == size && strncmp(at, state, size) == 0)
			return true;
		at += word;
		at += strspn(at, ", ");
	}
	return false;
}

int
cmd_wait(struct ctl *ctl, int argc, char **argv)
{
	if (strcmp(argv[0], "ready") == 0 && argc == 2)
		return wait_ready(ctl, argv[1]);
	if (strcmp(argv[0], "node") != 0 || argc != 3)
		return usage_error(
			ctl, "wait: give 'ready NAME' or 'node NODE STATE'");
	if (!is_node_state(argv[2]))
		return usage_error(ctl,
			"wait: '%s' is not a state of nodes: " NODE_STATES,
			argv[2]);
	struct node_wait w = {.node = argv[1], .state = argv[2]};
	char what[256];
	snprintf(what, sizeof(what), "%s is not %s", w.node, w.state);
	return wait_until(ctl, what, is_in_state, &w);
}

/* --- keygen --- */

/* Where the key of this host belongs when no file was named. */
static int
key_path(struct ctl *ctl, char *out, size_t size)
{
	struct conf *conf = malloc(sizeof(*conf));
	CHECK(conf);
	int rc = conf_load(NULL, conf, &ctl->err);
	if (rc == 0)
		snprintf(out, size, "%s", conf->cluster.key_file);
	free(conf);
	return rc;
}

static void
show_key(struct ctl *ctl, const char *path, const char *identity)
{
	if (ctl->opt.output == OUTPUT_JSON) {
		json_t *o = json_pack(
			"{s:s, s:s}", "file", path, "identity", identity);
		show_json(o);
		json_decref(o);
	} else if (ctl->opt.output == OUTPUT_NAME) {
		printf("%s\n", identity);
	} else {
		tell(ctl, "%s: new key %s; copy this file to every node", path,
			identity);
	}
}

int
cmd_keygen(struct ctl *ctl, int argc, char **argv)
{
	char path[CONF_PATH_SIZE];
	struct key key;
	if (argc)
		snprintf(path, sizeof(path), "%s", argv[0]);
	else if (key_path(ctl, path, sizeof(path)) < 0)
		return ctl_fail(ctl, EXIT_FAILED);
	int rc = keyfile_generate(&key, NULL, &ctl->err);
	if (rc == 0)
		rc = keyfile_create(path, &key, &ctl->err);
	if (rc == 0)
		show_key(ctl, path, key.identity);
	explicit_bzero(&key, sizeof(key));
	return rc == 0 ? EXIT_DONE : ctl_fail(ctl, EXIT_FAILED);
}

/* --- debug --- */

static int
print_bytes(void *context, const void *data, size_t size)
{
	(void)context;
	fwrite(data, 1, size, stdout);
	return ferror(stdout) ? -1 : 0;
}

int
cmd_debug_dump(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	int code = ctl_stream(ctl, "/v1/debug/dump", print_bytes, NULL);
	return code == EXIT_DONE ? code : ctl_fail(ctl, code);
}
