#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mover/tree.h"

#define BUFFER_SIZE 65536

/* The first name of a file that has several; a slot of a hash table. */
struct first {
	ino_t inode;
	nlink_t missing; /* names not seen yet */
	char *path;	 /* NULL: the slot is free */
};

/* A tree on its way into an archive. */
struct packing {
	struct archive *archive;
	struct archive_entry *entry; /* used again and again */
	const struct tree_sink *sink;
	bool is_measuring;
	dev_t device;
	unsigned depth;
	unsigned entries;
	uint64_t size; /* of all files so far, with their holes */
	struct first *firsts;
	size_t first_count, first_room;
	size_t length; /* of 'path' */
	char path[PATH_MAX];
	struct err *err;
	int rc; /* of the sink */
};

static unsigned char buffer[BUFFER_SIZE];

static int
refuse(struct packing *p, const char *why)
{
	return err_set(p->err, -EINVAL, "%s: %s", p->path, why);
}

static int
fail(struct packing *p, const char *what)
{
	return err_sys(p->err, -errno, "%s: %s", p->path, what);
}

/* --- The archive --- */

static la_ssize_t
on_bytes(struct archive *a, void *context, const void *data, size_t size)
{
	struct packing *p = context;
	struct bytes bytes = {data, size};
	p->rc = size ? p->sink->write(p->sink->context, bytes, p->err) : 0;
	if (p->rc == 0)
		return (la_ssize_t)size;
	archive_set_error(a, EIO, "the receiver failed");
	return -1;
}

/* What an answer of libarchive other than ARCHIVE_OK means. */
static int
archive_fail(struct packing *p)
{
	if (p->rc != 0)
		return p->rc;
	return err_set(p->err, -EINVAL, "%s: cannot be packed: %s", p->path,
		archive_error_string(p->archive));
}

static int
open_archive(struct packing *p)
{
	struct archive *a = p->archive = archive_write_new();
	p->entry = archive_entry_new();
	if (!a || !p->entry)
		return err_set(p->err, -ENOMEM, "out of memory");
	bool is_bad =
		archive_write_set_format_pax(a) != ARCHIVE_OK ||
		archive_write_set_format_option(
			a, "pax", "hdrcharset", "BINARY") != ARCHIVE_OK ||
		archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
		archive_write_open(a, p, NULL, on_bytes, NULL) != ARCHIVE_OK;
	return is_bad ? archive_fail(p) : 0;
}

/* --- One entry --- */

/* Whether it may go; says why not. */
static int
check(struct packing *p, const struct stat *st)
{
	if (st->st_uid != geteuid())
		return err_set(p->err, -EPERM,
			"%s: belongs to uid %u, and not to uid %u", p->path,
			st->st_uid, geteuid());
	if (st->st_dev != p->device)
		return refuse(p, "is on another file system");
	if (st->st_mode & S_ISUID ||
		(S_ISREG(st->st_mode) && st->st_mode & S_ISGID))
		return refuse(p, "has the mode set-user-ID or set-group-ID");
	if (++p->entries > TREE_ENTRIES_MAX)
		return refuse(p, "there are too many files");
	return 0;
}

/* Names the group, unless it is our own. */
static int
set_group(struct packing *p, const struct stat *st)
{
	if (st->st_gid == getegid())
		return 0;
	const struct group *g = getgrgid(st->st_gid);
	if (!g)
		return refuse(p, "belongs to a group that has no name");
	archive_entry_set_gname(p->entry, g->gr_name);
	return 0;
}

/* Begins the entry of what stands at the path. */
static int
begin_entry(struct packing *p, const struct stat *st)
{
	int r = check(p, st);
	if (r < 0)
		return r;
	archive_entry_clear(p->entry);
	archive_entry_set_pathname(p->entry, p->path);
	archive_entry_set_filetype(p->entry, st->st_mode & S_IFMT);
	archive_entry_set_perm(p->entry, st->st_mode & 07777);
	archive_entry_set_mtime(
		p->entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	archive_entry_set_size(p->entry, 0);
	return set_group(p, st);
}

static int
put_entry(struct packing *p)
{
	bool is_good = archive_write_header(p->archive, p->entry) == ARCHIVE_OK;
	return is_good ? 0 : archive_fail(p);
}

/* --- Files --- */

/* Where the file with this number is, or would be: the room is a power of two,
 * and never full. */
static struct first *
slot_of(struct first *firsts, size_t room, ino_t inode)
{
	size_t i = (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> 32);
	while (firsts[i & (room - 1)].path &&
		firsts[i & (room - 1)].inode != inode)
		i++;
	return &firsts[i & (room - 1)];
}

static bool
firsts_grow(struct packing *p)
{
	size_t room = p->first_room ? 2 * p->first_room : 64;
	struct first *more = calloc(room, sizeof *more);
	if (!more)
		return false;
	for (size_t i = 0; i < p->first_room; i++)
		if (p->firsts[i].path)
			*slot_of(more, room, p->firsts[i].inode) = p->firsts[i];
	free(p->firsts);
	p->firsts = more;
	p->first_room = room;
	return true;
}

/* The first name of the file, which is noted if that is this one; NULL without
 * memory. */
static struct first *
find_first(struct packing *p, const struct stat *st, bool *is_new)
{
	if (2 * (p->first_count + 1) > p->first_room && !firsts_grow(p))
		return NULL;
	struct first *f = slot_of(p->firsts, p->first_room, st->st_ino);
	*is_new = !f->path;
	if (f->path)
		return f;
	char *path = strdup(p->path);
	if (!path)
		return NULL;
	p->first_count++;
	*f = (struct first){st->st_ino, st->st_nlink, path};
	return f;
}

/* Tells the archive where the data of a file with holes lies. */
static int
mark_holes(struct packing *p, int fd, const struct stat *st)
{
	if (st->st_blocks >= st->st_size / 512)
		return 0;
	off_t at = 0;
	bool has_data = false;
	while (at < st->st_size) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return fail(p, "where its data lies");
		if (data == 0 && hole >= st->st_size)
			return 0;
		archive_entry_sparse_add_entry(p->entry, data, hole - data);
		has_data = true;
		at = hole;
	}
	if (!has_data)
		archive_entry_sparse_add_entry(p->entry, 0, 0);
	return 0;
}

