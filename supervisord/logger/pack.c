#include "logger/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include "base/list.h"
#include "logger/marks.h"
#include "logger/rotate.h"
#include "sys/say.h"

#define PIECE_SIZE     65536
#define NICE	       15
#define IOPRIO_PROCESS 1
#define IOPRIO_IDLE    (3 << 13)

/* A name whose files wait. */
struct job {
	struct list link;
	const char *path;
	uint32_t files_max;
	char name[NAME_MAX + 1];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list jobs; /* not the one that is being done */
	bool is_running;  /* the thread was started */
} packer = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
	.jobs = {&packer.jobs, &packer.jobs},
};

/* Compresses all of 'from' into 'to'. */
static int
deflate_all(int from, gzFile to)
{
	static unsigned char piece[PIECE_SIZE]; /* of the one thread */
	ssize_t n;
	while ((n = read(from, piece, sizeof piece)) > 0) {
		errno = 0;
		if (gzwrite(to, piece, (unsigned)n) != n)
			return errno ? -errno : -EIO;
	}
	return n < 0 ? -errno : 0;
}

/* Writes the compressed form of 'from' to the new file 'fd', durably. */
static int
write_packed(int from, int fd, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int own = dup(fd);
	gzFile to = own < 0 ? NULL : gzdopen(own, "wb");
	if (!to) {
		if (own >= 0)
			close(own);
		return -ENOMEM;
	}
	int r = deflate_all(from, to);
	errno = 0;
	if (gzclose(to) != Z_OK && r == 0)
		r = errno ? -errno : -EIO;
	if (r == 0 && (futimens(fd, times) < 0 || fsync(fd) < 0))
		r = -errno;
	return r;
}

/* Makes 'temporary' from the file that is open as 'from', and puts it in its
 * place. */
static int
pack_open(int dir, int from, const char *name, uint32_t files_max,
	const char *temporary, struct err *err)
{
	struct stat st, packed;
	unlinkat(dir, temporary, 0);
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, temporary, flags, 0640);
	if (fd < 0)
		return err_sys(err, -errno, "%s", temporary);
	int r = fstat(from, &st) < 0 ? -errno : write_packed(from, fd, &st);
	if (r == 0 && fstat(fd, &packed) < 0)
		r = -errno;
	close(fd);
	if (r < 0) {
		err_sys(err, r, "%s: cannot be compressed", name);
	} else {
		/* Marks of a file that is not in its place yet are not to be
		 * swept away. */
		rotate_lock();
		marks_link(dir, name, st.st_ino, packed.st_ino);
		r = rotate_replace(dir, name, files_max, st.st_dev, st.st_ino,
			temporary, err);
		rotate_unlock();
	}
	if (r < 0)
		unlinkat(dir, temporary, 0);
	return r;
}

int
pack_files(int dir, const char *name, uint32_t files_max, struct err *err)
{
	char text[NAME_MAX + 1];
	char temporary[NAME_MAX + 1];
	uint32_t number;
	int r = 0;
	snprintf(temporary, sizeof temporary, "%.240s.gz.tmp", name);
	while (r == 0 &&
		(number = rotate_find_plain(dir, name, files_max)) > 0) {
		rotate_name(text, name, number, ROTATE_PLAIN);
		int from = openat(dir, text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (from < 0 && errno == ENOENT)
			continue; /* it has another number by now */
		if (from < 0)
			return err_sys(err, -errno, "%s", text);
		r = pack_open(dir, from, name, files_max, temporary, err);
		if (r == -ENOENT)
			r = 0;
		close(from);
	}
	return r;
}

static void
do_job(const struct job *job)
{
	static struct say_limit limit;
	struct err err = {""};
	int dir = open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	if (pack_files(dir, job->name, job->files_max, &err) < 0)
		say_limited(&limit, 10, SAY_WARNING, "%s", err.text);
	close(dir);
}

static void *
run(void *context)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, IOPRIO_IDLE);
	for (;;) {
		pthread_mutex_lock(&packer.lock);
		while (list_is_empty(&packer.jobs))
			pthread_cond_wait(&packer.wake, &packer.lock);
		struct list *first = packer.jobs.next;
		list_remove(first);
		pthread_mutex_unlock(&packer.lock);
		struct job *job = container_of(first, struct job, link);
		do_job(job);
		free(job);
	}
	return context;
}

/* With the lock held. */
static bool
is_waiting(const char *name)
{
	list_each (it, &packer.jobs) {
		if (strcmp(container_of(it, struct job, link)->name, name) == 0)
			return true;
	}
	return false;
}

/* Starts the thread, with the lock held. */
static void
start(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run, NULL);
	packer.is_running = r == 0;
	if (r == 0)
		pthread_detach(thread);
	else
		say(SAY_WARNING, "rotated files are not compressed: %s",
			strerror(r));
}

void
pack_ask(const char *path, const char *name, uint32_t files_max)
{
	pthread_mutex_lock(&packer.lock);
	struct job *job = is_waiting(name) ? NULL : calloc(1, sizeof *job);
	if (job) {
		list_init(&job->link);
		job->path = path;
		job->files_max = files_max;
		snprintf(job->name, sizeof job->name, "%s", name);
		list_append(&packer.jobs, &job->link);
		if (!packer.is_running)
			start();
		pthread_cond_signal(&packer.wake);
	}
	pthread_mutex_unlock(&packer.lock);
}
