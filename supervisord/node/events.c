#include "node/events.h"

#include "node/node.h"
#include "node/store.h"
#include "sys/clock.h"
#include "sys/say.h"

/* How loud an event is in the log of the node. */
static enum say_level
note_level(enum note_kind kind)
{
	switch (kind) {
	case NOTE_FAILED:
	case NOTE_CONFLICT:
	case NOTE_CHECKPOINT:
	case NOTE_NODE_DOWN:
	case NOTE_NODE_REFUSED:
	case NOTE_LONELY:
	case NOTE_START_FAILED:
	case NOTE_UNHEALTHY:
	case NOTE_OOM:
	case NOTE_HOOK_FAILED:
	case NOTE_REFUSED:
	case NOTE_DECLARED_DIFFERENTLY:
		return SAY_WARNING;
	case NOTE_NODE_UP:
	case NOTE_NODE_SUSPECT:
	case NOTE_NODE_RESTARTING:
	case NOTE_NODE_LEFT:
	case NOTE_NODE_STATE:
	case NOTE_FORMING:
	case NOTE_REPAIR:
	case NOTE_KILLED:
	case NOTE_SET_ASIDE:
	case NOTE_SKIPPED:
	case NOTE_MOVED:
	case NOTE_OPERATOR:
	case NOTE_APPLIED:
	case NOTE_DELETED:
		return SAY_NOTICE;
	case NOTE_STARTING:
	case NOTE_WAITING:
	case NOTE_SAID:
	case NOTE_READY:
	case NOTE_EXITED:
	case NOTE_BACKOFF:
	case NOTE_STOPPING:
	case NOTE_STOPPED:
	case NOTE_HANDOFF:
	case NOTE_REGISTERED:
	case NOTE_UNREGISTERED:
	case NOTE_MISSED:
	case NOTE_KIND_COUNT:
		break;
	}
	return SAY_INFO;
}

void
events_on_note(struct node *n, const struct effect_note *note)
{
	struct event e = {
		.wall_ms = clock_wall_ms(),
		.kind = note_kind_name(note->kind),
		.name = note->name ? note->name : "",
		.epoch = note->epoch,
		.text = note->text ? note->text : "",
		.uid = note->actor.uid,
		.pid = note->actor.pid,
		.host = note->actor.host ? note->actor.host : "",
	};
	e.id = store_add_event(n->store, &e);
	say(note_level(note->kind), "%s %s%s%s", e.name, e.kind,
		e.text[0] ? ": " : "", e.text);
	list_each_safe (it, &n->followers) {
		struct event_follower *f =
			container_of(it, struct event_follower, link);
		f->on_event(f, &e);
	}
}

void
events_follow(struct node *n, struct event_follower *f)
{
	list_append(&n->followers, &f->link);
}

void
events_unfollow(struct node *n, struct event_follower *f)
{
	(void)n;
	list_remove(&f->link);
}

void
events_query(struct node *n, const char *name, uint64_t since_id,
	int64_t since_wall_ms, uint32_t count_max, bool has_missed,
	events_done_fn *done, void *context)
{
	struct store_query q = {
		.name = name,
		.has_missed = has_missed,
		.since_id = since_id,
		.since_wall_ms = since_wall_ms,
		.count_max = count_max,
	};
	store_query_events(n->store, &q, done, context);
}
