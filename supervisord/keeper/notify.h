/* What a service says of itself: sd_notify(3), and its readiness descriptor.
 *
 * An instance whose start asks for it (readiness by notify, or a watchdog) has
 * a datagram socket run_dir/notify/IID, in its environment as NOTIFY_SOCKET.
 * The kernel says who sends; only processes of the instance's cgroup (without
 * cgroups, of the leader's process group or session) are listened to, others
 * are counted.  READY, RELOADING, STOPPING, STATUS, MAINPID, WATCHDOG,
 * WATCHDOG_USEC, EXTEND_TIMEOUT_USEC and X_SKEP_HANDOFF (an answer to the
 * handoff signal) are understood.  Descriptors that come along are closed by a
 * child when what came before is done with, which is what BARRIER waits for
 * (closer.h).  FDSTORE stores nothing.
 *
 * MAINPID names a new leader.  We may not be its parent: it is watched as one
 * that was adopted is.
 *
 * Readiness by descriptor is a FIFO run_dir/notify/IID.ready.  Both names stay
 * the same for the next skepd, which binds the one and opens the other again;
 * the service holds the FIFO for reading too, so that it meets no SIGPIPE while
 * nobody listens.
 *
 * A watchdog begins when the program runs, with readiness by notify at READY;
 * an adopted service gets a whole period anew.
 */
#ifndef SKEP_KEEPER_NOTIFY_H
#define SKEP_KEEPER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/dirs.h"
#include "keeper/loop.h"
#include "sys/err.h"
#include "sys/kproto.h"

struct instance;
struct keeper;

/* An instance's part of it. */
struct notify {
	struct watch socket;   /* NOTIFY_SOCKET, -1 without one */
	struct watch ready;    /* the FIFO, -1 without one */
	struct timer watchdog; /* armed: it must say WATCHDOG=1 before */
	struct timer later;    /* armed: STATUS= is not said again before */
	char *status;	       /* the last STATUS=, ours, or NULL */
	bool is_status_new;    /* it is to be said when 'later' is due */
	uint8_t looks;	       /* by which 'watchdog' was put off */
	uint32_t ignored;      /* datagrams that were not listened to */
};

/* Makes the members unused. */
void notify_init(struct notify *n);

/* Opens what the start asks for. */
int notify_open(
	struct instance *i, const struct kproto_start *s, struct err *err);

/* It will run as that user, who may write to it. */
int notify_give(struct instance *i, uid_t uid, gid_t gid, struct err *err);

/* The path for NOTIFY_SOCKET. */
void notify_path(const struct dirs *d, uint64_t iid, char *out, size_t size);

/* The program runs. */
void notify_on_running(struct instance *i);

/* Opens again what the record of an adopted instance tells of. */
void notify_adopt(struct instance *i);

/* Listens on descriptors that came from the program before us. */
void notify_resume(struct instance *i);

/* Takes in what waits; the leader may have changed when this returns. */
void notify_drain(struct instance *i);

/* What it sent is closed: it is listened to again. */
void notify_listen(struct keeper *k, uint64_t iid);

/* The logger found the line that makes it ready. */
void notify_on_line(struct instance *i);

/* A way to readiness was found; said to the node, once, and again to a node
 * that comes later. */
void notify_say_ready(struct instance *i);
void notify_say_again(struct instance *i);

/* Ends all of it; the names stay. */
void notify_close(struct instance *i);

/* Removes the names. */
void notify_remove(const struct dirs *d, uint64_t iid);

#endif