static ssize_t
read_data(int fd, off_t at, size_t size)
{
	ssize_t n;
	do {
		n = pread(fd, buffer, size, at);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* The data from 'at' to 'end'. */
static int
put_run(struct packing *p, int fd, off_t at, off_t end)
{
	while (at < end) {
		size_t size = BUFFER_SIZE;
		if ((uint64_t)(end - at) < size)
			size = (size_t)(end - at);
		ssize_t n = p->is_measuring ? (ssize_t)size
					    : read_data(fd, at, size);
		if (n < 0)
			return fail(p, "cannot be read");
		if (n == 0)
			return refuse(p, "changed while it was read");
		if (archive_write_data(p->archive, buffer, (size_t)n) != n)
			return archive_fail(p);
		at += n;
	}
	return 0;
}

/* The hole from 'at' to 'end', of which libarchive wants to hear but takes no
 * byte: a file may be nothing else, and as large as file systems allow. */
static int
put_hole(struct packing *p, off_t at, off_t end)
{
	while (at < end) {
		size_t size = (size_t)(end - at);
		la_ssize_t n = archive_write_data(p->archive, buffer, size);
		if (n <= 0)
			return archive_fail(p);
		at += n;
	}
	return 0;
}

/* All of a file, as the entry says where its data lies. */
static int
put_data(struct packing *p, int fd, off_t size)
{
	la_int64_t start, length;
	off_t at = 0;
	int r = 0;
	if (archive_entry_sparse_reset(p->entry) == 0)
		return put_run(p, fd, 0, size);
	while (r == 0 && archive_entry_sparse_next(p->entry, &start, &length) ==
				 ARCHIVE_OK) {
		r = put_hole(p, at, start);
		at = start + length;
		if (r == 0)
			r = put_run(p, fd, start, at);
	}
	return r == 0 ? put_hole(p, at, size) : r;
}

static bool
is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool
tree_is_unchanged(int fd, const struct stat *before)
{
	struct stat now;
	return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
	       is_same_time(now.st_mtim, before->st_mtim) &&
	       is_same_time(now.st_ctim, before->st_ctim);
}

/* A file that is open. */
static int
pack_open_file(struct packing *p, int fd)
{
	struct stat st;
	struct first *first = NULL;
	bool is_new = true;
	if (fstat(fd, &st) < 0)
		return fail(p, "cannot be examined");
	if (!S_ISREG(st.st_mode))
		return refuse(p, "changed while it was read");
	int r = begin_entry(p, &st);
	if (r < 0)
		return r;
	if (st.st_nlink > 1) {
		first = find_first(p, &st, &is_new);
		if (!first || first->missing == 0)
			return first ? refuse(p, "changed while it was read")
				     : err_set(p->err, -ENOMEM, "no memory");
		first->missing--;
	}
	if (!is_new) {
		archive_entry_set_hardlink(p->entry, first->path);
		return put_entry(p);
	}
	p->size += (uint64_t)st.st_size;
	if (p->size > TREE_SIZE_MAX)
		return refuse(p, "all is larger than 1 PiB, holes counted");
	archive_entry_set_size(p->entry, st.st_size);
	r = mark_holes(p, fd, &st);
	if (r == 0)
		r = put_entry(p);
	if (r == 0)
		r = put_data(p, fd, st.st_size);
	if (r == 0 && !tree_is_unchanged(fd, &st))
		r = refuse(p, "changed while it was read");
	return r;
}

static int
pack_file(struct packing *p, int dir, const char *name)
{
	int fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(p, "cannot be opened");
	int r = pack_open_file(p, fd);
	close(fd);
	return r;
}

static int
pack_link(struct packing *p, int dir, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
	if (n < 0)
		return fail(p, "cannot be read");
	target[n] = '\0';
	int r = begin_entry(p, st);
	if (r < 0)
		return r;
	archive_entry_set_symlink(p->entry, target);
	return put_entry(p);
}

/* --- Directories --- */

struct names {
	char **items;
	size_t count, room;
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
}

static bool
names_add(struct names *n, const char *name)
{
	if (n->count == n->room) {
		size_t room = n->room ? 2 * n->room : 32;
		void *more = realloc(n->items, room * sizeof *n->items);
		if (!more)
			return false;
		n->items = more;
		n->room = room;
	}
	n->items[n->count] = strdup(name);
	return n->items[n->count] && ++n->count;
}

static int
names_read(struct packing *p, int dir, struct names *n)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		int r = fail(p, "cannot be listed");
		if (copy >= 0)
			close(copy);
		return r;
	}
	int r = 0;
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (n->count >= TREE_ENTRIES_MAX)
			r = refuse(p, "there are too many files");
		else if (!names_add(n, e->d_name))
			r = err_set(p->err, -ENOMEM, "out of memory");
	}
	closedir(d);
	if (r == 0 && n->count)
		qsort(n->items, n->count, sizeof *n->items, compare_names);
	return r;
}

