#include "sys/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/conf_dirs.h"
#include "sys/conf_read.h"
#include "sys/conf_value.h"
#include "sys/nearest.h"

#define FILE_MAX (4u << 20) /* bytes of skep.conf */
#define HOUR_MS	 (60 * 60 * 1000)
#define DAY_MS	 (24 * HOUR_MS)

static const char *const provider_words[] = {
	"mesh", "expander", "corosync", "etcd", "static", NULL};
static const char *const tls_words[] = {"psk", "none", "x509", NULL};
static const char *const minority_words[] = {
	"takeover", "keep", "freeze", "stop", NULL};
static const char *const rebalance_words[] = {"off", "auto", "manual", NULL};

#define AT(member) .offset = offsetof(struct conf, member)

static const struct conf_key keys[] = {
	{"node", "name", CONF_NAME, AT(node.name), .max = NODE_NAME_MAX,
		.fallback = "the host name",
		.help = "Unique in the cluster; the identity in placement."},
	{"node", "listen", CONF_ADDRESS, AT(node.listen), .fallback = "*:7400",
		.help = "Where other hosts connect to; '*' is every address."},
	{"node", "advertise", CONF_ADDRESS, AT(node.advertise), .fallback = "",
		.help = "The address told to others, when behind NAT."},
	{"node", "weight", CONF_NUMBER, AT(node.weight), .max = 10000,
		.fallback = "100",
		.help = "The share of services; 0 takes none."},
	{"node", "pools", CONF_POOLS, .fallback = "default",
		.help = "The pools of hosts it is in."},
	{"node", "labels", CONF_LABELS, .fallback = "",
		.help = "KEY=VALUE, separated by commas."},
	{"node", "state_dir", CONF_PATH, AT(node.state_dir),
		.max = CONF_PATH_SIZE - 1, .fallback = "/var/lib/skep",
		.help = "The store and the services' state."},
	{"node", "run_dir", CONF_PATH, AT(node.run_dir),
		.max = CONF_RUN_DIR_MAX, .fallback = "/run/skep",
		.help = "Sockets, and what does not outlive a boot."},
	{"node", "log_dir", CONF_PATH, AT(node.log_dir),
		.max = CONF_PATH_SIZE - 1, .fallback = "/var/log/skep",
		.help = "The services' output."},
	{"node", "services_dir", CONF_PATH, AT(node.services_dir),
		.max = CONF_PATH_SIZE - 1, .fallback = "/etc/skep/services.d",
		.help = "Files of services that this host applies."},
	{"node", "names_max", CONF_NUMBER, AT(node.names_max), .min = 1000,
		.max = 100000000, .fallback = "1000000",
		.help = "Names in the registry; its memory is taken at start."},
	{"node", "handoff_rate", CONF_SIZE, AT(node.handoff_rate),
		.min = 1 << 20, .max = 1ull << 40, .fallback = "0",
		.help = "The bytes a second of services' states that leave "
			"this host, all moves and checkpoints together; 0 is "
			"no limit.  A move is given up after a minute and a "
			"second for each MiB of its state: leave at least "
			"1MiB to each that is under way."},
	{"cluster", "name", CONF_NAME, AT(cluster.name),
		.max = CLUSTER_NAME_MAX, .fallback = "default",
		.help = "Clusters of other names are refused."},
	{"cluster", "join", CONF_JOIN, .fallback = "",
		.help = "HOST[:PORT], separated by commas; any one that "
			"answers is enough.  May be repeated."},
	{"cluster", "key_file", CONF_PATH, AT(cluster.key_file),
		.max = CONF_PATH_SIZE - 1, .fallback = "/etc/skep/cluster.key",
		.help = "The key that proves the cluster."},
	{"cluster", "provider", CONF_CHOICE, AT(cluster.provider),
		.words = provider_words, .word_count = 1, .fallback = "mesh",
		.help = "Who says which hosts are alive.  'mesh': they "
			"themselves."},
	{"defaults", "expect", CONF_NUMBER, .is_setting = true, .min = 1,
		.max = 10000, .fallback = "1",
		.help = "The hosts a new cluster waits for."},
	{"defaults", "settle_timeout", CONF_DURATION, .is_setting = true,
		.max = HOUR_MS, .fallback = "60s",
		.help = "How long a booting host waits for the others."},
	{"defaults", "failure_timeout", CONF_DURATION, .is_setting = true,
		.min = 500, .max = HOUR_MS, .fallback = "2s",
		.help = "The silence after which a host is suspected."},
	{"defaults", "restart_grace", CONF_DURATION, .is_setting = true,
		.max = HOUR_MS, .fallback = "5s",
		.help = "The time a host has to start its skepd again."},
	{"defaults", "minority_hold", CONF_DURATION, .is_setting = true,
		.max = HOUR_MS, .fallback = "10s",
		.help = "How long a host waits that lost more than half of the "
			"others at once, before it does what 'on_minority' "
			"says."},
	{"defaults", "on_minority", CONF_CHOICE, .is_setting = true,
		.words = minority_words, .word_count = 4,
		.fallback = "takeover",
		.help = "What it does after that, while they are away. "
			"'takeover': it starts their services too.  'keep': "
			"it keeps what was its own running and starts "
			"nothing else.  'freeze': it starts and stops "
			"nothing.  'stop': it stops its services.  The last "
			"three hold until the others are back, or 'skepctl "
			"node confirm-down' says that they are gone."},
	{"defaults", "rebalance", CONF_CHOICE, .is_setting = true,
		.words = rebalance_words, .word_count = 3, .fallback = "off",
		.help = "Whether services move when ranks change.  'off': not. "
			"'auto': by themselves, and when 'skepctl rebalance' "
			"asks.  'manual': only when it asks."},
	{"defaults", "rebalance_max", CONF_NUMBER, .is_setting = true, .min = 1,
		.max = 100, .fallback = "5",
		.help = "How many of them move at a time in the cluster."},
	{"defaults", "rebalance_hold", CONF_DURATION, .is_setting = true,
		.min = 1000, .max = DAY_MS, .fallback = "60s",
		.help = "How long the hosts and a service must have been as "
			"they are before it moves by itself."},
	{"defaults", "rebalance_window", CONF_HOURS, .is_setting = true,
		.fallback = "",
		.help = "The hours in UTC in which that may begin, like "
			"02:00-04:30; empty is all day."},
	{"defaults", "allow", CONF_PATTERNS, .is_setting = true, .fallback = "",
		.help = "Hosts that instances may be placed on, literal or "
			"/regex/; empty is any.  The others are members all "
			"the same."},
	{"defaults", "deny", CONF_PATTERNS, .is_setting = true, .fallback = "",
		.help = "Hosts that no instance may be placed on, whatever "
			"'allow' says."},
	{"policy", "allow_root", CONF_BOOL, AT(policy.allow_root),
		.fallback = "no", .help = "Whether services may run as root."},
	{"policy", "allowed_users", CONF_LIST, AT(policy.allowed_users),
		.fallback = "",
		.help = "Users that services may run as; empty is none when "
			"running as root."},
	{"policy", "allowed_groups", CONF_LIST, AT(policy.allowed_groups),
		.fallback = "",
		.help = "Groups that services may run as, beside the user's "
			"own."},
	{"policy", "allowed_capabilities", CONF_CAPS,
		AT(policy.allowed_capabilities), .fallback = "",
		.help = "Capabilities that services may have, such as "
			"NET_BIND_SERVICE, without 'CAP_'; empty is none."},
	{"policy", "allowed_paths", CONF_PATHS, AT(policy.allowed_paths),
		.fallback = "",
		.help = "Programs, or directories of programs, that services "
			"may run; empty is any.  An interpreter listed here "
			"allows any program.  Where this is set, a service "
			"with LD_* variables is refused."},
	{"policy", "allow_raise", CONF_BOOL, AT(policy.allow_raise),
		.fallback = "no",
		.help = "Whether services may have a negative nice or "
			"oom_score_adj, or hard limits above our own."},
	{"tls", "mode", CONF_CHOICE, AT(tls_mode), .words = tls_words,
		.word_count = 2, .fallback = "psk",
		.help = "How links are protected.  'psk': by the key of "
			"'cluster.key_file'.  'none': not at all, on loopback "
			"addresses only."},
	{"tls", "ca", CONF_LATER, .fallback = "",
		.help = "The certificate authority of x509."},
	{"tls", "cert", CONF_LATER, .fallback = "",
		.help = "The certificate of x509."},
	{"tls", "key", CONF_LATER, .fallback = "",
		.help = "The private key of x509."},
	{"api", "read_group", CONF_GROUP, AT(api.read_group), .fallback = "",
		.help = "The group that may look."},
	{"api", "operate_group", CONF_GROUP, AT(api.operate_group),
		.fallback = "skep",
		.help = "The group that may change what runs."},
	{"api", "admin_group", CONF_GROUP, AT(api.admin_group), .fallback = "",
		.help = "The group that may do everything."},
	{"api", "listen", CONF_LATER, .fallback = "",
		.help = "A TCP address for the same API."},
	{"events", "alert_command", CONF_PATH, AT(events.alert_command),
		.max = CONF_PATH_SIZE - 1, .fallback = "",
		.help = "A program that is told of events of this host, each "
			"as a line of JSON at its standard input."},
	{"events", "alert_kinds", CONF_KINDS, AT(events.alert_kinds),
		.fallback = "failed, conflict, checkpoint, oom, node_down, "
			    "lonely",
		.help = "The kinds of events that it is told of, patterns with "
			"'*' allowed; skep.conf(5) lists them."},
	{"events", "alert_names", CONF_GLOBS, AT(events.alert_names),
		.fallback = "",
		.help = "Names of services, instances and hosts that it is "
			"told of, patterns with '*' allowed; empty is any."},
	{"debug", "faults", CONF_BOOL, AT(debug_faults), .fallback = "no",
		.help = "Whether 'skepctl debug partition' is allowed.",
		.is_later = true},
};

