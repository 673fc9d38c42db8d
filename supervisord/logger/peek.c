#include "logger/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
peek_init(struct peek *p, struct err *err)
{
	if (pipe2(p->ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, -errno, "the scratch pipe");
	/* More room than by default is good to have, less does no harm. */
	fcntl(p->ends[1], F_SETPIPE_SZ, PEEK_MAX);
	return 0;
}

void
peek_fini(struct peek *p)
{
	close(p->ends[0]);
	close(p->ends[1]);
}

int
peek_look(struct peek *p, int fifo, struct bytes *seen_out)
{
	ssize_t n;
	do {
		n = tee(fifo, p->ends[1], PEEK_MAX, SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	for (size_t got = 0; got < (size_t)n;) {
		ssize_t m = read(p->ends[0], p->seen + got, (size_t)n - got);
		if (m < 0 && errno == EINTR)
			continue;
		if (m <= 0)
			return m < 0 ? -errno : -EIO;
		got += (size_t)m;
	}
	*seen_out = (struct bytes){p->seen, (size_t)n};
	return 0;
}
