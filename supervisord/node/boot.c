/* A node's start and end: what is opened in which order, and why.
 *
 * The keeper's account comes first, since it brings sockets and skep.conf.
 * The store is read before its thread runs.  Links and the API exist before
 * BOOT, because BOOT already dials and may answer; they listen after it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "core/instance.h"
#include "core/place.h"
#include "core/specs.h"
#include "node/alert.h"
#include "node/api.h"
#include "node/apply.h"
#include "node/bulk.h"
#include "node/feeds.h"
#include "node/health.h"
#include "node/identity.h"
#include "node/launch.h"
#include "node/mail.h"
#include "node/mailbox.h"
#include "node/moves.h"
#include "node/node_private.h"
#include "node/orders.h"
#include "node/pool.h"
#include "node/publish.h"
#include "node/quarantine.h"
#include "node/recording.h"
#include "node/requests.h"
#include "node/schedule.h"
#include "node/specdir.h"
#include "node/store.h"
#include "node/tls.h"
#include "node/tracks.h"
#include "sys/clock.h"
#include "sys/keyfile.h"
#include "sys/kproto.h"
#include "sys/plugin_host.h"
#include "sys/say.h"
#include "sys/units.h"

#define GREET_TIMEOUT_MS 30000
#define FILES_POLL_S	 0.5
#define PEERS_SETTLE_MS	 2000 /* for entries to arrive after a link */

/* --- Configuration and identity --- */

static int
open_folder(const char *path, struct err *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_sys(err, -errno, "%s", path);
	return access(path, R_OK | W_OK | X_OK)
		       ? err_sys(err, -errno, "%s", path)
		       : 0;
}

static int
open_conf(struct node *n, const struct node_options *o,
	const struct keeper_welcome *welcome, struct err *err)
{
	const char *path = welcome->conf_path[0] ? welcome->conf_path : NULL;
	int code = conf_load(o->conf_path ? o->conf_path : path, &n->conf, err);
	if (code)
		return code;
	snprintf(n->socket_path, sizeof n->socket_path, "%s/skepd.sock",
		n->conf.node.run_dir);
	snprintf(n->mailbox_path, sizeof n->mailbox_path, "%s/mailbox.sock",
		n->conf.node.run_dir);
	n->weaker_why = welcome->weaker_why;
	n->keeper_version = welcome->keeper_version;
	n->keeper_crashes = welcome->keeper_crashes;
	n->keeper_start_ms = welcome->keeper_start_ms;
	return open_folder(n->conf.node.state_dir, err);
}

/* The addresses to join, our own apart: one list may serve all hosts. */
static void
set_joins(struct core_config *c, const struct conf_cluster *cluster)
{
	c->join_count = 0;
	for (uint32_t i = 0; i < cluster->join_count; i++) {
		if (strcmp(cluster->join[i], c->address) == 0)
			continue;
		if (c->join_count == JOIN_MAX) {
			say(SAY_WARNING,
				"cluster.join: only the first %d addresses "
				"are used",
				JOIN_MAX);
			return;
		}
		snprintf(c->join[c->join_count++], sizeof c->join[0], "%s",
			cluster->join[i]);
	}
}

static void
set_labels(struct core_config *c, const struct conf_node *node)
{
	c->label_count = node->label_count;
	for (uint32_t i = 0; i < node->label_count; i++) {
		struct core_label *l = &c->labels[i];
		snprintf(l->key, sizeof l->key, "%s", node->labels[i].key);
		snprintf(
			l->value, sizeof l->value, "%s", node->labels[i].value);
	}
}

/* The settings that skep.conf gives, as the core wants them; they must live
 * as long as the core. */
static const char *const *
given_settings(const struct conf *conf)
{
	static const char *pairs[2 * CONF_SETTING_COUNT + 1];
	size_t count = 0;
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		if (!conf->settings[i].is_given)
			continue;
		pairs[count++] = conf->settings[i].key;
		pairs[count++] = conf->settings[i].value;
	}
	pairs[count] = NULL;
	return pairs;
}

