/* A directory as a state: what it keeps, and hostile trees and archives. */
#include <archive.h>
#include <archive_entry.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mover/tree.h"
#include "tests/lib/scratch.h"

/* libarchive forgets some bytes of an archive that was given up half way; who
 * gives one up ends soon after. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libarchive.so\n";
}

static struct err err;

static void
setup(void)
{
	umask(077);
	scratch_begin();
	ck_assert_int_eq(mkdir(scratch_path("from"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("to"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_path("outside"), 0755), 0);
	scratch_write("outside/canary", "alive", 5);
	err.text[0] = '\0';
}

static int
open_dir(const char *name)
{
	int fd = open(scratch_path(name), O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* --- Packing and unpacking --- */

static void (*meanwhile)(void); /* while a tree is packed */

static int
write_bytes(void *context, struct bytes bytes, struct err *e)
{
	const int *fd = context;
	(void)e;
	if (meanwhile)
		meanwhile();
	ck_assert_int_eq(
		write(*fd, bytes.data, bytes.size), (ssize_t)bytes.size);
	return 0;
}

static int
count_bytes(void *context, struct bytes bytes, struct err *e)
{
	uint64_t *size = context;
	(void)e;
	*size += bytes.size;
	return 0;
}

/* Packs "from" into a file; -1, and 'err', when it is refused. */
static int
pack(void)
{
	uint64_t size = 0;
	int fd = memfd_create("state", 0);
	int dir = open_dir("from");
	struct tree_sink count = {count_bytes, &size};
	struct tree_sink sink = {write_bytes, &fd};
	int measured = tree_pack(dir, true, &count, &err);
	int r = tree_pack(dir, false, &sink, &err);
	close(dir);
	ck_assert_int_eq(measured, r);
	if (r == 0) {
		ck_assert_uint_eq(size, (uint64_t)lseek(fd, 0, SEEK_END));
		ck_assert(tree_is_packed(fd));
		return fd;
	}
	close(fd);
	return -1;
}

static int
unpack(int fd)
{
	int dir = open_dir("to");
	off_t size = lseek(fd, 0, SEEK_END);
	int r = tree_unpack(fd, (uint64_t)size, dir, &err);
	close(dir);
	return r;
}

/* Packs "from", which must do, and unpacks it to "to". */
static void
carry(void)
{
	int fd = pack();
	ck_assert_msg(fd >= 0, "got: %s", err.text);
	int r = unpack(fd);
	ck_assert_msg(r == 0, "got: %s", err.text);
	close(fd);
}

static struct stat
stat_of(const char *name)
{
	struct stat st;
	int r = lstat(scratch_path(name), &st);
	ck_assert_msg(r == 0, "%s: %s", name, strerror(errno));
	return st;
}

/* Asserts that both are of one kind, mode and time. */
static void
expect_alike(const char *name)
{
	char a[100], b[100];
	snprintf(a, sizeof a, "from/%s", name);
	snprintf(b, sizeof b, "to/%s", name);
	struct stat x = stat_of(a), y = stat_of(b);
	ck_assert_msg(x.st_mode == y.st_mode, "%s: mode %o, was %o", name,
		y.st_mode, x.st_mode);
	ck_assert_int_eq(x.st_mtim.tv_sec, y.st_mtim.tv_sec);
	ck_assert_int_eq(x.st_mtim.tv_nsec, y.st_mtim.tv_nsec);
	ck_assert_int_eq(x.st_gid, y.st_gid);
	if (S_ISREG(x.st_mode))
		ck_assert_int_eq(x.st_size, y.st_size);
}

static void
set_time(const char *name, long seconds, long nanoseconds)
{
	struct timespec t = {seconds, nanoseconds};
	struct timespec times[2] = {t, t};
	ck_assert_int_eq(utimensat(AT_FDCWD, scratch_path(name), times,
				 AT_SYMLINK_NOFOLLOW),
		0);
}

