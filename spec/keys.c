#include "spec/keys.h"

#include <limits.h>

#include "spec/choices.h"
#include "spec/shapes.h"
#include "spec/spec.h"

#define SECOND	INT64_C(1000)
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
#define LONGEST (365 * DAY)

#define AT(member) .offset = offsetof(struct spec, member)
#define BLOCK(name, help_text)                                                 \
	{                                                                      \
		.path = name, .type = KEY_BLOCK, .offset = KEY_NO_MEMBER,      \
		.help = help_text                                              \
	}
#define LATER(name, help_text)                                                 \
	{                                                                      \
		.path = name, .type = KEY_LATER, .offset = KEY_NO_MEMBER,      \
		.help = help_text                                              \
	}

/* The ways to ask whether a service is well, for two blocks. */
#define PROBE(block, member, period)                                           \
	{.path = block ".exec",                                                \
		.type = KEY_COMMAND,                                           \
		AT(member.exec),                                               \
		.flags = KEY_EXPANDS | KEY_OPTIONAL,                           \
		.max = SPEC_COMMAND_MAX,                                       \
		.help = "A command, run as the service's user; well is the "   \
			"exit code 0."},                                       \
		{.path = block ".http",                                        \
			.type = KEY_BLOCK,                                     \
			AT(member.has_http),                                   \
			.help = "A GET request; well is a status from 200 to " \
				"399."},                                       \
		{.path = block ".http.port",                                   \
			.type = KEY_INT,                                       \
			AT(member.http_port),                                  \
			.min = 1,                                              \
			.max = 65535,                                          \
			.help = "Its port; it must be given."},                \
		{.path = block ".http.host",                                   \
			.type = KEY_TEXT,                                      \
			AT(member.http_host),                                  \
			.fallback = "127.0.0.1",                               \
			.shape = &shape_address,                               \
			.help = "The address or name it goes to."},            \
		{.path = block ".http.path",                                   \
			.type = KEY_TEXT,                                      \
			AT(member.http_path),                                  \
			.flags = KEY_EXPANDS,                                  \
			.fallback = "/",                                       \
			.shape = &shape_url_path,                              \
			.help = "The path it asks for."},                      \
		{.path = block ".tcp",                                         \
			.type = KEY_BLOCK,                                     \
			AT(member.has_tcp),                                    \
			.help = "A connection; well is when it is accepted."}, \
		{.path = block ".tcp.port",                                    \
			.type = KEY_INT,                                       \
			AT(member.tcp_port),                                   \
			.min = 1,                                              \
			.max = 65535,                                          \
			.help = "Its port; it must be given."},                \
		{.path = block ".tcp.host",                                    \
			.type = KEY_TEXT,                                      \
			AT(member.tcp_host),                                   \
			.fallback = "127.0.0.1",                               \
			.shape = &shape_address,                               \
			.help = "The address or name it goes to."},            \
		{.path = block ".period",                                      \
			.type = KEY_DURATION,                                  \
			AT(member.period_ms),                                  \
			.fallback = period,                                    \
			.min = 100,                                            \
			.max = DAY,                                            \
			.help = "The time from one probe to the next."},       \
		{.path = block ".timeout",                                     \
			.type = KEY_DURATION,                                  \
			AT(member.timeout_ms),                                 \
			.fallback = "2s",                                      \
			.min = 10,                                             \
			.max = HOUR,                                           \
			.help = "How long one probe may take."},               \
	{                                                                      \
		.path = block ".success_threshold", .type = KEY_INT,           \
		AT(member.success_threshold), .fallback = "1", .min = 1,       \
		.max = 1000,                                                   \
		.help = "Successes in a row after which the service is "       \
			"well."                                                \
	}

