#include "sys/plugin_host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/say.h"

#define PLUGIN_NAME_MAX 31

/* Whether somebody else could change what stands at 'path'. */
static int
check_ownership(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st))
		return err_sys(err, -errno, "%s", path);
	if (st.st_mode & S_IWOTH)
		return err_set(err, -EPERM,
			"%s: anybody may write to it; run: chmod o-w %s", path,
			path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(err, -EPERM,
			"%s: belongs to uid %u; it must belong to root", path,
			st.st_uid);
	if (st.st_mode & S_IWGRP && st.st_gid != 0 && st.st_gid != getegid())
		return err_set(err, -EPERM,
			"%s: group %u may write to it; run: chmod g-w %s", path,
			st.st_gid, path);
	return 0;
}

static bool
is_name(const char *name)
{
	size_t length = name ? strnlen(name, PLUGIN_NAME_MAX + 1) : 0;
	return length > 0 && length <= PLUGIN_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static int
check_place(const struct skep_place_ops *ops, struct err *err)
{
	if (!ops)
		return err_set(err, -EINVAL, "has no operations");
	if (ops->struct_size != sizeof *ops)
		return err_set(err, -EINVAL,
			"struct skep_place_ops has %u bytes there and %zu "
			"here: build it with this skep's plugin.h",
			ops->struct_size, sizeof *ops);
	if (!is_name(ops->name))
		return err_set(err, -EINVAL,
			"its strategy's name must be 1 to %d of [a-z0-9-]",
			PLUGIN_NAME_MAX);
	if (!ops->rank)
		return err_set(err, -EINVAL, "strategy %s has no rank function",
			ops->name);
	return 0;
}

int
plugin_host_check(const struct skep_plugin *plugin, struct err *err)
{
	if (plugin->abi_major != SKEP_PLUGIN_ABI_MAJOR)
		return err_set(err, -EINVAL,
			"has ABI %u, this skep has %d: build it again",
			plugin->abi_major, SKEP_PLUGIN_ABI_MAJOR);
	if (plugin->abi_minor > SKEP_PLUGIN_ABI_MINOR)
		return err_set(err, -EINVAL,
			"needs ABI %u.%u, this skep has %d.%d: install a "
			"newer skep",
			plugin->abi_major, plugin->abi_minor,
			SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR);
	if (plugin->struct_size != sizeof *plugin)
		return err_set(err, -EINVAL,
			"struct skep_plugin has %u bytes there and %zu here: "
			"build it with this skep's plugin.h",
			plugin->struct_size, sizeof *plugin);
	if (!is_name(plugin->name))
		return err_set(err, -EINVAL,
			"its name must be 1 to %d of [a-z0-9-]",
			PLUGIN_NAME_MAX);
	if (plugin->kind != SKEP_PLUGIN_PLACE)
		return err_set(
			err, -EINVAL, "is of unknown kind %u", plugin->kind);
	return check_place(plugin->ops, err);
}

/* Loads one file and hands its strategy over. */
static int
load_file(const char *path, plugin_register_fn *take, void *context,
	struct err *err)
{
	int code = check_ownership(path, err);
	if (code)
		return code;
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(err, -EINVAL, "%s: cannot be loaded: %s", path,
			dlerror());
	const struct skep_plugin *plugin = dlsym(handle, "skep_plugin");
	if (!plugin) {
		code = err_set(err, -EINVAL,
			"exports no 'skep_plugin': it is no plugin");
	} else {
		code = plugin_host_check(plugin, err);
	}
	if (!code) {
		const struct skep_place_ops *ops = plugin->ops;
		if (!take(context, ops))
			code = err_set(err, -EEXIST,
				"strategy '%s' is taken already, or there are "
				"too many",
				ops->name);
	}
	if (!code)
		return 0;
	dlclose(handle);
	return err_wrap(err, code, "%s", path);
}

static int
is_plugin_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

static void
refuse(struct plugin_report *report, const struct err *err)
{
	report->refused++;
	say(SAY_WARNING, "plugin %s", err->text);
	if (report->on_refused)
		report->on_refused(report->context, err->text);
}

void
plugin_host_load(const char *folder, plugin_register_fn *take, void *context,
	struct plugin_report *report)
{
	struct err err = {0};
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_plugin_file, alphasort);
	if (count < 0 && errno != ENOENT) {
		err_sys(&err, -errno, "folder %s", folder);
		refuse(report, &err);
	}
	bool is_safe = count <= 0 || check_ownership(folder, &err) == 0;
	if (!is_safe)
		refuse(report, &err);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		snprintf(
			path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		free(entries[i]);
		if (!is_safe)
			continue;
		if (load_file(path, take, context, &err))
			refuse(report, &err);
		else
			report->loaded++;
	}
	free(entries);
}
