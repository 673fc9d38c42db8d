/* A world for cores: several hosts on one fake clock, with a network of
 * byte streams and disks between them, all decided by one seed.
 *
 * The world is the shell of every host in it: it carries out effects in
 * order, holds back what waits for a STORE ('after'), and turns what its
 * faults do into the inputs that a kernel would give.
 *
 * Streams behave like TCP: in order, held back while the way is cut and
 * delivered after it heals, ended for the sender when nothing got through for
 * STREAM_TIMEOUT_MS; a dead process resets its streams, a host without power
 * says nothing.  A disk makes STOREs durable in order, after a while; a host
 * that loses power loses what was not durable.
 *
 * Every host has a keeper, which outlives its node: it runs processes that
 * behave as their service's 'behaviour' says, and keeps what they hand over
 * in a store of sealed states.
 *
 * After every step the checkers of the safety invariants run (check_*); a
 * broken one panics with the seed.
 */
#ifndef SKEP_TESTS_SIM_WORLD_H
#define SKEP_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/prng.h"
#include "core/core_private.h"
#include "tests/sim/keys.h"
#include "tests/sim/world_observe.h"

/* No host; what searches give that found none. */
#define WORLD_HOSTS	  WORLD_NO_HOST
#define STREAM_TIMEOUT_MS 10000	     /* as CONN_USER_TIMEOUT_MS */
#define STREAM_QUEUE_MAX  (8u << 20) /* as CONN_QUEUE_MAX */
#define DIAL_TIMEOUT_MS	  3000
#define HANDSHAKE_MS	  5000 /* who accepted may be silent for so long */

/* A record as disks hold it: one for all hosts that wrote the same, since
 * what many hosts keep of many names is mostly that. */
struct record {
	struct map_link in_records; /* in the world's, by all that it says */
	uint32_t users;		    /* places that hold it */
	enum core_table table;
	uint64_t key_hash;
	uint32_t key_size;
	uint32_t value_size;
	const unsigned char *value; /* behind the key; NULL: the key goes */
	unsigned char key[];
};

/* A write that is not durable yet. */
struct record_write {
	struct record *record; /* used */
	mono written_at;
};

#define STATE_PARTS_MAX 16

/* A state of a copy that lost, which is in another one. */
struct state_part {
	uint64_t key;	/* of its root */
	uint64_t birth; /* that it had */
};

/* What a service hands over.  'lives' counts the starts that this state has
 * seen, so that a lost state shows as a number that is too small. */
struct state {
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t birth; /* of the first start, unique in the world */
	uint64_t lives;
	uint64_t work;	/* checkpoints that were written since its birth */
	uint64_t epoch; /* sealed: of the run that left it; 0: fetched */
	bool is_aside;	/* sealed: a checkpoint */
	bool is_rotten; /* ... whose bytes are damaged: who fetches it fails */
	mono rotten_at; /* ... since then, by its host's clock */
	struct state_part parts[STATE_PARTS_MAX]; /* joined with it, the newest
						     first; no more are told
						     apart */
	uint32_t part_count;
};

enum process_phase {
	PROCESS_STARTING,
	PROCESS_RUNNING,
	PROCESS_EXITED, /* its leader; something is left */
	PROCESS_EMPTY,
};

/* How a disk misbehaves; all zero: it does not. */
struct disk_faults {
	uint32_t slow_permille; /* of a thousand writes so many are slow */
	int64_t slow_min_ms;
	int64_t slow_max_ms;
	bool is_full;		 /* ENOSPC: nothing is written */
	uint32_t error_permille; /* EIO: so many of a thousand tries fail */
	bool is_keeping_some;	 /* of the last writes before an end some stay,
				    the oldest first; the next one is torn */
};

/* What disks did to writes, in all. */
struct disk_counts {
	uint64_t late;	  /* durable a second or more after they were asked */
	uint64_t refused; /* tries that found no room */
	uint64_t errors;  /* tries that failed otherwise */
	uint64_t lost;	  /* not durable when their host ended */
	uint64_t torn;	  /* of these, half written */
	uint64_t kept;	  /* durable by then, and nobody was told */
};

