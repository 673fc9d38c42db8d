#include "bulk_world.h"

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
#include <sys/wait.h>
#include <unistd.h>

#include "sys/files.h"
#include "sys/say.h"
#include "sys/statestream.h"

struct ev_loop *loop;
struct end a, b;
struct bulk *from, *to;
char top[] = "/tmp/skep-test-bulk-XXXXXX";
char dir_a[64], dir_b[64];

struct sealed sealed;
struct fetched fetched;

uint64_t changed_chunk = UINT64_MAX;

struct middle middle;

uint64_t world_rate;

static void
give_to_bulk(void *context, struct conn *c, struct bytes hello)
{
	bulk_on_conn(context, c, hello);
}

struct bulk *
start_bulk(struct end *e, const char *dir, const char *node)
{
	struct err err = {""};
	struct bulk *bulk;
	struct bulk_config config = {dir, "test", node, world_rate};
	int r = bulk_new(
		loop, links_get_dialler(e->links), &config, &bulk, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	e->on_bulk = give_to_bulk;
	e->bulk_context = bulk;
	return bulk;
}

void
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
	world_rate = 0;
	loop = ev_loop_new(EVFLAG_AUTO);
	struct keyring key = world_key("k1", 7);
	end_init(&a, loop, &key);
	end_init(&b, loop, &key);
	from = start_bulk(&a, dir_a, "alpha");
	to = start_bulk(&b, dir_b, "beta");
}

void
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

void
on_sealed(void *context, int result, const uint8_t root[DIGEST_SIZE],
	uint64_t size, const char *text)
{
	(void)context;
	sealed.count++;
	sealed.result = result;
	memcpy(sealed.root, root, DIGEST_SIZE);
	sealed.size = size;
	snprintf(sealed.text, sizeof sealed.text, "%s", text);
}

void
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
int
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

void
seal(uint64_t size)
{
	bulk_seal(from, "web@1", 5, size, make_stream(size, false), on_sealed,
		NULL);
	ck_assert(world_wait_count(loop, &sealed.count, 1));
	ck_assert_msg(sealed.result == 0, "%s", sealed.text);
	ck_assert_uint_eq(sealed.size, size);
}

void
fetch(const char *address)
{
	bulk_fetch(to, "web@1", "alpha", address, sealed.root, sealed.size,
		on_report, NULL);
}

void
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

void
write_path(char *path, size_t size, const char *dir, const char *tail)
{
	size_t n = (size_t)snprintf(path, size, "%s/dumps/", dir);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		n += (size_t)snprintf(
			path + n, size - n, "%02x", sealed.root[i]);
	snprintf(path + n, size - n, "%s", tail);
}

unsigned
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

bool
is_bare(void *context)
{
	return count_files(context) == 0;
}

/* --- A man in the middle --- */

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
size_t
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

bool
is_readable(void *context)
{
	struct pollfd p = {.fd = *(int *)context, .events = POLLIN};
	return poll(&p, 1, 10) > 0;
}

/* Fetches what alpha has sealed; the bytes that came over the link. */
size_t
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