static void
fill(void)
{
	scratch_write("from/b", "beta", 4);
	scratch_write("from/a", "", 0);
	mkdir(scratch_path("from/dir"), 0755);
	mkdir(scratch_path("from/dir/empty"), 0755);
	scratch_write("from/dir/file", "in it", 5);
	ck_assert_int_eq(symlink("../b", scratch_path("from/dir/link")), 0);
	ck_assert_int_eq(symlink("/etc/shadow", scratch_path("from/abs")), 0);
	chmod(scratch_path("from/b"), 0640);
	chmod(scratch_path("from/dir/file"), 0400);
	chmod(scratch_path("from/dir/empty"), 01777);
	set_time("from/b", 1000000000, 123456789);
	set_time("from/dir/link", 1000000001, 5);
	set_time("from/dir/empty", 1000000002, 6);
	chmod(scratch_path("from/dir"), 0500);
	set_time("from/dir", 1000000003, 7);
	chmod(scratch_path("from"), 0750);
	set_time("from", 1000000004, 8);
}

START_TEST(test_round_trip)
{
	static const char *const names[] = {"", "a", "b", "dir", "dir/empty",
		"dir/file", "dir/link", "abs"};
	char target[100] = "";
	fill();
	carry();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		expect_alike(names[i]);
	char *text = scratch_read("to/b", NULL);
	ck_assert_str_eq(text, "beta");
	free(text);
	ck_assert_int_eq(readlink(scratch_path("to/abs"), target, 99), 11);
	ck_assert_str_eq(target, "/etc/shadow");
}
END_TEST

START_TEST(test_same_tree_same_bytes)
{
	static char a[100000], b[100000];
	fill();
	int one = pack();
	carry();
	/* The copy, in which everything was made in another order. */
	rename(scratch_path("from"), scratch_path("was"));
	rename(scratch_path("to"), scratch_path("from"));
	int two = pack();
	ssize_t n = pread(one, a, sizeof a, 0);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(pread(two, b, sizeof b, 0), n);
	ck_assert_int_eq(memcmp(a, b, (size_t)n), 0);
	close(one);
	close(two);
}
END_TEST

START_TEST(test_names_of_any_bytes)
{
	char name[300] = "from/";
	memset(name + 5, 'x', 255);
	scratch_write(name, "long", 4);
	scratch_write("from/\xff\xfe \n\t*", "odd", 3);
	scratch_write("from/gr\xc3\xbc\xc3\x9f", "utf", 3);
	carry();
	memcpy(name, "to///", 5);
	ck_assert_int_eq(scratch_size(name), 4);
	ck_assert_int_eq(scratch_size("to/\xff\xfe \n\t*"), 3);
	ck_assert_int_eq(scratch_size("to/gr\xc3\xbc\xc3\x9f"), 3);
}
END_TEST

START_TEST(test_hard_links)
{
	scratch_write("from/x", "twice", 5);
	mkdir(scratch_path("from/dir"), 0755);
	link(scratch_path("from/x"), scratch_path("from/dir/y"));
	carry();
	ck_assert_uint_eq(stat_of("to/x").st_ino, stat_of("to/dir/y").st_ino);
	ck_assert_int_eq(scratch_size("to/x"), 5);
}
END_TEST

START_TEST(test_many_hard_links)
{
	char one[40], two[40];
	for (int i = 0; i < 300; i++) {
		snprintf(one, sizeof one, "from/a%d", i);
		snprintf(two, sizeof two, "from/b%d", 299 - i);
		scratch_write(one, one, strlen(one));
		link(scratch_path(one), scratch_path(two));
	}
	carry();
	ck_assert_uint_eq(stat_of("to/a0").st_ino, stat_of("to/b299").st_ino);
	ck_assert_uint_eq(stat_of("to/a299").st_ino, stat_of("to/b0").st_ino);
	ck_assert_uint_ne(stat_of("to/a1").st_ino, stat_of("to/a2").st_ino);
}
END_TEST

