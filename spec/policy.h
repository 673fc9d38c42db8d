/* What the cluster must know of a service: the fixed-size part of a spec.
 *
 * The core decides with these numbers and never looks into the body of a
 * spec, so it needs neither YAML nor memory of its own.  'spec_policy_from'
 * (spec.h) fills the struct; every text in it ends in a NUL, every number is
 * inside the range that the table of keys (keys.c) states, and unused bytes
 * are zero, so two policies are equal when their bytes are.
 *
 * Durations are milliseconds, POLICY_MS_MAX at most, so that sums of some do
 * not overflow.  Probabilities are whole percents.
 */
#ifndef SKEP_SPEC_POLICY_H
#define SKEP_SPEC_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"

#define POLICY_EXIT_CODES_MAX 16   /* success_exit_codes of one service */
#define POLICY_INSTANCES_SIZE 2048 /* all names of 'instances', with NULs */
#define POLICY_STRATEGY_MAX   63   /* characters of a strategy's name */
#define POLICY_DEPENDS_MAX    16   /* services in one 'depends_on' */
#define POLICY_GROUPS_MAX     8	   /* groups of one service */
#define POLICY_GROUPS_SIZE    512  /* all names of 'groups', with NULs */
#define POLICY_HOLDERS_MAX    4	   /* hosts that keep one's checkpoints */
#define POLICY_MS_MAX	      (INT64_MAX / 1024) /* of a duration */

/* How the instances of a service are named. */
enum policy_naming {
	NAMING_ONE,	 /* one instance, named as the service */
	NAMING_REPLICAS, /* SERVICE@1 ... SERVICE@N */
	NAMING_LIST,	 /* SERVICE@NAME for each name of a list */
};

/* What the end of the main process means. */
enum policy_type {
	TYPE_SIMPLE,  /* it runs for ever */
	TYPE_ONESHOT, /* it runs once and its success is kept */
};

/* After which ends a process is started again. */
enum restart_policy {
	RESTART_ALWAYS,
	RESTART_ON_FAILURE, /* a signal, or a code not in the success list */
	RESTART_NEVER,
};

/* How the delay grows from one failure to the next. */
enum restart_function {
	DELAY_CONSTANT,	   /* d d d d */
	DELAY_LINEAR,	   /* d 2d 3d 4d */
	DELAY_EXPONENTIAL, /* d 2d 4d 8d */
	DELAY_FIBONACCI,   /* d d 2d 3d 5d */
};

/* What happens when 'attempts' restarts were used up within 'interval'. */
enum restart_mode {
	MODE_FAIL,	 /* state 'failed', until somebody starts it */
	MODE_DELAY,	 /* wait for the interval to end, then go on */
	MODE_RESCHEDULE, /* the next host in rank has a try */
};

/* When and how often an instance is started again. */
struct policy_restart {
	enum restart_policy policy;
	enum restart_function function;
	enum restart_mode mode;
	int64_t delay_ms;	 /* before the second restart in a row */
	int64_t max_delay_ms;	 /* cap of the growth, jitter apart */
	uint32_t jitter_percent; /* 0 to 100: the delay varies by +- this */
	int64_t reset_after_ms;	 /* a run this long was a good one */
	uint32_t attempts;	 /* restarts per interval; 0: no limit */
	int64_t interval_ms;
};

/* What holds when a service gives no answer to its handoff signal. */
enum handoff_mode {
	HANDOFF_RESUME,	 /* it should have carried its state */
	HANDOFF_RESTART, /* it has nothing to carry */
	HANDOFF_IGNORE,	 /* it stays where it is */
};

/* Which of the two instances of a move has its say first. */
enum handoff_order {
	HANDOFF_STOP_FIRST,  /* never two at a time */
	HANDOFF_START_FIRST, /* never none: the old one ends when the new one
				is ready; of what has no state */
};

/* Moving with state.  Zeros when the spec has no 'handoff' block. */
struct policy_handoff {
	bool is_present; /* false: plain stop and start */
	enum handoff_mode mode;
	int32_t signal;	    /* 0: none is sent */
	int64_t timeout_ms; /* from the question to the answer */
	uint64_t max_size;  /* bytes of state */
	bool is_required;   /* never start elsewhere without the state */
	bool has_command;   /* it writes the state, in place of a signal */
	bool has_state_path; /* what stands there after the end is its state */
	bool starts_first;  /* HANDOFF_START_FIRST */
};

/* What the next host starts from when the one it ran on is dead. */
enum checkpoint_takeover {
	TAKEOVER_NEWEST, /* the newest checkpoint that can be had */
	TAKEOVER_WAIT,	 /* none older than the last one that counted */
};

/* State kept on other hosts.  Zeros when the spec has no 'checkpoint'. */
struct policy_checkpoint {
	bool is_present;
	bool has_command; /* it writes one, in place of a signal */
	enum checkpoint_takeover takeover;
	int32_t signal;	    /* 0: none is sent */
	uint32_t replicas;  /* other hosts that keep it */
	int64_t every_ms;
	int64_t timeout_ms; /* from the question to the file */
	uint64_t max_size;  /* bytes */
};

