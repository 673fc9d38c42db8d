/* A service, completely described: from YAML to what every part needs.
 *
 * A file of services (INTERFACE: "A service") becomes a 'spec_set' of
 * 'spec's.  Everything that may stand in one is a row of the table in
 * keys.h; the parser, the canonical form, the digests, the JSON schema and
 * the list of defaults all read that table, so they cannot disagree.
 *
 * Three forms of one thing:
 *   - the file, as people write it, comments and anchors included;
 *   - 'struct spec', parsed, validated, every default filled in;
 *   - the body, the canonical text: one line of JSON with sorted keys,
 *     without what equals its default.  JSON is YAML, so the same parser
 *     reads it back, and the round trip is exact.  The body is what the
 *     cluster stores and sends; equal meaning gives equal bytes.
 *
 * Errors: 0 or -errno (-EINVAL: the text is wrong, -E2BIG: too large, others
 * from the system), and one sentence "FILE:LINE:COLUMN: KEY: what, and what
 * would be right".  The first mistake is reported.
 *
 * Memory: a spec owns all its texts in one pool and is read-only once
 * parsed.  Running out of memory is a panic; a file is limited to
 * SPEC_FILE_MAX bytes, SPEC_NODES_MAX values (aliases counted as what they
 * stand for) and SPEC_DEPTH_MAX levels, so that no file can cause it.
 */
#ifndef SKEP_SPEC_SPEC_H
#define SKEP_SPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "spec/policy.h"
#include "spec/pool.h"
#include "sys/err.h"

#define SPEC_FILE_MAX	 (4u << 20) /* bytes of one file */
#define SPEC_NODES_MAX	 100000	    /* values in one file */
#define SPEC_DEPTH_MAX	 16	    /* levels of nesting */
#define SPEC_COMMAND_MAX 512	    /* words of a command */
#define SPEC_LIMITS_MAX	 16	    /* rlimits of a service */

/* An unlimited resource limit. */
#define SPEC_UNLIMITED UINT64_MAX

/* A list of texts, in the order of the file. */
struct spec_texts {
	char **items; /* 'count' texts, and NULL after them unless empty */
	size_t count;
};

/* One KEY: VALUE of a free map. */
struct spec_pair {
	char *key;
	char *value;
};

/* A free map, sorted by key (bytewise). */
struct spec_pairs {
	struct spec_pair *items;
	size_t count;
};

/* A list of exit codes. */
struct spec_codes {
	uint8_t items[POLICY_EXIT_CODES_MAX];
	size_t count;
};

/* One resource limit. */
struct spec_rlimit {
	int resource;  /* RLIMIT_* */
	uint64_t soft; /* SPEC_UNLIMITED: no limit */
	uint64_t hard;
};

/* The limits of a service, sorted by name. */
struct spec_rlimits {
	struct spec_rlimit items[SPEC_LIMITS_MAX];
	size_t count;
};

/* One service that must be there first. */
struct spec_depend {
	char *service;
	int32_t condition; /* enum depend_condition */
};

/* Those of a service, sorted by name. */
struct spec_depends {
	struct spec_depend *items;
	size_t count;
};

/* A question whether a service is well.  Exactly one of the three ways is
 * given in a probe that is used. */
struct spec_probe {
	struct spec_texts exec; /* (%) empty: not this way */
	bool has_http;
	int32_t http_port;
	char *http_host;
	char *http_path; /* (%) */
	bool has_tcp;
	int32_t tcp_port;
	char *tcp_host;
	int64_t period_ms;
	int64_t timeout_ms;
	int32_t failure_threshold; /* in a row, until it is not well */
	int32_t success_threshold; /* in a row, until it is */
};

/* 'readiness': exactly one way when 'is_present'. */
struct spec_readiness {
	bool is_present;
	int32_t notify; /* 1: sd_notify */
	int32_t fd;	/* a FIFO is its descriptor of that number; 0: none */
	char *log_line; /* extended regular expression; "" */
	struct spec_probe probe;
};

/* 'liveness' */
struct spec_liveness {
	bool is_present;
	struct spec_probe probe;
};

/* 'resources'; 0 is no limit, or the kernel's default weight. */
struct spec_resources {
	uint64_t memory_max;  /* bytes */
	uint64_t memory_high; /* bytes */
	int32_t cpu_max;      /* percent of one processor */
	int32_t cpu_weight;
	int32_t pids_max;
	int32_t io_weight;
};

/* 'schedule': either way when 'is_present'. */
struct spec_schedule {
	bool is_present;
	int64_t interval_ms; /* 0: by 'cron' */
	char *cron;	     /* "": by 'interval' */
	char *timezone;
	bool allow_overlap; /* never true behind the rules */
};