/* What stands at an instance's state_path on one host. */
struct state_place {
	char name[INSTANCE_NAME_MAX + 1];
	struct state state;
	bool is_there;
	/* What skep-mover noted of it, which lies with the store: */
	bool is_marked; /* 'root' was put there, in this stay */
	uint8_t root[DIGEST_SIZE];
	uint64_t stay;	  /* 0: none; see effect_start */
	uint64_t emptied; /* the epoch of the start that emptied it */
};

/* What a host's keeper knows of one instance. */
struct process {
	char name[INSTANCE_NAME_MAX + 1];
	uint64_t epoch;
	uint64_t run_digest;
	enum process_phase phase;
	int32_t status;
	int64_t started_wall_ms;
	struct state state; /* in its memory */
	uint8_t answer;	    /* to the handoff signal; 0: none yet */
	bool has_out;	    /* its state stands at $SKEP_STATE_OUT */
	struct state aside; /* what stands at $SKEP_CHECKPOINT_OUT */
	bool has_aside;
	bool is_ending;	 /* an end is on its way */
	bool is_ready;	 /* the node said so */
	bool has_failed; /* its start did, and said so */
	uint32_t mail_out; /* messages that it was given and has not read */
};

/* How the processes of a service behave. */
struct behaviour {
	char service[INSTANCE_NAME_MAX + 1];
	char host[NODE_NAME_MAX + 1]; /* "": everywhere */
	int64_t start_ms;	      /* until STARTED */
	int64_t run_ms;		      /* then it ends by itself; 0: never */
	int32_t status;		      /* of that end, a wait status */
	int64_t stop_ms;	      /* from the soft signal to the end */
	bool is_deaf;		      /* only KILL ends it */
	bool is_lingering;    /* its leader's end leaves a process until KILL */
	bool is_writing_late; /* its SIGTERM handler writes the state */
	enum start_blame blame;	    /* its starts fail so; 0: they do not */
	bool is_unresolving;	    /* ... those that join two states */
	enum handoff_answer answer; /* 0: none */
	int64_t answer_ms;
	int64_t ready_ms;      /* from STARTED until it says READY; 0: it
				  says nothing */
	int64_t sick_ms;       /* from STARTED until it is not well; 0: never */
	int64_t hook_ms;       /* that its hooks take; 0: one is never over */
	unsigned failing;      /* hooks that fail: bit per enum hook */
	bool is_dying;	       /* of the handoff signal */
	bool has_path;	       /* its state stands at its state_path */
	int64_t empty_ms;      /* from its end until nothing is left; 0: 1 */
	bool is_dump_failing;  /* its state cannot be sealed */
	uint64_t state_size;   /* bytes; 0: 1000 */
	bool is_fetch_failing; /* ... not arrive here */
	int64_t aside_ms;   /* from its start, and then each time so long, until
			       it writes a checkpoint by itself; 0: never */
	bool is_aside_deaf; /* it writes none when it is asked */
	uint32_t mail_room; /* messages that it has asked for; 0: none */
	int64_t read_ms;    /* until it has one; 0: 1 */
	int64_t reply_ms;   /* from there to its answer; 0: it gives none */
};

/* A state that a host's node fetches, until it came or is dropped. */
struct fetching {
	char name[INSTANCE_NAME_MAX + 1];
	char address[ADDRESS_MAX + 1]; /* where it was said to be last */
	uint8_t root[DIGEST_SIZE];
	uint32_t number; /* of the event that tries it */
	int64_t retry_ms;
	bool was_rotten; /* what this host had of it */
};

/* A process of a host that has a name, or wants one (world_guest.c). */
struct guest {
	char name[16];
	uint32_t pid;	    /* unique in the world */
	uint64_t request;   /* that waits for its REPLY; 0: none */
	bool is_registered; /* it was told so, and nothing else since */
	bool is_lost;	    /* a name like that was taken away meanwhile */
};

