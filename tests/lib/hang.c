/* A disk that hangs, for programs that load this before the C library: bytes
 * spliced into a file whose name begins with "hang" never arrive.  What the
 * kernel would do with a network file system that has gone, in a thread that
 * no signal but SIGKILL reaches. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
is_hanging(int fd)
{
	char link[50], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	const char *name = strrchr(path, '/');
	return name && strncmp(name, "/hang", 5) == 0;
}

ssize_t
splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t size,
	unsigned flags)
{
	ssize_t (*real)(int, off64_t *, int, off64_t *, size_t, unsigned);
	while (is_hanging(out))
		pause();
	*(void **)&real = dlsym(RTLD_NEXT, "splice");
	return real(in, in_at, out, out_at, size, flags);
}
