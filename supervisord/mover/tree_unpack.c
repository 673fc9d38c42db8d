#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mover/tree.h"
#include "sys/files.h"

#define BUFFER_SIZE 65536
#define GROUPS_MAX  65536
#define FSYNC_MAX   64 /* with more entries all is synced at once */

/* What is set when nothing is written into a directory any more. */
struct made_dir {
	char *path;
	mode_t mode;
	gid_t group;
	struct timespec time;
};

/* An archive on its way into a directory. */
struct unpacking {
	struct archive *archive;
	int in;
	uint64_t at, size; /* of 'in' */
	int root;
	struct made_dir *dirs;
	size_t dir_count, dir_room;
	unsigned entries;
	const char *name; /* of the current entry */
	struct err *err;
};

static unsigned char buffer[BUFFER_SIZE];

static int
refuse(struct unpacking *u, const char *why)
{
	return err_set(u->err, -EBADMSG, "%.1000s: %s", u->name, why);
}

static int
fail(struct unpacking *u, const char *what)
{
	return err_sys(u->err, -errno, "%.1000s: %s", u->name, what);
}

/* --- The archive --- */

static la_ssize_t
on_read(struct archive *a, void *context, const void **data)
{
	struct unpacking *u = context;
	uint64_t left = u->size - u->at;
	size_t size = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
	ssize_t n;
	do {
		n = pread(u->in, buffer, size, (off_t)u->at);
	} while (n < 0 && errno == EINTR);
	if (n < 0 || (n == 0 && size > 0)) {
		archive_set_error(a, EIO, "the state cannot be read");
		return -1;
	}
	u->at += (uint64_t)n;
	*data = buffer;
	return n;
}

static int
archive_fail(struct unpacking *u)
{
	const char *why = archive_error_string(u->archive);
	return err_set(u->err, -EBADMSG, "%.1000s: the archive is damaged: %s",
		u->name, why ? why : "no reason was given");
}

static int
open_archive(struct unpacking *u)
{
	struct archive *a = u->archive = archive_read_new();
	if (!a)
		return err_set(u->err, -ENOMEM, "out of memory");
	bool is_bad =
		archive_read_support_filter_none(a) != ARCHIVE_OK ||
		archive_read_support_format_tar(a) != ARCHIVE_OK ||
		archive_read_open(a, u, NULL, on_read, NULL) != ARCHIVE_OK;
	return is_bad ? archive_fail(u) : 0;
}

/* --- Names --- */

/* Whether every part of it is a name, none empty, "." or "..", and they are no
 * more than a packed tree has. */
static bool
is_name_good(const char *name)
{
	if (!name || strlen(name) >= PATH_MAX)
		return false;
	for (int depth = 0; depth <= TREE_DEPTH_MAX; depth++) {
		size_t length = strcspn(name, "/");
		bool is_dots = (length == 1 && name[0] == '.') ||
			       (length == 2 && memcmp(name, "..", 2) == 0);
		if (length == 0 || is_dots)
			return false;
		if (name[length] == '\0')
			return true;
		name += length + 1;
	}
	return false;
}

/* Opens the directory of 'name' beneath the root; '*last' is its last part. */
static int
open_parent(struct unpacking *u, const char *name, const char **last)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(name, '/');
	size_t length = slash ? (size_t)(slash - name) : 0;
	memcpy(parent, name, length);
	strcpy(parent + length, length ? "" : ".");
	*last = slash ? slash + 1 : name;
	int fd = files_open_beneath(
		u->root, parent, O_PATH | O_DIRECTORY, 0, u->err);
	return fd < 0 ? err_wrap(u->err, fd, "%.1000s", u->name) : fd;
}

/* --- What an entry says --- */

static bool
is_own_group(gid_t group)
{
	static gid_t groups[GROUPS_MAX];
	int count = getgroups(GROUPS_MAX, groups);
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return group == getegid() || geteuid() == 0;
}

static int
read_group(struct unpacking *u, struct archive_entry *e, gid_t *out)
{
	const char *name = archive_entry_gname(e);
	*out = getegid();
	if (!name || !*name)
		return 0;
	const struct group *g = getgrnam(name);
	if (!g || !is_own_group(g->gr_gid))
		return err_set(u->err, -EPERM,
			"%.1000s: belongs to the group %.64s, which is not one "
			"of the service's here",
			u->name, name);
	*out = g->gr_gid;
	return 0;
}

/* Mode, group and time of what is open, in an order that keeps the mode; then
 * it is durable, unless so many are that all are synced in the end. */