/* 'hooks' */
struct spec_hooks {
	struct spec_texts pre_start;  /* (%) */
	struct spec_texts post_start; /* (%) */
	struct spec_texts pre_stop;   /* (%) */
	struct spec_texts post_stop;  /* (%) */
	struct spec_texts resolve_conflict; /* (%) */
	int64_t timeout_ms;	      /* of each */
};

/* The word "notify" of 'type' while a file is read; no parsed spec has it. */
#define SPEC_TYPE_NOTIFY 2

/* Who gets the soft signal of a stop.  SIGKILL always goes to all. */
enum spec_kill_mode {
	KILL_MIXED,	    /* the main process */
	KILL_CONTROL_GROUP, /* every process of the service */
};

/* What becomes of the output. */
enum spec_log_target { LOG_FILE, LOG_NULL, LOG_INHERIT, LOG_JOURNAL };

/* What a full disk means for a service that writes. */
enum spec_when_full {
	WHEN_FULL_BLOCK, /* it waits, 5 s at most, then output is dropped */
	WHEN_FULL_DROP,	 /* output is dropped at once and counted */
};

/* 'restart': see struct policy_restart. */
struct spec_restart {
	int32_t policy;	  /* enum restart_policy */
	int32_t function; /* enum restart_function */
	int32_t mode;	  /* enum restart_mode */
	int32_t jitter;	  /* percent */
	int32_t attempts;
	int64_t delay_ms;
	int64_t max_delay_ms;
	int64_t reset_after_ms;
	int64_t interval_ms;
};

/* 'handoff'; the other members mean nothing unless 'is_present'. */
struct spec_handoff {
	bool is_present;
	bool is_required;
	int32_t mode;		   /* enum handoff_mode */
	int32_t order;		   /* enum handoff_order */
	int32_t signal;		   /* 0: none is sent */
	struct spec_texts command; /* (%) empty: none */
	struct spec_texts restore; /* (%) empty: none */
	char *state_path; /* (%) "": $SKEP_STATE_OUT; relative only with a
			     'working_dir' */
	int64_t timeout_ms;
	uint64_t max_size; /* bytes */
};

/* 'checkpoint'; the other members mean nothing unless 'is_present'. */
struct spec_checkpoint {
	bool is_present;
	int32_t signal;		   /* 0: none is sent */
	int32_t replicas;	   /* other hosts that keep it */
	int32_t takeover;	   /* enum checkpoint_takeover */
	struct spec_texts command; /* (%) empty: none */
	int64_t every_ms;
};

/* 'placement' */
struct spec_placement {
	char *strategy;
	char *pin; /* "" = any host */
	bool is_sticky;
	int32_t max_per_host; /* 0 = no limit */
};

/* 'partition' */
struct spec_partition {
	int32_t consistency; /* enum policy_consistency */
	int32_t on_loss;     /* enum policy_on_loss */
	int64_t stop_after_ms;
};

/* 'logs' */
struct spec_logs {
	int32_t target; /* enum spec_log_target */
	int32_t max_files;
	int32_t when_full;  /* enum spec_when_full */
	uint64_t max_size;  /* bytes; 0 = never rotate */
	int64_t max_age_ms; /* 0 = never rotate */
	bool is_compressed; /* rotated files are */
};

/* One service.  Texts are never NULL; "" stands for "not given".  Members
 * marked (%) hold specifiers and are used through 'spec_expand'. */
struct spec {
	char *name;		     /* of the service */
	char *description;	     /* (%) one line */
	struct spec_texts command;   /* (%) at least one word */
	int32_t replicas;	     /* 0 = key not given */
	struct spec_texts instances; /* empty = key not given */
	bool is_enabled;
	int32_t type; /* enum policy_type */
	char *user;   /* "" = the daemon's own */
	char *group;  /* "" = the user's own */
	struct spec_texts supplementary_groups;
	struct spec_texts groups;
	char *working_dir;	       /* (%) absolute, or "" */
	struct spec_pairs environment; /* (%) in the values */
	char *env_file;		       /* (%) '-' in front: may miss */
	int32_t umask;
	int32_t nice;
	int32_t oom_score_adj;
	struct spec_rlimits rlimits;
	struct spec_resources resources;
	bool no_new_privileges;
	struct spec_texts capabilities; /* without "CAP_", capital letters */
	struct spec_depends depends_on;
	struct spec_readiness readiness;
	int64_t start_timeout_ms;
	struct spec_liveness liveness;
	int64_t watchdog_ms; /* 0: none */
	struct spec_restart restart;
	struct spec_codes success_exit_codes;
	int32_t stop_signal;
	int64_t stop_timeout_ms;
	struct spec_texts stop_command; /* (%) empty: only the signal */
	int32_t kill_mode;		/* enum spec_kill_mode */
	int32_t reload_signal;		/* 0: it cannot reload */
	struct spec_handoff handoff;
	struct spec_checkpoint checkpoint;
	struct spec_placement placement;
	struct spec_partition partition;
	struct spec_pairs labels;
	struct spec_pairs meta;
	struct spec_schedule schedule;
	struct spec_hooks hooks;
	struct spec_logs logs;
	/* Keys that start with "x-": path and JSON text, sorted by path. */
	struct spec_pairs extras;
	int line;	  /* of its name in the file */
	struct pool pool; /* owns every text above */
};

