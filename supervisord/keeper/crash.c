#include "keeper/crash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper/file.h"
#include "sys/say.h"

#define FILE_NAME "node.crash"

void
crash_init(struct crash *c, const struct dirs *d)
{
	char *text;
	memset(c, 0, sizeof *c);
	/* The helpers may write into this directory: a FIFO of that name must
	 * not hold us up. */
	int fd = openat(d->run, FILE_NAME,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (file_read_fd(fd, 4096, &text) == 0) {
		if (sscanf(text, "digest=%" SCNx64 "\ncount=%" SCNu32,
			    &c->last.digest, &c->last.in_a_row) != 2)
			memset(&c->last, 0, sizeof c->last);
		free(text);
	}
	close(fd);
}

void
crash_on_digesting(struct crash *c, uint64_t digest)
{
	c->digesting = digest;
}

void
crash_on_death(struct crash *c, const struct dirs *d, int status)
{
	char text[80];
	bool is_same = c->digesting != 0 && c->digesting == c->last.digest;
	c->last = (struct kproto_crash){
		.status = status,
		.digest = c->digesting,
		.in_a_row = is_same ? c->last.in_a_row + 1 : c->digesting != 0,
	};
	c->digesting = 0;
	c->is_known = true;
	snprintf(text, sizeof text,
		"digest=%016" PRIx64 "\ncount=%" PRIu32 "\n", c->last.digest,
		c->last.in_a_row);
	int rc = file_replace_at(d->run, FILE_NAME, text);
	if (rc < 0)
		say(SAY_WARNING, "%s/" FILE_NAME ": %s",
			d->options->conf.node.run_dir, strerror(-rc));
}
