#include "sys/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"

#define FORMAT_PREFIX "skep1:"

/* The value of one hex digit of either case, or -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_identity_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

static bool
is_identity(const char *text, size_t length)
{
	if (length == 0 || length > KEY_IDENTITY_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_identity_char(text[i]))
			return false;
	return true;
}

static bool
read_secret(const char *hex, size_t length, uint8_t secret[KEY_SECRET_SIZE])
{
	if (length != 2 * KEY_SECRET_SIZE)
		return false;
	for (size_t i = 0; i < KEY_SECRET_SIZE; i++) {
		int high = hex_value(hex[2 * i]);
		int low = hex_value(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		secret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Why a line is not a key, or NULL and '*out' is one. */
static const char *
read_key(const char *line, size_t length, struct key *out)
{
	size_t prefix = strlen(FORMAT_PREFIX);
	if (length < prefix || memcmp(line, FORMAT_PREFIX, prefix) != 0)
		return "does not begin with \"" FORMAT_PREFIX "\"";
	line += prefix;
	length -= prefix;
	const char *colon = memchr(line, ':', length);
	size_t name = colon ? (size_t)(colon - line) : length;
	if (!colon || !is_identity(line, name))
		return "has no identity of 1 to 64 of A-Z a-z 0-9 . _ -";
	memset(out, 0, sizeof *out);
	memcpy(out->identity, line, name);
	if (!read_secret(colon + 1, length - name - 1, out->secret))
		return "has no secret of 64 hex digits";
	return NULL;
}

/* Takes one line into the ring; why not, or NULL. */
static const char *
add_line(struct keyring *ring, const char *line, size_t length)
{
	while (length > 0 && strchr(" \t\r", line[length - 1]))
		length--;
	if (length == 0 || line[0] == '#')
		return NULL;
	if (ring->count == KEYRING_KEYS_MAX)
		return "is one key too many (8 at most)";
	struct key *key = &ring->keys[ring->count];
	const char *why = read_key(line, length, key);
	if (why)
		return why;
	if (keyring_find(ring, key->identity, strlen(key->identity)))
		return "repeats an identity";
	ring->count++;
	return NULL;
}

int
keyfile_parse(struct bytes text, const char *name, struct keyring *out,
	struct err *err)
{
	const char *at = text.data;
	size_t left = text.size;
	out->count = 0;
	for (int number = 1; left > 0; number++) {
		const char *end = memchr(at, '\n', left);
		size_t length = end ? (size_t)(end - at) : left;
		const char *why = add_line(out, at, length);
		if (why) {
			keyring_wipe(out);
			return err_set(err, -EINVAL, "%s:%d: this line %s",
				name, number, why);
		}
		size_t taken = end ? length + 1 : length;
		at += taken;
		left -= taken;
	}
	if (out->count == 0)
		return err_set(err, -EINVAL,
			"%s: there is no key in it; make one with "
			"`skepctl keygen'",
			name);
	return 0;
}

static int
check_file(int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", path);
	if (st.st_mode & 077)
		return err_set(err, -EPERM,
			"%s: others may touch it (mode %04o); a cluster key "
			"must be its owner's alone: chmod 0400 it",
			path, (unsigned)(st.st_mode & 07777));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, -EPERM,
			"%s: belongs to uid %u, neither root nor this user",
			path, (unsigned)st.st_uid);
	if (st.st_size > KEYFILE_BYTES_MAX)
		return err_set(
			err, -EFBIG, "%s: too large for a key file", path);
	return 0;
}

/* Reads up to 'size' bytes; the count or -errno. */
static ssize_t
read_fully(int fd, char *buffer, size_t size)
{
	size_t got = 0;
	while (got < size) {
		ssize_t n = read(fd, buffer + got, size - got);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Says why it cannot be opened, and what helps. */
static int
no_keyfile(const char *path, int code, struct err *err)
{
	const char *remedy = "";
	if (code == -ENOENT)
		remedy = ": make it with skepctl keygen, once for the "
			 "cluster, and copy it to every host";
	else if (code == -EACCES)
		remedy = ": it must belong to the user that skep-node runs as "
			 "(chown skep)";
	return err_set(err, code, "%s: %s%s", path, strerror(-code), remedy);
}

int
keyfile_read(const char *path, struct keyring *out, struct err *err)
{
	char text[KEYFILE_BYTES_MAX];
	out->count = 0;
	/* Non-blocking, so that a FIFO in its place cannot hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return no_keyfile(path, -errno, err);
	int r = check_file(fd, path, err);
	if (r == 0) {
		ssize_t n = read_fully(fd, text, sizeof text);
		if (n < 0)
			r = err_sys(err, (int)n, "%s", path);
		else
			r = keyfile_parse((struct bytes){text, (size_t)n}, path,
				out, err);
		explicit_bzero(text, sizeof text);
	}
	close(fd);
	return r;
}

const struct key *
keyring_find(const struct keyring *ring, const void *identity, size_t size)
{
	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->keys[i];
		if (strlen(key->identity) == size &&
			memcmp(key->identity, identity, size) == 0)
			return key;
	}
	return NULL;
}

void
keyring_wipe(struct keyring *ring)
{
	explicit_bzero(ring, sizeof *ring);
}

/* Fills 'buffer' with random bytes. */
static int
fill_random(void *buffer, size_t size, struct err *err)
{
	ssize_t n;
	do {
		n = getrandom(buffer, size, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, -errno, "no random numbers");
	/* Up to 256 bytes come whole (getrandom(2)). */
	return (size_t)n == size ? 0 : err_set(err, -EIO, "no random numbers");
}

int
keyfile_generate(struct key *out, const char *identity, struct err *err)
{
	uint8_t name[8];
	memset(out, 0, sizeof *out);
	if (identity && !is_identity(identity, strlen(identity)))
		return err_set(err, -EINVAL,
			"\"%.80s\": an identity is 1 to 64 of "
			"A-Z a-z 0-9 . _ -",
			identity);
	int r = fill_random(name, sizeof name, err);
	if (r == 0)
		r = fill_random(out->secret, sizeof out->secret, err);
	if (r < 0)
		return r;
	if (identity)
		memcpy(out->identity, identity, strlen(identity));
	else
		hex_write(name, sizeof name, out->identity);
	return 0;
}

void
keyfile_format(const struct key *key, char line[KEY_LINE_SIZE])
{
	char hex[2 * KEY_SECRET_SIZE + 1];
	hex_write(key->secret, sizeof key->secret, hex);
	snprintf(line, KEY_LINE_SIZE, FORMAT_PREFIX "%.64s:%s\n", key->identity,
		hex);
	explicit_bzero(hex, sizeof hex);
}

int
keyfile_create(const char *path, const struct key *key, struct err *err)
{
	char line[KEY_LINE_SIZE];
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags, 0400);
	const char *slash = strrchr(path, '/');
	if (fd < 0 && errno == ENOENT && slash && slash > path)
		return err_set(err, -ENOENT,
			"%s: its folder is not there: mkdir -p %.*s", path,
			(int)(slash - path), path);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	keyfile_format(key, line);
	size_t length = strlen(line);
	int r = 0;
	errno = EIO;
	if (write(fd, line, length) != (ssize_t)length || fsync(fd) < 0) {
		r = err_sys(err, -errno, "%s: cannot be written", path);
		unlink(path);
	}
	explicit_bzero(line, sizeof line);
	close(fd);
	return r;
}
