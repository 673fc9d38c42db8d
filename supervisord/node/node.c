#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/duty.h"
#include "core/wire.h"
#include "node/apply.h"
#include "node/bulk.h"
#include "node/health.h"
#include "node/node_private.h"
#include "node/orders.h"
#include "node/publish.h"
#include "node/quarantine.h"
#include "node/query.h"
#include "node/recording.h"
#include "node/requests.h"
#include "sys/clock.h"
#include "sys/say.h"

#define EXIT_RESTART 75 /* the keeper starts a new node */
#define LINGER_MS    100

/* --- Stepping --- */

/* Sets the timer to when the core wants to be called. */
static void
node_arm(struct node *n, mono now)
{
	mono deadline = core_deadline(n->core);
	if (deadline.ms == n->tick_at.ms && ev_is_active(&n->tick))
		return;
	n->tick_at = deadline;
	ev_timer_stop(n->loop, &n->tick);
	if (deadline.ms == MONO_NEVER.ms)
		return;
	int64_t left_ms = mono_diff(deadline, now);
	ev_now_update(n->loop);
	ev_timer_set(&n->tick, left_ms > 0 ? (double)left_ms / 1000. : 0., 0.);
	ev_timer_start(n->loop, &n->tick);
}

/* What came from outside and could be poison: says its bytes and what it is.
 * The bytes are empty for everything else. */
static struct bytes
input_risk(const struct input *in, const char **kind, char name[static 160])
{
	*kind = "";
	name[0] = '\0';
	if (in->kind == INPUT_LOAD && in->load.table == TABLE_SPEC) {
		*kind = "record";
		snprintf(name, 160, "%.*s",
			in->load.key.size > 1 ? (int)in->load.key.size - 1 : 0,
			(const char *)in->load.key.data + 1);
		return in->load.value;
	}
	if (in->kind == INPUT_SPEC_SET) {
		*kind = "service";
		snprintf(name, 160, "%s", in->spec_set.name);
		return in->spec_set.body;
	}
	if (in->kind == INPUT_RECV && in->recv.type == WIRE_ENTRIES) {
		*kind = "frame";
		snprintf(name, 160, "from link %u", in->recv.link);
		return in->recv.body;
	}
	return (struct bytes){NULL, 0};
}

/* Steps unless the input is quarantined; false if it is. */
static bool
node_step_guarded(struct node *n, struct input *in, struct effects *fx)
{
	const char *kind;
	char name[160];
	struct bytes risk = input_risk(in, &kind, name);
	if (risk.size && !quarantine_enter(n->quarantine, risk, kind, name))
		return false;
	recording_input(n, in);
	core_step(n->core, in, fx);
	recording_effects(n, fx);
	if (risk.size)
		quarantine_leave(n->quarantine);
	return true;
}

/* As node_step; false when the input was left out. */
static bool
node_try_step(struct node *n, struct input *in)
{
	struct effects fx = {0};
	in->now = clock_mono();
	in->wall_ms = clock_wall_ms();
	if (n->is_ending || !node_step_guarded(n, in, &fx))
		return false;
	if (n->is_booted || in->kind == INPUT_BOOT)
		node_arm(n, in->now);
	apply_take(n->apply, &fx);
	publish_on_step(n->publish);
	if (n->is_stopping && ending_is_done(n->core)) {
		n->is_stopping = false;
		keeper_ended(n->keeper);
	}
	return true;
}

void
node_step(struct node *n, struct input *in)
{
	node_try_step(n, in);
}

static void
on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	struct input in = {.kind = INPUT_TICK};
	node_step(w->data, &in);
}

void
node_tick_init(struct node *n)
{
	ev_timer_init(&n->tick, on_tick, 0., 0.);
	n->tick.data = n;
	n->tick_at = MONO_NEVER;
}

/* --- Requests --- */

static void
set_request(struct input *in, uint64_t id)
{
	if (in->kind == INPUT_SPEC_SET)
		in->spec_set.request = id;
	else if (in->kind == INPUT_SPEC_DEL)
		in->spec_del.request = id;
	else if (in->kind == INPUT_REQUEST)
		in->request.id = id;
	else if (in->kind == INPUT_REGISTER)
		in->enroll.request = id;
	else if (in->kind == INPUT_MAIL)
		in->mail.id = id;
	else
		UNREACHABLE();
}

uint64_t
node_request(
	struct node *n, struct input *in, node_reply_fn *done, void *context)
{
	uint64_t id = ++n->next_request;
	set_request(in, id);
	requests_add(n->requests, id, done, context);
	if (!node_try_step(n, in)) {
		struct effect_reply no = {
			.request = id,
			.code = n->is_ending ? REPLY_FAILED : REPLY_INVALID,
			.text = n->is_ending ? "this node is ending; try again"
					     : "this text made skep-node crash "
					       "twice and is "
					       "quarantined; change it",
		};
		requests_answer(n->requests, &no);
	}
	return id;
}

void
node_cancel(struct node *n, uint64_t request)
{
	requests_cancel(n->requests, request);
}

void
node_announce(struct node *n)
{
	struct input in = {.kind = INPUT_GOING};
	if (n->is_ending || !n->is_booted || n->is_announced)
		return;
	n->is_announced = true;
	n->announced = clock_mono();
	node_step(n, &in);
}

