#include "node/dumps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hex.h"
#include "base/name_part.h"
#include "node/dumps_private.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/statestream.h"

#define HEX_SIZE      DUMPS_HEX_SIZE
#define PART_KEPT_S   (7 * 86400) /* unfinished parts older than that go */
#define SEALED_MIN    16	  /* chunks of a large state */
#define SEAL_POLL_MS  500	  /* how often a seal looks whether to stop */
#define SEAL_SILENT_S 60	  /* a mover that is silent so long is stuck */
#define SEAL_MAX_S    3600	  /* one that takes so long is not waited for */
#define ROOM_KEPT     1048576	  /* bytes left free for the store beside it */

/* --- Names --- */

static bool
read_hex(const char *hex, uint8_t root[DIGEST_SIZE])
{
	if (strspn(hex, "0123456789abcdef") != HEX_SIZE)
		return false;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		root[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

/* Whether an instance's name may be part of a file's name, from which it is
 * read again. */
static bool
is_safe_name(const char *name)
{
	return strlen(name) <= DUMPS_NAME_MAX && name_is_file(name);
}

int
dumps_make_path(const struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *kind, const char *name, char path[PATH_MAX],
	struct err *err)
{
	char hex[HEX_SIZE + 1];
	hex_write(root, DIGEST_SIZE, hex);
	if (kind && !is_safe_name(name))
		return err_set(err, -EINVAL, "\"%.130s\": not a name", name);
	int n = snprintf(path, PATH_MAX, "%s/%s%s%s%s%s", d->dir, hex,
		kind ? "." : "", kind ? kind : "", kind ? "." : "",
		kind ? name : "");
	if (n < 0 || n >= PATH_MAX)
		return err_sys(err, -ENAMETOOLONG, "%.200s", d->dir);
	return 0;
}

/* --- Start --- */

static void
remove_leftover(const struct dumps *d, int dir, const char *name)
{
	struct stat st;
	size_t length = strlen(name);
	bool is_tmp = length > 4 && strcmp(name + length - 4, ".tmp") == 0 &&
		      (strncmp(name, "seal.", 5) == 0 ||
			      strncmp(name, "seal-running.", 13) == 0);
	bool is_part = length > HEX_SIZE + 6 &&
		       strncmp(name + HEX_SIZE, ".part.", 6) == 0;
	(void)d;
	if (!is_tmp && !is_part)
		return;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (is_tmp || time(NULL) - st.st_mtim.tv_sec > PART_KEPT_S)
		unlinkat(dir, name, 0);
}

int
dumps_init(struct dumps *d, const char *state_dir, struct err *err)
{
	memset(d, 0, sizeof *d);
	int n = snprintf(d->dir, sizeof d->dir, "%s/dumps", state_dir);
	if (n < 0 || (size_t)n >= sizeof d->dir)
		return err_sys(err, -ENAMETOOLONG, "%.200s", state_dir);
	int r = files_mkdir_p(d->dir, 0700, err);
	if (r < 0)
		return r;
	DIR *dir = opendir(d->dir);
	if (!dir)
		return err_sys(err, -errno, "%s", d->dir);
	for (struct dirent *e; (e = readdir(dir));)
		remove_leftover(d, dirfd(dir), e->d_name);
	closedir(dir);
	pthread_mutex_init(&d->mutex, NULL);
	dumps_old_sweep(d, 0);
	return 0;
}

void
dumps_fini(struct dumps *d)
{
	manifest_fini(&d->sealed);
	pthread_mutex_destroy(&d->mutex);
}

/* --- Digests --- */

uint64_t
dumps_chunk_count(uint64_t size)
{
	return size / STATE_CHUNK_SIZE + (size % STATE_CHUNK_SIZE != 0);
}

size_t
dumps_chunk_size(uint64_t size, uint64_t index)
{
	CHECK(index < dumps_chunk_count(size));
	uint64_t left = size - index * STATE_CHUNK_SIZE;
	return left < STATE_CHUNK_SIZE ? (size_t)left : STATE_CHUNK_SIZE;
}

int
manifest_init(struct manifest *m, uint64_t size, struct err *err)
{
	m->size = size;
	m->count = dumps_chunk_count(size);
	m->digests = calloc(m->count ? m->count : 1, DIGEST_SIZE);
	return m->digests ? 0 : err_sys(err, -ENOMEM, "list of chunks");
}

void
manifest_fini(struct manifest *m)
{
	free(m->digests);
	*m = (struct manifest){0};
}

void
dumps_digest(const void *data, size_t size, uint8_t digest[DIGEST_SIZE])
{
	int is_ok = EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL);
	CHECK(is_ok);
}

void
manifest_root(const struct manifest *m, uint8_t root[DIGEST_SIZE])
{
	uint8_t size[8];
	for (int i = 0; i < 8; i++)
		size[i] = (uint8_t)(m->size >> 8 * i);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int is_ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(ctx, m->digests, m->count * DIGEST_SIZE) &&
		    EVP_DigestUpdate(ctx, size, sizeof size) &&
		    EVP_DigestFinal_ex(ctx, root, NULL);
	CHECK(is_ok);
	EVP_MD_CTX_free(ctx);
}

/* --- Reading and writing --- */

int
dumps_read_at(int fd, void *data, size_t size, uint64_t offset)
{
	char *at = data;
	while (size > 0) {
		ssize_t n = pread(fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

int
dumps_write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	const char *at = data;
	while (size > 0) {
		ssize_t n = pwrite(fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* Fills 'm' (of the right size) from the bytes in 'fd'. */
static int
hash_file(struct dumps *d, int fd, struct manifest *m, struct err *err)
{
	int r = 0;
	char *chunk = malloc(STATE_CHUNK_SIZE);
	if (!chunk)
		return err_sys(err, -ENOMEM, "chunk");
	for (uint64_t i = 0; r == 0 && i < m->count; i++) {
		size_t size = dumps_chunk_size(m->size, i);
		if (d->is_stopping)
			r = -ECANCELED;
		else
			r = dumps_read_at(
				fd, chunk, size, i * STATE_CHUNK_SIZE);
		if (r < 0)
			err_sys(err, r, "state, chunk %llu",
				(unsigned long long)i);
		else
			dumps_digest(chunk, size, m->digests + i * DIGEST_SIZE);
	}
	free(chunk);
	return r;
}

/* Whether the bytes in 'fd' make this root; fills '*out'. */
static int
verify_fd(struct dumps *d, int fd, const uint8_t root[DIGEST_SIZE],
	struct manifest *out, struct err *err)
{
	struct stat st;
	uint8_t found[DIGEST_SIZE];
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "state");
	int r = manifest_init(out, (uint64_t)st.st_size, err);
	if (r == 0)
		r = hash_file(d, fd, out, err);
	if (r == 0) {
		manifest_root(out, found);
		if (memcmp(found, root, DIGEST_SIZE) != 0)
			r = err_set(
				err, -EBADMSG, "the state is damaged on disk");
	}
	if (r < 0)
		manifest_fini(out);
	return r;
}

int
dumps_open(struct dumps *d, const uint8_t root[DIGEST_SIZE], struct err *err)
{
	char path[PATH_MAX];
	int r = dumps_make_path(d, root, NULL, NULL, path, err);
	if (r < 0)
		return r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : err_sys(err, -errno, "state %s", path);
}

/* Takes over the digests that sealing found; small states are read soon. */
static void
keep_sealed(
	struct dumps *d, const uint8_t root[DIGEST_SIZE], struct manifest *sum)
{
	if (sum->count < SEALED_MIN)
		return;
	pthread_mutex_lock(&d->mutex);
	manifest_fini(&d->sealed);
	d->sealed = *sum;
	memcpy(d->sealed_root, root, DIGEST_SIZE);
	pthread_mutex_unlock(&d->mutex);
	*sum = (struct manifest){0};
}

/* Copies them, if 'fd' is that state. */
static bool
copy_sealed(struct dumps *d, int fd, const uint8_t root[DIGEST_SIZE],
	struct manifest *out)
{
	struct stat st;
	struct err ignored;
	pthread_mutex_lock(&d->mutex);
	bool is_it = d->sealed.count > 0 && fstat(fd, &st) == 0 &&
		     (uint64_t)st.st_size == d->sealed.size &&
		     memcmp(d->sealed_root, root, DIGEST_SIZE) == 0 &&
		     manifest_init(out, d->sealed.size, &ignored) == 0;
	if (is_it)
		memcpy(out->digests, d->sealed.digests,
			d->sealed.count * DIGEST_SIZE);
	pthread_mutex_unlock(&d->mutex);
	return is_it;
}

int
dumps_read_manifest(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	struct manifest *out, struct err *err)
{
	*out = (struct manifest){0};
	int fd = dumps_open(d, root, err);
	if (fd < 0)
		return fd;
	int r = copy_sealed(d, fd, root, out)
			? 0
			: verify_fd(d, fd, root, out, err);
	close(fd);
	return r;
}

int
dumps_read_chunk(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	uint64_t index, void *data, size_t *size_out, struct err *err)
{
	struct stat st;
	int fd = dumps_open(d, root, err);
	if (fd < 0)
		return fd;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && index >= dumps_chunk_count((uint64_t)st.st_size))
		r = -ERANGE;
	if (r == 0) {
		*size_out = dumps_chunk_size((uint64_t)st.st_size, index);
		r = dumps_read_at(
			fd, data, *size_out, index * STATE_CHUNK_SIZE);
	}
	if (r < 0)
		err_sys(err, r, "chunk %llu", (unsigned long long)index);
	close(fd);
	return r;
}

/* --- References --- */

/* Notes that 'name' needs 'root', left by its run 'epoch' or (0) fetched;
 * durable with the directory's next sync. */
static int
add_reference(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, uint64_t epoch, struct err *err)
{
	char path[PATH_MAX], text[24];
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	int r = dumps_make_path(d, root, "for", name, path, err);
	if (r < 0)
		return r;
	int fd = open(path, flags, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	int n = epoch ? snprintf(text, sizeof text, "%" PRIu64 "\n", epoch) : 0;
	if (write(fd, text, (size_t)n) != n || (n && fsync(fd) < 0))
		r = err_sys(err, errno ? -errno : -EIO, "%s", path);
	close(fd);
	return r;
}

/* Reads the epoch that a reference tells, or 0; false when it is gone, or the
 * disk does not give it. */
static bool
read_reference(int dir, const char *name, uint64_t *epoch)
{
	char text[24] = "";
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return false;
	/* What lacks its end was not written whole. */
	bool is_whole = n > 1 && text[n - 1] == '\n';
	*epoch = is_whole ? strtoull(text, NULL, 10) : 0;
	return true;
}

/* Gives the finished file 'from' its place as 'root', needed by 'name'. */
static int
publish(struct dumps *d, const char *from, const uint8_t root[DIGEST_SIZE],
	const char *name, uint64_t epoch, struct err *err)
{
	char to[PATH_MAX];
	int r = dumps_make_path(d, root, NULL, NULL, to, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&d->mutex);
	r = add_reference(d, root, name, epoch, err);
	if (r == 0 && rename(from, to) < 0)
		r = err_sys(err, -errno, "%s", to);
	if (r == 0)
		r = files_fsync_dir(d->dir, err);
	if (r == 0)
		dumps_old_forget(d, name);
	pthread_mutex_unlock(&d->mutex);
	return r;
}

/* Removes the damaged state in 'fd', unless a good one has its name by now. */
static void
remove_damaged(struct dumps *d, const char *path, int fd)
{
	struct stat here, there;
	pthread_mutex_lock(&d->mutex);
	if (fstat(fd, &here) == 0 && lstat(path, &there) == 0 &&
		here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		unlink(path);
	pthread_mutex_unlock(&d->mutex);
}

int
dumps_share(struct dumps *d, const uint8_t root[DIGEST_SIZE], const char *name,
	struct err *err)
{
	char path[PATH_MAX];
	struct manifest m = {0};
	int r = dumps_make_path(d, root, NULL, NULL, path, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&d->mutex);
	int fd = dumps_open(d, root, err);
	r = fd < 0 ? fd : add_reference(d, root, name, 0, err);
	pthread_mutex_unlock(&d->mutex);
	if (r == 0)
		r = verify_fd(d, fd, root, &m, err);
	if (r == -EBADMSG)
		remove_damaged(d, path, fd);
	else if (r == 0)
		r = files_fsync_dir(d->dir, err);
	if (fd >= 0)
		close(fd);
	manifest_fini(&m);
	return r;
}

/* Whether any instance still needs the state with this hex root. */
static int
has_reference(
	const struct dumps *d, const char *hex, bool *out, struct err *err)
{
	char prefix[HEX_SIZE + 6];
	*out = false;
	snprintf(prefix, sizeof prefix, "%.64s.for.", hex);
	DIR *dir = opendir(d->dir);
	if (!dir)
		return err_sys(err, -errno, "%s", d->dir);
	for (struct dirent *e; !*out && (e = readdir(dir));)
		*out = strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return 0;
}

int
dumps_drop(struct dumps *d, const uint8_t root[DIGEST_SIZE], const char *name,
	struct err *err)
{
	char path[PATH_MAX], part[PATH_MAX], reference[PATH_MAX];
	char hex[HEX_SIZE + 1];
	struct stat st;
	bool is_needed = true;
	hex_write(root, DIGEST_SIZE, hex);
	int r = dumps_make_path(d, root, NULL, NULL, path, err);
	if (r == 0)
		r = dumps_make_path(d, root, "part", name, part, err);
	if (r == 0)
		r = dumps_make_path(d, root, "for", name, reference, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&d->mutex);
	dumps_old_sweep(d, 0);
	/* A fetched one is where it runs by now: it can only change there. */
	if (stat(reference, &st) == 0 && st.st_size > 0)
		dumps_old_keep(d, root, name);
	unlink(part);
	unlink(reference);
	r = has_reference(d, hex, &is_needed, err);
	if (r == 0 && !is_needed && unlink(path) < 0 && errno != ENOENT)
		r = err_sys(err, -errno, "%s", path);
	pthread_mutex_unlock(&d->mutex);
	return r;
}

int
dumps_list(struct dumps *d, dumps_each_fn *each, void *context, struct err *err)
{
	DIR *dir = opendir(d->dir);
	if (!dir)
		return err_sys(err, -errno, "%s", d->dir);
	for (struct dirent *e; (e = readdir(dir));) {
		uint8_t root[DIGEST_SIZE];
		char hex[HEX_SIZE + 1];
		struct stat st;
		uint64_t epoch;
		if (!read_hex(e->d_name, root) ||
			strncmp(e->d_name + HEX_SIZE, ".for.", 5) != 0)
			continue;
		snprintf(hex, sizeof hex, "%.64s", e->d_name);
		if (read_reference(dirfd(dir), e->d_name, &epoch) &&
			fstatat(dirfd(dir), hex, &st, AT_SYMLINK_NOFOLLOW) == 0)
			each(context, e->d_name + HEX_SIZE + 5, epoch, root,
				(uint64_t)st.st_size);
	}
	closedir(dir);
	return 0;
}

/* --- Room --- */

/* Whether the disk can take the rest of a file of 'size' bytes; it is looked at
 * before anything is written, so that the disk is not filled in vain.  What is
 * not known may go well. */
static int
check_room(const struct dumps *d, int fd, uint64_t size, struct err *err)
{
	struct statvfs fs;
	struct stat st;
	if (fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return 0;
	uint64_t here = (uint64_t)st.st_blocks * 512;
	uint64_t rest = here < size ? size - here : 0;
	uint64_t free_b = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (rest == 0 || (free_b >= ROOM_KEPT && free_b - ROOM_KEPT >= rest))
		return 0;
	return err_set(err, -ENOSPC,
		"no room for it: %" PRIu64 " bytes are needed in %.100s, "
		"%" PRIu64 " are free",
		rest + ROOM_KEPT, d->dir, free_b);
}

/* --- Parts --- */

/* Opens it for writing; one that has nothing in it goes when it cannot be. */
static int
open_part(struct dumps *d, const char *path, uint64_t size, struct err *err)
{
	struct stat st;
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	dumps_old_sweep(d, size);
	int r = check_room(d, fd, size, err);
	if (r == 0)
		return fd;
	if (fstat(fd, &st) == 0 && st.st_size == 0)
		unlink(path);
	close(fd);
	return r;
}

int
dumps_open_part(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, const struct manifest *m, bool *has, struct err *err)
{
	char path[PATH_MAX];
	int r = dumps_make_path(d, root, "part", name, path, err);
	char *chunk = malloc(STATE_CHUNK_SIZE);
	if (r < 0 || !chunk) {
		free(chunk);
		return r < 0 ? r : err_sys(err, -ENOMEM, "chunk");
	}
	int fd = open_part(d, path, m->size, err);
	for (uint64_t i = 0; fd >= 0 && i < m->count; i++) {
		uint8_t digest[DIGEST_SIZE];
		size_t size = dumps_chunk_size(m->size, i);
		has[i] = false;
		if (d->is_stopping || dumps_read_at(fd, chunk, size,
					      i * STATE_CHUNK_SIZE) < 0)
			continue;
		dumps_digest(chunk, size, digest);
		has[i] = memcmp(digest, m->digests + i * DIGEST_SIZE,
				 DIGEST_SIZE) == 0;
	}
	free(chunk);
	if (fd >= 0)
		dumps_old_reuse(d, name, fd, m, has);
	return fd;
}

int
dumps_write_chunk(int fd, const struct manifest *m, uint64_t index,
	const void *data, size_t size, struct err *err)
{
	uint8_t digest[DIGEST_SIZE];
	dumps_digest(data, size, digest);
	if (memcmp(digest, m->digests + index * DIGEST_SIZE, DIGEST_SIZE) != 0)
		return err_set(err, -EBADMSG,
			"chunk %llu is damaged: its digest is another",
			(unsigned long long)index);
	int r = dumps_write_at(fd, data, size, index * STATE_CHUNK_SIZE);
	return r < 0 ? err_sys(err, r, "the state cannot be stored") : 0;
}

int
dumps_finish_part(struct dumps *d, const uint8_t root[DIGEST_SIZE],
	const char *name, int fd, const struct manifest *m, struct err *err)
{
	char path[PATH_MAX];
	struct manifest found = {0};
	int r = dumps_make_path(d, root, "part", name, path, err);
	if (r < 0)
		return r;
	if (ftruncate(fd, (off_t)m->size) < 0)
		return err_sys(err, -errno, "%s", path);
	if (fsync(fd) < 0) {
		r = err_sys(err, -errno, "%s", path);
		/* What is in memory is called clean now, and is not on disk. */
		unlink(path);
		return r;
	}
	r = verify_fd(d, fd, root, &found, err);
	manifest_fini(&found);
	if (r == -EBADMSG)
		unlink(path);
	return r < 0 ? r : publish(d, path, root, name, 0, err);
}

/* --- Sealing --- */

/* A state on its way from the mover to disk. */
struct sealing {
	struct dumps *dumps;
	struct statestream_reader stream;
	int out;	     /* the file */
	uint64_t written;    /* bytes in it */
	struct manifest sum; /* once the size is known */
	uint8_t *chunk;	     /* STATE_CHUNK_SIZE bytes */
	size_t chunk_size;   /* bytes in it so far */
	mono until;	     /* when nobody waits for it any more */
};

/* Hashes and writes what is in the chunk. */
static int
flush_chunk(struct sealing *s, struct err *err)
{
	uint64_t index = s->written / STATE_CHUNK_SIZE;
	if (s->chunk_size == 0)
		return 0;
	dumps_digest(
		s->chunk, s->chunk_size, s->sum.digests + index * DIGEST_SIZE);
	int r = dumps_write_at(s->out, s->chunk, s->chunk_size, s->written);
	if (r < 0)
		return err_sys(err, r, "the state cannot be stored");
	s->written += s->chunk_size;
	s->chunk_size = 0;
	return 0;
}

static int
take_data(struct sealing *s, struct bytes data, struct err *err)
{
	const uint8_t *at = data.data;
	int r = 0;
	while (r == 0 && data.size > 0) {
		size_t count = STATE_CHUNK_SIZE - s->chunk_size;
		if (count > data.size)
			count = data.size;
		memcpy(s->chunk + s->chunk_size, at, count);
		s->chunk_size += count;
		at += count;
		data.size -= count;
		if (s->chunk_size == STATE_CHUNK_SIZE)
			r = flush_chunk(s, err);
	}
	return r;
}

/* Takes bytes of the stream; 1 when it is complete. */
static int
take_stream(struct sealing *s, struct bytes in, struct err *err)
{
	int r = 0;
	while (r == 0) {
		struct bytes data;
		switch (statestream_next(&s->stream, &in, &data)) {
		case STATESTREAM_MORE:
			return 0;
		case STATESTREAM_HEAD:
			dumps_old_sweep(s->dumps, s->stream.size);
			r = check_room(s->dumps, s->out, s->stream.size, err);
			if (r == 0)
				r = manifest_init(&s->sum, s->stream.size, err);
			break;
		case STATESTREAM_DATA:
			r = take_data(s, data, err);
			break;
		case STATESTREAM_DONE:
			r = flush_chunk(s, err);
			return r < 0 ? r : 1;
		case STATESTREAM_ABSENT:
			return err_set(err, -ENODATA, "there is no state");
		case STATESTREAM_FAILED:
		case STATESTREAM_BAD:
			return err_set(err, -EBADMSG, "%s", s->stream.text);
		}
	}
	return r;
}

/* Waits for more to read, in short steps. */
static int
wait_readable(struct sealing *s, int fd, struct err *err)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int steps = SEAL_SILENT_S * 1000 / SEAL_POLL_MS;
	for (int i = 0; i < steps; i++) {
		if (s->dumps->is_stopping)
			return err_set(err, -ECANCELED, "skep-node is ending");
		if (mono_reached(s->until, clock_mono()))
			return err_set(err, -ETIMEDOUT,
				"the reader of the state takes more than %d s",
				SEAL_MAX_S);
		if (poll(&p, 1, SEAL_POLL_MS) > 0)
			return 0;
	}
	return err_set(err, -ETIMEDOUT,
		"the reader of the state is silent for %d s", SEAL_SILENT_S);
}

static int
read_stream(struct sealing *s, int fd, struct err *err)
{
	uint8_t buffer[STATESTREAM_DATA_MAX];
	for (;;) {
		int r = wait_readable(s, fd, err);
		if (r < 0)
			return r;
		ssize_t n = read(fd, buffer, sizeof buffer);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(err, -errno, "state stream");
		if (n == 0) {
			statestream_finish(&s->stream);
			return err_set(err, -EPIPE, "%s", s->stream.text);
		}
		r = n > 0 ? take_stream(
				    s, (struct bytes){buffer, (size_t)n}, err)
			  : 0;
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

/* Reads the whole stream into 'path', synced. */
static int
seal_into(struct sealing *s, const char *path, int fd, struct err *err)
{
	int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	s->out = open(path, flags, 0600);
	if (s->out < 0)
		return err_sys(err, -errno, "%s", path);
	int r = read_stream(s, fd, err);
	if (r == 0 && fsync(s->out) < 0)
		r = err_sys(err, -errno, "%s", path);
	close(s->out);
	return r;
}

int
dumps_seal(struct dumps *d, const char *name, uint64_t epoch, uint64_t size_max,
	int fd, uint8_t root_out[DIGEST_SIZE], uint64_t *size_out,
	struct err *err)
{
	char path[PATH_MAX];
	struct sealing s = {
		.dumps = d,
		.out = -1,
		.until = mono_add(clock_mono(), SEAL_MAX_S * 1000),
	};
	if (!is_safe_name(name))
		return err_set(err, -EINVAL, "\"%.130s\": not a name", name);
	int n = snprintf(path, sizeof path, "%s/seal%s.%s.tmp", d->dir,
		epoch ? "" : "-running", name);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_sys(err, -ENAMETOOLONG, "%.200s", d->dir);
	s.chunk = malloc(STATE_CHUNK_SIZE);
	if (!s.chunk)
		return err_sys(err, -ENOMEM, "chunk");
	statestream_init(&s.stream, size_max ? size_max : UINT64_MAX);
	int r = seal_into(&s, path, fd, err);
	if (r == 0) {
		manifest_root(&s.sum, root_out);
		*size_out = s.written;
		r = publish(d, path, root_out, name, epoch, err);
	}
	if (r < 0)
		unlink(path);
	else
		keep_sealed(d, root_out, &s.sum);
	free(s.chunk);
	manifest_fini(&s.sum);
	return r;
}