static const struct spec_key keys[] = {
	{.path = "description",
		.type = KEY_TEXT,
		AT(description),
		.flags = KEY_EXPANDS,
		.fallback = "",
		.shape = &shape_line,
		.help = "One line for people, shown by 'skepctl status'."},
	{.path = "command",
		.type = KEY_COMMAND,
		AT(command),
		.flags = KEY_RESTARTS | KEY_EXPANDS | KEY_REQUIRED,
		.max = SPEC_COMMAND_MAX,
		.help = "The program and its arguments: a list, or one text "
			"that is split like a shell would, without a shell."},
	{.path = "replicas",
		.type = KEY_INT,
		AT(replicas),
		.min = 1,
		.max = REPLICAS_MAX,
		.help = "Run this many instances, NAME@1 to NAME@N; without "
			"it and without 'instances' there is one, NAME."},
	{.path = "instances",
		.type = KEY_TEXTS,
		AT(instances),
		.max = REPLICAS_MAX,
		.shape = &shape_name,
		.help = "Run one instance, NAME@WORD, for each word."},
	{.path = "enabled",
		.type = KEY_BOOL,
		AT(is_enabled),
		.fallback = "true",
		.help = "Whether the service should run."},
	{.path = "type",
		.type = KEY_WORD,
		AT(type),
		.flags = KEY_RESTARTS,
		.fallback = "simple",
		.words = choice_type,
		.help = "'simple' runs for ever; 'oneshot' runs once and "
			"keeps its success; 'notify' is 'simple' with "
			"'readiness: {notify: systemd}'."},
	{.path = "user",
		.type = KEY_TEXT,
		AT(user),
		.flags = KEY_RESTARTS,
		.fallback = "",
		.shape = &shape_user,
		.help = "The user it runs as; empty is the daemon's own, which "
			"as root needs 'policy.allow_root' in skep.conf."},
	{.path = "group",
		.type = KEY_TEXT,
		AT(group),
		.flags = KEY_RESTARTS,
		.fallback = "",
		.shape = &shape_user,
		.help = "The group it runs as; empty is the user's own."},
	{.path = "supplementary_groups",
		.type = KEY_TEXTS,
		AT(supplementary_groups),
		.flags = KEY_RESTARTS,
		.max = 64,
		.shape = &shape_user,
		.help = "Further groups of the process."},
	{.path = "working_dir",
		.type = KEY_TEXT,
		AT(working_dir),
		.flags = KEY_RESTARTS | KEY_EXPANDS,
		.fallback = "",
		.shape = &shape_path,
		.help = "The directory it starts in; empty is '/' under root, "
			"the run directory otherwise."},
	{.path = "environment",
		.type = KEY_PAIRS,
		AT(environment),
		.flags = KEY_RESTARTS | KEY_EXPANDS,
		.max = 256,
		.key_shape = &shape_variable,
		.help = "Environment variables."},
	{.path = "env_file",
		.type = KEY_TEXT,
		AT(env_file),
		.flags = KEY_RESTARTS | KEY_EXPANDS,
		.fallback = "",
		.shape = &shape_env_file,
		.help = "A file of KEY=VALUE lines, read as the service's "
			"user; with '-' in front it may be missing."},
	{.path = "umask",
		.type = KEY_UMASK,
		AT(umask),
		.flags = KEY_RESTARTS,
		.fallback = "0027",
		.max = 0777,
		.help = "The file mode creation mask, in octal."},
	{.path = "nice",
		.type = KEY_INT,
		AT(nice),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = -20,
		.max = 19,
		.help = "The scheduling niceness; negative values need "
			"'policy.allow_raise' in skep.conf."},
	{.path = "oom_score_adj",
		.type = KEY_INT,
		AT(oom_score_adj),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = -1000,
		.max = 1000,
		.help = "How readily the kernel ends it when memory runs "
			"out; negative values need 'policy.allow_raise'."},
	{.path = "rlimits",
		.type = KEY_RLIMITS,
		AT(rlimits),
		.flags = KEY_RESTARTS,
		.max = SPEC_LIMITS_MAX,
		.help = "Resource limits by name: a number, a size, "
			"'unlimited', or 'SOFT:HARD'."},
	BLOCK("resources", "Limits of the whole service, kept by its cgroup."),
	{.path = "resources.memory_max",
		.type = KEY_SIZE,
		AT(resources.memory_max),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = 0,
		.help = "Memory above which the kernel ends a process of "
			"it; 0 is no limit."},
	{.path = "resources.memory_high",
		.type = KEY_SIZE,
		AT(resources.memory_high),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = 0,
		.help = "Memory above which it is slowed down; 0 is no "
			"limit."},
	{.path = "resources.cpu_max",
		.type = KEY_PERCENT,
		AT(resources.cpu_max),
		.flags = KEY_RESTARTS,
		.fallback = "0%",
		.min = 0,
		.max = 100000,
		.help = "Share of one processor it may use, such as 250%; "
			"0% is no limit."},
	{.path = "resources.cpu_weight",
		.type = KEY_INT,
		AT(resources.cpu_weight),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = 0,
		.max = 10000,
		.help = "Its share when processors are short, 1 to 10000; 0 "
			"is the kernel's default, 100."},
	{.path = "resources.pids_max",
		.type = KEY_INT,
		AT(resources.pids_max),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = 0,
		.max = 4194304,
		.help = "Processes and threads it may have; 0 is no limit."},
	{.path = "resources.io_weight",
		.type = KEY_INT,
		AT(resources.io_weight),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = 0,
		.max = 10000,
		.help = "Its share when disks are short, 1 to 10000; 0 is "
			"the kernel's default, 100."},
	{.path = "no_new_privileges",
		.type = KEY_BOOL,
		AT(no_new_privileges),
		.flags = KEY_RESTARTS,
		.fallback = "true",
		.help = "Whether set-user-ID programs gain nothing."},
	{.path = "capabilities",
		.type = KEY_TEXTS,
		AT(capabilities),
		.flags = KEY_RESTARTS,
		.max = 64,
		.shape = &shape_capability,
		.help = "Capabilities the process keeps, such as "
			"NET_BIND_SERVICE; each must stand in "
			"'policy.allowed_capabilities' of skep.conf."},
	{.path = "depends_on",
		.type = KEY_DEPENDS,
		AT(depends_on),
		.max = POLICY_DEPENDS_MAX,
		.help = "Services that must be there first, each with its "
			"'condition': ready (the default), started, or "
			"completed for a oneshot."},
	{.path = "readiness",
		.type = KEY_BLOCK,
		AT(readiness.is_present),
		.help = "How it says that it is ready; without this block "
			"it is ready once it runs."},
	{.path = "readiness.notify",
		.type = KEY_WORD,
		AT(readiness.notify),
		.flags = KEY_RESTARTS,
		.fallback = "none",
		.words = choice_notify,
		.help = "'systemd': it sends READY=1 to NOTIFY_SOCKET."},
	{.path = "readiness.fd",
		.type = KEY_INT,
		AT(readiness.fd),
		.flags = KEY_RESTARTS,
		.min = 3,
		.max = 255,
		.help = "It writes a line to this descriptor, which skep opens "
			"for it; 0 to 2 are input, output and errors."},
	{.path = "readiness.log_line",
		.type = KEY_TEXT,
		AT(readiness.log_line),
		.flags = KEY_RESTARTS,
		.fallback = "",
		.shape = &shape_regex,
		.help = "An extended regular expression that a line of its "
			"output matches."},
	PROBE("readiness", readiness.probe, "1s"),
	{.path = "start_timeout",
		.type = KEY_DURATION,
		AT(start_timeout_ms),
		.fallback = "30s",
		.min = 1,
		.max = DAY,
		.help = "How long a start may take."},
	{.path = "liveness",
		.type = KEY_BLOCK,
		AT(liveness.is_present),
		.help = "A probe whose failure restarts the service."},
	PROBE("liveness", liveness.probe, "10s"),
	{.path = "liveness.failure_threshold",
		.type = KEY_INT,
		AT(liveness.probe.failure_threshold),
		.fallback = "3",
		.min = 1,
		.max = 1000,
		.help = "Failures in a row after which the service is "
			"restarted."},
	{.path = "watchdog",
		.type = KEY_DURATION,
		AT(watchdog_ms),
		.flags = KEY_RESTARTS,
		.fallback = "0",
		.min = 0,
		.max = DAY,
		.help = "It must send WATCHDOG=1 to NOTIFY_SOCKET this "
			"often, or it is killed and restarted; 0 is no "
			"watchdog."},
	BLOCK("restart", "When and how often an instance is started again."),
	{.path = "restart.policy",
		.type = KEY_WORD,
		AT(restart.policy),
		.fallback = "always",
		.words = choice_restart,
		.help = "After which ends it is started again; a oneshot "
			"has the default 'on-failure'."},
	{.path = "restart.delay",
		.type = KEY_DURATION,
		AT(restart.delay_ms),
		.fallback = "200ms",
		.min = 0,
		.max = DAY,
		.help = "The delay before the second restart in a row; the "
			"first after a good run is immediate."},
	{.path = "restart.delay_function",
		.type = KEY_WORD,
		AT(restart.function),
		.fallback = "exponential",
		.words = choice_delay,
		.help = "How the delay grows from one failure to the next."},
	{.path = "restart.max_delay",
		.type = KEY_DURATION,
		AT(restart.max_delay_ms),
		.fallback = "30s",
		.min = 0,
		.max = DAY,
		.help = "The longest delay; at least 'delay'."},
	{.path = "restart.jitter",
		.type = KEY_PERCENT,
		AT(restart.jitter),
		.fallback = "25%",
		.min = 0,
		.max = 100,
		.help = "By how much of itself each delay varies."},
	{.path = "restart.reset_after",
		.type = KEY_DURATION,
		AT(restart.reset_after_ms),
		.fallback = "60s",
		.min = 0,
		.max = DAY,
		.help = "A run this long was a good one: the delay starts "
			"over."},
	{.path = "restart.attempts",
		.type = KEY_INT,
		AT(restart.attempts),
		.fallback = "0",
		.min = 0,
		.max = 1000000,
		.help = "Restarts allowed within 'interval'; 0 is no limit."},
	{.path = "restart.interval",
		.type = KEY_DURATION,
		AT(restart.interval_ms),
		.fallback = "10m",
		.min = 1,
		.max = LONGEST,
		.help = "The time in which 'attempts' are counted."},
	{.path = "restart.mode",
		.type = KEY_WORD,
		AT(restart.mode),
		.fallback = "reschedule",
		.words = choice_exhausted,
		.help = "What happens when the attempts are used up: give "
			"up, wait for the interval to end, or try the next "
			"host."},
	{.path = "success_exit_codes",
		.type = KEY_CODES,
		AT(success_exit_codes),
		.fallback = "[0]",
		.max = POLICY_EXIT_CODES_MAX,
		.help = "Exit codes that are no failure."},
	{.path = "stop_signal",
		.type = KEY_SIGNAL,
		AT(stop_signal),
		.fallback = "SIGTERM",
		.help = "The signal that asks it to end."},
	{.path = "stop_timeout",
		.type = KEY_DURATION,
		AT(stop_timeout_ms),
		.fallback = "10s",
		.min = 0,
		.max = DAY,
		.help = "The time from the stop signal to SIGKILL."},
	{.path = "stop_command",
		.type = KEY_COMMAND,
		AT(stop_command),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "A command that asks it to end, run as its user "
			"before the stop signal; MAINPID holds its main "
			"process."},
	{.path = "kill_mode",
		.type = KEY_WORD,
		AT(kill_mode),
		.fallback = "mixed",
		.words = choice_kill,
		.help = "Who gets the stop signal: the main process, or every "
			"process of the service; SIGKILL always goes to all."},
	{.path = "reload_signal",
		.type = KEY_SIGNAL,
		AT(reload_signal),
		.flags = KEY_OPTIONAL,
		.fallback = "none",
		.help = "The signal that makes it read its files again; "
			"'none' when it cannot."},
	{.path = "handoff",
		.type = KEY_BLOCK,
		AT(handoff.is_present),
		.flags = KEY_RESTARTS,
		.help = "Moving with state; without this block a move is a "
			"plain stop and start."},
	{.path = "handoff.mode",
		.type = KEY_WORD,
		AT(handoff.mode),
		.fallback = "resume",
		.words = choice_handoff,
		.help = "What holds when the service gives no answer."},
	{.path = "handoff.signal",
		.type = KEY_SIGNAL,
		AT(handoff.signal),
		.flags = KEY_OPTIONAL,
		.fallback = "SIGUSR1",
		.help = "The signal that asks it to write its state; 'none' "
			"with 'command' or 'state_path', unless it is "
			"given."},
	{.path = "handoff.command",
		.type = KEY_COMMAND,
		AT(handoff.command),
		.flags = KEY_EXPANDS | KEY_OPTIONAL | KEY_RESTARTS,
		.max = SPEC_COMMAND_MAX,
		.help = "A command that writes its state to "
			"$SKEP_STATE_OUT, run as its user before the stop, "
			"in place of the signal."},
	{.path = "handoff.restore",
		.type = KEY_COMMAND,
		AT(handoff.restore),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "A command that takes the state in $SKEP_STATE_IN in "
			"before a start with one; its failure is a failed "
			"start."},
	{.path = "handoff.state_path",
		.type = KEY_TEXT,
		AT(handoff.state_path),
		.flags = KEY_EXPANDS | KEY_RESTARTS,
		.fallback = "",
		.shape = &shape_state_path,
		.help = "The file or directory that is its state when it has "
			"stopped, in place of $SKEP_STATE_OUT; absolute, or "
			"relative to 'working_dir'. Instances that may be on "
			"one host need one each: write %i or %n into it."},
	{.path = "handoff.timeout",
		.type = KEY_DURATION,
		AT(handoff.timeout_ms),
		.fallback = "30s",
		.min = 1,
		.max = DAY,
		.help = "How long it may take to write its state."},
	{.path = "handoff.max_size",
		.type = KEY_SIZE,
		AT(handoff.max_size),
		.fallback = "1GiB",
		.min = 1,
		.help = "The largest state that is carried."},
	{.path = "handoff.required",
		.type = KEY_BOOL,
		AT(handoff.is_required),
		.fallback = "false",
		.help = "Whether it must never start elsewhere without its "
			"state."},
	{.path = "handoff.order",
		.type = KEY_WORD,
		AT(handoff.order),
		.fallback = "stop-first",
		.words = choice_order,
		.help = "Whether the old instance ends before the new one "
			"starts, or, with 'mode: restart', when the new one is "
			"ready."},
	{.path = "checkpoint",
		.type = KEY_BLOCK,
		AT(checkpoint.is_present),
		.flags = KEY_RESTARTS,
		.help = "State kept on other hosts while it runs, for the day "
			"its host dies: what the service renames to "
			"$SKEP_CHECKPOINT_OUT, or with 'handoff.state_path' "
			"what stands there after 'command'."},
	{.path = "checkpoint.every",
		.type = KEY_DURATION,
		AT(checkpoint.every_ms),
		.fallback = "30s",
		.min = SECOND,
		.max = DAY,
		.help = "How often one is asked for, or taken at most when the "
			"service writes them by itself."},
	{.path = "checkpoint.signal",
		.type = KEY_SIGNAL,
		AT(checkpoint.signal),
		.flags = KEY_OPTIONAL,
		.fallback = "none",
		.help = "The signal that asks it to write one; never the one "
			"of 'handoff'."},
	{.path = "checkpoint.command",
		.type = KEY_COMMAND,
		AT(checkpoint.command),
		.flags = KEY_EXPANDS | KEY_OPTIONAL | KEY_RESTARTS,
		.max = SPEC_COMMAND_MAX,
		.help = "A command that writes one, run as its user, in place "
			"of the signal."},
	{.path = "checkpoint.replicas",
		.type = KEY_INT,
		AT(checkpoint.replicas),
		.fallback = "2",
		.min = 1,
		.max = POLICY_HOLDERS_MAX,
		.help = "How many other hosts keep it; it counts when all of "
			"them have it on disk."},
	{.path = "checkpoint.takeover",
		.type = KEY_WORD,
		AT(checkpoint.takeover),
		.fallback = "newest",
		.words = choice_takeover,
		.help = "Whether the next host starts from the newest that "
			"can be had, or waits for the last that counted."},
	BLOCK("placement", "Where instances go."),
	{.path = "placement.strategy",
		.type = KEY_TEXT,
		AT(placement.strategy),
		.fallback = "hrw",
		.shape = &shape_strategy,
		.help = "The placement strategy, a plugin's name."},
	LATER("placement.pools", "Pools of hosts it may run in."),
	LATER("placement.constraints", "Conditions that a host must meet."),
	LATER("placement.prefer", "Services it likes to be with."),
	LATER("placement.avoid", "Services it does not like to be with."),
	LATER("placement.spread", "The label its replicas spread over."),
	{.path = "placement.pin",
		.type = KEY_TEXT,
		AT(placement.pin),
		.fallback = "",
		.shape = &shape_host,
		.help = "The only host it may run on; empty is any."},
	{.path = "placement.sticky",
		.type = KEY_BOOL,
		AT(placement.is_sticky),
		.fallback = "false",
		.help = "Whether rebalancing leaves it where it is."},
	{.path = "placement.max_per_host",
		.type = KEY_INT,
		AT(placement.max_per_host),
		.fallback = "0",
		.min = 0,
		.max = REPLICAS_MAX,
		.help = "Instances of it on one host; 0 is no limit."},
	BLOCK("partition", "What the parts of a split cluster do."),
	{.path = "partition.consistency",
		.type = KEY_WORD,
		AT(partition.consistency),
		.fallback = "availability",
		.words = choice_consistency,
		.help = "Whether each side runs the service."},
	{.path = "partition.on_loss",
		.type = KEY_WORD,
		AT(partition.on_loss),
		.fallback = "keep",
		.words = choice_on_loss,
		.help = "What the side without quorum does with its copy."},
	LATER("partition.stop_after", "How long it waits before it stops."),
	{.path = "groups",
		.type = KEY_TEXTS,
		AT(groups),
		.max = POLICY_GROUPS_MAX,
		.shape = &shape_group,
		.help = "Groups that its instances are in while they run, for "
			"'skepctl group', 'publish' and 'multicall'."},
	{.path = "labels",
		.type = KEY_PAIRS,
		AT(labels),
		.max = 64,
		.key_shape = &shape_name,
		.shape = &shape_line,
		.help = "Words for selecting and grouping, kept as they are."},
	{.path = "meta",
		.type = KEY_PAIRS,
		AT(meta),
		.max = 64,
		.key_shape = &shape_name,
		.help = "Texts for other programs, kept as they are."},
	{.path = "schedule",
		.type = KEY_BLOCK,
		AT(schedule.is_present),
		.help = "When a oneshot runs; without it, once."},
	{.path = "schedule.interval",
		.type = KEY_DURATION,
		AT(schedule.interval_ms),
		.min = SECOND,
		.max = LONGEST,
		.help = "The time from one start to the next."},
	{.path = "schedule.cron",
		.type = KEY_TEXT,
		AT(schedule.cron),
		.fallback = "",
		.shape = &shape_cron,
		.help = "Minute, hour, day of the month, month and day of "
			"the week, as in crontab(5), or @yearly, @monthly, "
			"@weekly, @daily or @hourly."},
	{.path = "schedule.timezone",
		.type = KEY_TEXT,
		AT(schedule.timezone),
		.fallback = "UTC",
		.shape = &shape_timezone,
		.help = "The time zone of 'cron', such as Europe/Vienna. Hosts "
			"that do not have it run nothing by it."},
	{.path = "schedule.allow_overlap",
		.type = KEY_BOOL,
		AT(schedule.allow_overlap),
		.fallback = "false",
		.help = "Only 'false': a run that is due while the last one "
			"still goes on is skipped, and history says so. For "
			"runs side by side write two services whose 'cron' "
			"take turns."},
	BLOCK("hooks",
		"Commands around start and stop, run as the service's user."),
	{.path = "hooks.pre_start",
		.type = KEY_COMMAND,
		AT(hooks.pre_start),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "Runs before each start; its failure is a failed "
			"start."},
	{.path = "hooks.post_start",
		.type = KEY_COMMAND,
		AT(hooks.post_start),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "Runs when the service is ready; its failure stops "
			"it as a failed start."},
	{.path = "hooks.pre_stop",
		.type = KEY_COMMAND,
		AT(hooks.pre_stop),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "Runs before each stop; its failure is only told."},
	{.path = "hooks.post_stop",
		.type = KEY_COMMAND,
		AT(hooks.post_stop),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "Runs when nothing of the service is left; "
			"SERVICE_RESULT, EXIT_CODE and EXIT_STATUS tell how "
			"it ended."},
	{.path = "hooks.resolve_conflict",
		.type = KEY_COMMAND,
		AT(hooks.resolve_conflict),
		.flags = KEY_EXPANDS | KEY_OPTIONAL,
		.max = SPEC_COMMAND_MAX,
		.help = "When two copies have met, runs before the start of "
			"the one that stays: makes one state of "
			"SKEP_STATE_MINE and SKEP_STATE_THEIRS at "
			"SKEP_STATE_OUT. Its failure leaves the first."},
	{.path = "hooks.timeout",
		.type = KEY_DURATION,
		AT(hooks.timeout_ms),
		.fallback = "30s",
		.min = 10,
		.max = DAY,
		.help = "How long each of them may take."},
	BLOCK("logs", "What becomes of its output."),
	{.path = "logs.target",
		.type = KEY_WORD,
		AT(logs.target),
		.flags = KEY_RESTARTS,
		.fallback = "file",
		.words = choice_target,
		.help = "Where the output goes. 'file': to log_dir/NAME.log; "
			"'null': nowhere; 'inherit': to the standard error of "
			"skepd; 'journal': to journald, or to the file where "
			"there is none."},
	{.path = "logs.max_size",
		.type = KEY_SIZE,
		AT(logs.max_size),
		.fallback = "20MiB",
		.min = 0,
		.help = "The size at which a file is rotated; 0 is never."},
	{.path = "logs.max_files",
		.type = KEY_INT,
		AT(logs.max_files),
		.fallback = "5",
		.min = 0,
		.max = 1000,
		.help = "Rotated files that are kept."},
	{.path = "logs.max_age",
		.type = KEY_DURATION,
		AT(logs.max_age_ms),
		.fallback = "0",
		.min = 0,
		.max = LONGEST,
		.help = "The age at which a file that is not empty is "
			"rotated; 0 is never."},
	{.path = "logs.compress",
		.type = KEY_BOOL,
		AT(logs.is_compressed),
		.fallback = "false",
		.help = "Whether rotated files are compressed, to "
			"NAME.log.N.gz."},
	{.path = "logs.when_full",
		.type = KEY_WORD,
		AT(logs.when_full),
		.fallback = "block",
		.words = choice_full,
		.help = "What a full disk means: the service waits (5 s at "
			"most), or its output is dropped and counted."},
};

const struct spec_key *
spec_keys(size_t *count)
{
	*count = sizeof keys / sizeof *keys;
	return keys;
}
