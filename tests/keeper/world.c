#include "world.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"

bool world_is_root;

int
world_make_state(const char *text)
{
	int fd = memfd_create("state", 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

const char *
world_user(void)
{
	return world_is_root ? "nobody" : "";
}

static void
run(const char *format, const char *a, const char *b)
{
	char command[1024];
	snprintf(command, sizeof command, format, a, b);
	ck_assert_msg(system(command) == 0, "%s", command);
}

/* A port that was free just now. */
static unsigned
pick_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof a;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(getsockname(s, (struct sockaddr *)&a, &size), 0);
	close(s);
	return ntohs(a.sin_port);
}

static void
write_conf(struct world *w, const char *policy)
{
	char path[128];
	snprintf(path, sizeof path, "%s/skep.conf", w->dir);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f,
		"[node]\nlisten = 127.0.0.1:%u\nrun_dir = %s/run\n"
		"state_dir = %s/state\nlog_dir = %s/log\n[api]\noperate_group "
		"=\n"
		"[policy]\n%s",
		pick_port(), w->dir, w->dir, w->dir, policy);
	fclose(f);
	chmod(path, 0644);
}

static void
make_libexec(struct world *w)
{
	static const char *const names[] = {
		"skep-node", "skep-logger", "skep-mover"};
	run("mkdir %s/libexec && chmod 755 %s/libexec", w->dir, w->dir);
	run("cp %s %s/libexec/standin", STANDIN_PATH, w->dir);
	for (int i = 0; i < 3; i++)
		run("ln -s standin %s/libexec/%s", w->dir, names[i]);
	run("cp %s %s/probe", PROBE_PATH, w->dir);
	run("cp $(dirname %s)/notifier %s/notifier", PROBE_PATH, w->dir);
	run("chmod 755 %s/libexec/standin %s/probe", w->dir, w->dir);
	run("chmod 755 %s/notifier%s", w->dir, "");
}

static void
listen_for_standins(struct world *w)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "%s/standins", w->dir);
	setenv("SKEP_TEST_SOCKET", a.sun_path, 1);
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(w->listener, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(w->listener, 16), 0);
	chmod(a.sun_path, 0777);
}