static int
set_attributes(struct unpacking *u, int fd, mode_t mode, gid_t group,
	struct timespec time)
{
	const struct timespec times[2] = {time, time};
	if (fchown(fd, (uid_t)-1, group) < 0)
		return fail(u, "its group");
	if (fchmod(fd, mode) < 0)
		return fail(u, "its mode");
	if (futimens(fd, times) < 0)
		return fail(u, "its time");
	bool is_late = u->entries > FSYNC_MAX;
	return !is_late && fsync(fd) < 0 ? fail(u, "cannot be synced") : 0;
}

static struct timespec
time_of(struct archive_entry *e)
{
	return (struct timespec){
		archive_entry_mtime(e), archive_entry_mtime_nsec(e)};
}

/* --- Directories --- */

static int
note_dir(struct unpacking *u, struct archive_entry *e)
{
	gid_t group;
	int r = read_group(u, e, &group);
	if (r < 0)
		return r;
	if (u->dir_count == u->dir_room) {
		size_t room = u->dir_room ? 2 * u->dir_room : 32;
		void *more = realloc(u->dirs, room * sizeof *u->dirs);
		if (!more)
			return err_set(u->err, -ENOMEM, "out of memory");
		u->dirs = more;
		u->dir_room = room;
	}
	char *path = strdup(u->name);
	if (!path)
		return err_set(u->err, -ENOMEM, "out of memory");
	u->dirs[u->dir_count++] = (struct made_dir){
		path, archive_entry_perm(e), group, time_of(e)};
	return 0;
}

static int
make_dir(struct unpacking *u, struct archive_entry *e)
{
	const char *last;
	int parent = open_parent(u, u->name, &last);
	if (parent < 0)
		return parent;
	int r = mkdirat(parent, last, 0700) < 0 ? fail(u, "cannot be made") : 0;
	close(parent);
	return r < 0 ? r : note_dir(u, e);
}

/* What is in them is there: the last first, so that none is closed to us. */
static int
finish_dirs(struct unpacking *u)
{
	int r = 0;
	for (size_t i = u->dir_count; r == 0 && i-- > 0;) {
		const struct made_dir *d = &u->dirs[i];
		u->name = d->path;
		int fd = files_open_beneath(
			u->root, d->path, O_RDONLY | O_DIRECTORY, 0, u->err);
		if (fd < 0)
			return fd;
		r = set_attributes(u, fd, d->mode, d->group, d->time);
		close(fd);
	}
	return r;
}

/* --- Files and links --- */

