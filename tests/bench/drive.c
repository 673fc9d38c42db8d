/* Starts a supervisor, listens to its services, kills them, weighs it.
 *
 *   drive start FIFO COUNT -- COMMAND...   ms to the COUNTth 'start'
 *   drive deaths FIFO COUNT ROUNDS -- COMMAND...
 *                                          ms from kill to 'start', a line
 *                                          for each round
 *   drive weigh PID                        PSS in kB of PID and below, but
 *                                          for the services
 *   drive wakes PID SECONDS              how often PID and below, but for the
 *                                          services, went to sleep by
 *                                          themselves, per second
 *   drive end PID                          kills PID and all below it
 *
 * The command stays; its process id goes to FIFO.pid, its output to FIFO.log.
 * What the services write is described in stamp.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERVICES_MAX 4096
#define WAIT_MS	     60000	/* for one line; then the bench fails */
#define GOOD_RUN_NS  1300000000 /* longer than anybody's idea of it */

/* What a service said. */
struct said {
	char name[64];
	pid_t pid;
	char what[16];
	long long at_ns;
};

static struct said live[SERVICES_MAX]; /* their last starts */
static FILE *lines;

static long long
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
fail(const char *what)
{
	fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Opens the FIFO for good: our own write end keeps it from ending. */
static void
listen_to(const char *fifo)
{
	int fd = open(fifo, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail(fifo);
	fcntl(fd, F_SETPIPE_SZ, 1048576);
	lines = fdopen(fd, "r");
}

static void
on_alarm(int sig)
{
	static const char text[] = "drive: a service did not start in time\n";
	(void)sig;
	_exit(write(STDERR_FILENO, text, sizeof text - 1) > 0 ? 1 : 2);
}

/* The next 'start'. */
static struct said
hear_start(void)
{
	struct said s = {.name = ""};
	alarm(WAIT_MS / 1000);
	do {
		char line[300];
		if (!fgets(line, sizeof line, lines) ||
			sscanf(line, "%63s %d %15s %lld", s.name, &s.pid,
				s.what, &s.at_ns) != 4)
			fail("a line of a service");
	} while (strcmp(s.what, "start") != 0);
	alarm(0);
	return s;
}

/* Runs the command in a session of its own; returns when it was begun. */
static long long
begin(const char *fifo, char **command)
{
	char path[4096];
	long long began = now_ns();
	pid_t pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		setsid();
		snprintf(path, sizeof path, "%s.log", fifo);
		int log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		execvp(command[0], command);
		fail(command[0]);
	}
	snprintf(path, sizeof path, "%s.pid", fifo);
	FILE *f = fopen(path, "w");
	if (!f || fprintf(f, "%d\n", pid) < 0 || fclose(f) != 0)
		fail(path);
	return began;
}

/* Waits for 'count' starts; returns the last one's time. */
static long long
await_starts(unsigned count)
{
	long long last = 0;
	for (unsigned i = 0; i < count; i++) {
		live[i] = hear_start();
		if (live[i].at_ns > last)
			last = live[i].at_ns;
	}
	return last;
}

static void
measure_start(const char *fifo, unsigned count, char **command)
{
	listen_to(fifo);
	long long began = begin(fifo, command);
	printf("%.3f\n", (double)(await_starts(count) - began) / 1e6);
}

static void
sleep_until(long long at_ns)
{
	struct timespec t = {at_ns / 1000000000, at_ns % 1000000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
		EINTR)
		;
}

static void
measure_deaths(
	const char *fifo, unsigned count, unsigned rounds, char **command)
{
	listen_to(fifo);
	begin(fifo, command);
	await_starts(count);
	for (unsigned i = 0; i < rounds; i++) {
		struct said *s = &live[i % count];
		sleep_until(s->at_ns + GOOD_RUN_NS);
		/* The one before must be settled, not only begun. */
		sleep_until(now_ns() + 30000000);
		long long killed = now_ns();
		if (kill(s->pid, SIGKILL) < 0)
			fail("kill");
		*s = hear_start();
		printf("%.3f\n", (double)(s->at_ns - killed) / 1e6);
		fflush(stdout);
	}
}

/* --- Weight --- */

/* One process. */
struct process {
	pid_t pid, parent;
	char comm[32];
};

static struct process processes[65536];
static unsigned process_count;

static void
read_process(pid_t pid)
{
	char path[64], text[512];
	struct process p = {.pid = pid};
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(text, sizeof text, f) &&
		sscanf(text, "%*d (%31[^)]) %*c %d", p.comm, &p.parent) == 2 &&
		process_count < sizeof processes / sizeof *processes)
		processes[process_count++] = p;
	fclose(f);
}