struct host {
	/* What every event touches: */
	struct core *core; /* inside 'memory'; NULL while not running */
	mono tick_at;	   /* when the heap has a tick for it */
	uint64_t steps;
	uint64_t sent;	   /* messages */
	uint64_t sent_bytes; /* ... and their frames */
	bool is_powered;   /* false: says nothing at all */
	bool is_running;   /* false: its kernel refuses */
	mono paused_until; /* the process stands still until then */
	uint32_t starts;
	uint64_t stored; /* last durable STORE of this start */
	/* When all that it says last waited for its disk: nobody may hear it
	 * under an incarnation that a loss of power takes from it again. */
	mono mute_at;
	uint32_t group;	   /* its side of a partition */
	mono clock_at;	   /* what its clock showed at 'clock_from' */
	mono clock_from;   /* true time */
	int32_t clock_ppm; /* how much faster than the true time it goes */
	int64_t wall_step_ms;
	mono frozen_until;	  /* the whole machine stands still */
	int64_t read_bytes_per_s; /* 0: at once, < 0: never */
	uint32_t cpu_percent;	  /* 0: as much as it wants */
	/* The rest: */
	mono disk_stalled_until;
	mono since;		 /* when it started, was paused, or stopped */
	void *memory;		 /* owned pages */
	struct record **records; /* durable; used, the array owned */
	size_t record_count;
	size_t record_room;
	uint32_t *record_slots; /* world_disk.c's index of them, owned */
	size_t record_slot_count;
	size_t record_slots_used;
	struct record_write *dirty; /* not yet durable; owned */
	size_t dirty_first;	    /* the oldest */
	size_t dirty_count;	    /* of those from there on */
	size_t dirty_size;	    /* room */
	struct disk_faults disk_faults;
	int64_t disk_retry_ms; /* the back-off of a write that failed */
	bool is_newer;	       /* speaks as a later version will */
	struct list waiting;   /* struct effect_copy, owned */
	struct list conns;     /* struct conn_end: streams that it is part of */
	mono faulted_at;     /* when something last happened to all its ways */
	uint32_t last_group; /* ... and the one before */
	mono group_at;	     /* when that changed */
	mono read_at;	     /* when it is done with what it reads */
	struct map_link by_name, by_address, by_alias; /* in the world's maps */
	bool is_aside;	   /* the driver's: it stays broken in phase 2 */
	bool is_keeper_up; /* it outlives a crash of the node */
	uint32_t keeper_starts;
	struct process *processes; /* owned */
	size_t process_count;
	struct state *states; /* sealed, durable; owned */
	size_t state_count;
	struct fetching *fetches; /* under way in its node; owned */
	size_t fetch_count;
	struct state_place *places;
	size_t place_count;
	struct guest *guests; /* owned */
	uint32_t guest_count;
	/* -> where one stands in 'guests', from 1: */
	struct keys guest_pids;
	struct keys guest_names; /* of several of one name the last */
	struct keys guest_requests;
	struct keys guest_counts; /* name -> how many want it or have it */
	/* What it said: */
	uint64_t notes[NOTE_KIND_COUNT];
	char note_text[NOTE_KIND_COUNT][NOTE_TEXT_MAX + 1];
	uint64_t replied; /* request of the last REPLY */
	enum reply_code reply;
	char reply_text[NOTE_TEXT_MAX + 1];
	char name[NODE_NAME_MAX + 1];
	char address[ADDRESS_MAX + 1];
	char alias[ADDRESS_MAX + 1]; /* a second address, or "" */
	struct core_config config;
};

/* A copy of a disk: records, states, and whose it is. */
struct disk {
	struct record **records; /* used, the array owned */
	size_t count;
	struct state *states;
	size_t state_count;
	struct state_place *places;
	size_t place_count;
	bool is_partial; /* what stands at state_paths lies on another disk,
			    and stays when this one goes back */
	uint64_t node_id;
};

struct event;
struct conn;
struct way;
struct world;

