/* Effects become calls: one per kind. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "core/depends.h"
#include "core/specs.h"
#include "node/events.h"
#include "node/health.h"
#include "node/keeper_link.h"
#include "node/launch.h"
#include "node/links.h"
#include "node/mail.h"
#include "node/mailbox.h"
#include "node/moves.h"
#include "node/node_private.h"
#include "node/quarantine.h"
#include "node/requests.h"
#include "node/store.h"
#include "node/tracks.h"
#include "sys/clock.h"
#include "sys/ipc.h"

#define EXIT_RESTART 75

static void
carry_store(struct node *n, const struct effect_store *s)
{
	if (s->table == TABLE_TRACKED && !s->value.data)
		tracks_forget(n->tracks, s->key);
	if (store_put(n->store, s->table, s->key, s->value, s->seq))
		node_end(n, EXIT_RESTART,
			"the disk is too slow or full: 64 MiB of writes wait "
			"for it, and no more may");
}

/* --- START --- */

static void
start_fail(struct node *n, const struct effect_start *start,
	enum start_blame blame, const char *text)
{
	struct input in = {
		.kind = INPUT_START_FAILED,
		.start_failed =
			{
				.name = start->name,
				.epoch = start->epoch,
				.blame = blame,
				.text = text,
			},
	};
	node_step(n, &in);
}

/* What depends on others is stopped before them. */
static uint32_t
stop_rank(struct node *n, const char *service)
{
	struct service_value value;
	const struct entry *e = specs_find(n->core, ENTRY_SERVICE, service);
	bool is_known = e && specs_get_service(e, &value);
	return is_known ? depends_height(n->core, &value.policy) : 0;
}

/* Writes the body of a START.  A spec that was not started from here before
 * is announced meanwhile, as it came from outside. */
static int
start_write(struct node *n, const struct launch_host *host,
	const struct effect_start *start, struct writer *w, struct err *err)
{
	bool is_new = !launcher_knows(n->launcher, start->body);
	if (is_new && !quarantine_enter(
			      n->quarantine, start->body, "start", start->name))
		return err_set(err, -EINVAL,
			"its spec made skep-node crash twice here and is "
			"quarantined");
	int code = launch_write(n->launcher, host, start, w, err);
	if (is_new)
		quarantine_leave(n->quarantine);
	return code;
}

/* Decodes and hands over. */
static int
start_send(struct node *n, const struct effect_start *start, int state_fd,
	int theirs_fd, struct err *err)
{
	static unsigned char body[IPC_BODY_MAX];
	struct launch_host host = {
		.node = n->conf.node.name,
		.socket = n->socket_path,
		.mailbox = n->mailbox_path,
		.wall_ms = clock_wall_ms(),
		.stop_rank = stop_rank(n, start->service),
	};
	struct writer w;
	writer_init(&w, body, sizeof body);
	int code = start_write(n, &host, start, &w, err);
	if (code)
		return code;
	health_on_start(n->health, start->name, start->epoch, start->body);
	code = keeper_start_instance(n->keeper, start->name, start->epoch,
		writer_done(&w), state_fd, theirs_fd);
	if (code)
		return err_set(err, code,
			"another instance on this host has the same short id; "
			"give it another name");
	return 0;
}

static void
carry_start(struct node *n, const struct effect_start *start)
{
	struct err err = {0};
	int state_fd = -1, theirs_fd = -1;
	enum start_blame blame = BLAME_HOST;
	int code = 0;
	if (start->is_void) {
		start_fail(n, start, BLAME_STOPPED,
			"it was stopped before it began");
		return;
	}
	if (start->has_state)
		code = state_fd = states_open(n, start->root, &err);
	if (code >= 0 && start->has_theirs) {
		code = theirs_fd = states_open(n, start->theirs, &err);
		blame = code < 0 ? BLAME_RESOLVE : BLAME_HOST;
	}
	if (code >= 0)
		code = start_send(n, start, state_fd, theirs_fd, &err);
	if (state_fd >= 0)
		close(state_fd);
	if (theirs_fd >= 0)
		close(theirs_fd);
	if (code < 0)
		start_fail(n, start, blame, err.text);
}

/* --- All of them --- */

void
node_carry(void *context, const struct effect *e)
{
	struct node *n = context;
	if (n->is_ending)
		return;
	switch (e->kind) {
	case EFFECT_SEND:
		links_send(n->links, e->send.link, e->send.type, e->send.body);
		return;
	case EFFECT_STORE:
		carry_store(n, &e->store);
		return;
	case EFFECT_START:
		carry_start(n, &e->start);
		return;
	case EFFECT_SIGNAL:
		keeper_signal(n->keeper, &e->signal);
		return;
	case EFFECT_KILL:
		keeper_kill(n->keeper, e->proc.name, e->proc.epoch);
		return;
	case EFFECT_RELEASE:
		keeper_forget(n->keeper, &e->proc);
		return;
	case EFFECT_LINK_OPEN:
		links_open(n->links, e->link_open.dial, e->link_open.address);
		return;
	case EFFECT_LINK_CLOSE:
		links_close(n->links, e->link_close.link, e->link_close.why);
		return;
	case EFFECT_DUMP:
		states_dump(n, &e->dump);
		return;
	case EFFECT_FETCH:
		states_fetch(n, &e->fetch);
		return;
	case EFFECT_DROP:
		states_drop(n, &e->drop);
		return;
	case EFFECT_REPLY:
		requests_answer(n->requests, &e->reply);
		return;
	case EFFECT_NOTE:
		events_on_note(n, &e->note);
		moves_on_note(n, &e->note);
		health_on_note(n->health, &e->note);
		return;
	case EFFECT_RUN:
		keeper_run(n->keeper, &e->run);
		return;
	case EFFECT_DELIVER:
		mailboxes_deliver(n->mailboxes, &e->deliver);
		return;
	case EFFECT_ANSWER:
		mail_on_answer(n, &e->answer);
		return;
	case EFFECT_KIND_COUNT:
		break;
	}
	UNREACHABLE();
}
