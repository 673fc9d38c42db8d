/* One datagram of sd_notify(3): lines of KEY=value.
 *
 * Pure.  Keys that are not known, values that make no sense and lines that
 * hold a NUL are passed over, as systemd does.
 */
#ifndef SKEP_KEEPER_NOTICE_H
#define SKEP_KEEPER_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/said.h"
#include "sys/kproto.h"

/* What it says; a later line wins over an earlier one. */
struct notice {
	bool is_ready;		   /* READY=1 */
	bool is_reloading;	   /* RELOADING=1 */
	bool is_stopping;	   /* STOPPING=1 */
	bool is_ping;		   /* WATCHDOG=1 */
	bool is_trigger;	   /* WATCHDOG=trigger */
	bool has_status;	   /* STATUS= */
	char status[SAID_MAX + 1]; /* cut and cleaned */
	pid_t main_pid;		   /* MAINPID=, else 0 */
	int64_t extend_ms;	   /* EXTEND_TIMEOUT_USEC=, else 0 */
	int64_t watchdog_ms;	   /* WATCHDOG_USEC=, else 0 */
	enum kproto_answer answer; /* X_SKEP_HANDOFF=, else 0 */
};

/* Reads 'size' bytes at 'data'. */
void notice_parse(const char *data, size_t size, struct notice *out);

#endif