static void
on_linger(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* What others are to hear has so long to get out. */
static double
linger_s(const struct node *n)
{
	int64_t since_ms = mono_diff(clock_mono(), n->announced);
	if (!n->is_announced || since_ms >= LINGER_MS)
		return 0.;
	return (double)(LINGER_MS - since_ms) / 1000.;
}

void
node_end(struct node *n, int exit_code, const char *why)
{
	double left_s = linger_s(n);
	if (n->is_ending)
		return;
	say(exit_code ? SAY_ERROR : SAY_NOTICE, "leaving: %s", why);
	n->is_ending = true;
	n->exit_code = exit_code;
	ev_timer_init(&n->linger, on_linger, left_s, 0.);
	if (left_s > 0.)
		ev_timer_start(n->loop, &n->linger);
	else
		ev_break(n->loop, EVBREAK_ALL);
}

/* --- The store --- */

void
node_on_stored(void *context, uint64_t seq)
{
	struct node *n = context;
	struct input in = {.kind = INPUT_STORED, .stored = {.seq = seq}};
	apply_on_stored(n->apply, seq);
	node_step(n, &in);
}

void
node_on_store_broken(void *context, const char *why)
{
	node_end(context, EXIT_RESTART, why);
}

/* --- The keeper --- */

static void
on_keeper_input(void *context, struct input *in)
{
	struct node *n = context;
	health_on_input(n->health, in);
	node_step(n, in);
}

void
node_on_news(void *context, struct input *in)
{
	node_step(context, in);
}

static void
on_keeper_probed(
	void *context, const char *name, const struct kproto_ran *ran)
{
	struct node *n = context;
	health_on_ran(n->health, name, ran);
}

/* What it says of itself, and what the kernel did to it, is history too. */
static void
on_keeper_word(
	void *context, const char *name, const struct kproto_news *news)
{
	char text[NOTE_TEXT_MAX];
	struct effect_note note = {
		.kind = NOTE_SAID,
		.name = name,
		.epoch = news->epoch,
		.text = text,
	};
	snprintf(text, sizeof text, "%s", news->text);
	if (news->kind == KNEWS_RELOADING)
		snprintf(text, sizeof text, "it is reloading");
	else if (news->kind == KNEWS_STOPPING)
		snprintf(text, sizeof text, "it is stopping");
	else if (news->kind == KNEWS_ASIDE)
		note.kind = NOTE_SET_ASIDE;
	if (news->kind == KNEWS_OOM) {
		note.kind = NOTE_OOM;
		snprintf(text, sizeof text,
			"the kernel killed %lld of its processes for memory",
			(long long)news->number);
	}
	events_on_note(context, &note);
}

static void
on_keeper_mover(void *context, const char *name, uint64_t epoch,
	bool is_checkpoint, int socket, const char *why)
{
	states_on_mover(context, name, epoch, is_checkpoint, socket, why);
}

static void
on_keeper_end(void *context, int exit_code, const char *why)
{
	node_end(context, exit_code, why);
}

static void
on_keeper_going(void *context, const char *why)
{
	node_on_going(context, why);
}

static void
on_keeper_ending(void *context)
{
	struct node *n = context;
	struct input in = {.kind = INPUT_ENDING};
	n->is_stopping = true;
	node_step(n, &in);
}

const struct keeper_hooks node_keeper_calls = {
	.on_going = on_keeper_going,
	.on_ending = on_keeper_ending,
	.on_input = on_keeper_input,
	.on_mover = on_keeper_mover,
	.on_probed = on_keeper_probed,
	.on_word = on_keeper_word,
	.on_end = on_keeper_end,
};

/* --- Links --- */

static void
on_link_up(void *context, uint32_t link, uint32_t dial, const char *address)
{
	struct input in = {
		.kind = INPUT_LINK_UP,
		.link_up = {link, dial, address},
	};
	node_step(context, &in);
}

static void
on_link_reached(void *context, uint32_t dial)
{
	struct input in = {.kind = INPUT_REACHED, .reached = {dial}};
	node_step(context, &in);
}

static void
on_link_down(void *context, uint32_t link, uint32_t dial,
	enum link_down_reason reason, const char *text)
{
	struct input in = {
		.kind = INPUT_LINK_DOWN,
		.link_down = {link, dial, reason},
	};
	say(SAY_DEBUG, "link %u (dial %u) is down: %s", link, dial, text);
	node_step(context, &in);
}

static void
on_link_frame(void *context, uint32_t link, uint16_t type, struct bytes body)
{
	struct input in = {.kind = INPUT_RECV, .recv = {link, type, body}};
	node_step(context, &in);
}

static void
on_link_bulk(void *context, struct conn *c, struct bytes hello)
{
	struct node *n = context;
	bulk_on_conn(n->bulk, c, hello);
}

static void
on_link_query(void *context, struct conn *c, struct bytes hello)
{
	struct node *n = context;
	queries_on_conn(n->queries, c, hello);
}

const struct links_calls node_links_calls = {
	.on_up = on_link_up,
	.on_reached = on_link_reached,
	.on_down = on_link_down,
	.on_frame = on_link_frame,
	.on_bulk = on_link_bulk,
	.on_query = on_link_query,
};
