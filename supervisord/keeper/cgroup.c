#include "keeper/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/file.h"
#include "keeper/spawn.h"

#define NAME_SIZE     17 /* an iid in hex, and a NUL */
#define REMOVE_DEPTH  16 /* nested cgroups that we remove */
#define MOVE_ROUNDS   8
#define PROC_TEXT_MAX (1 << 20)

/* Undoes the \ooo escapes of mountinfo, in place. */
static void
unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3) {
			char octal[4] = {at[1], at[2], at[3], 0};
			*to++ = (char)strtol(octal, NULL, 8);
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = 0;
}

/* Reads one line of mountinfo: whether it is a cgroup2 mount, and of what. */
static bool
parse_mount(const char *line, char root[PATH_MAX], char point[PATH_MAX])
{
	const char *end = strchr(line, '\n');
	const char *type = strstr(line, " - ");
	if (!type || (end && type > end))
		return false;
	if (strncmp(type + 3, "cgroup2 ", 8) != 0)
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2)
		return false;
	unescape(root);
	unescape(point);
	return true;
}

/* The path after "0::" in /proc/self/cgroup. */
static bool
parse_self(const char *self, char out[PATH_MAX])
{
	const char *at = self;
	if (strncmp(at, "0::", 3) != 0) {
		at = strstr(self, "\n0::");
		if (!at)
			return false;
		at++;
	}
	return sscanf(at, "0::%4095[^\n]", out) == 1 &&
	       strncmp(out, "/..", 3) != 0;
}

/* OWN: without the leaf in which we only are to leave OWN empty. */
static bool
parse_own(const char *self, char out[PATH_MAX])
{
	if (!parse_self(self, out))
		return false;
	char *slash = strrchr(out, '/');
	if (slash && strcmp(slash + 1, CGROUP_OWN_LEAF) == 0)
		slash[slash == out] = 0;
	return true;
}

/* 'path' as seen from a mount whose root is 'root', or NULL. */
static const char *
beneath(const char *path, const char *root)
{
	size_t length = strlen(root);
	if (strcmp(root, "/") == 0)
		return strcmp(path, "/") == 0 ? "" : path;
	if (strncmp(path, root, length) != 0)
		return NULL;
	return path[length] == 0 || path[length] == '/' ? path + length : NULL;
}

int
cgroup_locate(const char *mountinfo, const char *self, char *out, size_t size)
{
	char own[PATH_MAX], root[PATH_MAX], point[PATH_MAX];
	if (!parse_own(self, own))
		return -ENOENT;
	for (const char *line = mountinfo; line && *line;) {
		if (parse_mount(line, root, point)) {
			const char *rest = beneath(own, root);
			if (rest) {
				int n = snprintf(
					out, size, "%s%s", point, rest);
				return (size_t)n < size ? 0 : -ENAMETOOLONG;
			}
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return -ENOENT;
}

static int
locate_own(char out[PATH_MAX], char kernel_path[PATH_MAX], struct err *err)
{
	char *mountinfo = NULL, *self = NULL;
	int rc = file_read_all(
		"/proc/self/mountinfo", PROC_TEXT_MAX, &mountinfo, err);
	if (rc == 0)
		rc = file_read_all(
			"/proc/self/cgroup", PROC_TEXT_MAX, &self, err);
	if (rc == 0) {
		rc = cgroup_locate(mountinfo, self, out, PATH_MAX);
		if (rc < 0)
			err_set(err, rc, "cgroup v2 is not mounted here");
		else
			parse_own(self, kernel_path);
	}
	free(mountinfo);
	free(self);
	return rc;
}

/* Makes PATH/skep/ID and opens it. */
static int
make_base(struct cgroups *c, const char *own, uint64_t id, struct err *err)
{
	char path[PATH_MAX + 64];
	size_t length = strlen(c->kernel_path);
	if (length == 1) /* the root */
		length = 0;
	snprintf(c->kernel_path + length, sizeof c->kernel_path - length,
		"/skep/%016" PRIx64, id);
	snprintf(path, sizeof path, "%s/skep", own);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "%s", path);
	snprintf(path, sizeof path, "%s/skep/%016" PRIx64, own, id);
	if (strlen(path) >= sizeof c->path)
		return err_set(err, -ENAMETOOLONG, "%s is too long", own);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "%s", path);
	strcpy(c->path, path);
	c->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->fd < 0 ? err_sys(err, -errno, "%s", path) : 0;
}