/* Where instances go. */
struct policy_placement {
	char strategy[POLICY_STRATEGY_MAX + 1]; /* name of a plugin */
	char pin[NODE_NAME_MAX + 1];		/* only this host; "" for any */
	bool is_sticky;	       /* stay although the rank changed */
	uint32_t max_per_host; /* 0: no limit */
};

/* What a part of a split cluster may do. */
enum policy_consistency {
	CONSISTENCY_AVAILABILITY, /* each side runs the service */
	CONSISTENCY_QUORUM,	  /* at most one live copy */
};

/* What a side without quorum does with a copy. */
enum policy_on_loss {
	ON_LOSS_KEEP,
	ON_LOSS_STOP, /* after 'stop_after_ms' */
};

struct policy_partition {
	enum policy_consistency consistency;
	enum policy_on_loss on_loss;
	int64_t stop_after_ms;
};

/* What must be true of another service before a start. */
enum depend_condition {
	DEPEND_READY,	  /* as many instances as it has are ready */
	DEPEND_STARTED,	  /* they run, ready or not */
	DEPEND_COMPLETED, /* a oneshot: all ended with success */
};

struct policy_depend {
	char service[SERVICE_NAME_MAX + 1];
	enum depend_condition condition;
};

/* When a oneshot runs.  Zeros without a schedule. */
struct policy_schedule {
	int64_t interval_ms; /* 0: not by interval */
	bool has_cron;	     /* the shell reads the expression */
};

/* Which commands stand around start and stop; the shell knows them. */
struct policy_hooks {
	bool has_post_start;
	bool has_pre_stop;
	bool has_stop_command;
	bool has_post_stop;
	bool has_resolve_conflict;
	int64_t timeout_ms; /* of each */
};

/* Everything above for one service. */
struct spec_policy {
	enum policy_naming naming;
	uint32_t instance_count; /* 1 to REPLICAS_MAX */
	/* NAMING_LIST: the names after the '@', each with its NUL, in the
	 * order of the file.  Empty otherwise. */
	char instances[POLICY_INSTANCES_SIZE];
	bool is_enabled;
	enum policy_type type;
	struct policy_restart restart;
	int32_t stop_signal;
	int64_t stop_timeout_ms; /* from the soft signal to SIGKILL */
	bool stops_group;	 /* the soft signal goes to all processes */
	int64_t start_timeout_ms;
	bool has_readiness;    /* ready is said later than started */
	int32_t reload_signal; /* 0: none */
	struct policy_depend depends[POLICY_DEPENDS_MAX]; /* by name */
	uint32_t depend_count;
	struct policy_schedule schedule;
	struct policy_hooks hooks;
	struct policy_handoff handoff;
	struct policy_checkpoint checkpoint;
	struct policy_placement placement;
	struct policy_partition partition;
	uint8_t exit_codes[POLICY_EXIT_CODES_MAX]; /* that are successes */
	uint32_t exit_code_count;
	/* The groups its instances are in, each with its NUL. */
	char groups[POLICY_GROUPS_SIZE];
	uint32_t group_count;
};

/* Writes 'n' in decimal, with its NUL, at 'out' (11 bytes at most). */
static inline void
policy_put_number(char *out, uint32_t n)
{
	char digits[10];
	unsigned count = 0;
	do {
		digits[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (count)
		*out++ = digits[--count];
	*out = '\0';
}

/* Writes the full name of instance 'i' (0 to instance_count - 1) of
 * 'service' into 'out' and returns it. */
static inline const char *
policy_instance_name(const struct spec_policy *p, const char *service,
	uint32_t i, char out[INSTANCE_NAME_MAX + 1])
{
	size_t max =
		p->naming == NAMING_ONE ? INSTANCE_NAME_MAX : SERVICE_NAME_MAX;
	size_t length = 0;
	for (; length < max && service[length]; length++)
		out[length] = service[length];
	out[length] = '\0';
	if (p->naming == NAMING_ONE)
		return out;
	out[length++] = '@';
	if (p->naming == NAMING_REPLICAS) {
		policy_put_number(out + length, i + 1);
		return out;
	}
	const char *name = p->instances;
	while (i--)
		name += strlen(name) + 1;
	memcpy(out + length, name, strlen(name) + 1);
	return out;
}

/* Whether it runs at times, not at once. */
static inline bool
policy_is_scheduled(const struct spec_policy *p)
{
	return p->schedule.interval_ms || p->schedule.has_cron;
}

/* Whether 'code' is an exit code that counts as success. */
static inline bool
policy_is_success(const struct spec_policy *p, int code)
{
	for (uint32_t i = 0; i < p->exit_code_count; i++)
		if (p->exit_codes[i] == code)
			return true;
	return false;
}

#endif