/* The services of one file, in its order. */
struct spec_set {
	struct spec **items; /* owned */
	size_t count;	     /* at least 1 */
};

/* Reads a regular file.  On success '*out' is a new set; free it with
 * 'spec_set_free'.  On error '*out' is NULL.  'path' also names the file in
 * messages. */
int spec_parse_file(const char *path, struct spec_set **out, struct err *err);

/* As above, for 'size' bytes at 'data' (borrowed); 'name' is for messages. */
int spec_parse_buffer(const char *name, const void *data, size_t size,
	struct spec_set **out, struct err *err);

/* Frees a set with its specs; NULL is accepted. */
void spec_set_free(struct spec_set *set);

/* Writes the canonical body with its NUL into 'out' and returns its length,
 * or -E2BIG if it does not fit 'size' bytes.  SPEC_BODY_MAX + 1 bytes always
 * suffice: what is longer was refused by the parser. */
int spec_to_body(const struct spec *spec, char *out, size_t size);

/* The 'meta' of the service in a body, as it stands there: a JSON object of
 * texts, or empty when there is none.  Of what is no body it may be anything,
 * but within it. */
struct bytes spec_body_meta(const void *data, size_t size);

/* Reads a body of exactly one service.  On success '*out' is a new spec;
 * free it with 'spec_free'. */
int spec_from_body(
	const void *data, size_t size, struct spec **out, struct err *err);

/* Frees one spec; NULL is accepted.  Not for members of a set. */
void spec_free(struct spec *spec);

/* Digest of the body: equal when the two specs mean the same. */
uint64_t spec_digest(const struct spec *spec);

/* Digest of the keys that a running process was started with: a change of
 * it needs a restart, a change of any other key does not. */
uint64_t spec_run_digest(const struct spec *spec);

/* Fills the part that the cluster decides with. */
void spec_policy_from(const struct spec *spec, struct spec_policy *out);

/* How many instances the service has: 1 to REPLICAS_MAX. */
size_t spec_instance_count(const struct spec *spec);

/* Writes the full name of instance 'i' (from 0) into 'out' and returns it. */
const char *spec_instance_name(
	const struct spec *spec, size_t i, char out[INSTANCE_NAME_MAX + 1]);

/* Whether 'text' can name a service, or an instance after the '@'. */
bool spec_name_is_valid(const char *text);

/* What the specifiers stand for at one start. */
struct spec_names {
	const char *service;  /* %p */
	const char *instance; /* %i: after the '@'; for the one instance of a
				 service without a list, its name */
	const char *full;     /* %n */
	const char *host;     /* %H */
};

/* The texts of a spec with every specifier replaced. */
struct spec_launch {
	char *description;
	struct spec_texts command;
	struct spec_pairs environment;
	char *working_dir;
	char *env_file;
	struct spec_texts stop_command;
	struct spec_hooks hooks;
	struct spec_probe readiness;
	struct spec_probe liveness;
	struct spec_texts handoff_command;
	struct spec_texts handoff_restore;
	struct spec_texts checkpoint_command;
	char *state_path;
	struct pool pool; /* owns them */
};

/* Expands for one start; 'spec_launch_fini' frees.  Cannot fail: the parser
 * refused unknown specifiers. */
void spec_expand(const struct spec *spec, const struct spec_names *names,
	struct spec_launch *out);
void spec_launch_fini(struct spec_launch *launch);

/* Splits 'full' ("mailq@1") into its service and, as 'spec_names' wants it,
 * its instance ("1", or "mailq" for the name of a whole service, see
 * base/name_part.h).  'service' is written, '*instance' points into 'full'.
 * -EINVAL if it is no name. */
int spec_split_name(const char *full, char service[INSTANCE_NAME_MAX + 1],
	const char **instance);

#endif
