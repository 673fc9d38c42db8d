#include "node/whose.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "core/instance.h"
#include "core/view.h"
#include "node/keeper_link.h"
#include "node/node.h"
#include "sys/peer.h"

/* The path of a process in the v2 hierarchy. */
static bool
read_cgroup(pid_t pid, char out[static PATH_MAX])
{
	char file[64], line[PATH_MAX];
	bool is_found = false;
	snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
	FILE *in = fopen(file, "re");
	while (in && !is_found && fgets(line, sizeof line, in)) {
		is_found = strncmp(line, "0::", 3) == 0;
		line[strcspn(line, "\n")] = '\0';
	}
	if (in)
		fclose(in);
	if (is_found)
		snprintf(out, PATH_MAX, "%s", line + 3);
	return is_found;
}

/* What the cgroups of all instances begin with, as /proc has it: that of this
 * node, or above it, with what the keeper makes there (keeper/cgroup.h). */
static bool
find_base(const struct node *n, char *out, size_t size)
{
	static const char leaf[] = "/supervisor";
	char own[PATH_MAX];
	if (!read_cgroup(getpid(), own))
		return false;
	size_t length = strlen(own);
	if (length >= sizeof leaf - 1 &&
		strcmp(own + length - (sizeof leaf - 1), leaf) == 0)
		own[length - (sizeof leaf - 1)] = '\0';
	snprintf(out, size, "%s/skep/%016" PRIx64 "/",
		strcmp(own, "/") == 0 ? "" : own,
		hash_text(n->conf.node.run_dir, 0));
	return true;
}

/* The instance whose cgroup the process is in. */
static enum whose
by_cgroup(struct node *n, pid_t pid, char name[static INSTANCE_NAME_MAX + 1])
{
	char base[PATH_MAX + 64], path[PATH_MAX], *end;
	if (!find_base(n, base, sizeof base))
		return WHOSE_NOBODY;
	if (!read_cgroup(pid, path))
		return WHOSE_UNKNOWN;
	size_t length = strlen(base);
	if (strncmp(path, base, length) != 0)
		return WHOSE_NOBODY;
	uint64_t iid = strtoull(path + length, &end, 16);
	if (end != path + length + 16 || (*end && *end != '/'))
		return WHOSE_NOBODY;
	/* What an instance that is forgotten left behind is not an operator. */
	const char *found = keeper_name_of(n->keeper, iid);
	if (!found)
		return WHOSE_UNKNOWN;
	snprintf(name, INSTANCE_NAME_MAX + 1, "%s", found);
	return WHOSE_INSTANCE;
}

/* The same by the leader that its group or session has. */
static enum whose
by_group(struct node *n, pid_t pid, char name[static INSTANCE_NAME_MAX + 1])
{
	struct instance_view v;
	uint32_t cursor = 0;
	pid_t group = getpgid(pid), session = getsid(pid);
	while (view_instance_next(n->core, &cursor, &v)) {
		pid_t leader = (pid_t)v.pid;
		if (leader == 0 || strcmp(v.node, n->conf.node.name) != 0 ||
			(leader != pid && leader != group && leader != session))
			continue;
		snprintf(name, INSTANCE_NAME_MAX + 1, "%s", v.name);
		return WHOSE_INSTANCE;
	}
	return WHOSE_NOBODY;
}

enum whose
whose_peer(struct node *n, int socket, pid_t pid, uint64_t start,
	char name[static INSTANCE_NAME_MAX + 1])
{
	name[0] = '\0';
	/* The kernel says 0 of who is outside of this container: no service. */
	if (pid <= 0)
		return WHOSE_NOBODY;
	bool is_weak = n->weaker_why && n->weaker_why[0];
	enum whose whose =
		is_weak ? by_group(n, pid, name) : by_cgroup(n, pid, name);
	/* The pid was its own all the time if it is now. */
	if (peer_lives(socket, pid, start))
		return whose;
	name[0] = '\0';
	return WHOSE_UNKNOWN;
}