#define KEY_COUNT (sizeof keys / sizeof *keys)

static bool
is_section(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].section, name) == 0)
			return true;
	return false;
}

static int
on_section(void *context, const char *section, struct err *err)
{
	(void)context;
	if (is_section(section))
		return 0;
	struct nearest n;
	nearest_init(&n, section);
	for (size_t i = 0; i < KEY_COUNT; i++)
		nearest_offer(&n, keys[i].section);
	if (n.best)
		return err_set(err, -EINVAL,
			"unknown section [%s]; did you mean [%s]?", section,
			n.best);
	return err_set(err, -EINVAL, "unknown section [%s]", section);
}

static const struct conf_key *
find_key(const char *section, const char *key)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].section, section) == 0 &&
			strcmp(keys[i].key, key) == 0)
			return &keys[i];
	return NULL;
}

/* Says which key was meant: the same key of another section, else the
 * nearest of this one. */
static int
fail_key(const char *section, const char *key, struct err *err)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].key, key) == 0)
			return err_set(err, -EINVAL,
				"unknown key '%s.%s'; did you mean '%s.%s'?",
				section, key, keys[i].section, key);
	struct nearest n;
	nearest_init(&n, key);
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].section, section) == 0)
			nearest_offer(&n, keys[i].key);
	if (n.best)
		return err_set(err, -EINVAL,
			"unknown key '%s.%s'; did you mean '%s.%s'?", section,
			key, section, n.best);
	return err_set(err, -EINVAL, "unknown key '%s.%s'", section, key);
}