START_TEST(test_holes_take_no_room)
{
	int fd = open(scratch_path("from/holes"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(ftruncate(fd, 64 << 20), 0);
	ck_assert_int_eq(pwrite(fd, "middle", 6, 32 << 20), 6);
	close(fd);
	fd = open(scratch_path("from/nothing"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	close(fd);
	bool has_holes = stat_of("from/holes").st_blocks < 1000;
	fd = pack();
	ck_assert_msg(fd >= 0, "got: %s", err.text);
	if (has_holes)
		ck_assert_int_lt(lseek(fd, 0, SEEK_END), 1 << 20);
	ck_assert_msg(unpack(fd) == 0, "got: %s", err.text);
	close(fd);
	expect_alike("holes");
	expect_alike("nothing");
	if (has_holes)
		ck_assert_int_lt(stat_of("to/holes").st_blocks, 1000);
	char text[7] = "";
	fd = open(scratch_path("to/holes"), O_RDONLY);
	ck_assert_int_eq(pread(fd, text, 6, 32 << 20), 6);
	ck_assert_str_eq(text, "middle");
	ck_assert_int_eq(pread(fd, text, 6, 1000), 6);
	ck_assert_int_eq(text[0], 0);
	close(fd);
}
END_TEST

/* Nobody reads a hole: what is nothing else takes no time. */
START_TEST(test_a_hole_as_large_as_may_be)
{
	off_t size = INT64_C(1) << 43;
	int fd = open(scratch_path("from/holes"), O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, size) < 0) {
		close(fd);
		return; /* not on this file system */
	}
	ck_assert_int_eq(pwrite(fd, "middle", 6, size / 2), 6);
	close(fd);
	carry();
	expect_alike("holes");
}
END_TEST

/* --- Hostile trees --- */

START_TEST(test_pack_holes_without_end)
{
	int shm = open("/dev/shm", O_RDWR | O_TMPFILE, 0600);
	off_t size = INT64_C(1) << 61;
	bool can = shm >= 0 && ftruncate(shm, size) == 0;
	close(shm);
	char dir[] = "/dev/shm/skep-test.XXXXXX";
	if (!can || !mkdtemp(dir))
		return; /* no file system here takes such a file */
	rmdir(scratch_path("from"));
	ck_assert_int_eq(symlink(dir, scratch_path("from")), 0);
	shm = open(scratch_path("from/holes"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(ftruncate(shm, size), 0);
	close(shm);
	int r = pack();
	unlink(scratch_path("from/holes"));
	rmdir(dir);
	ck_assert_int_eq(r, -1);
	ck_assert_msg(strstr(err.text, "is larger than 1 PiB"), "%s", err.text);
}
END_TEST

static void
expect_no_pack(const char *why)
{
	ck_assert_int_eq(pack(), -1);
	ck_assert_msg(strstr(err.text, why) != NULL, "got: %s", err.text);
}

START_TEST(test_pack_fifo)
{
	mkdir(scratch_path("from/dir"), 0755);
	mkfifo(scratch_path("from/dir/fifo"), 0600);
	expect_no_pack("dir/fifo: is no file, directory or symbolic link");
}
END_TEST

START_TEST(test_pack_name_outside)
{
	link(scratch_path("outside/canary"), scratch_path("from/x"));
	expect_no_pack("x: has a name outside of the directory");
}
END_TEST

START_TEST(test_pack_set_user_id)
{
	scratch_write("from/x", "", 0);
	chmod(scratch_path("from/x"), _i ? 02755 : 04755);
	expect_no_pack("x: has the mode set-user-ID or set-group-ID");
}
END_TEST

START_TEST(test_pack_foreign_owner)
{
	if (geteuid() != 0)
		return; /* only root can give a file away */
	scratch_write("from/x", "theirs", 6);
	chown(scratch_path("from/x"), 12345, 12345);
	expect_no_pack("x: belongs to uid 12345, and not to uid 0");
	chown(scratch_path("from/x"), 0, 0);
	chown(scratch_path("from"), 12345, 12345);
	expect_no_pack(".: belongs to uid 12345");
}
END_TEST

/* Does it until the clock of the file system tells. */
static void
change(const char *name, void (*how)(void))
{
	struct stat now, before = stat_of(name);
	do {
		how();
		now = stat_of(name);
	} while (now.st_ctim.tv_sec == before.st_ctim.tv_sec &&
		 now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

static void
add_one(void)
{
	static int count;
	char name[32];
	snprintf(name, sizeof name, "from/y%d", count++);
	scratch_write(name, "new", 3);
}

static void
add_behind(void)
{
	change("from", add_one);
}

/* With the time that it had. */
static void
write_again(void)
{
	struct stat st = stat_of("from/x");
	struct timespec times[2] = {st.st_atim, st.st_mtim};
	scratch_write("from/x", "after", 5);
	utimensat(AT_FDCWD, scratch_path("from/x"), times, 0);
}

static void
write_secretly(void)
{
	change("from/x", write_again);
}

START_TEST(test_pack_what_changes)
{
	int state = memfd_create("state", 0);
	int dir = open_dir("from");
	struct tree_sink sink = {write_bytes, &state};
	scratch_write("from/x", "befor", 5);
	meanwhile = _i ? write_secretly : add_behind;
	int r = tree_pack(dir, false, &sink, &err);
	meanwhile = NULL;
	close(dir);
	close(state);
	ck_assert_int_lt(r, 0);
	ck_assert_msg(strstr(err.text, _i ? "x: changed while it was read"
					  : ".: changed while it was read"),
		"got: %s", err.text);
}
END_TEST

START_TEST(test_pack_does_not_follow)
{
	ck_assert_int_eq(symlink("../outside", scratch_path("from/way")), 0);
	carry();
	ck_assert(S_ISLNK(stat_of("to/way").st_mode));
}
END_TEST

START_TEST(test_pack_leaves_sockets_out)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", scratch_path("from/s"));
	ck_assert_int_eq(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	scratch_write("from/x", "x", 1);
	carry();
	ck_assert_int_eq(scratch_size("to/s"), -1);
	ck_assert_int_eq(scratch_size("to/x"), 1);
	close(s);
}
END_TEST

START_TEST(test_pack_too_deep)
{
	int fd = open_dir("from");
	for (int i = 0; i < TREE_DEPTH_MAX + 1; i++) {
		ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
	expect_no_pack("lies too deep");
}
END_TEST

/* --- Hostile archives --- */

/* One entry of an archive that no packing makes. */
struct planted {
	const char *name;
	unsigned type; /* AE_IF... */
	const char *target;
	bool is_hard;
	unsigned mode;
	const char *group;
};

static int
make_archive(const struct planted *entries)
{
	int fd = memfd_create("state", 0);
	struct archive *a = archive_write_new();
	archive_write_set_format_pax(a);
	archive_write_set_bytes_per_block(a, 0);
	ck_assert_int_eq(
		write(fd, TREE_MAGIC, TREE_MAGIC_SIZE), TREE_MAGIC_SIZE);
	ck_assert_int_eq(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (; entries->name; entries++) {
		struct archive_entry *e = archive_entry_new();
		bool is_file = entries->type == AE_IFREG && !entries->is_hard;
		archive_entry_set_pathname(e, entries->name);
		archive_entry_set_filetype(e, entries->type);
		archive_entry_set_perm(e, entries->mode ? entries->mode : 0755);
		archive_entry_set_size(e, is_file ? 3 : 0);
		if (entries->group)
			archive_entry_set_gname(e, entries->group);
		if (entries->target && entries->is_hard)
			archive_entry_set_hardlink(e, entries->target);
		else if (entries->target)
			archive_entry_set_symlink(e, entries->target);
		ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
		if (is_file)
			ck_assert_int_eq(archive_write_data(a, "bad", 3), 3);
		archive_entry_free(e);
	}
	archive_write_close(a);
	archive_write_free(a);
	return fd;
}

#define ROOT                                                                   \
	{                                                                      \
		".", AE_IFDIR, NULL, false, 0, NULL                            \
	}
#define FILE_(name)                                                            \
	{                                                                      \
		name, AE_IFREG, NULL, false, 0, NULL                           \
	}

static const struct {
	struct planted entries[5];
	const char *why;
} hostile[] = {
	{{ROOT, FILE_("../outside/new")}, "is no name of something"},
	{{ROOT, FILE_("dir/../../outside/new")}, "is no name of something"},
	{{ROOT, FILE_("/tmp/skep-hostile")}, "is no name of something"},
	{{ROOT, FILE_("a//b")}, "is no name of something"},
	{{ROOT, {"..", AE_IFDIR, NULL, false, 0, NULL}},
		"is no name of something"},
	{{ROOT, {"way", AE_IFLNK, "../outside", false, 0, NULL},
		 FILE_("way/new")},
		"links are not followed"},
	{{ROOT, {"way", AE_IFLNK, "../outside/canary", false, 0, NULL},
		 FILE_("way")},
		"way: cannot be made: File exists"},
	{{ROOT, {"way", AE_IFLNK, "../outside", false, 0, NULL},
		 {"way", AE_IFDIR, NULL, false, 0, NULL}},
		"way: cannot be made: File exists"},
	{{ROOT, {"way", AE_IFLNK, "../outside", false, 0, NULL},
		 {"x", AE_IFREG, "way/canary", true, 0, NULL}},
		"links are not followed"},
	{{ROOT, {"x", AE_IFREG, "../outside/canary", true, 0, NULL}},
		"is a link to the outside"},
	{{ROOT, {"x", AE_IFREG, "/etc/passwd", true, 0, NULL}},
		"is a link to the outside"},
	{{ROOT, {"way", AE_IFLNK, "/etc/passwd", false, 0, NULL},
		 {"x", AE_IFREG, "way", true, 0, NULL}},
		"is a link to what is no file"},
	{{ROOT, {"d", AE_IFDIR, NULL, false, 0, NULL},
		 {"x", AE_IFREG, "d", true, 0, NULL}},
		"is a link to what is no file"},
	{{ROOT, {"null", AE_IFCHR, NULL, false, 0666, NULL}},
		"is no file, directory or symbolic link"},
	{{ROOT, {"disk", AE_IFBLK, NULL, false, 0666, NULL}},
		"is no file, directory or symbolic link"},
	{{ROOT, {"fifo", AE_IFIFO, NULL, false, 0666, NULL}},
		"is no file, directory or symbolic link"},
	{{ROOT, {"su", AE_IFREG, NULL, false, 04755, NULL}},
		"has the mode set-user-ID or set-group-ID"},
	{{ROOT, {"sg", AE_IFREG, NULL, false, 02755, NULL}},
		"has the mode set-user-ID or set-group-ID"},
	{{{".", AE_IFDIR, NULL, false, 04755, NULL}},
		"has the mode set-user-ID or set-group-ID"},
	{{ROOT, {"x", AE_IFREG, NULL, false, 0644, "no-such-group"}},
		"belongs to the group no-such-group"},
	{{ROOT, FILE_("x"), FILE_("x")}, "x: cannot be made: File exists"},
	{{ROOT, FILE_("none/x")}, "none/x: none: cannot be opened"},
	{{ROOT, ROOT}, "is no name of something"},
	{{FILE_("x")}, "is no name of something"},
	{{{0}}, "is empty"},
};

START_TEST(test_hostile_archive)
{
	int fd = make_archive(hostile[_i].entries);
	int r = unpack(fd);
	close(fd);
	ck_assert_int_lt(r, 0);
	ck_assert_msg(
		strstr(err.text, hostile[_i].why) != NULL, "got: %s", err.text);
	char *text = scratch_read("outside/canary", NULL);
	ck_assert_str_eq(text, "alive");
	free(text);
	ck_assert_int_eq(scratch_size("outside/new"), -1);
	ck_assert_uint_eq(stat_of("outside/canary").st_nlink, 1);
	ck_assert_int_eq(access("/tmp/skep-hostile", F_OK), -1);
}
END_TEST

/* What cannot be packed is not unpacked either: nobody could remove it. */
START_TEST(test_archive_too_deep)
{
	static struct planted entries[TREE_DEPTH_MAX + 4] = {ROOT};
	static char names[TREE_DEPTH_MAX + 2][2 * TREE_DEPTH_MAX + 5];
	for (int i = 0; i < TREE_DEPTH_MAX + 2; i++) {
		snprintf(names[i], sizeof names[i], "%s%sd",
			i ? names[i - 1] : "", i ? "/" : "");
		entries[i + 1] = (struct planted){
			names[i], AE_IFDIR, NULL, false, 0, NULL};
	}
	int fd = make_archive(entries);
	int r = unpack(fd);
	close(fd);
	ck_assert_int_lt(r, 0);
	ck_assert_ptr_nonnull(strstr(err.text, "is no name of something"));
	int dir = open_dir(".");
	r = tree_remove(dir, "to", &err);
	close(dir);
	ck_assert_msg(r == 0, "got: %s", err.text);
}
END_TEST

START_TEST(test_remove_what_is_closed)
{
	struct stat st;
	mkdir(scratch_path("to/closed"), 0700);
	scratch_write("to/closed/x", "x", 1);
	symlink("../outside", scratch_path("to/way"));
	chmod(scratch_path("to/closed"), 0);
	chmod(scratch_path("to"), 0);
	int dir = open_dir(".");
	pid_t pid = fork();
	if (pid == 0) {
		fchown(dir, 65534, 65534);
		chown(scratch_path("to"), 65534, 65534);
		fchownat(dir, "to/closed", 65534, 65534, 0);
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		_exit(tree_remove(dir, "to", NULL) == 0 ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(dir);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(lstat(scratch_path("to"), &st), -1);
	ck_assert_uint_eq(stat_of("outside").st_mode & 07777, 0755 & ~077);
}
END_TEST

START_TEST(test_cut_archive)
{
	fill();
	int fd = pack();
	off_t size = lseek(fd, 0, SEEK_END);
	for (off_t cut = 0; cut < size - 1024; cut += 100) {
		int dir = open_dir("to");
		int r = tree_unpack(fd, (uint64_t)cut, dir, &err);
		close(dir);
		ck_assert_msg(r < 0, "%d of %d bytes", (int)cut, (int)size);
		dir = open_dir(".");
		ck_assert_int_eq(tree_remove(dir, "to", &err), 0);
		close(dir);
		mkdir(scratch_path("to"), 0755);
	}
	close(fd);
}
END_TEST

START_TEST(test_remove_does_not_follow)
{
	ck_assert_int_eq(symlink("../outside", scratch_path("to/way")), 0);
	mkdir(scratch_path("to/closed"), 0755);
	scratch_write("to/closed/x", "x", 1);
	chmod(scratch_path("to/closed"), 0500);
	int dir = open_dir(".");
	ck_assert_int_eq(tree_remove(dir, "to", &err), 0);
	ck_assert_int_eq(tree_remove(dir, "to", &err), 0);
	close(dir);
	ck_assert_int_eq(scratch_size("outside/canary"), 5);
	ck_assert_int_eq(access(scratch_path("to"), F_OK), -1);
}
END_TEST

static void
add_packing(TCase *t)
{
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_same_tree_same_bytes);
	tcase_add_test(t, test_names_of_any_bytes);
	tcase_add_test(t, test_hard_links);
	tcase_add_test(t, test_many_hard_links);
	tcase_add_test(t, test_holes_take_no_room);
	tcase_add_test(t, test_a_hole_as_large_as_may_be);
	tcase_add_test(t, test_pack_holes_without_end);
	tcase_add_loop_test(t, test_pack_what_changes, 0, 2);
	tcase_add_test(t, test_pack_fifo);
	tcase_add_test(t, test_pack_name_outside);
	tcase_add_loop_test(t, test_pack_set_user_id, 0, 2);
	tcase_add_test(t, test_pack_foreign_owner);
	tcase_add_test(t, test_pack_does_not_follow);
	tcase_add_test(t, test_pack_leaves_sockets_out);
	tcase_add_test(t, test_pack_too_deep);
}

int
main(void)
{
	Suite *suite = suite_create("mover_tree");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, scratch_end);
	add_packing(t);
	tcase_add_loop_test(
		t, test_hostile_archive, 0, sizeof hostile / sizeof *hostile);
	tcase_add_test(t, test_archive_too_deep);
	tcase_add_test(t, test_cut_archive);
	tcase_add_test(t, test_remove_what_is_closed);
	tcase_add_test(t, test_remove_does_not_follow);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