static int
write_block(struct unpacking *u, int fd, const void *data, size_t size,
	la_int64_t at)
{
	const char *from = data;
	while (size > 0) {
		ssize_t n = pwrite(fd, from, size, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(u, "cannot be written");
		from += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int
write_data(struct unpacking *u, int fd, la_int64_t size)
{
	const void *data;
	size_t count;
	la_int64_t at;
	int r = 0, code;
	while (r == 0 && (code = archive_read_data_block(u->archive, &data,
				  &count, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || (la_int64_t)count > size - at)
			return refuse(u, "has more data than it says");
		r = write_block(u, fd, data, count, at);
	}
	if (r < 0)
		return r;
	if (code != ARCHIVE_EOF)
		return archive_fail(u);
	return ftruncate(fd, size) < 0 ? fail(u, "its size") : 0;
}

static int
make_file(struct unpacking *u, struct archive_entry *e)
{
	gid_t group;
	const char *last;
	la_int64_t size = archive_entry_size(e);
	int r = read_group(u, e, &group);
	if (r < 0)
		return r;
	if (size < 0)
		return refuse(u, "has no size");
	int parent = open_parent(u, u->name, &last);
	if (parent < 0)
		return parent;
	int fd = openat(parent, last,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	close(parent);
	if (fd < 0)
		return fail(u, "cannot be made");
	r = write_data(u, fd, size);
	if (r == 0)
		r = set_attributes(
			u, fd, archive_entry_perm(e), group, time_of(e));
	close(fd);
	return r;
}

static int
make_symlink(struct unpacking *u, struct archive_entry *e)
{
	const char *last, *target = archive_entry_symlink(e);
	const struct timespec times[2] = {time_of(e), time_of(e)};
	if (!target || !*target)
		return refuse(u, "is a link to nothing");
	int parent = open_parent(u, u->name, &last);
	if (parent < 0)
		return parent;
	int r = 0;
	if (symlinkat(target, parent, last) < 0)
		r = fail(u, "cannot be made");
	else if (utimensat(parent, last, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = fail(u, "its time");
	close(parent);
	return r;
}

/* A further name of a file that was unpacked before. */
static int
make_hard_link(struct unpacking *u, const char *target)
{
	char path[64];
	const char *last;
	struct stat st;
	if (!is_name_good(target))
		return refuse(u, "is a link to the outside");
	int fd = files_open_beneath(
		u->root, target, O_PATH | O_NOFOLLOW, 0, u->err);
	if (fd < 0)
		return err_wrap(u->err, fd, "%.1000s", u->name);
	int parent = open_parent(u, u->name, &last);
	int r = parent < 0 ? parent : 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (r == 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		r = refuse(u, "is a link to what is no file");
	if (r == 0 &&
		linkat(AT_FDCWD, path, parent, last, AT_SYMLINK_FOLLOW) < 0)
		r = fail(u, "cannot be made");
	if (parent >= 0)
		close(parent);
	close(fd);
	return r;
}

/* --- All of it --- */

/* The name without the '/' that libarchive leaves at a directory's end. */
static void
take_name(struct unpacking *u, struct archive_entry *e, char clean[PATH_MAX])
{
	const char *name = archive_entry_pathname(e);
	size_t length = name ? strlen(name) : 0;
	if (length > 1 && name[length - 1] == '/')
		length--;
	if (length >= PATH_MAX)
		length = 0; /* which is no name */
	memcpy(clean, length ? name : "", length);
	clean[length] = '\0';
	u->name = clean;
}

static int
unpack_entry(struct unpacking *u, struct archive_entry *e)
{
	char clean[PATH_MAX];
	const char *link = archive_entry_hardlink(e);
	mode_t type = archive_entry_filetype(e);
	mode_t perm = archive_entry_perm(e);
	take_name(u, e, clean);
	bool is_root = type == AE_IFDIR && !link && strcmp(clean, ".") == 0;
	if (++u->entries > TREE_ENTRIES_MAX)
		return refuse(u, "there are too many entries");
	if (is_root != (u->entries == 1) ||
		(!is_root && !is_name_good(u->name)))
		return refuse(u, "is no name of something in the directory");
	if (link)
		return make_hard_link(u, link);
	if (perm & S_ISUID || (type == AE_IFREG && perm & S_ISGID))
		return refuse(u, "has the mode set-user-ID or set-group-ID");
	if (is_root)
		return note_dir(u, e);
	if (type == AE_IFDIR)
		return make_dir(u, e);
	if (type == AE_IFREG)
		return make_file(u, e);
	if (type == AE_IFLNK)
		return make_symlink(u, e);
	return refuse(u, "is no file, directory or symbolic link");
}

static int
unpack_all(struct unpacking *u)
{
	struct archive_entry *e;
	int r = 0, code = ARCHIVE_OK;
	while (r == 0) {
		u->name = "the archive";
		code = archive_read_next_header(u->archive, &e);
		if (code != ARCHIVE_OK)
			break;
		r = unpack_entry(u, e);
	}
	if (r == 0 && code != ARCHIVE_EOF)
		r = archive_fail(u);
	if (r == 0 && u->entries == 0)
		r = refuse(u, "is empty");
	return r == 0 ? finish_dirs(u) : r;
}

bool
tree_is_packed(int in)
{
	char magic[TREE_MAGIC_SIZE];
	return pread(in, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
	       memcmp(magic, TREE_MAGIC, sizeof magic) == 0;
}

int
tree_unpack(int in, uint64_t size, int dir, struct err *err)
{
	struct unpacking u = {
		.in = in,
		.at = TREE_MAGIC_SIZE,
		.size = size,
		.root = dir,
		.name = "the archive",
		.err = err,
	};
	if (size < TREE_MAGIC_SIZE)
		return refuse(&u, "is too short");
	int r = open_archive(&u);
	if (r == 0)
		r = unpack_all(&u);
	archive_read_free(u.archive);
	for (size_t i = 0; i < u.dir_count; i++)
		free(u.dirs[i].path);
	free(u.dirs);
	if (r == 0 && u.entries > FSYNC_MAX && syncfs(dir) < 0)
		r = err_sys(err, -errno, "the file system");
	return r;
}

/* --- Removing --- */

/* Opens a directory to empty it, whatever its mode is. */
static int
open_to_empty(int parent, const char *name)
{
	char path[64];
	int place = openat(
		parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return -errno;
	snprintf(path, sizeof path, "/proc/self/fd/%d", place);
	chmod(path, 0700);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = errno;
	close(place);
	return fd < 0 ? -code : fd;
}

static int
remove_all(int parent, const char *name, unsigned depth)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth == 0)
		return -ELOOP;
	int fd = open_to_empty(parent, name);
	if (fd < 0)
		return fd;
	DIR *dir = fdopendir(fd);
	int r = dir ? 0 : -errno;
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_all(fd, e->d_name, depth - 1);
	if (dir)
		closedir(dir);
	else
		close(fd);
	if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int
tree_remove(int parent, const char *name, struct err *err)
{
	int r = remove_all(parent, name, TREE_DEPTH_MAX + 2);
	return r < 0 ? err_sys(err, r, "%s: cannot be removed", name) : 0;
}