static long
pss_of(pid_t pid)
{
	char path[64], text[256];
	long kb = 0;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(text, sizeof text, f) &&
		sscanf(text, "Pss: %ld", &kb) != 1)
		;
	fclose(f);
	return kb;
}

static long
weigh(pid_t pid)
{
	long kb = pss_of(pid);
	for (unsigned i = 0; i < process_count; i++) {
		struct process *p = &processes[i];
		if (p->parent == pid && strcmp(p->comm, "stamp") != 0)
			kb += weigh(p->pid);
	}
	return kb;
}

/* How often a thread has gone to sleep of its own will. */
static long
sleeps_of_thread(pid_t pid, const char *thread)
{
	char path[300], text[256];
	long count = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, thread);
	FILE *f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(text, sizeof text, f) &&
		sscanf(text, "voluntary_ctxt_switches: %ld", &count) != 1)
		;
	fclose(f);
	return count;
}

static long
sleeps_of(pid_t pid)
{
	char path[64];
	long count = 0;
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *threads = opendir(path);
	if (!threads)
		return 0;
	for (struct dirent *e; (e = readdir(threads));)
		if (atoi(e->d_name) > 0)
			count += sleeps_of_thread(pid, e->d_name);
	closedir(threads);
	return count;
}

/* Of a process and all below it that are no services. */
static long
sleeps_below(pid_t pid)
{
	long count = sleeps_of(pid);
	for (unsigned i = 0; i < process_count; i++) {
		struct process *p = &processes[i];
		if (p->parent == pid && strcmp(p->comm, "stamp") != 0)
			count += sleeps_below(p->pid);
	}
	return count;
}

static void
read_processes(void)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		fail("/proc");
	process_count = 0;
	for (struct dirent *e; (e = readdir(proc));)
		if (atoi(e->d_name) > 0)
			read_process(atoi(e->d_name));
	closedir(proc);
}

static void
signal_below(pid_t pid, int sig, bool has_services)
{
	kill(pid, sig);
	for (unsigned i = 0; i < process_count; i++) {
		struct process *p = &processes[i];
		bool is_service = strcmp(p->comm, "stamp") == 0;
		if (p->parent == pid && (has_services || !is_service))
			signal_below(p->pid, sig, has_services);
	}
}

/* Stops the supervisors first, so that nothing is started meanwhile. */
static void
end(pid_t pid)
{
	read_processes();
	signal_below(pid, SIGSTOP, false);
	read_processes();
	signal_below(pid, SIGKILL, true);
}

static void
measure_wakes(pid_t pid, unsigned seconds)
{
	read_processes();
	long before = sleeps_below(pid);
	sleep_until(now_ns() + seconds * 1000000000LL);
	printf("%.2f\n", (double)(sleeps_below(pid) - before) / seconds);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	signal(SIGALRM, on_alarm);
	if (strcmp(verb, "weigh") == 0) {
		read_processes();
		printf("%ld\n", weigh(atoi(argv[2])));
	} else if (strcmp(verb, "wakes") == 0 && count > 0) {
		measure_wakes(atoi(argv[2]), count);
	} else if (strcmp(verb, "end") == 0) {
		end(atoi(argv[2]));
	} else if (strcmp(verb, "start") == 0 && argc > 5 &&
		   count <= SERVICES_MAX)
		measure_start(argv[2], count, argv + 5);
	else if (strcmp(verb, "deaths") == 0 && argc > 6 &&
		 count <= SERVICES_MAX)
		measure_deaths(
			argv[2], count, (unsigned)atoi(argv[4]), argv + 6);
	else
		return 2;
	return 0;
}
