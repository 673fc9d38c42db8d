#include "keeper/startcopy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keeper/file.h"
#include "sys/ipc.h"

#define NAME_SIZE 24
#define HEAD_SIZE 4 /* KPROTO_VERSION: the form is that of the message */

static const char *
name_of(uint64_t iid, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%016" PRIx64 ".start", iid);
	return out;
}

static bool
is_needed(const struct kproto_start *s)
{
	for (unsigned i = 0; i < KCMD_COUNT; i++)
		if (s->commands[i].count > 0)
			return true;
	return s->readiness == KREADY_LOG_LINE || s->state_path[0];
}

static int
fail(const struct dirs *d, uint64_t iid, int rc, struct err *err)
{
	char name[NAME_SIZE];
	return err_sys(err, rc, "%s/instances/%s",
		d->options->conf.node.run_dir, name_of(iid, name));
}

int
startcopy_write(
	const struct dirs *d, const struct kproto_start *s, struct err *err)
{
	static unsigned char body[HEAD_SIZE + IPC_BODY_MAX];
	char name[NAME_SIZE];
	struct writer w;
	if (!is_needed(s)) {
		startcopy_remove(d, s->iid);
		return 0;
	}
	writer_init(&w, body, sizeof body);
	writer_u32(&w, KPROTO_VERSION);
	kproto_put_start(&w, s);
	int rc = w.bad ? -E2BIG
		       : file_replace_bytes_at(d->instances,
				 name_of(s->iid, name), writer_done(&w));
	return rc < 0 ? fail(d, s->iid, rc, err) : 0;
}

static bool
parse(struct bytes text, struct kproto_start *out)
{
	struct reader r;
	if (text.size < HEAD_SIZE)
		return false;
	reader_init(&r, text.data, HEAD_SIZE);
	return reader_u32(&r) == KPROTO_VERSION &&
	       kproto_get_start(
		       (struct bytes){(const char *)text.data + HEAD_SIZE,
			       text.size - HEAD_SIZE},
		       out);
}

int
startcopy_read(const struct dirs *d, uint64_t iid, uint64_t epoch,
	struct kproto_start *out, char **memory, struct err *err)
{
	char name[NAME_SIZE];
	struct bytes text;
	int fd = openat(d->instances, name_of(iid, name),
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(d, iid, -errno, err);
	int rc = file_read_bytes(fd, HEAD_SIZE + IPC_BODY_MAX, &text);
	close(fd);
	if (rc < 0)
		return fail(d, iid, rc, err);
	*memory = (char *)(uintptr_t)text.data;
	if (parse(text, out) && out->iid == iid && out->epoch == epoch)
		return 0;
	free(*memory);
	*memory = NULL;
	return err_set(err, -ESTALE,
		"%s/instances/%s is not of this start, or was written by "
		"another version of skepd",
		d->options->conf.node.run_dir, name);
}

void
startcopy_remove(const struct dirs *d, uint64_t iid)
{
	char name[NAME_SIZE];
	unlinkat(d->instances, name_of(iid, name), 0);
}