/* Starts a process into a cgroup once: rights show only there. */
static int
try_start(struct cgroups *c, struct err *err)
{
	bool is_new;
	int fd = cgroup_open(c, UINT64_MAX, &is_new, err);
	if (fd < 0)
		return fd;
	struct spawned child;
	int rc = spawn_fork(fd, &child, err);
	if (rc == 0 && child.pid == 0)
		_exit(0);
	if (rc == 0) {
		int status = 0;
		waitpid(child.pid, &status, 0);
		close(child.pidfd);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			rc = err_set(err, -EPERM,
				"%s: a process cannot be put there", c->path);
	}
	close(fd);
	cgroup_remove(c, UINT64_MAX);
	return rc;
}

void
cgroups_init(struct cgroups *c, uint64_t id)
{
	char own[PATH_MAX];
	struct err err = {""};
	memset(c, 0, sizeof *c);
	c->fd = -1;
	int rc = locate_own(own, c->kernel_path, &err);
	if (rc == 0)
		rc = make_base(c, own, id, &err);
	if (rc == 0 && try_start(c, &err) < 0) {
		spawn_avoid_clone_into();
		rc = try_start(c, &err);
	}
	c->is_usable = rc == 0;
	if (rc == 0)
		return;
	snprintf(c->why, sizeof c->why, "%s", err.text);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void
cgroups_fini(struct cgroups *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	rmdir(c->path);
	char *slash = strrchr(c->path, '/');
	*slash = 0;
	rmdir(c->path);
}

static const char *
name_of(uint64_t iid, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016" PRIx64, iid);
	return out;
}

/* Calls 'visit' with every cgroup beneath 'fd', deepest first. */
static int
each_child(int fd, int depth,
	int (*visit)(int parent, int fd, const char *name, int arg), int arg)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return 0;
	}
	int sum = 0;
	struct dirent *e;
	while (depth > 0 && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		int child = openat(fd, e->d_name,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child < 0)
			continue;
		sum += each_child(child, depth - 1, visit, arg);
		sum += visit(fd, child, e->d_name, arg);
		close(child);
	}
	closedir(dir);
	return sum;
}