/* A file being read. */
struct loading {
	struct conf *conf;
	bool seen[KEY_COUNT];
};

static int
on_value(void *context, const char *section, const char *key, const char *value,
	struct err *err)
{
	struct loading *l = context;
	if (section[0] == '\0')
		return err_set(err, -EINVAL,
			"the key '%s' stands before the first [section]", key);
	const struct conf_key *k = find_key(section, key);
	if (!k)
		return fail_key(section, key, err);
	size_t i = (size_t)(k - keys);
	if (l->seen[i] && k->type != CONF_JOIN)
		return err_set(
			err, -EINVAL, "%s.%s: is given twice", section, key);
	l->seen[i] = true;
	int rc = conf_value_read(k, value, l->conf, err);
	return rc ? err_wrap(err, rc, "%s.%s", section, key) : 0;
}

/* Whether the address cannot be reached from another host. */
static bool
is_loopback(const char *address)
{
	char host[ADDRESS_MAX + 1];
	uint16_t port;
	if (conf_split_address(address, host, &port) < 0)
		return false;
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (strncmp(host, "127.", 4) == 0 &&
		       strspn(host, "0123456789.") == strlen(host));
}

void
conf_warning(const struct conf *conf, char *out, size_t size)
{
	const char *command = conf->events.alert_command;
	struct stat st;
	out[0] = '\0';
	if (!command[0])
		return;
	if (stat(command, &st) < 0)
		snprintf(out, size, "events.alert_command: %s: %s", command,
			strerror(errno));
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		snprintf(out, size,
			"events.alert_command: %s: is no program: chmod +x it",
			command);
}

