/* States between two hosts in one process, and their way to disk. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "net_world.h"
#include "node/bulk.h"
#include "node/dumps_private.h"
#include "sys/files.h"
#include "sys/say.h"
#include "sys/statestream.h"

#define MIB 1048576u

static struct ev_loop *loop;
static struct end a, b;
static struct bulk *from, *to; /* at a, at b */
static char top[] = "/tmp/skep-test-bulk-XXXXXX";
static char dir_a[64], dir_b[64];

/* How the last seal and fetch went. */
static struct {
	unsigned count;
	bool is_ok, is_absent;
	uint8_t root[DIGEST_SIZE];
	uint64_t size;
	char text[ERR_TEXT_SIZE];
} sealed;
static struct {
	unsigned finals, reports;
	bool is_ok;
	uint64_t bytes;
	char text[ERR_TEXT_SIZE];
} fetched;

/* The chunk of the state that is another than it was. */
static uint64_t changed_chunk = UINT64_MAX;

/* What passes the man in the middle. */
static struct {
	int listen_fd;
	char address[32];
	pid_t pid;
} middle;

static void
give_to_bulk(void *context, struct conn *c, struct bytes hello)
{
	bulk_on_conn(context, c, hello);
}

static struct bulk *
start_bulk(struct end *e, const char *dir, const char *node)
{
	struct err err = {""};
	struct bulk *bulk;
	struct bulk_config config = {dir, "test", node};
	int r = bulk_new(
		loop, links_get_dialler(e->links), &config, &bulk, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	e->on_bulk = give_to_bulk;
	e->bulk_context = bulk;
	return bulk;
}

static void
setup(void)
{
	say_init("test", SAY_ERROR);
	strcpy(top + strlen(top) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(dir_a, sizeof dir_a, "%s/a", top);
	snprintf(dir_b, sizeof dir_b, "%s/b", top);
	memset(&sealed, 0, sizeof sealed);
	memset(&fetched, 0, sizeof fetched);
	changed_chunk = UINT64_MAX;
	loop = ev_loop_new(EVFLAG_AUTO);
	struct keyring key = world_key("k1", 7);
	end_init(&a, loop, &key);
	end_init(&b, loop, &key);
	from = start_bulk(&a, dir_a, "alpha");
	to = start_bulk(&b, dir_b, "beta");
}

static void
teardown(void)
{
	char command[100];
	bulk_free(from);
	bulk_free(to);
	end_fini(&a);
	end_fini(&b);
	ev_loop_destroy(loop);
	snprintf(command, sizeof command, "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static void
on_sealed(void *context, bool is_ok, bool is_absent,
	const uint8_t root[DIGEST_SIZE], uint64_t size, const char *text)
{
	(void)context;
	sealed.count++;
	sealed.is_ok = is_ok;
	sealed.is_absent = is_absent;
	memcpy(sealed.root, root, DIGEST_SIZE);
	sealed.size = size;
	snprintf(sealed.text, sizeof sealed.text, "%s", text);
}

static void
on_report(void *context, const struct bulk_report *r)
{
	(void)context;
	fetched.reports++;
	ck_assert_mem_eq(r->root, sealed.root, DIGEST_SIZE);
	if (!r->is_final)
		return;
	fetched.finals++;
	fetched.is_ok = r->is_ok;
	fetched.bytes = r->bytes;
	snprintf(fetched.text, sizeof fetched.text, "%s", r->text);
}

static unsigned char
byte_at(uint64_t i)
{
	uint64_t chunk = i / STATE_CHUNK_SIZE;
	return (unsigned char)(((i * 2654435761u) >> 11) + chunk +
			       (chunk == changed_chunk ? 100 : 0));
}

/* Writes a state stream of 'size' bytes into a file; returns it, rewound. */
static int
make_stream(uint64_t size, bool is_cut)
{
	static unsigned char data[STATESTREAM_DATA_MAX];
	unsigned char front[64];
	struct statestream_writer s;
	struct writer w;
	struct err err = {""};
	char path[80];
	snprintf(path, sizeof path, "%s/stream", top);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	writer_init(&w, front, sizeof front);
	statestream_put_head(&s, size, &w);
	ck_assert_int_eq(files_write_all(fd, writer_done(&w), &err), 0);
	for (uint64_t at = 0; at < size;) {
		size_t count = size - at < sizeof data ? (size_t)(size - at)
						       : sizeof data;
		for (size_t i = 0; i < count; i++)
			data[i] = byte_at(at + i);
		writer_init(&w, front, sizeof front);
		statestream_put_data(&s, (struct bytes){data, count}, &w);
		files_write_all(fd, writer_done(&w), &err);
		files_write_all(fd, (struct bytes){data, count}, &err);
		at += count;
	}
	writer_init(&w, front, sizeof front);
	statestream_put_end(&s, &w);
	if (!is_cut)
		files_write_all(fd, writer_done(&w), &err);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
seal(uint64_t size)
{
	bulk_seal(from, "web@1", 5, size, make_stream(size, false), on_sealed,
		NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 1));
	ck_assert_msg(sealed.is_ok, "%s", sealed.text);
	ck_assert_uint_eq(sealed.size, size);
}

static void
fetch(const char *address)
{
	bulk_fetch(to, "web@1", "alpha", address, sealed.root, sealed.size,
		on_report, NULL);
}

static void
check_state(struct bulk *bulk)
{
	static unsigned char data[MIB];
	struct err err = {""};
	int fd = bulk_open(bulk, sealed.root, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	uint64_t at = 0;
	for (;;) {
		ssize_t n = read(fd, data, sizeof data);
		ck_assert_int_ge(n, 0);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (data[i] != byte_at(at + (uint64_t)i))
				ck_abort_msg("byte %llu differs",
					(unsigned long long)at);
		at += (uint64_t)n;
	}
	close(fd);
	ck_assert_uint_eq(at, sealed.size);
}

static void
write_path(char *path, size_t size, const char *dir, const char *tail)
{
	size_t n = (size_t)snprintf(path, size, "%s/dumps/", dir);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		n += (size_t)snprintf(
			path + n, size - n, "%02x", sealed.root[i]);
	snprintf(path + n, size - n, "%s", tail);
}

static unsigned
count_files(const char *dir)
{
	char path[80];
	unsigned count = 0;
	snprintf(path, sizeof path, "%s/dumps", dir);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

static bool
is_bare(void *context)
{
	return count_files(context) == 0;
}

static const uint64_t sizes[] = {
	0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7, 20 * MIB};

/* The source knows what it gave: all of it, once, and at each question how much
 * was there, which is all but what was asked for and not stored yet. */
static void
check_given(uint64_t size)
{
	struct bulk_given given;
	ck_assert(!bulk_get_given(from, "web@2", sealed.root, &given));
	ck_assert(bulk_get_given(from, "web@1", sealed.root, &given));
	ck_assert_uint_eq(given.sent, size);
	ck_assert_uint_le(given.here, size);
	ck_assert_uint_ge(given.here + 5 * MIB, size);
	if (size > 10 * MIB)
		ck_assert_uint_gt(given.rate, 0);
	bulk_drop(from, "web@1", sealed.root);
	ck_assert(!bulk_get_given(from, "web@1", sealed.root, &given));
}

START_TEST(test_seal_and_fetch)
{
	struct stat st;
	char path[PATH_MAX];
	seal(sizes[_i]);
	check_state(from);
	write_path(path, sizeof path, dir_a, "");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	ck_assert_uint_eq(fetched.bytes, sizes[_i]);
	check_state(to);
	check_given(sizes[_i]);
	ck_assert_uint_eq(count_files(dir_b), 2);
	/* Again: it is here already, the other host may be gone. */
	fetch("127.0.0.1:1");
	ck_assert(world_wait_count(loop, &fetched.finals, 2));
	ck_assert(fetched.is_ok);
}
END_TEST

START_TEST(test_root_is_as_documented)
{
	/* sha256(sha256("") list, 0 as u64): sha256 of eight zero bytes. */
	static const uint8_t empty[] = {0xaf, 0x55, 0x70, 0xf5, 0xa1, 0x81,
		0x0b, 0x7a, 0xf7, 0x8c, 0xaf, 0x4b, 0xc7, 0x0a, 0x66, 0x0f,
		0x0d, 0xf5, 0x1e, 0x42, 0xba, 0xf9, 0x1d, 0x4d, 0xe5, 0xb2,
		0x32, 0x8d, 0xe0, 0xe8, 0x3d, 0xfc};
	seal(0);
	ck_assert_mem_eq(sealed.root, empty, DIGEST_SIZE);
}
END_TEST

START_TEST(test_seal_refuses)
{
	int fd = _i == 0 ? make_stream(100, true) : make_stream(100, false);
	bulk_seal(from, _i == 1 ? "../evil" : "web", 5, _i == 2 ? 99 : 1000, fd,
		on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 1));
	ck_assert(!sealed.is_ok && !sealed.is_absent);
	ck_assert_str_ne(sealed.text, "");
	ck_assert_uint_eq(count_files(dir_a), 0);
}
END_TEST

/* Writes the stream of a mover that found no state. */
static int
make_absent_stream(void)
{
	unsigned char bytes[STATESTREAM_HEAD_SIZE + 1];
	struct statestream_writer s;
	struct writer w;
	struct err err = {""};
	int ends[2];
	writer_init(&w, bytes, sizeof bytes);
	statestream_put_head(&s, 0, &w);
	statestream_put_absent(&w);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(files_write_all(ends[1], writer_done(&w), &err), 0);
	close(ends[1]);
	return ends[0];
}

START_TEST(test_seal_of_nothing)
{
	bulk_seal(
		from, "web@1", 5, 1000, make_absent_stream(), on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 1));
	ck_assert(!sealed.is_ok && sealed.is_absent);
	ck_assert_str_eq(sealed.text, "there is no state");
	ck_assert_uint_eq(count_files(dir_a), 0);
}
END_TEST

/* --- A connection that breaks on the way --- */

/* Passes bytes between two sockets; false when one has ended. */
static bool
pass(int in, int out, size_t *budget)
{
	char buffer[16384];
	size_t room = *budget < sizeof buffer ? *budget : sizeof buffer;
	ssize_t n = recv(in, buffer, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN;
	*budget -= (size_t)n;
	return n > 0 && *budget > 0 && send(out, buffer, (size_t)n, 0) == n;
}

/* Serves one connection; it breaks after 'budget' bytes from the far end.
 * Returns the bytes that were left. */
static size_t
carry(const char *far, size_t budget)
{
	size_t up = SIZE_MAX;
	int near_fd = accept(middle.listen_fd, NULL, NULL);
	int far_fd = world_connect(far);
	struct pollfd p[2] = {
		{.fd = near_fd, .events = POLLIN},
		{.fd = far_fd, .events = POLLIN},
	};
	while (poll(p, 2, -1) > 0)
		if (!pass(near_fd, far_fd, &up) ||
			!pass(far_fd, near_fd, &budget))
			break;
	close(near_fd);
	close(far_fd);
	return budget;
}

/* Breaks the first connection after 'first' bytes and writes how many bytes
 * the second one took to 'report'. */
static void
start_middle(const char *far, size_t first, int report)
{
	middle.listen_fd = world_listen(middle.address);
	middle.pid = fork();
	ck_assert_int_ge(middle.pid, 0);
	if (middle.pid > 0)
		return;
	carry(far, first);
	size_t whole = SIZE_MAX / 2;
	size_t took = whole - carry(far, whole);
	if (write(report, &took, sizeof took) < 0)
		_exit(1);
	_exit(0);
}

static bool
is_readable(void *context)
{
	struct pollfd p = {.fd = *(int *)context, .events = POLLIN};
	return poll(&p, 1, 10) > 0;
}

START_TEST(test_break_and_resume)
{
	int pipe_fds[2];
	size_t took = 0;
	ck_assert_int_eq(pipe(pipe_fds), 0);
	seal(20 * MIB);
	start_middle(a.address, 11 * MIB, pipe_fds[1]);
	fetch(middle.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	check_state(to);
	/* The connection closes, and the middle reports. */
	ck_assert(world_wait(loop, is_readable, &pipe_fds[0]));
	ck_assert_int_eq(
		read(pipe_fds[0], &took, sizeof took), (int)sizeof took);
	/* At most the window was in flight when it broke. */
	ck_assert_uint_le(took, (20 - 11 + 4 + 1) * MIB);
	ck_assert_uint_ge(took, 9 * MIB);
	ck_assert_int_eq(waitpid(middle.pid, NULL, 0), middle.pid);
	close(middle.listen_fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

static bool
has_part(void *context)
{
	struct stat st;
	return stat(context, &st) == 0 && st.st_size >= 4 * MIB;
}

START_TEST(test_restart_and_resume)
{
	char path[PATH_MAX];
	seal(20 * MIB);
	write_path(path, sizeof path, dir_b, ".part.web@1");
	fetch(a.address);
	ck_assert(world_wait(loop, has_part, path));
	bulk_free(to);
	to = start_bulk(&b, dir_b, "beta");
	ck_assert(has_part(path));
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	check_state(to);
}
END_TEST

/* --- Back where it was --- */

/* On a disk that is almost full no old copies are kept. */
static bool
is_disk_full(void)
{
	struct statvfs fs;
	ck_assert_int_eq(statvfs(top, &fs), 0);
	bool is_full = fs.f_bavail < fs.f_blocks / 8;
	if (is_full)
		printf("less than an eighth of the disk is free: not tested\n");
	return is_full;
}

/* What web@1 left at beta when it went from there: 'size' bytes. */
static void
leave_at_beta(uint64_t size)
{
	unsigned before = sealed.count;
	bulk_seal(to, "web@1", 3, size, make_stream(size, false), on_sealed,
		NULL);
	ck_assert(world_wait_count(loop, &sealed.count, before + 1));
	ck_assert_msg(sealed.is_ok, "%s", sealed.text);
	bulk_drop(to, "web@1", sealed.root);
}

static bool
has_old_only(void *context)
{
	char path[PATH_MAX];
	struct stat st;
	(void)context;
	write_path(path, sizeof path, dir_b, ".old.web@1");
	return stat(path, &st) == 0 && count_files(dir_b) == 1;
}

/* Fetches what alpha has sealed; the bytes that came over the link. */
static size_t
fetch_and_count(void)
{
	int pipe_fds[2];
	size_t took = 0, whole = SIZE_MAX / 2;
	ck_assert_int_eq(pipe(pipe_fds), 0);
	middle.listen_fd = world_listen(middle.address);
	middle.pid = fork();
	ck_assert_int_ge(middle.pid, 0);
	if (middle.pid == 0) {
		took = whole - carry(a.address, whole);
		_exit(write(pipe_fds[1], &took, sizeof took) < 0);
	}
	fetch(middle.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert_msg(fetched.is_ok, "%s", fetched.text);
	ck_assert(world_wait(loop, is_readable, &pipe_fds[0]));
	ck_assert_int_eq(
		read(pipe_fds[0], &took, sizeof took), (int)sizeof took);
	ck_assert_int_eq(waitpid(middle.pid, NULL, 0), middle.pid);
	close(middle.listen_fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return took;
}

START_TEST(test_only_what_changed_travels)
{
	if (is_disk_full())
		return;
	leave_at_beta(40 * MIB + 5);
	ck_assert(world_wait(loop, has_old_only, NULL));
	changed_chunk = 7;
	bulk_seal(from, "web@1", 5, 40 * MIB + 5,
		make_stream(40 * MIB + 5, false), on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 2));
	ck_assert_uint_lt(fetch_and_count(), MIB + MIB / 4);
	struct bulk_given given;
	ck_assert(bulk_get_given(from, "web@1", sealed.root, &given));
	ck_assert_uint_eq(given.sent, MIB);
	ck_assert_uint_eq(given.here, 39 * MIB + 5);
	ck_assert_uint_eq(fetched.bytes, 40 * MIB + 5);
	check_state(to);
	/* The newer state took the old copy's place. */
	ck_assert_uint_eq(count_files(dir_b), 2);
}
END_TEST

START_TEST(test_a_damaged_old_copy_gives_only_what_is_whole)
{
	char path[PATH_MAX];
	if (is_disk_full())
		return;
	leave_at_beta(20 * MIB);
	ck_assert(world_wait(loop, has_old_only, NULL));
	write_path(path, sizeof path, dir_b, ".old.web@1");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "damage", 6, 2 * MIB + 9), 6);
	ck_assert_int_eq(ftruncate(fd, 18 * MIB + 1), 0);
	close(fd);
	bulk_seal(from, "web@1", 5, 20 * MIB, make_stream(20 * MIB, false),
		on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 2));
	size_t took = fetch_and_count();
	ck_assert_uint_gt(took, 3 * MIB);
	ck_assert_uint_lt(took, 4 * MIB);
	check_state(to);
}
END_TEST

/* How what it leaves goes: small, or fetched and not of its own. */
START_TEST(test_no_old_copy)
{
	if (_i == 0) {
		leave_at_beta(15 * MIB);
	} else {
		seal(20 * MIB);
		fetch(a.address);
		ck_assert(world_wait_count(loop, &fetched.finals, 1));
		bulk_drop(to, "web@1", sealed.root);
	}
	ck_assert(world_wait(loop, is_bare, dir_b));
}
END_TEST

START_TEST(test_an_old_copy_has_its_time)
{
	struct dumps d;
	struct err err = {""};
	char path[PATH_MAX];
	if (is_disk_full())
		return;
	leave_at_beta(20 * MIB);
	ck_assert(world_wait(loop, has_old_only, NULL));
	write_path(path, sizeof path, dir_b, ".old.web@1");
	ck_assert_int_eq(dumps_init(&d, dir_b, &err), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* More bytes than any disk has room for. */
	dumps_old_sweep(&d, UINT64_MAX);
	ck_assert_int_eq(access(path, F_OK), -1);
	dumps_fini(&d);
}
END_TEST

/* --- What goes wrong --- */

START_TEST(test_damaged_at_source)
{
	char path[PATH_MAX];
	seal(3 * MIB);
	write_path(path, sizeof path, dir_a, "");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\x55\xaa", 2, MIB + 17), 2);
	close(fd);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(strstr(fetched.text, "damaged"));
	struct err err = {""};
	ck_assert_int_eq(bulk_open(to, sealed.root, &err), -ENOENT);
}
END_TEST

/* One that was not read again since it was sealed: the other end finds it. */
START_TEST(test_damaged_since_it_was_sealed)
{
	char path[PATH_MAX];
	seal(20 * MIB);
	write_path(path, sizeof path, dir_a, "");
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "damage", 6, 7 * MIB), 6);
	close(fd);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(strstr(fetched.text, "chunk 7 is damaged"));
	write_path(path, sizeof path, dir_b, "");
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(test_chunk_digest_is_checked)
{
	struct err err = {""};
	struct manifest m;
	FILE *f = tmpfile();
	ck_assert_int_eq(manifest_init(&m, 3, &err), 0);
	dumps_digest("abc", 3, m.digests);
	int fd = fileno(f);
	ck_assert_int_eq(
		dumps_write_chunk(fd, &m, 0, "abd", 3, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.text, "damaged"));
	ck_assert_int_eq(dumps_write_chunk(fd, &m, 0, "abc", 3, &err), 0);
	manifest_fini(&m);
	fclose(f);
}
END_TEST

START_TEST(test_disk_full)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct err err = {""};
	struct manifest m;
	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(manifest_init(&m, 3, &err), 0);
	dumps_digest("abc", 3, m.digests);
	ck_assert_int_eq(
		dumps_write_chunk(full, &m, 0, "abc", 3, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.text, strerror(ENOSPC)));
	manifest_fini(&m);
	close(full);
}
END_TEST

START_TEST(test_unknown_root)
{
	seal(10);
	sealed.root[3] ^= 1;
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(!fetched.is_ok);
	ck_assert_ptr_nonnull(strstr(fetched.text, "does not hold"));
}
END_TEST

START_TEST(test_retries_until_cancelled)
{
	char address[32];
	seal(10);
	close(world_listen(address));
	fetch(address);
	ck_assert(world_wait_count(loop, &fetched.reports, 3));
	ck_assert_uint_eq(fetched.finals, 0);
	bulk_cancel(to, "web@1", sealed.root);
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(fetched.is_ok);
}
END_TEST

START_TEST(test_another_host_there)
{
	seal(10);
	bulk_fetch(to, "web@1", "gamma", a.address, sealed.root, 10, on_report,
		NULL);
	ck_assert(world_wait_count(loop, &fetched.reports, 2));
	ck_assert_uint_eq(fetched.finals, 0);
	/* The same fetch goes on with what is right. */
	fetch(a.address);
	ck_assert(world_wait_count(loop, &fetched.finals, 1));
	ck_assert(fetched.is_ok);
}
END_TEST

static void
count_each(void *context, const char *name, uint64_t epoch,
	const uint8_t root[DIGEST_SIZE], uint64_t size)
{
	unsigned *count = context;
	ck_assert_mem_eq(root, sealed.root, DIGEST_SIZE);
	ck_assert_uint_eq(size, sealed.size);
	ck_assert_int_eq(strncmp(name, "web", 3), 0);
	ck_assert_uint_eq(epoch, strcmp(name, "web@2") == 0 ? 2 : 5);
	++*count;
}

START_TEST(test_shared_and_dropped)
{
	struct err err = {""};
	unsigned count = 0;
	seal(10);
	bulk_seal(
		from, "web@2", 2, 10, make_stream(10, false), on_sealed, NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 2));
	ck_assert_int_eq(bulk_list(from, count_each, &count, &err), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(count_files(dir_a), 3);
	bulk_drop(from, "web@1", sealed.root);
	/* Jobs run in order per thread: a second drop of it proves the first
	 * is done only by its effect, so wait for that. */
	for (count = 2; count != 1; ev_run(loop, EVRUN_NOWAIT)) {
		count = 0;
		bulk_list(from, count_each, &count, &err);
	}
	check_state(from);
	bulk_drop(from, "web@2", sealed.root);
	ck_assert(world_wait(loop, is_bare, dir_a));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int
main(void)
{
	Suite *s = suite_create("bulk");
	TCase *t = tcase_create("bulk");
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_seal_and_fetch, 0, COUNT(sizes));
	tcase_add_test(t, test_root_is_as_documented);
	tcase_add_loop_test(t, test_seal_refuses, 0, 3);
	tcase_add_test(t, test_seal_of_nothing);
	tcase_add_test(t, test_break_and_resume);
	tcase_add_test(t, test_restart_and_resume);
	tcase_add_test(t, test_only_what_changed_travels);
	tcase_add_test(t, test_a_damaged_old_copy_gives_only_what_is_whole);
	tcase_add_loop_test(t, test_no_old_copy, 0, 2);
	tcase_add_test(t, test_an_old_copy_has_its_time);
	tcase_add_test(t, test_damaged_at_source);
	tcase_add_test(t, test_damaged_since_it_was_sealed);
	tcase_add_test(t, test_chunk_digest_is_checked);
	tcase_add_test(t, test_disk_full);
	tcase_add_test(t, test_unknown_root);
	tcase_add_test(t, test_retries_until_cancelled);
	tcase_add_test(t, test_another_host_there);
	tcase_add_test(t, test_shared_and_dropped);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