static int
visit_remove(int parent, int fd, const char *name, int unused)
{
	(void)fd, (void)unused;
	return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static void
remove_at(int parent, const char *name)
{
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
		return;
	int fd = cgroup_find_beneath(parent, name);
	if (fd < 0)
		return;
	each_child(fd, REMOVE_DEPTH, visit_remove, 0);
	close(fd);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Makes the cgroup: 0, -EEXIST when one stands there that cannot go, or another
 * error.  One that was killed could not go while its last processes did, and
 * since Linux 6.14 what is born in it later dies at once: it is not used again.
 */
static int
make_new(int parent, const char *name)
{
	if (mkdirat(parent, name, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	int fd = cgroup_find_beneath(parent, name);
	if (fd >= 0 && !cgroup_has_any(fd))
		remove_at(parent, name);
	if (fd >= 0)
		close(fd);
	return mkdirat(parent, name, 0755) == 0 ? 0 : -errno;
}

int
cgroup_open(
	const struct cgroups *c, uint64_t iid, bool *is_new, struct err *err)
{
	char name[NAME_SIZE];
	name_of(iid, name);
	int rc = make_new(c->fd, name);
	*is_new = rc == 0;
	if (rc < 0 && rc != -EEXIST)
		return err_sys(err, rc, "%s/%s", c->path, name);
	int fd = openat(c->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, -errno, "%s/%s", c->path, name) : fd;
}

int
cgroup_find_beneath(int fd, const char *name)
{
	int found = openat(
		fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return found < 0 ? -errno : found;
}

int
cgroup_open_beneath(int fd, const char *name, struct err *err)
{
	int rc = make_new(fd, name);
	if (rc < 0 && rc != -EEXIST)
		return err_sys(err, rc, "the cgroup %s", name);
	int made = cgroup_find_beneath(fd, name);
	return made < 0 ? err_sys(err, made, "the cgroup %s", name) : made;
}

bool
cgroup_has_any(int fd)
{
	int events = cgroup_open_events(fd);
	if (events < 0)
		return false;
	int populated = cgroup_read_populated(events);
	close(events);
	return populated > 0;
}

int
cgroup_open_events(int fd)
{
	int events = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	return events < 0 ? -errno : events;
}

int
cgroup_read_populated(int events_fd)
{
	char text[256];
	ssize_t n = pread(events_fd, text, sizeof text - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = 0;
	const char *at = strstr(text, "populated ");
	return at ? at[strlen("populated ")] == '1' : -EBADMSG;
}

/* Whether the file in the directory holds exactly that line; one that is not
 * there does. */
static bool
says(int dir, const char *name, const char *line)
{
	char text[64];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	return n >= 0 && strcmp(text, line) == 0;
}

bool
cgroup_is_bare(int fd, int events_fd)
{
	char text[256];
	struct stat st;
	ssize_t n = pread(events_fd, text, sizeof text - 1, 0);
	if (n < 0 || fstat(fd, &st) < 0)
		return false;
	text[n] = 0;
	/* A directory has a link from each one beneath. */
	return strstr(text, "populated 0") && !strstr(text, "frozen 1") &&
	       st.st_nlink == 2;
}

bool
cgroup_is_untouched(int fd)
{
	return says(fd, "cgroup.controllers", "") &&
	       says(fd, "cgroup.type", "domain") &&
	       says(fd, "cgroup.max.depth", "max") &&
	       says(fd, "cgroup.max.descendants", "max");
}

bool
cgroup_is_populated(const struct cgroups *c, uint64_t iid)
{
	char path[NAME_SIZE + 16], name[NAME_SIZE];
	if (c->fd < 0)
		return false;
	snprintf(path, sizeof path, "%s/cgroup.events", name_of(iid, name));
	int fd = openat(c->fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	int populated = cgroup_read_populated(fd);
	close(fd);
	return populated != 0;
}

/* Whether 'path' is 'top' or beneath it. */
static bool
is_within(const char *path, const char *top)
{
	size_t n = strlen(top);
	return strncmp(path, top, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* The same where 'top' is a directory and its mount is not known: the path as
 * the kernel has it is then the directory's tail. */
static bool
is_within_tail(const char *path, const char *top, const char *name)
{
	const char *at = strstr(path, name);
	size_t n = at ? (size_t)(at - path) + strlen(name) : 0;
	size_t length = strlen(top);
	return at && (path[n] == 0 || path[n] == '/') && n <= length &&
	       strncmp(path, top + length - n, n) == 0;
}

bool
cgroup_holds(
	const struct cgroups *c, uint64_t iid, const char *foreign, pid_t pid)
{
	char file[64], path[PATH_MAX], top[PATH_MAX + 32];
	char *text;
	snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
	if (file_read_all(file, PROC_TEXT_MAX, &text, NULL) < 0)
		return false;
	bool is_known = parse_self(text, path);
	free(text);
	if (foreign) {
		snprintf(top, sizeof top, "/%016" PRIx64, iid);
		return is_known && is_within_tail(path, foreign, top);
	}
	snprintf(top, sizeof top, "%s/%016" PRIx64, c->kernel_path, iid);
	return is_known && is_within(path, top);
}

int
cgroup_kill(int fd)
{
	int kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (kill_fd < 0) /* before Linux 5.14 */
		return cgroup_signal(fd, SIGKILL);
	int rc = write(kill_fd, "1", 1) == 1 ? 0 : -errno;
	close(kill_fd);
	return rc;
}

/* Signals the processes that cgroup.procs of 'fd' names. */
static int
signal_procs(int fd, int signal)
{
	int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *in = procs < 0 ? NULL : fdopen(procs, "r");
	if (!in) {
		int rc = -errno;
		if (procs >= 0)
			close(procs);
		return rc;
	}
	long pid;
	int count = 0;
	while (fscanf(in, "%ld", &pid) == 1)
		if (pid > 1 && kill((pid_t)pid, signal) == 0)
			count++;
	fclose(in);
	return count;
}

/* Writes the pids of cgroup.procs of 'from' into that of 'to', one at a time
 * as the kernel wants them: how many were moved. */
static int
move_procs(int from, int to)
{
	char text[16];
	int count = 0;
	long pid;
	int procs = openat(from, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *in = procs < 0 ? NULL : fdopen(procs, "r");
	int out = openat(to, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	while (in && out >= 0 && fscanf(in, "%ld", &pid) == 1) {
		int n = snprintf(text, sizeof text, "%ld", pid);
		count += write(out, text, (size_t)n) == n;
	}
	if (in)
		fclose(in);
	else if (procs >= 0)
		close(procs);
	if (out >= 0)
		close(out);
	return count;
}

void
cgroup_move(int from, int to)
{
	/* Those that are moved may have forked before. */
	for (int round = 0; round < MOVE_ROUNDS; round++)
		if (move_procs(from, to) == 0)
			return;
}

static int
visit_signal(int parent, int fd, const char *name, int signal)
{
	(void)parent, (void)name;
	int n = signal_procs(fd, signal);
	return n > 0 ? n : 0;
}

int
cgroup_signal(int fd, int signal)
{
	int n = signal_procs(fd, signal);
	if (n < 0)
		return n;
	n += each_child(fd, REMOVE_DEPTH, visit_signal, signal);
	return n > 0 ? 0 : -ESRCH;
}

void
cgroup_remove_beneath(int fd, const char *name)
{
	remove_at(fd, name);
}

void
cgroup_remove(const struct cgroups *c, uint64_t iid)
{
	char name[NAME_SIZE];
	if (c->fd >= 0)
		remove_at(c->fd, name_of(iid, name));
}

void
cgroup_remove_path(const char *path)
{
	remove_at(AT_FDCWD, path);
}
