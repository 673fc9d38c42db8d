/* The keeper's whole state, in one place. */
#ifndef SKEP_KEEPER_KEEPER_H
#define SKEP_KEEPER_KEEPER_H

#include "keeper/cgroup.h"
#include "keeper/crash.h"
#include "keeper/dirs.h"
#include "keeper/helper.h"
#include "keeper/ids.h"
#include "keeper/instance.h"
#include "keeper/kept.h"
#include "keeper/loop.h"
#include "keeper/options.h"
#include "keeper/reexec.h"
#include "keeper/sockets.h"
#include "keeper/standby.h"

#define MOVERS_MAX 64 /* that run at a time */

/* A mover that reads a state, or sets an old one aside. */
struct running_mover {
	pid_t pid;    /* 0: the place is free */
	uint64_t iid; /* whose start must wait for it; 0: none */
};

/* How far a shutdown has come. */
enum stop_phase {
	STOP_NO,
	STOP_BY_NODE, /* the node stops what runs, with all hooks */
	STOP_ASKED,   /* we do, what is left or if it does not */
	STOP_KILLED,
	STOP_HELPERS,
};

/* skepd. */
struct keeper {
	struct options options;
	struct loop loop;
	struct dirs dirs;
	struct sockets sockets;
	struct cgroups cgroups;
	struct ids helper_ids;	    /* as whom helpers run */
	struct instances instances; /* all that we know of */
	struct helper node;
	struct helper logger;
	bool is_logger_ready;	 /* it asked for the FIFOs */
	struct timer log_ends;	 /* the logger hears of ends: ... */
	struct list ended;	 /* ... those of these instances */
	struct kept kept;	 /* cgroups */
	struct standby standby;	 /* for the next start */
	struct crash crash;	 /* of the node */
	struct list runs;	 /* commands that run, see run.c */
	struct watch signals;	 /* signalfd */
	struct watch answers;	 /* inotify on work directories */
	struct timer stop_timer; /* bounds the current phase */
	enum stop_phase stop_phase;
	bool is_stopping;      /* no start, no restart of helpers any more */
	bool is_leaving;       /* we end and services do not */
	struct reexec reexec;  /* another program in our place */
	uint32_t crashes;      /* unasked ends of skepd before us, in a row */
	struct timer beat;     /* signs of life for systemd */
	struct timer good_run; /* then that count is over */
	struct running_mover movers[MOVERS_MAX];
	char boot_id[64];  /* of the kernel that runs */
	uint64_t start_ms; /* CLOCK_BOOTTIME of our start */
};

#endif