/* Hears of every NOTE. */
typedef void world_note_fn(struct world *w, uint32_t host,
	const struct effect_note *note, void *context);

enum world_mail_kind {
	WORLD_MAIL_TAKEN,  /* 'name' has it */
	WORLD_MAIL_ANSWER, /* of 'name' to 'request', or why there is none */
};

/* Something about a message. */
struct world_mail {
	enum world_mail_kind kind;
	const char *name;
	const char *from;
	const char *group;
	const char *text;
	uint64_t number;
	uint64_t epoch;
	bool is_call;
	uint64_t request;
	enum reply_code code;
};

/* Hears of every message that a process takes, and of every ANSWER. */
typedef void world_mail_fn(struct world *w, uint32_t host,
	const struct world_mail *mail, void *context);

#define WORLD_BEHAVIOURS 64

/* How large a world can be. */
struct world_options {
	uint32_t hosts_max;
	struct core_limits limits; /* of each core */
};

/* An entry of the heap: what happens at 'ms', in the order of 'number'. */
struct world_due {
	int64_t ms;
	uint64_t number;
	struct event *event; /* NULL: the tick of the host in 'number' */
};

#define WORLD_EVENT_CLASSES 8 /* sizes of events that are kept for reuse */

struct world {
	uint64_t seed;
	struct prng prng;
	mono now;
	struct world_options options;
	struct host *hosts; /* owned; they never move */
	uint32_t count;
	struct map records;	/* struct record */
	struct map names;	/* struct host */
	struct map addresses;	/* struct host, aliases too */
	struct map ways;	/* struct way: exceptions only */
	struct list way_list;	/* the same, in the order of their making */
	int64_t latency_min_ms; /* of all ways that have none of their own */
	int64_t latency_max_ms;
	uint32_t stall_permille; /* frames that need a retransmission */
	struct conn **conns;	 /* owned; NULL: both ends are gone */
	uint32_t conn_count;	 /* ever made */
	struct world_due *heap;	 /* owned */
	size_t heap_count;
	size_t heap_size;
	uint64_t next_event;
	uint64_t happened; /* events and ticks so far */
	struct event *spare_events[WORLD_EVENT_CLASSES];
	uint64_t next_request;
	enum on_minority on_minority; /* of hosts that start from now on */
	struct behaviour behaviours[WORLD_BEHAVIOURS];
	uint32_t behaviour_count;
	uint64_t next_birth;
	uint32_t next_guest;
	uint32_t next_fetch;
	uint64_t hash; /* over all effects; two runs of a seed compare it */
	uint32_t ticks_at_once;
	const struct skep_place_ops *strategy; /* for all; may be NULL */
	world_note_fn *on_note;		       /* may be NULL */
	void *context;			       /* for it */
	world_mail_fn *on_mail;		       /* may be NULL */
	void *mail_context;		       /* for it */
	bool is_loud; /* prints every note and fault, to look at one seed */
	struct disk_counts disk_counts;
	struct world_observer observers[WORLD_OBSERVERS];
	uint32_t observer_count;
	uint32_t observed; /* the host that they were told of last */
};

/* Makes an empty world for a few hosts with few names. */
struct world *world_new(uint64_t seed);
/* Makes one for 'hosts_max' hosts with 'names_max' names; both are its bounds,
 * not its cost. */
struct world_options world_options_for(uint32_t hosts_max, uint32_t names_max);
struct world *world_new_with(
	uint64_t seed, const struct world_options *options);
void world_free(struct world *w);

/* Adds a host, not yet started; returns its number.  'join' (may be NULL) is
 * one address.  Its config may be changed before it starts. */
