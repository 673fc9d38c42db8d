/* shutdown and daemon-reexec: about all of skepd on this host. */
#include <stdlib.h>
#include <string.h>

#include "ctl/cmd_node.h"
#include "ctl/ctl.h"

/* The keeper that answers: when it began, and its version. */
struct keeper_now {
	int64_t began;
	char version[64];
};

static int
read_keeper(struct ctl *ctl, struct keeper_now *out)
{
	json_t *document;
	int code = ctl_get(ctl, "/v1/status", &document);
	if (code != EXIT_DONE)
		return code;
	const json_t *keeper = json_object_get(document, "keeper");
	out->began = get_int(keeper, "boottime_ms");
	snprintf(out->version, sizeof(out->version), "%s",
		get_text(keeper, "version"));
	json_decref(document);
	return EXIT_DONE;
}

/* wait_fn: whether another one answers than 'context'. */
static int
is_replaced(struct ctl *ctl, void *context)
{
	struct keeper_now *before = context, now;
	int code = read_keeper(ctl, &now);
	if (code != EXIT_DONE)
		return -code;
	if (now.began == before->began)
		return 0;
	tell(ctl, "skepd %s → %s", before->version, now.version);
	return 1;
}

int
cmd_reexec(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct keeper_now before;
	int code = read_keeper(ctl, &before);
	if (code == EXIT_DONE)
		code = ctl_call(ctl, "POST", "/v1/reexec", json_object(), NULL);
	/* Cut off while it goes: what comes then tells. */
	if (code != EXIT_DONE && code != EXIT_UNREACHABLE)
		return ctl_fail(ctl, code);
	return wait_until(ctl, "skepd was not replaced", is_replaced, &before);
}

/* wait_fn: whether nobody listens any more. */
static int
is_gone(struct ctl *ctl, void *context)
{
	(void)context;
	int code = ctl_get(ctl, "/healthz", NULL);
	if (code == EXIT_UNREACHABLE)
		return 1;
	return code == EXIT_DONE || ctl->status == 503 ? 0 : -code;
}

static int
count_here(struct ctl *ctl, size_t *out)
{
	json_t *document;
	char node[256], path[API_PATH_SIZE];
	int code = node_self(ctl, node, sizeof(node));
	if (code != EXIT_DONE)
		return code;
	snprintf(path, sizeof(path), "/v1/instances?node=");
	(void)http_escape(path, sizeof(path), node);
	code = ctl_get(ctl, path, &document);
	if (code != EXIT_DONE)
		return code;
	*out = json_array_size(json_object_get(document, "instances"));
	json_decref(document);
	return EXIT_DONE;
}

/* Asks once, for all that follows. */
static int
ask_first(struct ctl *ctl)
{
	size_t here = 0;
	int code = count_here(ctl, &here);
	if (code != EXIT_DONE)
		return ctl_fail(ctl, code);
	if (!confirm(ctl, "%zu instances are here; skepd %s and ends. Go on?",
		    here,
		    ctl->opt.is_drain ? "moves them, stops what is left"
				      : "stops them"))
		return EXIT_FAILED;
	ctl->opt.is_yes = true;
	return EXIT_DONE;
}

int
cmd_shutdown(struct ctl *ctl, int argc, char **argv)
{
	if (!ctl->opt.is_drain && (ctl->opt.is_force || ctl->opt.deadline_ms))
		return usage_error(ctl,
			"shutdown: --force and --deadline are for --drain");
	int code = ask_first(ctl);
	if (code != EXIT_DONE)
		return code;
	bool has_limit = ctl->opt.timeout_ms >= 0;
	if (ctl->opt.is_drain) {
		code = cmd_drain(ctl, argc, argv);
		if (code != EXIT_DONE && !ctl->opt.is_force)
			return code;
	}
	/* As long as the services take; -T bounds the whole. */
	if (!has_limit)
		ctl->opt.timeout_ms = -1;
	json_t *body = json_pack("{s:b}", "undrain", (int)ctl->opt.is_drain);
	code = ctl_call(ctl, "POST", "/v1/shutdown", body, NULL);
	if (code != EXIT_DONE && code != EXIT_UNREACHABLE)
		return ctl_fail(ctl, code);
	if (!has_limit)
		ctl->opt.timeout_ms = INT64_MAX / 2;
	code = wait_until(ctl, "skepd has not ended", is_gone, NULL);
	if (code == EXIT_DONE)
		tell(ctl, "skepd has ended");
	return code;
}
