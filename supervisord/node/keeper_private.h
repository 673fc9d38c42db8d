/* What the files of the link to the keeper share: sending and reports
 * (keeper_link.c), the greeting (keeper_greet.c).
 */
#ifndef SKEP_NODE_KEEPER_PRIVATE_H
#define SKEP_NODE_KEEPER_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "node/keeper_link.h"
#include "sys/ipc.h"
#include "sys/kproto.h"
#include "sys/say.h"

#define KEEPER_BUCKETS 4096

/* An instance that the keeper knows. */
struct known {
	struct map_link by_iid; /* in keeper.known */
	struct list link;	/* in keeper.all */
	uint64_t iid;
	uint64_t epoch;		       /* last one started or told of */
	uint64_t collect_epochs[2];    /* of COLLECTs: a state, a checkpoint */
	struct kproto_instance *found; /* in the account, not yet walked: ours;
					  else NULL */
	char name[];
};

struct keeper {
	struct ev_loop *loop;
	int fd;
	struct keeper_hooks hooks;
	ev_io readable;
	ev_io writable;
	struct list outbox;
	struct map_link *buckets[KEEPER_BUCKETS];
	struct map known;
	struct list all;
	char boot_id[64];
	char conf_path[4096];
	char weaker_why[256];
	char version[64];	    /* skepd's */
	struct ipc_message message; /* the one being read */
	struct say_limit strange;
	mono breathed; /* last 'keeper_breathe' that said something */
};

/* Finds or adds; NULL when another name has this id. */
struct known *keeper_know(struct keeper *k, uint64_t iid, const char *name);
/* Sends a message, now or when the socket takes it. */
void keeper_send(struct keeper *k, uint16_t type, struct bytes body);

#endif