uint32_t world_add(struct world *w, const char *name, const char *join);
/* Starts (again) a host's process from its disk, with power. */
void world_start(struct world *w, uint32_t host);
/* Ends its node; keeper and services live on.  'world_start' brings it back. */
void world_crash(struct world *w, uint32_t host);
/* Ends node, keeper and services: the kernel resets its streams. */
void world_kill(struct world *w, uint32_t host);
/* Takes its power: silence. */
void world_power_off(struct world *w, uint32_t host);
/* The process stands still for a while; its kernel and its clock do not. */
void world_pause(struct world *w, uint32_t host, int64_t ms);
/* Its disk writes nothing for a while, then all that waited; 0: at once. */
void world_stall_disk(struct world *w, uint32_t host, int64_t ms);
/* The whole machine stands still, its clock too. */
void world_freeze(struct world *w, uint32_t host, int64_t ms);
/* Its clocks go faster (slower) than the true time by so many of a million. */
void world_clock_rate(struct world *w, uint32_t host, int32_t ppm);
/* Its wall clock is set forward or back; the other one is not. */
void world_clock_step(struct world *w, uint32_t host, int64_t ms);
/* Its disk is emptied and it gets another node id: installed anew. */
void world_reinstall(struct world *w, uint32_t host);

/* From now on its disk misbehaves so (copied). */
void world_disk_set(
	struct world *w, uint32_t host, const struct disk_faults *faults);
/* Its node speaks as that of a later version will: with fields that nobody
 * knows in every message and record, and now and then a message that nobody
 * knows.  So it shows that what a later version adds harms no earlier one;
 * what such a version would change in meaning it cannot show. */
void world_set_newer(struct world *w, uint32_t host, bool is_newer);

/* Copies a host's disk; puts a copy (taken) in place of a stopped host's, or
 * frees it. */
struct disk *world_disk_copy(struct world *w, uint32_t host);
void world_disk_restore(struct world *w, uint32_t host, struct disk *disk);
/* Whether a start sets aside what stands there: not what starts of this host
 * have made since others had the instance. */
bool world_place_is_old(
	const struct state_place *at, const struct effect_start *s);
void world_disk_free(struct world *w, struct disk *disk);
/* A process begins on a running host and is registered ('ms': for so long it
 * is tried; 0: the usual time); number 'number' of these ends there. */
void world_register(
	struct world *w, uint32_t host, const char *name, int64_t ms);
/* Only the process, or its end, and nobody is told: for who does that. */
struct guest world_guest_add(
	struct world *w, uint32_t host, const char *name, uint32_t pid);
void world_guest_forget(struct world *w, uint32_t host, uint32_t pid);
void world_guest_end(struct world *w, uint32_t host, uint32_t number);
/* The process with a pid, or the last that wanted a name; or NULL.  Borrowed
 * until the next step of its host. */
const struct guest *world_guest_of(
	struct world *w, uint32_t host, uint32_t pid);
const struct guest *world_guest_named(
	struct world *w, uint32_t host, const char *name);
/* Whether a host's node stands still now. */
bool world_is_still(const struct world *w, uint32_t host);
/* Gives a host's core an input from nowhere in the world. */
void world_input(struct world *w, uint32_t host, struct input *in);

/* Gives a host a second address. */
void world_set_alias(struct world *w, uint32_t host, const char *alias);
/* Damages a host's copy of the newest checkpoint of an instance, if it has one;
 * whether it had. */
bool world_rot(struct world *w, uint32_t host, const char *name);
/* Whether a host has a state, and not damaged. */
bool world_has_sound(
	const struct world *w, uint32_t host, const uint8_t root[DIGEST_SIZE]);
/* The host of a name, or at an address (or alias); or WORLD_HOSTS. */
uint32_t world_find(const struct world *w, const char *name);
uint32_t world_host_at(const struct world *w, const char *address);

/* Cuts or heals one direction; both: nothing arrives, nobody is told. */
void world_cut(struct world *w, uint32_t from, uint32_t to, bool is_cut);
void world_cut_both(struct world *w, uint32_t a, uint32_t b, bool is_cut);
/* Puts a host on a side of a partition: only equal groups reach each other.
 * All begin in group 0. */
void world_partition(struct world *w, uint32_t host, uint32_t group);
/* Frames from one host to another take 'min_ms' at least, 'mean_ms' on
 * average; 'mean_ms' < 0: as the world's. */
