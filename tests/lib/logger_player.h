/* The keeper's part in the tests of skep-logger: starts the real program,
 * gives it FIFOs, kills it, and ends it.  One program at a time.  Every
 * function fails the running test when something is not as it must be.
 */
#ifndef TESTS_LIB_LOGGER_PLAYER_H
#define TESTS_LIB_LOGGER_PLAYER_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "sys/kproto.h"

#define PLAYER_INSTANCES 4

/* One instance: its FIFO as the keeper holds it, and how it is opened. */
struct player_instance {
	int fifo; /* open for reading and writing */
	struct kproto_log log;
};

/* The instances made by 'player_add'. */
extern struct player_instance player_instances[PLAYER_INSTANCES];

extern pid_t player_logger; /* the program, 0 while there is none */
extern int player_socket;   /* the keeper's end */

/* A library put before the program's own, or NULL. */
extern const char *player_preload;

/* Fixtures: a scratch directory; and its end, with that of the program. */
void player_setup(void);
void player_teardown(void);

/* Starts the program with these arguments, and "journal" in the scratch
 * directory as journald's socket; its files may grow to 'file_max' bytes. */
void player_start_with(rlim_t file_max, const char *flag, const char *path);

/* Starts it with log/ in the scratch directory, and waits for LOG_READY. */
void player_start(rlim_t file_max);

/* Waits for its end; returns its wait status. */
int player_reap(void);

/* Ends it as a keeper does that leaves, and expects a good end. */
void player_finish(void);

/* Kills it with SIGKILL. */
void player_kill(void);

/* Receives one message of 'type', waiting for it. */
void player_expect(uint16_t type);

/* Waits until everything sent so far has been handled. */
void player_ping(void);

/* Makes the FIFO of instance 'n', with iid 100 + 'n', KLOG_FILE, KFULL_BLOCK
 * and 1000 files; the test may change that before it is sent.  'name' is
 * borrowed. */
struct player_instance *player_add(
	unsigned n, const char *name, uint64_t max_size);

/* Sends LOG_EPOCH. */
void player_send_epoch(uint64_t iid, uint64_t epoch, bool begins);

/* Sends LOG_OPEN with the FIFO, or LOG_CLOSE. */
void player_send_open(const struct player_instance *i);
void player_send_close(uint64_t iid);

#endif