static int
fail_tls(
	const char *name, const char *key, const char *address, struct err *err)
{
	return err_set(err, -EINVAL,
		"%s: tls.mode: none is allowed on loopback addresses only, "
		"and %s is %s",
		name, key, address);
}

static int
check_tls(const char *name, const struct conf *conf, struct err *err)
{
	const struct conf_node *node = &conf->node;
	if (conf->tls_mode != CONF_TLS_NONE)
		return 0;
	if (!is_loopback(node->listen))
		return fail_tls(name, "node.listen", node->listen, err);
	if (node->advertise[0] && !is_loopback(node->advertise))
		return fail_tls(name, "node.advertise", node->advertise, err);
	for (uint32_t i = 0; i < conf->cluster.join_count; i++)
		if (!is_loopback(conf->cluster.join[i]))
			return fail_tls(name, "cluster.join",
				conf->cluster.join[i], err);
	return 0;
}

/* Gives every key the default of the table; those that depend on the user
 * and the host follow in 'conf_dirs_set'. */
static int
set_defaults(struct conf *conf, struct err *err)
{
	memset(conf, 0, sizeof *conf);
	size_t setting = 0;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct conf_key *k = &keys[i];
		if (k->is_setting)
			conf->settings[setting++].key = k->key;
		if (k->offset == offsetof(struct conf, node.name))
			continue;
		int rc = conf_value_read(k, k->fallback, conf, err);
		if (rc)
			return err_wrap(err, rc, "default of %s", k->key);
	}
	for (size_t i = 0; i < setting; i++)
		conf->settings[i].is_given = false;
	return conf_dirs_set(conf, err);
}

int
conf_parse(const char *name, const void *data, size_t size, struct conf *conf,
	struct err *err)
{
	int rc = set_defaults(conf, err);
	if (rc)
		return rc;
	struct loading l = {.conf = conf};
	struct conf_listener listener = {on_section, on_value, &l};
	rc = conf_read(name, data, size, &listener, err);
	if (rc == 0)
		rc = check_tls(name, conf, err);
	return rc ? rc : conf_dirs_finish(name, conf, err);
}

/* Reads a regular file of at most FILE_MAX bytes into fresh memory. */
static int
load_file(int fd, const char *path, char **data, size_t *size, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", path);
	if (st.st_size > FILE_MAX)
		return err_set(err, -E2BIG, "%s: larger than %u MiB", path,
			FILE_MAX >> 20);
	*data = malloc((size_t)st.st_size + 1);
	if (!*data)
		return err_sys(err, -ENOMEM, "%s", path);
	*size = 0;
	while (*size < (size_t)st.st_size) {
		ssize_t n = read(fd, *data + *size, (size_t)st.st_size - *size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "%s", path);
		if (n == 0)
			break;
		*size += (size_t)n;
	}
	return 0;
}

int
conf_load(const char *path, struct conf *conf, struct err *err)
{
	char usual[CONF_PATH_SIZE];
	const char *given = path ? path : getenv("SKEP_CONF");
	bool may_miss = !given || !*given;
	if (may_miss) {
		int rc = conf_dirs_file(usual, err);
		if (rc)
			return rc;
		given = usual;
	}
	if (strlen(given) >= CONF_PATH_SIZE)
		return err_sys(err, -ENAMETOOLONG, "%.100s...", given);
	int fd = open(given, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT && may_miss)
		return conf_parse("defaults", "", 0, conf, err);
	if (fd < 0)
		return err_sys(err, -errno, "%s", given);
	char *data = NULL;
	size_t size = 0;
	int rc = load_file(fd, given, &data, &size, err);
	close(fd);
	if (rc == 0)
		rc = conf_parse(given, data, size, conf, err);
	if (rc == 0)
		strcpy(conf->path, given);
	free(data);
	return rc;
}

const char *
conf_setting_get(const struct conf *conf, const char *key)
{
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
		if (strcmp(conf->settings[i].key, key) == 0)
			return conf->settings[i].value;
	return NULL;
}

bool
conf_doc_get(size_t i, struct conf_doc *out)
{
	if (i >= KEY_COUNT)
		return false;
	conf_value_doc(&keys[i], out);
	return true;
}