static int
fill_config(struct node *n, const char *boot_id, struct core_config *c,
	struct err *err)
{
	const struct conf_node *node = &n->conf.node;
	struct identity id;
	int code = identity_load(node->state_dir, boot_id, &id, err);
	if (!code)
		code = identity_address(
			node->advertise, node->listen, c->address, err);
	if (code)
		return code;
	snprintf(c->node, sizeof c->node, "%s", node->name);
	snprintf(c->cluster, sizeof c->cluster, "%s", n->conf.cluster.name);
	snprintf(c->version, sizeof c->version, "%s", PACKAGE_VERSION);
	c->node_id = id.node_id;
	c->boot = id.boot;
	c->nonce = id.nonce;
	c->seed = id.seed;
	c->weight = node->weight;
	c->settings = given_settings(&n->conf);
	set_joins(c, &n->conf.cluster);
	n->has_joins = c->join_count > 0;
	set_labels(c, node);
	return 0;
}

/* --- The core --- */

static bool
take_strategy(void *context, const struct skep_place_ops *ops)
{
	return place_register(context, ops);
}

/* The core's one block of memory: pages that are never used cost nothing. */
static int
open_core(struct node *n, const struct node_options *o, const char *boot_id,
	struct err *err)
{
	static struct core_config config;
	int code = fill_config(n, boot_id, &config, err);
	if (code)
		return code;
	struct core_limits limits = core_limits_for(n->conf.node.names_max);
	limits.changes_max = PUBLISH_CHANGES_MAX;
	size_t size = core_size(&limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return err_sys(err, -errno,
			"%zu MiB for node.names_max = %u names", size >> 20,
			n->conf.node.names_max);
	keeper_breathe(n->keeper);
	n->core = core_new(memory, size, &limits, &config);
	keeper_breathe(n->keeper);
	struct plugin_report report = {0};
	plugin_host_load(o->plugin_folder, take_strategy, n->core, &report);
	recording_begin(n);
	return 0;
}

/* --- The store --- */

static void
load_quarantined(
	void *context, unsigned table, struct bytes key, struct bytes value)
{
	(void)table;
	(void)key;
	quarantine_load(context, value);
}

static void
load_file(void *context, unsigned table, struct bytes key, struct bytes value)
{
	(void)table;
	char name[256];
	snprintf(name, sizeof name, "%.*s", (int)key.size,
		(const char *)key.data);
	specdir_load(context, name, value);
}

static void
load_record(void *context, unsigned table, struct bytes key, struct bytes value)
{
	struct input in = {
		.kind = INPUT_LOAD,
		.load = {(enum core_table)table, key, value},
	};
	struct node *n = context;
	keeper_breathe(n->keeper);
	node_step(n, &in);
	if (table == TABLE_TRACKED)
		tracks_on_load(n->tracks, key, value);
}

static void
keep_file(void *context, const char *file, struct bytes value)
{
	struct node *n = context;
	struct bytes key = {file, strlen(file)};
	store_put(n->store, STORE_FILES, key, value, 0);
}

static void
keep_quarantined(void *context, struct bytes key, struct bytes value)
{
	struct node *n = context;
	store_put(n->store, STORE_QUARANTINE, key, value, 0);
}

static void
announce(void *context, uint64_t digest)
{
	struct node *n = context;
	keeper_digesting(n->keeper, digest);
}

static int
open_store(struct node *n, struct err *err)
{
	char path[CONF_PATH_SIZE + 16];
	struct store_hooks hooks = {
		.context = n,
		.on_stored = node_on_stored,
		.on_broken = node_on_store_broken,
	};
	snprintf(path, sizeof path, "%s/skep.db", n->conf.node.state_dir);
	return store_open(n->loop, path, &hooks, &n->store, err);
}

static int
open_quarantine(
	struct node *n, const struct keeper_welcome *welcome, struct err *err)
{
	struct quarantine_hooks hooks = {n, announce, keep_quarantined};
	n->quarantine = quarantine_new(&hooks);
	n->launcher = launcher_new();
	int code = store_load(n->store, STORE_QUARANTINE, load_quarantined,
		n->quarantine, err);
	if (!code && welcome->has_crash)
		quarantine_on_crash(
			n->quarantine, &welcome->crash, clock_wall_ms());
	return code;
}

/* --- services.d --- */

static void
submit_file(void *context, struct input *in, specdir_done_fn *done,
	void *done_context)
{
	node_request(context, in, done, done_context);
}

/* Files may be applied once it is known what the cluster has: not while this
 * host forms, and, where others are to be joined, not before one of them was
 * heard for a moment or nobody answered for 'settle_timeout'. */
static bool
files_may_apply(struct node *n)
{
	mono now = clock_mono();
	struct cluster_view view;
	view_cluster(n->core, &view);
	if (view.hold && strcmp(view.hold, "forming") == 0)
		return false;
	if (!n->has_joins)
		return true;
	if (view.alive > 1) {
		if (n->peers_since.ms == MONO_NEVER.ms)
			n->peers_since = now;
		return mono_diff(now, n->peers_since) >= PEERS_SETTLE_MS;
	}
	int64_t settle_ms = 60000;
	const char *text = conf_setting_get(&n->conf, "settle_timeout");
	if (text)
		units_parse_duration(text, &settle_ms);
	return mono_diff(now, n->started) >= settle_ms;
}

static void
on_files(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	struct node *n = w->data;
	if (!files_may_apply(n))
		return;
	ev_timer_stop(loop, w);
	specdir_start(n->specdir);
	node_undrain_if_due(n);
}

static int
open_files(struct node *n, struct err *err)
{
	struct specdir_hooks hooks = {n, submit_file, keep_file};
	n->specdir = specdir_new(n->loop, n->conf.node.services_dir, &hooks);
	ev_timer_init(&n->files, on_files, 0., FILES_POLL_S);
	n->files.data = n;
	return store_load(n->store, STORE_FILES, load_file, n->specdir, err);
}

/* --- Links --- */

static void
open_queries(struct node *n)
{
	struct queries_config config = {
		.cluster = n->conf.cluster.name,
		.node = n->conf.node.name,
		.open = feeds_open,
		.context = n,
	};
	n->queries = queries_new(n->loop, links_get_dialler(n->links), &config);
}

static int
open_links(struct node *n, struct err *err)
{
	struct keyring keys = {0};
	bool is_psk = n->conf.tls_mode == CONF_TLS_PSK;
	int code = 0;
	if (is_psk)
		code = keyfile_read(n->conf.cluster.key_file, &keys, err);
	if (!code)
		code = tls_new(is_psk ? TLS_MODE_PSK : TLS_MODE_NONE,
			is_psk ? &keys : NULL, &n->tls, err);
	keyring_wipe(&keys);
	if (!code)
		code = links_new(
			n->loop, n->tls, &node_links_calls, n, &n->links, err);
	if (!code)
		code = states_open_bulk(n, err);
	moves_open(n);
	if (!code)
		open_queries(n);
	return code;
}

/* --- Everything --- */

static void
feed_found(void *context, const struct input_found *found)
{
	struct node *n = context;
	struct input in = {.kind = INPUT_FOUND, .found = *found};
	char service[INSTANCE_NAME_MAX + 1];
	struct service_value value;
	node_step(n, &in);
	instance_service_name(found->name, service);
	const struct entry *e = specs_find(n->core, ENTRY_SERVICE, service);
	if (e && specs_get_service(e, &value))
		health_on_found(n->health, found, value.body);
}

static void
feed_sealed(void *context, const char *name, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size)
{
	struct input in = {
		.kind = INPUT_SEALED, .sealed = {name, epoch, {0}, size}};
	memcpy(in.sealed.root, root, DIGEST_SIZE);
	node_step(context, &in);
}

static void
on_schedule_fault(void *context, const char *service, const char *why)
{
	const struct effect_note note = {
		.kind = NOTE_REFUSED,
		.name = service,
		.text = why,
	};
	events_on_note(context, &note);
}

static int
boot_core(struct node *n, struct err *err)
{
	int code = store_load_all(n->store, load_record, n, err);
	if (!code)
		code = open_files(n, err);
	if (!code)
		code = store_start(n->store, err);
	if (code)
		return code;
	n->health = health_new(
		n->loop, n->keeper, n->conf.node.name, node_on_news, n);
	keeper_each_found(n->keeper, feed_found, n);
	code = bulk_list(n->bulk, feed_sealed, n, err);
	if (code)
		return code;
	tracks_tell_gone(n->tracks);
	struct input boot = {.kind = INPUT_BOOT};
	node_step(n, &boot);
	n->schedules = schedules_new(
		n->loop, n->core, node_on_news, on_schedule_fault, n);
	n->is_booted = true;
	n->publish = publish_new(
		n->loop, n->core, n->conf.node.run_dir, n->conf.node.names_max);
	return 0;
}

static int
open_doors(
	struct node *n, const struct keeper_welcome *welcome, struct err *err)
{
	int code = 0;
	if (welcome->sockets[KSOCKET_CLUSTER] >= 0)
		code = links_listen(
			n->links, welcome->sockets[KSOCKET_CLUSTER], err);
	if (code)
		return code;
	if (welcome->sockets[KSOCKET_API] >= 0) /* not supported yet */
		close(welcome->sockets[KSOCKET_API]);
	n->mailboxes = mailboxes_new(n, welcome->sockets[KSOCKET_MAILBOX]);
	n->api = api_new(n, welcome->sockets[KSOCKET_CONTROL], -1, err);
	return n->api ? 0 : -EIO;
}

static int
open_all(struct node *n, const struct node_options *o, struct err *err)
{
	struct keeper_welcome welcome;
	struct keeper_hooks hooks = node_keeper_calls;
	hooks.context = n;
	n->keeper = keeper_new(n->loop, KPROTO_FD, &hooks);
	int code = keeper_greet(n->keeper, &welcome, GREET_TIMEOUT_MS, err);
	if (!code)
		code = open_conf(n, o, &welcome, err);
	if (!code)
		code = open_store(n, err);
	if (!code)
		code = open_quarantine(n, &welcome, err);
	if (!code)
		n->alert = alert_open(n);
	if (!code)
		code = open_core(n, o, welcome.boot_id, err);
	if (!code)
		code = open_links(n, err);
	if (!code)
		code = boot_core(n, err);
	if (!code)
		code = open_doors(n, &welcome, err);
	return code;
}

int
node_open(struct node *n, const struct node_options *o, struct err *err)
{
	list_init(&n->followers);
	n->started = clock_mono();
	n->peers_since = MONO_NEVER;
	n->requests = requests_new();
	n->tracks = tracks_new(n);
	n->mails = mails_new(n);
	n->apply = apply_new(node_carry, n);
	node_tick_init(n);
	int code = open_all(n, o, err);
	if (code)
		return code;
	keeper_start(n->keeper);
	ev_timer_start(n->loop, &n->files);
	return 0;
}

void
node_close(struct node *n)
{
	n->is_ending = true;
	ev_timer_stop(n->loop, &n->tick);
	ev_timer_stop(n->loop, &n->files);
	publish_free(n->publish);
	n->publish = NULL;
	specdir_free(n->specdir);
	api_free(n->api);
	mailboxes_free(n->mailboxes);
	schedules_free(n->schedules);
	health_free(n->health);
	alert_close(n->alert);
	queries_free(n->queries);
	pool_free(n->readers);
	states_close(n);
	moves_close(n);
	links_free(n->links);
	tls_free(n->tls);
	store_free(n->store);
	apply_free(n->apply);
	mails_free(n->mails);
	requests_free(n->requests);
	tracks_free(n->tracks);
	recording_close(n);
	launcher_free(n->launcher);
	quarantine_free(n->quarantine);
	keeper_free(n->keeper);
}
