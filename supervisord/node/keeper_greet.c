/* The greeting: what a keeper tells a node that has just begun. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node/keeper_private.h"
#include "sys/clock.h"

static int
greet_welcome(struct keeper *k, struct keeper_welcome *out, struct err *err)
{
	struct kproto_welcome w;
	struct bytes body = {k->message.body, k->message.size};
	if (!kproto_get_welcome(body, &w))
		return err_set(err, -EBADMSG, "WELCOME makes no sense");
	if (w.version != KPROTO_VERSION)
		return err_set(err, -EPROTONOSUPPORT,
			"skepd, which runs, speaks version %u of the protocol "
			"between them, and this skep-node, which is "
			"installed, version %u: unless skepd replaces itself "
			"now, restart it (systemctl restart skepd; services "
			"run on)",
			w.version, KPROTO_VERSION);
	for (unsigned i = 0; i < KSOCKET_COUNT; i++)
		if (w.sockets & 1u << i && i < k->message.fd_count) {
			out->sockets[i] = k->message.fds[i];
			k->message.fds[i] = -1;
		}
	snprintf(k->boot_id, sizeof k->boot_id, "%s", w.boot_id);
	snprintf(k->conf_path, sizeof k->conf_path, "%s", w.conf_path);
	snprintf(k->weaker_why, sizeof k->weaker_why, "%s", w.weaker_why);
	out->boot_id = k->boot_id;
	out->conf_path = k->conf_path;
	out->weaker_why = k->weaker_why;
	out->node_restarts = w.node_restarts;
	snprintf(k->version, sizeof k->version, "%s", w.keeper_version);
	out->keeper_version = k->version;
	out->keeper_crashes = w.keeper_crashes;
	out->keeper_start_ms = w.keeper_start_ms;
	return 0;
}

static int
greet_instance(struct keeper *k, struct err *err)
{
	struct kproto_instance i;
	struct bytes body = {k->message.body, k->message.size};
	if (!kproto_get_instance(body, &i))
		return err_set(err, -EBADMSG, "INSTANCE makes no sense");
	struct known *known = keeper_know(k, i.iid, i.name);
	if (!known)
		return err_set(err, -EBADMSG, "two names have id %016llx",
			(unsigned long long)i.iid);
	known->epoch = i.epoch;
	if (!known->found)
		known->found = malloc(sizeof *known->found);
	CHECK(known->found);
	*known->found = i;
	known->found->name = known->name;
	return 0;
}

static int
greet_message(struct keeper *k, struct keeper_welcome *out, struct err *err)
{
	struct bytes body = {k->message.body, k->message.size};
	switch (k->message.type) {
	case KMSG_WELCOME:
		return greet_welcome(k, out, err);
	case KMSG_INSTANCE:
		return greet_instance(k, err);
	case KMSG_CRASHED:
		if (!kproto_get_crash(body, &out->crash))
			return err_set(err, -EBADMSG, "CRASHED makes no sense");
		out->has_crash = true;
		return 0;
	case KMSG_PING:
		keeper_send(k, KMSG_PONG, (struct bytes){NULL, 0});
		return 0;
	default:
		return 0;
	}
}

/* Waits for one message until 'deadline'. */
static int
greet_recv(struct keeper *k, mono deadline, struct err *err)
{
	for (;;) {
		int code = ipc_recv(k->fd, &k->message);
		if (code != -EAGAIN)
			return code ? err_sys(err, code, "reading") : 0;
		int64_t left_ms = mono_diff(deadline, clock_mono());
		if (left_ms <= 0)
			return err_set(err, -ETIMEDOUT,
				"it did not finish its account in time");
		struct pollfd p = {.fd = k->fd, .events = POLLIN};
		poll(&p, 1, (int)left_ms);
	}
}

int
keeper_greet(struct keeper *k, struct keeper_welcome *out, int64_t timeout_ms,
	struct err *err)
{
	*out = (struct keeper_welcome){
		.boot_id = "",
		.conf_path = "",
		.weaker_why = "",
		.keeper_version = "",
	};
	for (unsigned i = 0; i < KSOCKET_COUNT; i++)
		out->sockets[i] = -1;
	mono deadline = mono_add(clock_mono(), timeout_ms);
	int code;
	bool is_synced = false;
	do {
		code = greet_recv(k, deadline, err);
		if (code)
			break;
		code = greet_message(k, out, err);
		is_synced = k->message.type == KMSG_SYNCED;
		ipc_message_close(&k->message);
	} while (!code && !is_synced);
	return code ? err_wrap(err, code, "keeper") : 0;
}

void
keeper_each_found(struct keeper *k, keeper_found_fn *fn, void *context)
{
	/* Safe: 'fn' may have the instance forgotten. */
	list_each_safe (it, &k->all) {
		struct known *known = container_of(it, struct known, link);
		struct kproto_instance *i = known->found;
		if (!i)
			continue;
		known->found = NULL;
		struct input_found found = {
			.name = known->name,
			.epoch = i->epoch,
			.run_digest = i->run_digest,
			.pid = i->pid,
			.status = i->status,
			.is_empty = i->is_empty,
			.is_ready = i->is_ready,
			.started_wall_ms = i->started_wall_ms,
			.has_run = i->has_run,
		};
		fn(context, &found);
		free(i);
	}
}
