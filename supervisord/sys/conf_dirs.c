#include "sys/conf_dirs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_system;

void
conf_use_system(void)
{
	is_system = true;
}

/* Whether the directories are those of the host. */
static bool
has_system_dirs(void)
{
	return is_system || geteuid() == 0;
}

/* Writes 'base' and 'below' one after the other, if they fit. */
static int
join(char *out, size_t size, const char *base, const char *below,
	struct err *err)
{
	int n = snprintf(out, size, "%s%s", base, below);
	if (n >= 0 && (size_t)n < size)
		return 0;
	return err_sys(err, -ENAMETOOLONG, "%.100s...%s", base, below);
}

/* $VARIABLE/BELOW, or $HOME/FALLBACK/BELOW. */
static int
xdg_path(char out[CONF_PATH_SIZE], const char *variable, const char *fallback,
	const char *below, struct err *err)
{
	const char *base = getenv(variable);
	if (base && base[0] == '/')
		return join(out, CONF_PATH_SIZE, base, below, err);
	const char *home = getenv("HOME");
	if (!home || home[0] != '/')
		return err_set(err, -ENOENT,
			"neither %s nor HOME is an absolute path", variable);
	char whole[CONF_PATH_SIZE];
	int rc = join(whole, sizeof whole, home, fallback, err);
	return rc ? rc : join(out, CONF_PATH_SIZE, whole, below, err);
}

/* Where sockets go when the session has no directory for them. */
static void
fallback_run_dir(char *out, size_t size)
{
	snprintf(out, size, "/tmp/skep-%u", (unsigned)geteuid());
}

static int
set_user_run_dir(struct conf_node *node, struct err *err)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	if (!base || base[0] != '/' ||
		strlen(base) + strlen("/skep") > CONF_RUN_DIR_MAX) {
		fallback_run_dir(node->run_dir, sizeof node->run_dir);
		return 0;
	}
	return join(node->run_dir, sizeof node->run_dir, base, "/skep", err);
}

static int
set_user_dirs(struct conf *conf, struct err *err)
{
	struct conf_node *node = &conf->node;
	conf->api.operate_group[0] = '\0';
	int rc = xdg_path(node->state_dir, "XDG_STATE_HOME", "/.local/state",
		"/skep", err);
	if (rc == 0)
		rc = xdg_path(node->log_dir, "XDG_STATE_HOME", "/.local/state",
			"/skep/log", err);
	if (rc == 0)
		rc = xdg_path(node->services_dir, "XDG_CONFIG_HOME", "/.config",
			"/skep/services.d", err);
	if (rc == 0)
		rc = xdg_path(conf->cluster.key_file, "XDG_CONFIG_HOME",
			"/.config", "/skep/cluster.key", err);
	return rc ? rc : set_user_run_dir(node, err);
}

int
conf_dirs_set(struct conf *conf, struct err *err)
{
	char *name = conf->node.name;
	if (gethostname(name, NODE_NAME_MAX + 1) < 0)
		name[0] = '\0';
	name[NODE_NAME_MAX] = '\0';
	return has_system_dirs() ? 0 : set_user_dirs(conf, err);
}

int
conf_dirs_finish(const char *name, const struct conf *conf, struct err *err)
{
	char fallback[CONF_PATH_SIZE];
	struct stat st;
	if (conf->node.name[0] == '\0')
		return err_set(err, -EINVAL,
			"%s: the host has no name; set node.name", name);
	fallback_run_dir(fallback, sizeof fallback);
	if (strcmp(conf->node.run_dir, fallback) != 0 ||
		lstat(fallback, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
		(st.st_mode & 022) == 0)
		return 0;
	return err_set(err, -EPERM,
		"%s: node.run_dir: %s is not a directory of our own that only "
		"we can write",
		name, fallback);
}

int
conf_dirs_file(char out[CONF_PATH_SIZE], struct err *err)
{
	if (has_system_dirs())
		return join(
			out, CONF_PATH_SIZE, "/etc/skep/skep.conf", "", err);
	return xdg_path(
		out, "XDG_CONFIG_HOME", "/.config", "/skep/skep.conf", err);
}
