/* What skepd says to systemd, and keeps there: sd_notify(3) by hand.
 *
 * With NOTIFY_SOCKET set it is told READY, STOPPING and, where WATCHDOG_USEC
 * asks for that, signs of life.  Descriptors go into its store
 * (FileDescriptorStoreMax=): the pidfd of each leader, so that the next skepd
 * learns how it ended even if that happened meanwhile, and each FIFO, so that
 * what was written last is not lost.  The next skepd gets them back as
 * LISTEN_FDS.  Nothing depends on it: a message that the socket does not take
 * at once is dropped, and without systemd all of this does nothing.
 */
#ifndef SKEP_KEEPER_SYSTEMD_H
#define SKEP_KEEPER_SYSTEMD_H

#include <stdint.h>

struct keeper;
struct instance;

/* Takes the descriptors that came with LISTEN_FDS; to be called before
 * anything else is opened. */
void systemd_init(void);

/* Everything is taken up: says so, and begins with the signs of life. */
void systemd_ready(struct keeper *k);
void systemd_stopping(void);

/* Stores the pidfd of an instance's leader, and its FIFO.  Not to be called
 * for what was taken from the store: it is in there still. */
void systemd_park_leader(const struct instance *i, int pidfd);
void systemd_park_output(const struct instance *i);

/* Its leader is gone; its FIFO is. */
void systemd_forget_leader(const struct instance *i);
void systemd_forget_output(const struct instance *i);

/* What was stored of the instance (the leader of that epoch); the caller's,
 * -1 for nothing. */
int systemd_take_leader(uint64_t iid, uint64_t epoch);
int systemd_take_output(uint64_t iid);

/* Gives up what was stored and nobody took. */
void systemd_drop_rest(void);

#endif
