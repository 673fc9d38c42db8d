#include "node/orders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/keeper_link.h"
#include "node/requests.h"
#include "sys/files.h"
#include "sys/say.h"

#define UNDRAIN_NAME "undrain"

static void
answer(struct node *n, uint64_t id, enum reply_code code, const char *text)
{
	struct effect_reply reply = {
		.request = id,
		.code = code,
		.text = text,
	};
	requests_answer(n->requests, &reply);
}

static uint64_t
add(struct node *n, node_reply_fn *done, void *context)
{
	uint64_t id = ++n->next_request;
	requests_add(n->requests, id, done, context);
	return id;
}

uint64_t
node_reexec(struct node *n, node_reply_fn *done, void *context)
{
	uint64_t id = add(n, done, context);
	if (n->reexec_request) {
		answer(n, id, REPLY_CONFLICT,
			"skepd is being replaced already");
		return id;
	}
	n->reexec_request = id;
	keeper_reexec(n->keeper);
	return id;
}

void
node_on_going(struct node *n, const char *why)
{
	uint64_t id = n->reexec_request;
	n->reexec_request = 0;
	if (!why)
		node_announce(n);
	answer(n, id, why ? REPLY_FAILED : REPLY_OK,
		why ? why : "skepd is being replaced");
}

uint64_t
node_shutdown(struct node *n, node_reply_fn *done, void *context)
{
	uint64_t id = add(n, done, context);
	answer(n, id, REPLY_OK, "skepd stops all services and ends");
	keeper_shutdown(n->keeper);
	return id;
}

static void
undrain_path(const struct node *n, char *out, size_t size)
{
	snprintf(out, size, "%s/" UNDRAIN_NAME, n->conf.node.state_dir);
}

int
node_undrain_later(struct node *n, struct err *err)
{
	char path[sizeof n->conf.node.state_dir + sizeof UNDRAIN_NAME + 1];
	undrain_path(n, path, sizeof path);
	return files_write_atomic(path, (struct bytes){"", 0}, 0600, err);
}

static void
on_undrained(void *context, enum reply_code code, const char *text)
{
	struct node *n = context;
	char path[sizeof n->conf.node.state_dir + sizeof UNDRAIN_NAME + 1];
	if (code != REPLY_OK && code != REPLY_UNCHANGED) {
		say(SAY_WARNING, "the drain of the last shutdown stays: %s",
			text);
		return;
	}
	undrain_path(n, path, sizeof path);
	if (unlink(path) < 0 && errno != ENOENT)
		say(SAY_WARNING, "%s: %s", path, strerror(errno));
}

void
node_undrain_if_due(struct node *n)
{
	char path[sizeof n->conf.node.state_dir + sizeof UNDRAIN_NAME + 1];
	struct input in = {
		.kind = INPUT_REQUEST,
		.request =
			{
				.op = REQUEST_UNDRAIN,
				.name = n->conf.node.name,
				.arg = "",
				.actor = {.uid = (uint32_t)geteuid(),
					.pid = (uint32_t)getpid()},
			},
	};
	undrain_path(n, path, sizeof path);
	if (access(path, F_OK) == 0)
		node_request(n, &in, on_undrained, n);
}