static int pack_dir(struct packing *p, int dir);

static int
pack_sub_dir(struct packing *p, int dir, const char *name)
{
	if (p->depth >= TREE_DEPTH_MAX)
		return refuse(p, "lies too deep");
	int fd = openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(p, "cannot be opened");
	p->depth++;
	int r = pack_dir(p, fd);
	p->depth--;
	close(fd);
	return r;
}

/* What has this name in 'dir', and stands at the path. */
static int
pack_child(struct packing *p, int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(p, "cannot be examined");
	if (S_ISDIR(st.st_mode))
		return pack_sub_dir(p, dir, name);
	if (S_ISREG(st.st_mode))
		return pack_file(p, dir, name);
	if (S_ISLNK(st.st_mode))
		return pack_link(p, dir, name, &st);
	if (S_ISSOCK(st.st_mode)) /* nobody listens any more */
		return 0;
	return refuse(p, "is no file, directory or symbolic link");
}

/* The same with its name behind the path of its directory. */
static int
pack_named(struct packing *p, int dir, const char *name)
{
	size_t before = p->length;
	size_t size = strlen(name);
	bool is_top = p->depth == 0;
	size_t start = is_top ? 0 : before + 1;
	if (start + size >= sizeof p->path)
		return refuse(p, "a path in it is too long");
	if (!is_top)
		p->path[before] = '/';
	memcpy(p->path + start, name, size + 1);
	p->length = start + size;
	int r = pack_child(p, dir, name);
	if (r < 0) /* the path is in the sentence */
		return r;
	p->length = before;
	p->path[before] = '\0';
	if (is_top)
		strcpy(p->path, ".");
	return 0;
}

static int
pack_dir(struct packing *p, int dir)
{
	struct names names = {0};
	struct stat st;
	if (fstat(dir, &st) < 0)
		return fail(p, "cannot be examined");
	if (p->depth == 0)
		p->device = st.st_dev;
	int r = begin_entry(p, &st);
	if (r == 0)
		r = put_entry(p);
	if (r == 0)
		r = names_read(p, dir, &names);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = pack_named(p, dir, names.items[i]);
	names_free(&names);
	if (r == 0 && !tree_is_unchanged(dir, &st))
		r = refuse(p, "changed while it was read");
	return r;
}

/* A name that was not found may stand anywhere. */
static int
check_links(struct packing *p)
{
	for (size_t i = 0; i < p->first_room; i++)
		if (p->firsts[i].path && p->firsts[i].missing)
			return err_set(p->err, -EMLINK,
				"%s: has a name outside of the directory",
				p->firsts[i].path);
	return 0;
}

static int
close_archive(struct packing *p, int r)
{
	if (r == 0 && archive_write_close(p->archive) != ARCHIVE_OK)
		r = archive_fail(p);
	if (r < 0 && p->archive) /* and nothing more is written */
		archive_write_fail(p->archive);
	archive_write_free(p->archive);
	archive_entry_free(p->entry);
	for (size_t i = 0; i < p->first_room; i++)
		free(p->firsts[i].path);
	free(p->firsts);
	return r;
}

int
tree_pack(int dir, bool is_measuring, const struct tree_sink *sink,
	struct err *err)
{
	struct packing p = {
		.sink = sink,
		.is_measuring = is_measuring,
		.length = 1,
		.path = ".",
		.err = err,
	};
	struct bytes magic = {TREE_MAGIC, TREE_MAGIC_SIZE};
	int r = sink->write(sink->context, magic, err);
	if (r == 0)
		r = open_archive(&p);
	if (r == 0)
		r = pack_dir(&p, dir);
	if (r == 0)
		r = check_links(&p);
	return close_archive(&p, r);
}
