#include "sys/event_kinds.h"

#include <stddef.h>

const struct event_kind event_kinds[] = {
	{"starting", "An instance is being started."},
	{"ready", "An instance is ready."},
	{"exited", "The main process of an instance has ended; how."},
	{"start_failed", "A start came to nothing; why."},
	{"backoff", "An instance waits before it is started again."},
	{"failed", "An instance is given up: it is not started again by "
		   "itself."},
	{"unhealthy", "A probe or the watchdog of an instance failed."},
	{"hook_failed", "A command of 'hooks' failed; which, and how."},
	{"oom", "The kernel ended processes of an instance for lack of "
		"memory."},
	{"said", "What an instance says of itself, by STATUS= and the like."},
	{"waiting", "An instance is not started yet; for what it waits."},
	{"set_aside", "What stood at handoff.state_path, or a state that could "
		      "not be sealed, was put aside; what it is called now."},
	{"skipped", "A scheduled run was left out."},
	{"stopping", "An instance is being stopped; why."},
	{"killed", "An instance did not end within stop_timeout."},
	{"stopped", "An instance has stopped."},
	{"refused", "This host cannot run an instance; why."},
	{"handoff", "A step of a move with state."},
	{"moved", "An instance has moved; from where, to where, with how many "
		  "bytes."},
	{"conflict", "Two copies of an instance have met, and one goes on."},
	{"checkpoint", "Something is wrong with the checkpoints of an "
		       "instance."},
	{"applied", "A service was declared or changed."},
	{"deleted", "A service was deleted."},
	{"declared_differently", "A file in services_dir says something else "
				 "of a service than what holds."},
	{"operator", "An operator's request was accepted."},
	{"node_up", "A host is there."},
	{"node_suspect", "A host is not heard of, and may be dead."},
	{"node_restarting", "A host has said that its skepd starts again."},
	{"node_down", "A host is lost."},
	{"node_left", "A host has left the cluster."},
	{"node_refused", "A host may not join; why."},
	{"node_state", "A host is cordoned, drains or is drained, or is so no "
		       "longer."},
	{"lonely", "This host lost more than half of the others at once, or "
		   "that is over."},
	{"forming", "This host waits for the others at its start, or has them "
		    "now."},
	{"repair", "What a host knew was out of order, and is put right where "
		   "that can be; why."},
	{"registered", "A name was registered at run time."},
	{"unregistered", "Such a name is free again; why."},
	{"events_missed", "Events that are not told one by one; how many."},
	{NULL, NULL},
};