void world_set_latency(struct world *w, uint32_t from, uint32_t to,
	int64_t min_ms, int64_t mean_ms);
/* Nothing travels from one host to another for a while; then all of it. */
void world_stall(struct world *w, uint32_t from, uint32_t to, int64_t ms);
/* So many of a thousand frames anywhere are lost and sent again after
 * 0.2 * 2^k seconds, with all behind them. */
void world_set_stalls(struct world *w, uint32_t permille);
/* Dials from one host to another end so (at once, but for LINK_TIMEOUT); 0:
 * as the other host answers. */
void world_set_dial(struct world *w, uint32_t from, uint32_t to,
	enum link_down_reason reason);
/* Cuts the streams between two hosts at any byte: what is behind it on either
 * way never arrives, and both ends see the reset. */
void world_break(struct world *w, uint32_t a, uint32_t b);
/* 'b' loses its streams with 'a', who does not notice for so long: what it
 * sends is taken and goes nowhere. */
void world_half_open(struct world *w, uint32_t a, uint32_t b, int64_t ms);
/* A host's node reads so slowly: 0 as fast as it comes, < 0 not at all. */
void world_slow_reader(struct world *w, uint32_t host, int64_t bytes_per_s);
/* A host's node gets so much of a CPU, in periods of 100 ms; 0 or 100: all
 * it wants. */
void world_starve(struct world *w, uint32_t host, uint32_t cpu_percent);
/* No state can be fetched between two hosts: who fetches one tries again, with
 * back-off, until it comes or is dropped. */
void world_cut_bulk(struct world *w, uint32_t a, uint32_t b, bool is_cut);
/* Heals all ways: cuts, partitions, latencies, stalls, dials, bulk; not what
 * hosts do themselves (readers, CPUs, disks, clocks). */
void world_heal(struct world *w);
/* Whether what one host sends can reach another. */
bool world_is_open(const struct world *w, uint32_t from, uint32_t to);
/* Whether a state could be fetched between two hosts. */
bool world_has_bulk(const struct world *w, uint32_t a, uint32_t b);
/* Whether two hosts are open to each other both ways, and the dials of the one
 * are answered. */
bool world_can_dial(const struct world *w, uint32_t from, uint32_t to);
/* When the ways between two hosts, or one of the two, were last hurt or
 * healed. */
mono world_faulted_at(const struct world *w, uint32_t a, uint32_t b);

/* Lets time pass. */
void world_run(struct world *w, int64_t ms);
/* Lets time pass until 'is_done'; the milliseconds it took, or -1. */
int64_t world_run_until(struct world *w, int64_t limit_ms,
	bool (*is_done)(const struct world *w, void *arg), void *arg);

/* An operator's request; the answer stands in the host when it came.  A host
 * that stands still reads it when it goes on, if it does. */
uint64_t world_request(
	struct world *w, uint32_t host, enum request_op op, const char *name);

/* The same with the rest of a request. */
uint64_t world_request_with(struct world *w, uint32_t host, enum request_op op,
	const char *name, const char *arg, int64_t number);

/* The behaviour of a service on one host ("": on all that have none of their
 * own), to be changed; made if there is none. */
struct behaviour *world_behave(
	struct world *w, const char *service, const char *host);
/* The process of an instance on a host, or NULL.  One that is EMPTY is only
 * remembered. */
struct process *world_process(
	const struct world *w, uint32_t host, const char *name);
/* Sends a signal to it that kills; gives its end another status. */
void world_process_end(
	struct world *w, uint32_t host, const char *name, int32_t status);

/* What 'host' thinks of 'about'; UNKNOWN if it never heard the name. */
enum member_state world_opinion(
	const struct world *w, uint32_t host, uint32_t about);
/* Whether all running hosts see exactly each other ALIVE, linked, without a
 * hold, and agree on it. */
bool world_is_whole(const struct world *w, void *unused);

/* All processes of a host take messages as they behave, from now on. */
void world_open_mail(struct world *w, uint32_t host);

#endif