void
world_run_keeper(struct world *w)
{
	char conf[128], libexec[128];
	snprintf(conf, sizeof conf, "%s/skep.conf", w->dir);
	snprintf(libexec, sizeof libexec, "%s/libexec", w->dir);
	w->keeper = fork();
	ck_assert_int_ge(w->keeper, 0);
	if (w->keeper > 0)
		return;
	/* Whatever happens to the test, nothing of it stays. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGUSR2, SIG_IGN);
	if (w->before_exec)
		w->before_exec();
	execl(SKEPD_PATH, SKEPD_PATH, "-c", conf, "--libexec-dir", libexec,
		"--helper-user", "nobody", (char *)NULL);
	_exit(127);
}

void
world_prepare(struct world *w, const char *policy)
{
	memset(w, 0, sizeof *w);
	w->node = w->logger = -1;
	for (int i = 0; i < 16; i++)
		w->log_fds[i] = -1;
	strcpy(w->dir, "/tmp/skep-keeper-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
	chmod(w->dir, world_is_root ? 0777 : 0755);
	write_conf(w, policy);
	make_libexec(w);
	listen_for_standins(w);
}

void
world_start(struct world *w, const char *policy)
{
	world_prepare(w, policy);
	world_run_keeper(w);
	world_greet(w, NULL, NULL, NULL);
}

/* Takes a stand-in's socket. */
static void
accept_standin(struct world *w)
{
	int s = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	struct ipc_message *m = &w->message;
	struct reader r;
	ck_assert_int_ge(s, 0);
	ck_assert_int_eq(ipc_recv(s, m), 0);
	close(s);
	ck_assert_uint_eq(m->fd_count, 1);
	reader_init(&r, m->body, m->size);
	pid_t pid = (pid_t)reader_u32(&r);
	int *fd = m->type ? &w->logger : &w->node;
	*(m->type ? &w->logger_pid : &w->node_pid) = pid;
	if (*fd >= 0)
		close(*fd);
	*fd = m->fds[0];
	if (m->type && !w->is_logger_mute)
		ipc_send(w->logger, KMSG_LOG_READY, (struct bytes){NULL, 0},
			NULL, 0);
}

static void
on_logger_message(struct world *w, struct ipc_message *m)
{
	struct kproto_log log;
	struct kproto_event event;
	struct bytes body = {m->body, m->size};
	struct reader r;
	switch (m->type) {
	case KMSG_PING:
		ipc_send(
			w->logger, KMSG_PONG, (struct bytes){NULL, 0}, NULL, 0);
		break;
	case KMSG_LOG_OPEN:
		ck_assert(kproto_get_log(body, &log));
		ck_assert_uint_eq(m->fd_count, 1);
		ck_assert_uint_lt(log.iid, 16);
		snprintf(w->ready_line, sizeof w->ready_line, "%s",
			log.ready_line);
		if (w->log_fds[log.iid] >= 0)
			close(w->log_fds[log.iid]);
		w->log_fds[log.iid] = m->fds[0];
		w->log_closed &= ~(1U << log.iid);
		break;
	case KMSG_LOG_EPOCH:
		ck_assert(kproto_get_event(body, &event));
		ck_assert_int_eq(event.value, event.value != 0);
		break;
	case KMSG_LOG_CLOSE:
		reader_init(&r, m->body, m->size);
		w->log_closed |= 1U << reader_u64(&r);
		break;
	default:
		ck_abort_msg("logger got %s", kproto_message_name(m->type));
	}
}

/* One round; whether the node's message stands in w->message. */
static bool
serve(struct world *w, bool wants_node)
{
	struct pollfd p[3] = {
		{.fd = w->listener, .events = POLLIN},
		{.fd = w->logger, .events = POLLIN},
		{.fd = wants_node ? w->node : -1, .events = POLLIN},
	};
	static struct ipc_message m;
	poll(p, 3, 100);
	if (p[0].revents)
		accept_standin(w);
	if (p[1].revents && w->logger == p[1].fd) {
		if (ipc_recv(w->logger, &m) == 0) {
			on_logger_message(w, &m);
		} else {
			close(w->logger);
			w->logger = -1;
		}
	}
	if (!p[2].revents || w->node != p[2].fd)
		return false;
	if (ipc_recv(w->node, &w->message) < 0) {
		close(w->node);
		w->node = -1;
		return false;
	}
	if (w->message.type != KMSG_PING)
		return true;
	ipc_send(w->node, KMSG_PONG, (struct bytes){NULL, 0}, NULL, 0);
	return false;
}

void
world_serve(struct world *w)
{
	serve(w, false);
}

void
world_serve_node(struct world *w)
{
	ck_assert(!serve(w, true));
}

void
world_receive(struct world *w)
{
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	while (!serve(w, true)) {
		ck_assert_msg(!mono_reached(end, clock_mono()),
			"no message for the node");
		ck_assert_msg(kill(w->keeper, 0) == 0 &&
				      waitpid(w->keeper, NULL, WNOHANG) == 0,
			"skepd has ended");
	}
}

void
world_expect(struct world *w, uint16_t type)
{
	world_receive(w);
	if (w->message.type == type)
		return;
	struct kproto_failure f = {.step = "", .text = ""};
	kproto_get_failure(
		(struct bytes){w->message.body, w->message.size}, &f);
	ck_abort_msg("%s instead of %s (%s: %s)",
		kproto_message_name(w->message.type), kproto_message_name(type),
		f.step, f.text);
}

struct kproto_event
world_expect_event(struct world *w, uint16_t type)
{
	struct kproto_event e;
	world_expect(w, type);
	ck_assert(kproto_get_event(
		(struct bytes){w->message.body, w->message.size}, &e));
	return e;
}

struct kproto_news
world_expect_news(struct world *w, enum kproto_news_kind kind)
{
	struct kproto_news n;
	world_expect(w, KMSG_NEWS);
	ck_assert(kproto_get_news(
		(struct bytes){w->message.body, w->message.size}, &n));
	ck_assert_int_eq(n.kind, kind);
	return n;
}

struct kproto_failure
world_expect_failure(struct world *w, uint16_t type)
{
	struct kproto_failure f;
	world_expect(w, type);
	ck_assert(kproto_get_failure(
		(struct bytes){w->message.body, w->message.size}, &f));
	return f;
}

void
world_greet(struct world *w, struct kproto_instance *instances, unsigned *count,
	struct kproto_crash *crash)
{
	world_expect(w, KMSG_WELCOME);
	struct bytes body = {w->message.body, w->message.size};
	ck_assert(kproto_get_welcome(body, &w->welcome));
	ck_assert_uint_eq(w->message.fd_count, KSOCKET_COUNT);
	ipc_message_close(&w->message);
	w->welcome.boot_id = w->welcome.conf_path = w->welcome.weaker_why = "";
	for (unsigned n = 0;;) {
		world_receive(w);
		body = (struct bytes){w->message.body, w->message.size};
		if (w->message.type == KMSG_SYNCED)
			break;
		if (w->message.type == KMSG_CRASHED) {
			struct kproto_crash c;
			ck_assert(kproto_get_crash(body, &c));
			if (crash)
				*crash = c;
			continue;
		}
		ck_assert_uint_eq(w->message.type, KMSG_INSTANCE);
		ck_assert_ptr_nonnull(instances);
		ck_assert(kproto_get_instance(body, &instances[n++]));
		*count = n;
	}
	while (w->logger < 0)
		world_serve(w);
}

void
world_send_start(struct world *w, struct kproto_start *s, uint64_t iid,
	const char *const *argv, int state_fd)
{
	world_send_states(w, s, iid, argv, &state_fd, state_fd >= 0);
}

void
world_send_states(struct world *w, struct kproto_start *s, uint64_t iid,
	const char *const *argv, const int *states, unsigned count)
{
	static unsigned char packed[8192], env[256], body[IPC_BODY_MAX];
	struct writer a, e, b;
	writer_init(&a, packed, sizeof packed);
	s->argv.count = 0;
	for (; argv[s->argv.count]; s->argv.count++)
		writer_text(&a, argv[s->argv.count]);
	s->argv.packed = writer_done(&a);
	writer_init(&e, env, sizeof env);
	writer_text(&e, "PATH=/usr/local/bin:/usr/bin:/bin");
	s->env = (struct kproto_texts){1, writer_done(&e)};
	s->iid = s->log.iid = iid;
	s->epoch = s->epoch ? s->epoch : 1;
	s->name = s->log.name = s->name ? s->name : "web@1";
	s->service = "web";
	s->user = s->user ? s->user : world_user();
	s->log.target = s->log.target ? s->log.target : KLOG_FILE;
	s->log.when_full = KFULL_BLOCK;
	s->readiness = s->readiness ? s->readiness : KREADY_NONE;
	s->start_timeout_ms = s->start_timeout_ms ? s->start_timeout_ms : 20000;
	s->has_state = count > 0;
	s->has_theirs |= count > 1;
	s->state_path = s->state_path ? s->state_path : "";
	writer_init(&b, body, sizeof body);
	kproto_put_start(&b, s);
	ck_assert(!b.bad);
	ck_assert_int_eq(
		ipc_send(w->node, KMSG_START, writer_done(&b), states, count),
		0);
}

pid_t
world_start_script(struct world *w, uint64_t iid, const char *script)
{
	struct kproto_start s = {.has_handoff = true, .working_dir = w->dir};
	world_send_start(w, &s, iid, SH(script), -1);
	return (pid_t)world_expect_event(w, KMSG_STARTED).value;
}

void
world_expect_end(struct world *w, uint64_t iid, int status)
{
	struct kproto_event e = world_expect_event(w, KMSG_EXITED);
	ck_assert_uint_eq(e.iid, iid);
	ck_assert_int_eq(e.value, status);
	e = world_expect_event(w, KMSG_EMPTY);
	ck_assert_uint_eq(e.iid, iid);
}

void
world_ck_line(const char *text, const char *line)
{
	ck_assert_msg(strstr(text, line), "no \"%s\" in:\n%s", line, text);
}

void
world_send_event(struct world *w, uint16_t type, uint64_t iid, uint64_t epoch)
{
	unsigned char body[64];
	struct writer b;
	struct kproto_event e = {iid, epoch, 0};
	writer_init(&b, body, sizeof body);
	kproto_put_event(&b, &e);
	ck_assert_int_eq(ipc_send(w->node, type, writer_done(&b), NULL, 0), 0);
}

void
world_send_matched(struct world *w, uint64_t iid, uint64_t epoch)
{
	unsigned char body[64];
	struct writer b;
	struct kproto_event e = {iid, epoch, 0};
	writer_init(&b, body, sizeof body);
	kproto_put_event(&b, &e);
	ck_assert_int_eq(
		ipc_send(w->logger, KMSG_LOG_MATCHED, writer_done(&b), NULL, 0),
		0);
}

void
world_send_signal(struct world *w, const struct kproto_signal *s)
{
	unsigned char body[64];
	struct writer b;
	writer_init(&b, body, sizeof body);
	kproto_put_signal(&b, s);
	ck_assert_int_eq(
		ipc_send(w->node, KMSG_SIGNAL, writer_done(&b), NULL, 0), 0);
}

char *
world_read_log(struct world *w, uint64_t iid, const char *until)
{
	static char text[65536];
	size_t have = 0;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	text[0] = 0;
	while (!strstr(text, until)) {
		ck_assert_msg(!mono_reached(end, clock_mono()), "no %s in: %s",
			until, text);
		world_serve(w);
		if (w->log_fds[iid] < 0)
			continue;
		ssize_t n = read(
			w->log_fds[iid], text + have, sizeof text - 1 - have);
		have += n > 0 ? (size_t)n : 0;
		text[have] = 0;
	}
	return text;
}

static void
nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

pid_t
world_read_pid(struct world *w, const char *name)
{
	char path[128];
	long pid = 0;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	while (pid == 0) {
		ck_assert_msg(!mono_reached(end, clock_mono()), "%s", path);
		FILE *f = fopen(path, "r");
		if (!f || fscanf(f, "%ld\n", &pid) != 1)
			pid = 0;
		if (f)
			fclose(f);
		nap();
	}
	return (pid_t)pid;
}

void
world_wait_gone(pid_t pid)
{
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	while (kill(pid, 0) == 0 || errno != ESRCH) {
		ck_assert_msg(!mono_reached(end, clock_mono()),
			"process %d is still there", (int)pid);
		nap();
	}
}

void
world_kill_keeper(struct world *w)
{
	kill(w->keeper, SIGKILL);
	waitpid(w->keeper, NULL, 0);
	close(w->node);
	close(w->logger);
	w->node = w->logger = -1;
}

void
world_stop_keeper(struct world *w)
{
	int status = -1;
	mono end = mono_add(clock_mono(), WORLD_WAIT_MS);
	kill(w->keeper, SIGTERM);
	while (waitpid(w->keeper, &status, WNOHANG) == 0) {
		ck_assert_msg(
			!mono_reached(end, clock_mono()), "skepd does not end");
		if (serve(w, w->node >= 0) && w->message.type == KMSG_ENDING)
			ipc_send(w->node, KMSG_ENDED, (struct bytes){NULL, 0},
				NULL, 0);
	}
	ck_assert_int_eq(status, 0);
}

void
world_remove(struct world *w)
{
	run("rm -rf %s%s", w->dir, "");
}

void
world_end(struct world *w)
{
	world_stop_keeper(w);
	world_remove(w);
}
