/* Packed directories from any bytes: whatever they say, nothing outside of the
 * directory that they are unpacked into is touched. */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "mover/tree.h"

static char top[64]; /* TOP/canary and, while it lasts, TOP/in */

static void
remove_top(void)
{
	tree_remove(AT_FDCWD, top, NULL);
}

static void
begin(void)
{
	struct rlimit small = {1 << 20, 1 << 20};
	snprintf(top, sizeof top, "/tmp/skep-fuzz-tree.XXXXXX");
	CHECK(mkdtemp(top));
	atexit(remove_top);
	int fd = open(top, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	int canary = openat(fd, "canary", O_WRONLY | O_CREAT, 0600);
	CHECK(canary >= 0 && write(canary, "alive", 5) == 5);
	close(canary);
	close(fd);
	/* A large file may only be refused. */
	setrlimit(RLIMIT_FSIZE, &small);
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
}

/* TOP holds the canary, untouched, and nothing else. */
static void
check_outside(int fd)
{
	char text[8] = "";
	struct stat st;
	int count = 0;
	int canary = openat(fd, "canary", O_RDONLY | O_NOFOLLOW);
	CHECK(canary >= 0 && read(canary, text, sizeof text) == 5);
	CHECK(fstat(canary, &st) == 0 && st.st_nlink == 1 &&
		(st.st_mode & 07777) == 0600);
	close(canary);
	CHECK(memcmp(text, "alive", 5) == 0);
	DIR *dir = opendir(top);
	CHECK(dir);
	for (struct dirent *e; (e = readdir(dir));)
		count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(dir);
	CHECK(count == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {""};
	if (!*top)
		begin();
	int state = memfd_create("state", MFD_CLOEXEC);
	CHECK(state >= 0);
	bool is_whole = write(state, data, size) == (ssize_t)size;
	int fd = open(top, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && mkdirat(fd, "in", 0700) == 0);
	int in = openat(fd, "in", O_RDONLY | O_DIRECTORY);
	CHECK(in >= 0);
	if (is_whole && tree_unpack(state, size, in, &err) < 0)
		CHECK(err.text[0]);
	close(in);
	CHECK(tree_remove(fd, "in", &err) == 0);
	check_outside(fd);
	close(fd);
	close(state);
	return 0;
}
