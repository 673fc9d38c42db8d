#include "node/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/hash.h"
#include "sys/conf.h"

#define LINE_SIZE 128

/* --- Small files in state_dir --- */

/* Reads the first line, without its end; -ENOENT when there is no file. */
static int
read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, line, size - 1);
	int code = n < 0 ? -errno : 0;
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return code;
}

static int
sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int code = fsync(fd) ? -errno : 0;
	close(fd);
	return code;
}

/* Replaces a file's content; durable when this returns 0. */
static int
write_line(
	const char *folder, const char *path, const char *line, struct err *err)
{
	char tmp[PATH_MAX];
	if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", path) >= sizeof tmp)
		return err_sys(err, -ENAMETOOLONG, "%s", path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "%s", tmp);
	int code = 0;
	if (dprintf(fd, "%s\n", line) < 0 || fsync(fd))
		code = -errno;
	close(fd);
	if (!code && rename(tmp, path))
		code = -errno;
	if (!code)
		code = sync_folder(folder);
	return code ? err_sys(err, code, "%s", path) : 0;
}

/* --- Who --- */

static int
random_u64(uint64_t *out, struct err *err)
{
	do {
		if (getrandom(out, sizeof *out, 0) != sizeof *out)
			return err_sys(err, -errno, "getrandom");
	} while (*out == 0);
	return 0;
}

/* A new id: random, and mixed with the machine's so that two hosts whose
 * generators were cloned at the same instant still differ. */
static int
node_id_make(
	const char *state_dir, const char *path, uint64_t *out, struct err *err)
{
	char machine[LINE_SIZE] = "";
	read_line("/etc/machine-id", machine, sizeof machine);
	int code = random_u64(out, err);
	if (code)
		return code;
	*out = hash_mix(*out, hash_text(machine, 0));
	if (*out == 0)
		*out = 1;
	char line[LINE_SIZE];
	snprintf(line, sizeof line, "%016" PRIx64, *out);
	return write_line(state_dir, path, line, err);
}

static int
node_id_load(const char *state_dir, uint64_t *out, struct err *err)
{
	char path[PATH_MAX], line[LINE_SIZE];
	snprintf(path, sizeof path, "%s/node-id", state_dir);
	int code = read_line(path, line, sizeof line);
	if (code == -ENOENT)
		return node_id_make(state_dir, path, out, err);
	if (code)
		return err_sys(err, code, "%s", path);
	int end = 0;
	if (sscanf(line, "%16" SCNx64 "%n", out, &end) != 1 || line[end] ||
		*out == 0)
		return err_set(err, -EINVAL,
			"%s: is damaged; remove it to give this host a new "
			"identity",
			path);
	return 0;
}

/* A damaged counter starts again: peers compare it for change only. */
static int
boot_load(const char *state_dir, const char *boot_id, uint64_t *out,
	struct err *err)
{
	char path[PATH_MAX], line[LINE_SIZE], last_id[64] = "";
	*out = 0;
	snprintf(path, sizeof path, "%s/boot", state_dir);
	if (read_line(path, line, sizeof line) == 0)
		sscanf(line, "%" SCNu64 " %63s", out, last_id);
	if (*out && strcmp(last_id, boot_id) == 0)
		return 0;
	++*out;
	snprintf(line, sizeof line, "%" PRIu64 " %.63s", *out, boot_id);
	return write_line(state_dir, path, line, err);
}

int
identity_load(const char *state_dir, const char *boot_id, struct identity *out,
	struct err *err)
{
	int code = node_id_load(state_dir, &out->node_id, err);
	if (!code)
		code = boot_load(state_dir, boot_id, &out->boot, err);
	if (!code)
		code = random_u64(&out->nonce, err);
	if (!code)
		code = random_u64(&out->seed, err);
	return code;
}

/* --- Where --- */

static bool
is_wildcard(const char *host)
{
	return !host[0] || strcmp(host, "*") == 0 ||
	       strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* The text of an address that others may reach; false if it is none. */
static bool
is_public(const struct ifaddrs *i, int family, char *host, socklen_t size)
{
	if (!i->ifa_addr || i->ifa_addr->sa_family != family ||
		!(i->ifa_flags & IFF_UP) || i->ifa_flags & IFF_LOOPBACK)
		return false;
	if (family == AF_INET) {
		const void *a = &((struct sockaddr_in *)i->ifa_addr)->sin_addr;
		return inet_ntop(family, a, host, size) != NULL;
	}
	const struct in6_addr *a =
		&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;
	return !IN6_IS_ADDR_LINKLOCAL(a) && inet_ntop(family, a, host, size);
}

static void
first_public(char *host, socklen_t size)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct ifaddrs *all = NULL;
	snprintf(host, size, "127.0.0.1");
	if (getifaddrs(&all))
		return;
	for (unsigned f = 0; f < 2; f++)
		for (struct ifaddrs *i = all; i; i = i->ifa_next)
			if (is_public(i, families[f], host, size))
				goto out;
out:
	freeifaddrs(all);
}

int
identity_address(const char *advertise, const char *listen,
	char out[static ADDRESS_MAX + 1], struct err *err)
{
	char host[ADDRESS_MAX + 1];
	uint16_t port = CONF_PORT;
	const char *given = advertise[0] ? advertise : listen;
	if (given[0] && conf_split_address(given, host, &port))
		return err_set(err, -EINVAL, "'%s' is no address", given);
	if (!given[0] || is_wildcard(host))
		first_public(host, INET6_ADDRSTRLEN);
	int n = snprintf(out, ADDRESS_MAX + 1,
		strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	if (n > ADDRESS_MAX)
		return err_set(err, -EINVAL, "'%s' is too long", given);
	return 0;
}
